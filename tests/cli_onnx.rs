//! `foveate run`, `inspect` and `check` as a person uses them, on the models of `tests/fixtures/models.py`.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use foveate::array::picture::{Picture, write_png};
use foveate::array::{Array, npy};
use foveate::onnx::{Elem, Tensor, read_npz, write_npz};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");

/// Runs the program in the folder of the models.
fn foveate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_foveate")).args(arguments).current_dir(FIXTURES).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What the program printed; fails unless it ended well.
#[track_caller]
fn success(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "stdout: {}\nstderr: {}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// Fails unless the program ended with an error that says all of `parts`.
#[track_caller]
fn refused(output: &Output, parts: &[&str]) {
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "stdout: {}\nstderr: {error}", text(&output.stdout));
    assert!(parts.iter().all(|part| error.contains(part)), "{error}");
}

fn outputs(path: &Path) -> BTreeMap<String, Tensor> {
    read_npz(path).unwrap().into_iter().collect()
}

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn npz(&self, name: &str, tensors: &[(&str, &Tensor)]) -> String {
        write_npz(self.path(name), tensors.iter().copied()).unwrap();
        self.at(name)
    }
}

fn floats(shape: &[usize], values: &[f32]) -> Tensor {
    Tensor::from_array(Elem::Float, &Array::new(shape, values.to_vec()).unwrap()).unwrap()
}

#[test]
fn outputs_keep_their_names_and_element_types() {
    let files = Files::new();
    let image = floats(&[1, 3, 1, 2], &[1.0, 0.5, 0.25, 2.25, 0.125, -3.875]);
    let mask = Tensor::new(Elem::Bool, [2], vec![1, 0]).unwrap();
    let given = files.npz("in.npz", &[("image", &image), ("count", &Tensor::from_ints([2], &[-7, 1 << 30]).unwrap()), ("mask", &mask)]);
    for device in ["gpu", "cpu"] {
        let out = files.at("out.npz");
        let printed = success(&foveate(&["run", "normalize.onnx", "-i", &given, "-o", &out, "--device", device, "--repeat", "3"]));
        for part in ["input  image: float[1, 3, 1, 2]", "output more: int64[2], -6 to 1073741825", "first run", "median of 3 more:"] {
            assert!(printed.contains(part), "{printed}");
        }
        let found = outputs(&files.path("out.npz"));
        assert_eq!(found["normal"], floats(&[1, 3, 1, 2], &[1.0, 0.0, 0.0, 1.0, 0.0, -1.0]));
        assert_eq!(found["sizes"], Tensor::from_ints([4], &[1, 3, 1, 2]).unwrap());
        assert_eq!(found["more"], Tensor::from_ints([2], &[-6, (1 << 30) + 1]).unwrap());
        assert_eq!(found["same"], mask);
    }
}

#[test]
fn inputs_come_one_by_one_and_are_converted_exactly_or_not_at_all() {
    let files = Files::new();
    let (image, mask) =
        (Tensor::random(Elem::Double, &[1, 3, 2, 2], "image", 1).unwrap(), Tensor::random(Elem::Bool, &[2], "m", 1).unwrap());
    let double = files.npz("double.npz", &[("anything", &image)]);
    let mask = files.npz("mask.npz", &[("mask", &mask)]);
    npy::write_npy(files.path("count.npy"), &Array::new([2], vec![3i32, -4]).unwrap()).unwrap();
    let count = format!("count={}", files.at("count.npy"));
    let out = files.at("out.npz");
    // float64 is narrowed and said, int32 is widened.
    let arguments = ["run", "normalize.onnx", "-i", &count, "-i", &mask, "-o", &out];
    let output = foveate(&[&arguments[..], &["-i", &format!("image={double}")]].concat());
    success(&output);
    assert!(text(&output.stderr).contains("input 'image': float64 is narrowed"), "{}", text(&output.stderr));
    assert_eq!(outputs(&files.path("out.npz"))["more"].ints().unwrap(), [4, -3]);
    // Integers are no floats.
    let takes = "normalize.onnx takes image: float[N, 3, H, ?], count: int64[2], mask: bool[2]";
    let wrong = foveate(&["run", "normalize.onnx", "-i", &mask, "-i", &count, "-i", &format!("image={}", files.at("count.npy"))]);
    refused(&wrong, &["'image' is given as int32[2] as float: these are different kinds of numbers", takes]);
    // 0.1 is no float16.
    npy::write_npy(files.path("half.npy"), &Array::new([2], vec![0.5f32, 0.1]).unwrap()).unwrap();
    let half = format!("half={}", files.at("half.npy"));
    refused(
        &foveate(&["run", "types.onnx", "--seed", "1", "-i", &half]),
        &["element 1 is 0.1", "which it does not hold", "half: float16[2]"],
    );
}

#[test]
fn what_the_model_does_not_have_is_refused_with_what_it_has() {
    let files = Files::new();
    let takes = "normalize.onnx takes image: float[N, 3, H, ?], count: int64[2], mask: bool[2]";
    let wide = files.npz("wide.npz", &[("image", &floats(&[1, 4, 1, 1], &[0.0; 4]))]);
    let other = files.npz("other.npz", &[("picture", &floats(&[1], &[0.0]))]);
    npy::write_npy(files.path("a.npy"), &Array::full([2], 0.0f32)).unwrap();
    let run = |more: &[&str]| foveate(&[&["run", "normalize.onnx"], more].concat());
    refused(&run(&["--seed", "1", "-i", &wide]), &["dimension 1 must be 3", takes]);
    refused(&run(&["--seed", "1", "-i", &other]), &["there is no input 'picture'", takes]);
    refused(&run(&["--seed", "1", "-i", &format!("x={}", files.at("a.npy"))]), &["there is no input 'x'", takes]);
    refused(&run(&["--seed", "1", "-i", &files.at("a.npy")]), &["which of 3 inputs is it?", takes]);
    refused(&run(&["--seed", "1", "-i", "nothing.txt"]), &["nothing.txt is no .npy"]);
    refused(&run(&["--seed", "1", "-i", "image=nothing.npy"]), &["nothing.npy: ", "(os error 2)"]);
    refused(&run(&["--seed", "1"]), &["N of input 'image' is open", takes]);
    refused(&run(&[]), &["input 'image' is missing", "--seed", takes]);
    refused(&run(&["--seed", "1", "--dim", "M=1"]), &["there is no open dimension 'M', it has N, H, image.3", takes]);
    refused(&run(&["--seed", "1", "--dim", "N=4000000000", "--dim", "H=1", "--dim", "image.3=1"]), &["2^32 - 1"]);
    refused(&foveate(&["inspect", "normalize.onnx", "--dim", "M=1"]), &["there is no open dimension 'M'", takes]);
    assert_eq!(foveate(&["run", "normalize.onnx", "--dim", "M"]).status.code(), Some(2));
}

/// Where there are no matrices, and where a network has no products, it is the same.
#[test]
fn fast_and_f16_are_near_f32() {
    let files = Files::new();
    let run = |precision: &str, out: &str| {
        let dims = ["--dim", "N=1", "--dim", "H=5", "--dim", "image.3=4"];
        let options = ["--seed", "1", "--precision", precision, "-o", &files.at(out)];
        let output = foveate(&[&["run", "normalize.onnx"], &dims[..], &options[..]].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        outputs(&files.path(out))
    };
    let (exact, fast, half) = (run("f32", "exact.npz"), run("fast", "fast.npz"), run("f16", "half.npz"));
    assert_eq!(exact.keys().collect::<Vec<_>>(), fast.keys().collect::<Vec<_>>());
    for (name, tensor, fast) in exact.iter().flat_map(|(name, tensor)| [(name, tensor, &fast), (name, tensor, &half)]) {
        let (exact, fast) = (tensor.floats().unwrap(), fast[name].floats().unwrap());
        let most = exact.iter().fold(0.0f64, |most, x| most.max(x.abs()));
        assert!(exact.iter().zip(&fast).all(|(a, b)| (a - b).abs() <= most / 256.0), "{name}: {exact:?} {fast:?}");
    }
}

#[test]
fn a_seed_gives_the_same_numbers_everywhere() {
    let files = Files::new();
    let run = |out: &str, seed: &str| {
        let arguments = ["--dim", "N=2", "--dim", "H=2", "--dim", "image.3=1", "--seed", seed, "-o", out];
        success(&foveate(&[&["run", "normalize.onnx"], &arguments[..]].concat()));
    };
    run(&files.at("a.npz"), "1");
    run(&files.at("b.npz"), "1");
    run(&files.at("c.npz"), "2");
    let [a, b, c] = ["a.npz", "b.npz", "c.npz"].map(|name| outputs(&files.path(name)));
    assert_eq!(a, b);
    assert_ne!(a, c);
    // The count is one more than the numbers drawn for it.
    let drawn = Tensor::random(Elem::Int64, &[2], "count", 1).unwrap().ints().unwrap();
    assert_eq!(a["more"].ints().unwrap(), [drawn[0] + 1, drawn[1] + 1]);
}

#[test]
fn pictures_become_what_the_model_takes() {
    let files = Files::new();
    // Six wide and four high: red grows to the right, green downwards, blue is full.
    let value = |c: usize, y: usize, x: usize| [x as f32 * 51.0, y as f32 * 85.0, 255.0][c] / 255.0;
    write_png(files.path("p.png"), &Array::from_fn([1, 3, 4, 6], |i| value(i / 24, i % 24 / 6, i % 6))).unwrap();
    let (png, out) = (files.at("p.png"), files.at("out.npz"));
    let run = |model: &str, more: &[&str]| {
        success(&foveate(&[&["run", model, "-i", &png, "-o", &out], more].concat()));
        outputs(&files.path("out.npz"))["y"].clone()
    };
    // The model of (1, 4, 6, 3) doubles.
    let close = |tensor: &Tensor, want: &dyn Fn(usize) -> f32| {
        let found = tensor.floats().unwrap();
        found.iter().enumerate().all(|(i, v)| (v - f64::from(want(i))).abs() < 1e-4)
    };
    let plain = run("nhwc.onnx", &[]);
    assert_eq!(plain.shape(), [1, 4, 6, 3]);
    assert!(close(&plain, &|i| 2.0 * value(i % 3, i / 18, i / 3 % 6)), "{:?}", plain.floats());
    let scaled = run("nhwc.onnx", &["--mean", "10,20,30", "--scale", "1,-2,0.5", "--bgr"]);
    let expected = |i: usize| 2.0 * (255.0 * value(2 - i % 3, i / 18, i / 3 % 6) - [10.0, 20.0, 30.0][i % 3]) * [1.0, -2.0, 0.5][i % 3];
    assert!(close(&scaled, &expected), "{:?}", scaled.floats());
    let grey = run("grey.onnx", &["--scale", "1"]);
    let luma = |y: usize, x: usize| 255.0 * (0.299 * value(0, y, x) + 0.587 * value(1, y, x) + 0.114 * value(2, y, x));
    assert!(close(&grey, &|i| 2.0 * luma(i / 6, i % 6)), "{:?}", grey.floats());

    // A size that is open is the picture's, or the one asked for, or --dim's.
    let shape = |more: &[&str]| {
        let given = ["run", "normalize.onnx", "--seed", "1", "-i", &format!("image={png}"), "-o", &out];
        success(&foveate(&[&given[..], more].concat()));
        outputs(&files.path("out.npz"))["normal"].shape().to_vec()
    };
    assert_eq!(shape(&[]), [1, 3, 4, 6]);
    assert_eq!(shape(&["--size", "3x2"]), [1, 3, 2, 3]);
    assert_eq!(shape(&["--dim", "H=8"]), [1, 3, 8, 6]);
    let run = |more: &[&str]| foveate(&[&["run", "nhwc.onnx", "-i", &png], more].concat());
    refused(&run(&["--size", "3x2"]), &["dimension 1 must be 4", "nhwc.onnx takes x: float[1, 4, 6, 3]"]);
    refused(&run(&["--mean", "1,2"]), &["--mean has 2 numbers for 3 channels"]);
    refused(&run(&["--layout", "nchw"]), &["it has 4 channels, a picture 1 or 3"]);
    assert_eq!(run(&["--size", "3"]).status.code(), Some(2));
}

/// The mask that `segment` wrote with these arguments, in 0..1.
fn mask(folder: &Path, arguments: &[&str]) -> Vec<f32> {
    success(&foveate(&[&["segment", "--output", folder.to_str().unwrap()], arguments].concat()));
    let mask = Picture::open(folder.join("mask.png")).unwrap().rgb;
    let values = mask.values::<f32>().unwrap();
    values[..values.len() / 3].to_vec()
}

fn far(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn segment_finds_what_a_model_finds() {
    let files = Files::new();
    let photo = "../../assets/astronaut.png";
    let own = mask(files.0.path(), &[photo, "--model", "selfie_segmentation.onnx", "--background", "blur"]);
    let composite = Picture::open(files.path("composite.png")).unwrap().size;
    let cutout = Picture::open(files.path("cutout.png")).unwrap();
    assert!(cutout.alpha.is_some() && composite == cutout.size);
    // The same network in another order of sums: at most one step of an 8-bit mask.
    assert!(far(&own, &mask(files.0.path(), &[photo])) <= 1.01 / 255.0);

    // A model of 6 x 4 pixels that doubles them, so that its mask is twice as bright as the dark picture in grey.
    let dark = Array::from_fn([1, 3, 8, 12], |i| [0.2f32, 0.4, 0.1][i / 96]);
    write_png(files.path("dark.png"), &dark).unwrap();
    let dark = files.at("dark.png");
    let luma = 0.299 * 0.2 + 0.587 * 0.4 + 0.114 * 0.1;
    let found = mask(files.0.path(), &[&dark, "--model", "grey.onnx"]);
    assert!(found.len() == 96 && found.iter().all(|v| (v - 2.0 * luma).abs() < 3.0 / 255.0), "{found:?}");
    let found = mask(files.0.path(), &[&dark, "--model", "grey.onnx", "--mean", "255", "--scale", "1", "--logits"]);
    assert!(found.iter().all(|v| *v == 0.0), "the sigmoid of -400 is nothing");
}

#[test]
fn segment_refuses_models_of_other_things() {
    let refuse = |arguments: &[&str], parts: &[&str]| {
        let files = Files::new();
        refused(&foveate(&[&["segment", "--output", &files.at("out")], arguments].concat()), parts);
        assert!(!files.path("out").exists());
    };
    refuse(&["--model", "nhwc.onnx"], &["nhwc.onnx: its output 'y' is f32[1, 4, 6, 3], no mask of a picture 6x4"]);
    refuse(&["--model", "normalize.onnx"], &["normalize.onnx takes image: float[N, 3, H, ?], count: int64[2]"]);
    refuse(&["--model", "network.onnx"], &["its output 'scores' is f32[1, 5]"]);
    refuse(&["--model", "unsupported.onnx", "--layout", "nhwc"], &["Hologram 'first'"]);
    refuse(&["--model", "grey.onnx", "--size", "12x8"], &["dimension 2 must be 4"]);
    refuse(&["--size", "12x8"], &["about a --model"]);
}

#[test]
fn segment_names_a_mask_that_is_none() {
    let files = Files::new();
    let white = files.at("white.png");
    write_png(&white, &Array::full([1, 3, 4, 6], 1.0f32)).unwrap();
    refused(
        &foveate(&["segment", &white, "--model", "grey.onnx", "--output", &files.at("out")]),
        &["white.png", "values of 2", "--logits"],
    );
}

#[test]
fn inspect_says_what_there_is_and_what_is_missing() {
    let printed = success(&foveate(&["inspect", "normalize.onnx"]));
    for part in [
        "by models.py 1, opset 17",
        "input  image: float[N, 3, H, ?]",
        "Add 1, Div 1, Identity 1",
        "open           N, H, image.3: taken as 1",
    ] {
        assert!(printed.contains(part), "{printed}");
    }
    let json = |arguments: &[&str]| -> serde_json::Value { serde_json::from_str(&success(&foveate(arguments))).unwrap() };
    let report = json(&["inspect", "normalize.onnx", "--json", "--dim", "N=2", "--dim", "H=4", "--dim", "image.3=5"]);
    assert_eq!(report["inputs"][0], serde_json::json!({ "name": "image", "type": "float", "dims": ["N", 3, "H", null] }));
    assert_eq!((&report["operators"]["Sub"], &report["parameters"], &report["opset"]), (&1.into(), &7.into(), &17.into()));
    assert_eq!(
        (&report["runs"], &report["open_dimensions"], &report["error"]),
        (&true.into(), &serde_json::json!([]), &serde_json::Value::Null)
    );
    // The image takes 2 x 3 x 4 x 5 floats, everything else 16 bytes, which each buffer is a multiple of. Sub and Div make one
    // image together, Add makes a count.
    let memory = serde_json::json!({ "inputs": 480 + 32, "weights": 48, "intermediate": 480 + 16, "readback": 480 + 32, "total": 1568 });
    assert_eq!(report["memory"], memory);

    let report = json(&["inspect", "unsupported.onnx", "--json"]);
    assert_eq!(
        (&report["runs"], &report["multiply_adds"], &report["memory"]),
        (&false.into(), &serde_json::Value::Null, &serde_json::Value::Null)
    );
    let nodes: Vec<&str> = report["unsupported"].as_array().unwrap().iter().map(|r| r["node"].as_str().unwrap()).collect();
    assert_eq!(nodes, ["first", "also-fine"], "every refusal, but not what only depends on one");
    let printed = success(&foveate(&["inspect", "unsupported.onnx"]));
    assert!(printed.contains("Hologram 'first'") && printed.contains("'sharpness' is not one that version 17"), "{printed}");
    refused(&foveate(&["run", "unsupported.onnx", "--seed", "1"]), &["Hologram 'first'", "'sharpness'"]);
}

#[test]
fn inspect_needs_no_gpu_and_names_what_is_no_model() {
    let nothing = tempfile::tempdir().unwrap();
    let none = nothing.path().join("none.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_foveate"));
    command.args(["inspect", "network.onnx"]).current_dir(FIXTURES).env("VK_DRIVER_FILES", &none).env("VK_ICD_FILENAMES", &none);
    let printed = success(&command.output().unwrap());
    assert!(printed.contains("Conv 1, MatMul 1, Relu 1, Reshape 1") && printed.contains("parameters     434"), "{printed}");
    refused(&foveate(&["inspect", "nowhere.onnx"]), &["nowhere.onnx: ", "(os error 2)"]);
    refused(&foveate(&["inspect", "models.py"]), &["models.py: not an ONNX file"]);
}

#[test]
fn weights_beside_the_model_are_found() {
    let files = Files::new();
    let printed = success(&foveate(&["inspect", "external.onnx"]));
    assert!(printed.contains("parameters     6") && printed.contains("weights 32 bytes"), "{printed}");
    let out = files.at("out.npz");
    let ones = files.npz("ones.npz", &[("x", &floats(&[2, 3], &[1.0; 6]))]);
    success(&foveate(&["run", "external.onnx", "-i", &ones, "-o", &out]));
    let weight = std::fs::read(Path::new(FIXTURES).join("external.data")).unwrap();
    assert_eq!(outputs(&files.path("out.npz"))["y"].bytes(), weight);
}

#[test]
fn check_finds_nothing_wrong_here() {
    let files = Files::new();
    let dump = files.at("dump");
    let printed = success(&foveate(&[
        "check",
        "normalize.onnx",
        "--seed",
        "1",
        "--dim",
        "N=1",
        "--dim",
        "H=3",
        "--dim",
        "image.3=9",
        "--dump",
        &dump,
    ]));
    assert!(printed.contains("0 of 2 nodes left their bounds; "), "{printed}");
    assert!(!files.path("dump").exists(), "nothing was wrong, so there is nothing to write");
    refused(&foveate(&["check", "normalize.onnx"]), &["input 'image' is missing"]);
}

#[test]
fn a_network_is_counted_and_checked() {
    let report: serde_json::Value =
        serde_json::from_str(&success(&foveate(&["inspect", "network.onnx", "--json", "--dim", "N=2"]))).unwrap();
    // 2 x 4 x 4 x 4 outputs of 27 taps, then 2 rows of 64 by 5 columns.
    assert_eq!(report["multiply_adds"], 2 * 64 * 27 + 2 * 64 * 5);
    let printed = success(&foveate(&["check", "network.onnx", "--seed", "1", "--dim", "N=2"]));
    assert!(printed.contains("0 of "), "{printed}");
}

#[test]
fn help_has_examples() {
    for command in ["run", "inspect", "check"] {
        assert!(text(&foveate(&[command, "--help"]).stdout).contains("Examples:"), "{command}");
    }
}
