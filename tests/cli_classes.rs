//! `foveate segment --model fcn8s`, `foveate init` and `foveate models` as a person uses them.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[path = "common/program.rs"]
mod program;

use foveate::array::picture::{Picture, write_png};
use foveate::array::{Array, Hw, TensorType};
use foveate::gpu::Gpu;
use foveate::graph::Graph;
use foveate::models::deconvnet::{DeconvNet, Photos, Region};
use foveate::models::fcn::{Fcn, Variant};
use foveate::models::stn::{self, Mnist, Network, PlainCnn, Task, Transform};
use foveate::models::{Initial, voc};
use foveate::nn::{Weights, init};
use foveate::plan::{Device, Plan};
use foveate::train::About;
use program::{assert_code, foveate, text};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What the program says against `arguments`.
#[track_caller]
fn refusal(arguments: &[&str]) -> String {
    let output = foveate(arguments);
    assert_code(&output, 1);
    text(&output.stderr)
}

/// Random weights of a narrow network, none of them zero.
fn narrow(variant: Variant, classes: usize) -> (Fcn, Weights) {
    let divisor = if variant == Variant::FcnAlexNet { 16 } else { 32 };
    let fcn = Fcn { classes, divisor, ..Fcn::new(variant) };
    let value = |name: &str, shape: &[usize], initial| match initial {
        Initial::Bilinear => init::upsampling(shape[0], shape[2]),
        Initial::Constant(factor) => Array::full(shape, factor),
        _ => init::he_normal(shape, name, 1),
    };
    let arrays = fcn.parameters().unwrap().into_iter().map(|p| (p.name.clone(), value(&p.name, &p.shape, p.initial)));
    (fcn, Weights::from_arrays("narrow", arrays.collect::<Vec<_>>()))
}

fn save(weights: &Weights, folder: &Path) -> PathBuf {
    let path = folder.join("weights.safetensors");
    weights.save(&path).unwrap();
    path
}

/// A photo of stripes and its file.
fn photo(folder: &Path, h: usize, w: usize) -> (Array, PathBuf) {
    let path = folder.join("photo.png");
    let array = Array::from_fn([1, 3, h, w], |i| [0.0f32, 0.2, 1.0, 0.6, 0.4][(i / 7 + i % w / 5) % 5]);
    write_png(&path, &array).unwrap();
    (array, path)
}

/// The values of a PNG with a palette.
fn indices(path: &Path) -> (Vec<u8>, usize) {
    let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    assert_eq!(reader.info().color_type, png::ColorType::Indexed);
    assert_eq!(reader.info().palette.as_ref().unwrap()[45..48], voc::colour(15));
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut bytes).unwrap();
    (bytes, frame.width as usize)
}

/// Pixels of strokes of the nine digits in the built-in picture: row, column, digit.
const STROKES: [(usize, usize, u8); 9] =
    [(39, 107, 6), (35, 155, 0), (80, 230, 8), (137, 24, 4), (138, 106, 3), (166, 217, 3), (227, 57, 2), (207, 121, 1), (192, 152, 6)];
/// Those of them that the cascade has at least to name: it misses thin ones.
const RIGHT: usize = 4;

#[test]
fn digits_are_found_by_the_built_in_network() {
    let folder = tempfile::tempdir().unwrap();
    let output = foveate(&["segment", "--model", "digits", "--output", folder.path().to_str().unwrap()]);
    assert_code(&output, 0);
    let said = text(&output.stdout);
    assert!(said.starts_with("digits.png: 256x256, background "), "{said}");
    let (found, width) = indices(&folder.path().join("classes.png"));
    let wrong: Vec<_> = STROKES.iter().filter(|(y, x, digit)| found[y * width + x] != digit + 1).collect();
    assert!(wrong.is_empty(), "of row, column, digit {wrong:?} are not found; {said}");
    let share = found.iter().filter(|class| **class == 0).count() as f64 / found.len() as f64;
    assert!((0.85..0.96).contains(&share), "{share} of the picture is background");
}

#[test]
fn digits_are_told_apart_by_the_built_in_cascade() {
    let folder = tempfile::tempdir().unwrap();
    let output = foveate(&["segment", "--model", "single-digits", "--output", folder.path().to_str().unwrap()]);
    assert_code(&output, 0);
    let said = text(&output.stdout);
    assert!(said.starts_with("digits.png: 256x256, digit "), "{said}");
    let found: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(folder.path().join("instances.json")).unwrap()).unwrap();
    let (numbers, width) = indices(&folder.path().join("instances.png"));
    let mut right = 0;
    for (y, x, digit) in STROKES {
        let number = usize::from(numbers[y * width + x]);
        right += usize::from(number > 0 && found[number - 1]["class"] == format!("digit {digit}"));
    }
    assert!(right >= RIGHT, "{right} of nine digits: {said}");
    for (i, instance) in found.iter().enumerate() {
        let [x1, y1, x2, y2] = [0, 1, 2, 3].map(|corner| instance["box"][corner].as_u64().unwrap());
        assert!(instance["instance"] == i + 1 && x1 <= x2 && y1 <= y2 && x2 < 256 && y2 < 256, "{instance}");
    }
    let said = refusal(&["segment", "--model", "mnc"]);
    assert!(said.contains("mnc takes --weights FILE"), "{said}");

    let said = refusal(&["segment", "--model", "single-digits", "--refine", "digit-column"]);
    assert!(said.contains("'digit-column' is no file") && said.contains(": digit-columns"), "{said}");

    // The same digits with masks of the strokes alone.
    let refine = ["segment", "--model", "single-digits", "--refine", "digit-columns", "--output"];
    let finer = tempfile::tempdir().unwrap();
    assert_code(&foveate(&[&refine[..], &[finer.path().to_str().unwrap()]].concat()), 0);
    let (refined, _) = indices(&finer.path().join("instances.png"));
    let digits = |numbers: &[u8]| STROKES.iter().filter(|&&(y, x, _)| numbers[y * width + x] > 0).count();
    assert!(digits(&refined) >= digits(&numbers), "{} of nine digits, {} before", digits(&refined), digits(&numbers));
    assert_ne!(refined, numbers);
}

#[test]
fn weights_of_another_kind_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.safetensors");
    Weights::from_arrays("other", [("fc.weight".to_owned(), Array::full([2, 3], 0.0f32))]).save(&file).unwrap();
    let said = refusal(&["segment", "--model", file.to_str().unwrap()]);
    assert!(said.contains("other.safetensors") && said.contains("score_fr.weight"), "{said}");
    let said = refusal(&["segment", "--model", "digit"]);
    assert!(said.contains("'digit' is no file") && said.contains("digits, single-digits, fcn32s"), "{said}");
    let said = refusal(&["segment", "--model", "digits", "--weights", file.to_str().unwrap()]);
    assert!(said.contains("'digits' is none"), "{said}");
}

#[test]
fn classifiers_are_told_apart_from_what_classifies_pixels() {
    let folder = tempfile::tempdir().unwrap();
    let about = About { classes: vec!["a".into(), "b".into()], size: Some(Hw::square(28)), ..About::new(3) };
    let network = PlainCnn { size: Hw::square(28), channels: 3, classes: 2, stages: vec![(1, 4)], transforms: vec![Transform::Affine] };
    let said = |weights: Weights, metadata: &[(&str, String)]| {
        metadata.iter().fold(weights, |weights, (key, value)| weights.with_metadata(key, value))
    };
    let own = said(network.init(1).unwrap(), &about.metadata());
    let photo = photo(folder.path(), 9, 9).1;
    let refused = |command: &str, path: &Path| refusal(&[command, photo.to_str().unwrap(), "--model", path.to_str().unwrap()]);
    let wrong = |weights: Weights, reason: &str| {
        let error = refused("classify", &save(&weights, folder.path()));
        assert!(error.contains("weights.safetensors: ") && error.contains(reason), "{reason}: {error}");
    };
    wrong(own.clone().with_metadata("classes", r#"["a"]"#), "name 1 classes, its scores are of 2");
    wrong(own.clone().with_metadata("std", "[0, 1, 1]"), "by which nothing can be normalised");
    wrong(own.clone().with_metadata("mean", "[0.5, 0.5]").with_metadata("std", "[1, 1]"), "images of 2 channels");
    wrong(network.init(1).unwrap(), "no 'size' of pictures");
    wrong(own.replaced("own", [("transformer1.theta.bias".to_owned(), Array::full([5], 0.0f32))]), "has 5 numbers");
    wrong(own.replaced("own", [("fc.bias".to_owned(), Array::full([3], 0.0f32))]), "'fc.bias'");
    wrong(narrow(Variant::Fcn32s, 3).1, "for `foveate segment --model`");
    wrong(Weights::from_arrays("other", [("w".to_owned(), Array::full([2], 0.0f32))]), "that gives each picture a class");
    let addition = Mnist { task: Task::Addition, transforms: Vec::new(), classifier: stn::Classifier::Fcn(2) };
    wrong(said(addition.init(1).unwrap(), &Task::Addition.about().metadata()), "MNIST addition");

    let path = save(&own, folder.path());
    let error = refused("segment", &path);
    assert!(error.contains("weights.safetensors: gives each picture a class") && error.contains("`foveate classify`"), "{error}");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 3]).unwrap();
    let error = refused("classify", &path);
    assert!(error.contains("weights.safetensors: not a safetensors file"), "{error}");
    let error = refused("classify", Path::new("nowhere.safetensors"));
    assert!(error.contains("nowhere.safetensors: ") && error.contains("(os error 2)"), "{error}");
}

#[test]
fn classes_are_the_librarys_and_the_overlay_explains_them() {
    let folder = tempfile::tempdir().unwrap();
    let (array, file) = photo(folder.path(), 45, 60);
    for variant in Variant::ALL {
        let (fcn, weights) = narrow(variant, 21);
        let weights_file = save(&weights, folder.path());
        let out = folder.path().join(variant.name());
        let arguments = ["segment", file.to_str().unwrap(), "--model", variant.name(), "--weights", weights_file.to_str().unwrap()];
        let output = foveate(&[&arguments[..], &["--output", out.to_str().unwrap()]].concat());
        assert_code(&output, 0);
        let (found, width) = indices(&out.join("classes.png"));
        let input = Graph::new().input("photo", TensorType::f32([1, 3, 45, 60])).unwrap();
        let classes = fcn.photo_classes(&weights, &input).unwrap();
        let expected = Plan::compile(Device::Cpu, &[&classes]).unwrap().run(&[("photo", &array)]).unwrap().remove(0);
        let expected: Vec<u8> = expected.values::<i32>().unwrap().iter().map(|c| u8::try_from(*c).unwrap()).collect();
        // Where two scores are equal but for rounding, either class is right: on a few pixels of an edge between two.
        let differing = found.iter().zip(&expected).filter(|(a, b)| a != b).count();
        assert!(width == 60 && found.len() == expected.len() && differing <= 3, "{variant:?}: {differing} pixels differ");
        let some = voc::CLASSES.iter().zip(0u8..).filter(|(_, class)| expected.iter().filter(|c| *c == class).count() > 9);
        for (name, _) in some {
            assert!(text(&output.stdout).contains(&format!("{name} ")), "{name}: {}", text(&output.stdout));
        }
        let overlay = Picture::open(out.join("overlay.png")).unwrap();
        assert!(overlay.size.w == 120 && overlay.size.h > 45, "{:?}", overlay.size);
    }
}

/// Random weights of a narrow `DeconvNet`, ready for inference.
fn narrow_deconvnet(folder: &Path) -> (DeconvNet, Weights, String) {
    let net = DeconvNet { stages: [(2, 2), (2, 4), (3, 8), (3, 16), (3, 16)], hidden: 128, ..DeconvNet::new() };
    let value = |name: &str, shape: &[usize]| match shape.len() {
        1 => Array::from_fn(shape, |i| if name.ends_with(".weight") { 1.0 } else { 0.1 * (i % 5) as f32 }),
        _ => init::he_normal(shape, name, 2),
    };
    let arrays = net.parameters().unwrap().into_iter().map(|p| (p.name.clone(), value(&p.name, &p.shape)));
    let weights = Weights::from_arrays("narrow", arrays.collect::<Vec<_>>());
    let path = folder.join("deconvnet.safetensors");
    weights.save(&path).unwrap();
    (net, weights, path.display().to_string())
}

#[test]
fn deconvnet_looks_at_regions() {
    let folder = tempfile::tempdir().unwrap();
    let (array, file) = photo(folder.path(), 130, 150);
    let (net, weights, weights_file) = narrow_deconvnet(folder.path());
    let regions = folder.path().join("photo.txt");
    std::fs::write(&regions, "# the likeliest first\n10 0 140 125\n0 0 20 20  # too small\n-20 5 100 129\n").unwrap();
    let run = |model: &str, out: &str, more: &[&str]| {
        let to = folder.path().join(out);
        let arguments = ["segment", file.to_str().unwrap(), "--model", model, "--weights", &weights_file, "-o", to.to_str().unwrap()];
        let output = foveate(&[&arguments[..], more].concat());
        assert_code(&output, 0);
        (indices(&to.join("classes.png")).0, text(&output.stdout))
    };
    let (found, said) = run("deconvnet", "file", &["--regions", regions.to_str().unwrap()]);
    assert!(said.contains("in 2 regions"), "{said}");
    let mut photos = Photos::new(&Device::from(&Gpu::new().unwrap()), net, &weights, Hw::new(130, 150)).unwrap();
    photos.begin(&array).unwrap();
    [Region::new(-20, 5, 100, 129), Region::new(10, 0, 140, 125)].into_iter().for_each(|region| photos.add(region).unwrap());
    let expected = photos.classes().unwrap();
    assert!(found.iter().zip(expected.values::<i32>().unwrap()).all(|(a, b)| i32::from(*a) == *b));
    assert!(found.iter().any(|class| *class != found[0]), "one class everywhere proves nothing");
    // A folder of files called after photos, and no file at all.
    assert_eq!(run("deconvnet", "folder", &["--regions", folder.path().to_str().unwrap()]).0, found);
    assert!(run("deconvnet", "windows", &[]).1.contains("regions"));

    // Whichever file comes first, it is told by its scores.
    let (_, fcn) = narrow(Variant::Fcn8s, 21);
    let fcn_file = save(&fcn, folder.path());
    let both = ["--weights", fcn_file.to_str().unwrap(), "--regions", regions.to_str().unwrap()];
    let (product, _) = run("edeconvnet", "product", &both);
    let (mean, _) = run("edeconvnet", "mean", &[&both[..], &["--ensemble", "mean"]].concat());
    assert!(product != found && mean != product, "FCN-8s makes a difference, and so does how");

    let refused =
        |more: &[&str]| refusal(&[&["segment", file.to_str().unwrap(), "--model", "deconvnet", "--weights", &weights_file], more].concat());
    std::fs::write(&regions, "1 2 3\n").unwrap();
    let error = refused(&["--regions", regions.to_str().unwrap()]);
    assert!(error.contains("photo.txt: line 1") && error.contains("3 numbers"), "{error}");
    std::fs::write(&regions, "1 2 30 40\n").unwrap();
    let error = refused(&["--regions", regions.to_str().unwrap()]);
    assert!(error.contains("no region of which both sides are 112 pixels"), "{error}");
    let error = refused(&["--ensemble", "mean"]);
    assert!(error.contains("--ensemble is about edeconvnet"), "{error}");
    let error = refused(&["--weights", fcn_file.to_str().unwrap()]);
    assert!(error.contains("deconvnet takes --weights FILE;"), "{error}");
}

#[test]
fn a_network_of_other_classes_has_numbers_for_names() {
    let folder = tempfile::tempdir().unwrap();
    let (_, file) = photo(folder.path(), 20, 30);
    let weights = save(&narrow(Variant::Fcn32s, 5).1, folder.path());
    let out = folder.path().join("out");
    let arguments = ["segment", file.to_str().unwrap(), "--model", "fcn32s", "--weights", weights.to_str().unwrap(), "-o"];
    let output = foveate(&[&arguments[..], &[out.to_str().unwrap()]].concat());
    assert_code(&output, 0);
    assert!(text(&output.stdout).contains("class "), "{}", text(&output.stdout));
}

#[test]
fn what_does_not_fit_together_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let weights = save(&narrow(Variant::Fcn32s, 21).1, folder.path());
    let weights = weights.to_str().unwrap();
    let error = refusal(&["segment", "--model", "fcn8s"]);
    assert!(error.contains("fcn8s takes --weights FILE") && error.contains("foveate init"), "{error}");
    let error = refusal(&["segment", "--model", "fcn8s", "--weights", weights]);
    assert!(error.contains("weights.safetensors: has no tensor 'upscore2.weight'"), "{error}");
    let error = refusal(&["segment", "--model", "fcn-alexnet", "--weights", weights]);
    assert!(error.contains("has no tensor 'conv1.weight'"), "{error}");
    let error = refusal(&["segment", "--model", "fcn4s", "--weights", weights]);
    assert!(error.contains("fcn32s, fcn16s, fcn8s") && error.contains("'fcn4s' is none"), "{error}");
    let error = refusal(&["segment", "--model", "fcn32s", "--weights", weights, "--background", "blur"]);
    assert!(error.contains("--background"), "{error}");
    let error = refusal(&["segment", "--model", "fcn32s", "--weights", weights, "--regions", "boxes.txt"]);
    assert!(error.contains("--regions are about deconvnet"), "{error}");
    let error = refusal(&["segment", "--model", "fcn32s", "--weights", weights, "--bgr"]);
    assert!(error.contains("--bgr"), "{error}");
    let error = refusal(&["segment", "--model", "fcn32s", "--weights", "nowhere.safetensors"]);
    assert!(error.contains("nowhere.safetensors: ") && error.contains("(os error 2)"), "{error}");
}

#[test]
fn first_weights_are_written_and_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (first, second, third) = (path("a.safetensors"), path("b.safetensors"), path("c.safetensors"));
    assert_code(&foveate(&["init", "st-fcn-addition", "-o", &first]), 0);
    assert_code(&foveate(&["init", "st-fcn-addition", "-o", &second, "--seed", "1"]), 0);
    assert_code(&foveate(&["init", "st-fcn-addition", "-o", &third, "--seed", "2"]), 0);
    let [first, second, third] = [&first, &second, &third].map(|file| Weights::open(file).unwrap());
    let fc1 = |weights: &Weights| weights.get("fc1.weight").unwrap().to_f64();
    assert!(fc1(&first) == fc1(&second) && fc1(&first) != fc1(&third));
    assert!(first.names().any(|name| name == "transformer2.theta.bias"));
    let error = refusal(&["init", "st-fcn", "--trunk", &path("a.safetensors"), "-o", &path("d.safetensors")]);
    assert!(error.contains("--trunk") && !folder.path().join("d.safetensors").exists(), "{error}");
    let error = refusal(&["init", "fcn32s", "--trunk", &path("a.safetensors"), "-o", &path("d.safetensors")]);
    assert!(error.contains("has no tensor 'conv1_1.weight'"), "{error}");
    let error = refusal(&["init", "alexnet", "-o", &path("d.safetensors")]);
    assert!(error.contains("there is no 'alexnet'") && error.contains("fcn-alexnet"), "{error}");
    let error = refusal(&["init", "st-cnn", "-o", &path("no/such/folder/d.safetensors")]);
    assert!(error.contains("d.safetensors"), "{error}");
}
