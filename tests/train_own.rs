//! `foveate train` on pictures of one's own: folders of classes are learnt, masks come along, and what is wrong is said.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[path = "common/program.rs"]
mod program;

use foveate::array::Array;
use foveate::array::Hw;
use foveate::array::picture::{Picture, write_indexed_png, write_png};
use foveate::graph::Graph;
use foveate::models::draw::Glimpses;
use foveate::models::stn::{Network, PlainCnn};
use foveate::nn::Weights;
use foveate::plan::{Device, Plan};
use foveate::train::About;
use program::{assert_code, foveate, program, text};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const REST: &str = r#"
[optimiser]
kind = "adam"

[schedule]
kind = "cosine"
base = 0.03
"#;

const BARS: &str = r#"# Bars that lie and bars that stand
[network]
system = "cnn"
channels = [6]

[data]
kind = "folders"
train = "train"
test = "test"
size = 12
channels = 1

[[augmentation]]
kind = "random-horizontal-flip"

[[augmentation]]
kind = "random-crop"
padding = 2

[[augmentation]]
kind = "color-jitter"
brightness = 0.3

[train]
batch = 16
steps = 60
report = 20
evaluate = 30
"#;

/// A bar of 9 x 3 pixels that lies or stands, somewhere on a grey of 16 x 12, lighter or darker than that.
fn bar(path: &Path, lies: bool, number: usize) {
    let (top, left) = (number * 5 % 4 + if lies { 4 } else { 0 }, number * 7 % 3 + if lies { 1 } else { 5 });
    let (h, w) = if lies { (3, 9) } else { (9, 3) };
    let inside = |y: usize, x: usize| (top..top + h).contains(&y) && (left..left + w).contains(&x);
    let [bar, ground] = if number.is_multiple_of(2) { [0.9f32, 0.3] } else { [0.2, 0.7] };
    write_png(path, &Array::from_fn([1, 3, 12, 16], |i| if inside(i / 16 % 12, i % 16) { bar } else { ground })).unwrap();
}

/// A run on the data in `folder`, into `run` in it.
fn train(folder: &Path, recipe: &str, more: &[&str]) -> Output {
    let at = |name: &str| folder.join(name).display().to_string();
    std::fs::write(at("own.toml"), format!("{recipe}{REST}")).unwrap();
    foveate(&[&["train", &at("own.toml"), "--data", &at(""), "--output", &at("run")], more].concat())
}

/// 48 bars to learn from, half of them lying, and 16 for tests.
fn bars(folder: &Path) {
    for (part, count) in [("train", 24), ("test", 8)] {
        for (class, lies) in [("lies", true), ("stands", false)] {
            let inside = folder.join(part).join(class);
            std::fs::create_dir_all(&inside).unwrap();
            (0..count).for_each(|i| bar(&inside.join(format!("{i}.png")), lies, i + if part == "test" { 100 } else { 0 }));
        }
    }
}

#[test]
fn a_folder_of_classes_is_learnt() {
    let folder = tempfile::tempdir().unwrap();
    bars(folder.path());
    let begun = train(folder.path(), BARS, &["--steps", "30"]);
    assert_code(&begun, 0);
    let said = text(&begun.stdout);
    assert!(said.contains("2 classes of pictures of 12 x 12") && said.contains("48 examples, 16 for tests"), "{said}");
    let done = train(folder.path(), BARS, &["--resume", "--steps", "60"]);
    assert_code(&done, 0);
    let log = std::fs::read_to_string(folder.path().join("run/log.csv")).unwrap();
    let last: Vec<f64> = log.lines().last().unwrap().split(',').map(|cell| cell.parse().unwrap()).collect();
    assert!(log.starts_with("step,loss,rate,batch_error,test_error\n") && last[0] == 60.0, "{log}");
    assert!(last[4] <= 1.0 / 16.0, "more than one of 16 is wrong: {log}");
    classified(folder.path(), last[4], |weights, about| PlainCnn::of(weights, about).unwrap());
    let weights = Weights::open(folder.path().join("run/checkpoint.safetensors")).unwrap();
    assert_eq!((&*weights.metadata()["classes"], &*weights.metadata()["mean"]), (r#"["lies","stands"]"#, "[0.5]"));

    std::fs::rename(folder.path().join("train/stands"), folder.path().join("train/falls")).unwrap();
    let other = train(folder.path(), BARS, &["--resume"]);
    assert_code(&other, 1);
    assert!(text(&other.stderr).contains("stands: is of none of the classes falls, lies"), "{}", text(&other.stderr));
}

/// What the run wrote names the pictures of the tests as its last evaluation did, and they are as likely as the library says.
fn classified<N: Network>(folder: &Path, error: f64, of: impl Fn(&Weights, &About) -> N) {
    let at = |name: &str| folder.join(name).display().to_string();
    std::fs::write(at("broken.png"), b"no picture").unwrap();
    let model = at("run/weights.safetensors");
    let output = foveate(&["classify", &at("test/lies"), &at("broken.png"), &at("test/stands"), "--model", &model, "--json"]);
    assert_code(&output, 1);
    let said = text(&output.stderr);
    assert!(said.contains("broken.png: is no PNG") && said.contains("1 of 17 photos failed"), "{said}");
    let all: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let photo = |object: &Value| object["photo"].as_str().unwrap().to_owned();
    let wrong = all.iter().filter(|object| !photo(object).contains(object["classes"][0]["class"].as_str().unwrap())).count();
    assert_eq!((all.len(), wrong as f64 / 16.0), (16, error));

    let weights = Weights::open(&model).unwrap();
    let about = About::of(&weights).unwrap();
    let network = of(&weights, &about);
    let (graph, image) = (Graph::new(), about.frame().unwrap().open(photo(&all[0])).unwrap());
    let input = graph.input("image", network.input(1)).unwrap();
    let seen = about.normalised(&input, 1.0, 0.0).unwrap();
    let shares = network.forward(&graph, &weights, &seen).unwrap().logits.softmax(1).unwrap();
    let mut plan = Plan::compile(Device::Cpu, &[&shares]).unwrap();
    let expected = plan.run(&[("image", &image.reshaped([1, 1, 12, 12]).unwrap())]).unwrap()[0].to_f64();
    for class in all[0]["classes"].as_array().unwrap() {
        let (label, share) = (class["label"].as_u64().unwrap() as usize, class["probability"].as_f64().unwrap());
        assert!((share - expected[label]).abs() < 1e-5 && class["class"] == about.class(label), "{class}, expected {expected:?}");
    }

    let output = foveate(&["classify", &photo(&all[0]), "--model", &model, "--top", "1"]);
    assert_code(&output, 0);
    let class = all[0]["classes"][0]["class"].as_str().unwrap();
    let said = text(&output.stdout);
    assert!(said.starts_with(&format!("{}  {class} ", photo(&all[0]))) && said.ends_with(" %\n") && said.lines().count() == 1, "{said}");
}

const ALL: &str = r#"
[[augmentation]]
kind = "random-resized-crop"
scale = [0.5, 1.0]

[[augmentation]]
kind = "gaussian-noise"

[[augmentation]]
kind = "color-jitter"
brightness = 0.3
contrast = 0.3
saturation = 0.3

[[augmentation]]
kind = "random-rotation"
degrees = 10

[[augmentation]]
kind = "random-vertical-flip"

[[augmentation]]
kind = "random-resized-crop"

"#;

#[test]
fn what_ctrl_c_ended_goes_on_with_the_same_augmentations() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for part in ["train", "test"] {
        for (class, lies) in [("lies", true), ("stands", false)] {
            let inside = at(part).join(class);
            std::fs::create_dir_all(&inside).unwrap();
            (0..10).for_each(|i| bar(&inside.join(format!("{i}.png")), lies, i));
        }
    }
    // A report is the mean of seven steps, which the end of a run may come between.
    let [before, train_on] = [BARS.find("[[augmentation]]").unwrap(), BARS.find("[train]").unwrap()];
    let recipe = [&BARS[..before], ALL, &BARS[before..train_on], &BARS[train_on..]].concat();
    let recipe =
        recipe.replace("channels = 1\n", "channels = 3\n").replace("steps = 60", "steps = 70").replace("report = 20", "report = 7");
    assert_code(&train(folder.path(), &recipe, &[]), 0);
    std::fs::rename(at("run"), at("whole")).unwrap();

    let arguments = [at("own.toml"), "--data".into(), at(""), "--output".into(), at("run")];
    let mut child = program().arg("train").args(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let reported = || std::fs::read_to_string(at("run/log.csv")).is_ok_and(|log| log.lines().count() > 1);
    while !reported() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(2));
    }
    Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_code(&ended, 0);
    assert!(text(&ended.stdout).contains("--resume goes on"), "{}", text(&ended.stdout));
    assert_code(&train(folder.path(), &recipe, &["--resume"]), 0);

    let states = |run: &str| Weights::open(at(run).join("checkpoint.safetensors")).unwrap();
    let (whole, parts) = (states("whole"), states("run"));
    assert!(whole.names().eq(parts.names()) && whole.metadata() == parts.metadata(), "{:?} {:?}", whole.metadata(), parts.metadata());
    for name in whole.names() {
        assert_eq!(whole.get(name).unwrap(), parts.get(name).unwrap(), "{name}");
    }
    let log = |run: &str| std::fs::read_to_string(at(run).join("log.csv")).unwrap();
    assert_eq!(log("whole"), log("run"));
}

const MASKS: &str = r#"# A square in a photo
[network]
system = "fcn"
variant = "fcn16s"
channels = [2, 2, 2, 2, 2]
hidden = 2

[data]
kind = "masks"
train = "photos"
train_labels = "masks"
test = "photos"
test_labels = "masks"
classes = ["ground", "square"]
size = 32
mean = [0.4, 0.5, 0.6]

[[augmentation]]
kind = "random-rotation"
degrees = 20

[train]
batch = 2
steps = 2
"#;

/// Whether an element of an image of 40 x 40 lies in the square that masks are about.
fn in_square(i: usize) -> bool {
    (8..24).contains(&(i / 40 % 40)) && (8..24).contains(&(i % 40))
}

/// Folders `photos`, with `a.png` and `b.png` of a light square, and `masks`, with nothing.
fn squares(folder: &Path) {
    ["photos", "masks"].iter().for_each(|name| std::fs::create_dir(folder.join(name)).unwrap());
    for name in ["a.png", "b.png"] {
        write_png(folder.join("photos").join(name), &Array::from_fn([1, 3, 40, 40], |i| f32::from(u8::from(in_square(i))))).unwrap();
    }
}

/// The mask of one of these photos.
fn mask(folder: &Path, name: &str, class: i32) {
    let classes = Array::from_fn([1, 1, 40, 40], |i| if in_square(i) { class } else { 0 });
    write_indexed_png(folder.join("masks").join(name), &classes, |class| [class; 3]).unwrap();
}

/// [`BARS`] by another network.
fn bars_by(network: &str) -> String {
    BARS.replace("system = \"cnn\"\nchannels = [6]\n", network)
}

#[test]
fn what_has_learnt_to_draw_draws() {
    let folder = tempfile::tempdir().unwrap();
    bars(folder.path());
    let at = |name: &str| folder.path().join(name).display().to_string();
    let recipe = bars_by("system = \"draw\"\nglimpses = 3\nhidden = 12\nlatent = 2\nread = 3\nwrite = 4\nbinary = true\n");
    assert_code(&train(folder.path(), &recipe, &["--steps", "30"]), 0);
    let done = train(folder.path(), &recipe, &["--resume", "--steps", "60"]);
    assert_code(&done, 0);
    assert!(text(&done.stdout).contains("pictures of 1 x 12 x 12 in 3 steps"), "{}", text(&done.stdout));
    let log = std::fs::read_to_string(folder.path().join("run/log.csv")).unwrap();
    assert!(log.starts_with("step,loss,rate,divergence,test_nats\n"), "{log}");
    let last: Vec<f64> = log.lines().last().unwrap().split(',').map(|cell| cell.parse().unwrap()).collect();
    // 144 pixels that nothing is known of are 144 ln 2 = 99.8 nats.
    assert!(last[0] == 60.0 && last[1] < 97.0 && last[3] > 0.0 && last[4] < 150.0, "{log}");
    for picture in ["seen.png", "drawn.png"] {
        assert!(folder.path().join("run").join(picture).is_file(), "{picture}");
    }

    let model = at("run/weights.safetensors");
    let draw = |output: &str, more: &[&str]| foveate(&[&["draw", "--model", &model, "-o", &at(output)], more].concat());
    let size = |file: &str| Picture::open(at(file)).unwrap().size;
    let drawn = draw("all.png", &["--count", "5"]);
    assert_code(&drawn, 0);
    assert!(text(&drawn.stdout).contains("5 drawings of 3 steps"), "{}", text(&drawn.stdout));
    // Pictures of 7 x 12 pixels with 4 around them: 3 in a row; and a row of 3 moments for each.
    assert_eq!(size("all.png"), Hw::new(2 * 88 + 4, 3 * 88 + 4));
    assert_code(&draw("moments.png", &["--moments", "--count", "5"]), 0);
    assert_eq!(size("moments.png"), Hw::new(5 * 88 + 4, 3 * 88 + 4));
    assert_code(&draw("film.gif", &["--count", "2", "--seed", "3"]), 0);
    let film = std::fs::read(at("film.gif")).unwrap();
    // Each frame has a graphic control extension.
    assert!(film.starts_with(b"GIF89a") && film.windows(3).filter(|part| part == b"\x21\xf9\x04").count() == 3);
    let digits = foveate(&["draw", "-o", &at("digits.png"), "--count", "4"]);
    assert_code(&digits, 0);
    assert!(text(&digits.stdout).contains("4 drawings of 10 steps") && size("digits.png") == Hw::square(2 * 88 + 4));
    for (output, reason) in [(draw("film.gif", &["--moments"]), "rows of a .png"), (draw("film.jpg", &[]), "neither a .png nor a .gif")] {
        assert_code(&output, 1);
        assert!(text(&output.stderr).contains(reason), "{}", text(&output.stderr));
    }
    let named = foveate(&["classify", &at("all.png"), "--model", &model]);
    assert_code(&named, 1);
    assert!(text(&named.stderr).contains("for `foveate draw`"), "{}", text(&named.stderr));
    std::fs::remove_dir_all(folder.path().join("run")).unwrap();
    let normalised = train(folder.path(), &recipe.replace("channels = 1\n", "channels = 1\nmean = [0.5]\n"), &[]);
    assert_code(&normalised, 1);
    assert!(text(&normalised.stderr).contains("'draw' sees values of 0 to 1"), "{}", text(&normalised.stderr));
}

#[test]
fn glimpses_are_learnt_and_used() {
    let folder = tempfile::tempdir().unwrap();
    bars(folder.path());
    let recipe = bars_by("system = \"glimpses\"\nglimpses = 2\nside = 4\nhidden = 12\n");
    let done = train(folder.path(), &recipe, &[]);
    assert_code(&done, 0);
    assert!(text(&done.stdout).contains("2 glimpses of 4 x 4"), "{}", text(&done.stdout));
    let log = std::fs::read_to_string(folder.path().join("run/log.csv")).unwrap();
    let error = log.lines().last().unwrap().rsplit(',').next().unwrap().parse().unwrap();
    classified(folder.path(), error, |weights, about| Glimpses::of(weights, about).unwrap());
    assert!(folder.path().join("run/glimpses.png").is_file());
}

#[test]
fn masks_are_trained_on_and_what_is_wrong_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    squares(folder.path());
    let mask = |name: &str, class: i32| mask(folder.path(), name, class);
    mask("a.png", 1);
    let refused = |recipe: &str, reason: &str| {
        let output = train(folder.path(), recipe, &["--device", "cpu"]);
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(reason) && !at("run/checkpoint.safetensors").exists(), "{said}");
    };
    refused(MASKS, "b.png: has no mask");
    mask("b.png", 2);
    refused(MASKS, "b.png: has class 2 at row 8, column 8; there are 2");
    mask("b.png", 1);
    refused(&MASKS.replace("size = 32\n", ""), "needs a size");
    refused(&MASKS.replace("size = 32", "size = 48"), "multiples of 32");
    refused(&MASKS.replace("test_labels = \"masks\"\n", ""), "needs train_labels and test_labels");
    refused(&MASKS.replace("mean = [0.4, 0.5, 0.6]", "mean = [0.4, 0.5]"), "mean has 2 numbers for 3 channels");
    refused(&BARS.replace("folders", "masks"), "needs train_labels and test_labels");

    let done = train(folder.path(), MASKS, &["--device", "cpu"]);
    assert_code(&done, 0);
    assert!(text(&done.stdout).contains("2 classes in pictures of 32 x 32") && at("run/scenes.png").exists(), "{}", text(&done.stdout));
    // Other classes go on from it, with scores of their own.
    std::fs::rename(at("run"), at("before")).unwrap();
    let start = format!("hidden = 2\nstart = {:?}", at("before/checkpoint.safetensors"));
    let next = MASKS.replace("hidden = 2", &start).replace("\"square\"", "\"square\", \"disc\"").replace("steps = 2", "steps = 1");
    assert_code(&train(folder.path(), &next, &["--device", "cpu"]), 0);
    let weights = Weights::open(at("run/checkpoint.safetensors")).unwrap();
    assert_eq!(weights.sizes::<4>("score_fr.weight").unwrap(), [3, 2, 1, 1]);
    // Photos of any size are labelled with what the run wrote, by the names it was given.
    let [model, photo, found] = ["run/weights.safetensors", "photos/a.png", "found"].map(|name| at(name).display().to_string());
    let segmented = foveate(&["segment", &photo, "--model", &model, "--output", &found, "--device", "cpu"]);
    assert_code(&segmented, 0);
    let said = text(&segmented.stdout);
    assert!(said.contains("a.png: 40x40, ") && ["ground ", "square ", "disc "].iter().any(|class| said.contains(class)), "{said}");
    assert!(at("found/classes.png").exists() && at("found/overlay.png").exists());
}

#[test]
fn a_unet_learns_from_masks_in_grey() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    squares(folder.path());
    ["a.png", "b.png"].iter().for_each(|name| mask(folder.path(), name, 1));
    let network = "system = \"unet\"\nchannels = [4, 6]\npadded = false\ndropout = 0.2\n";
    let begin = MASKS.find("system").unwrap();
    let data = MASKS.find("[data]").unwrap();
    let recipe = format!("{}{network}\n{}", &MASKS[..begin], &MASKS[data..]);
    let recipe = recipe.replace("mean = [0.4, 0.5, 0.6]", "channels = 1").replace("steps = 2", "steps = 60");
    let done = train(folder.path(), &recipe, &[]);
    assert_code(&done, 0);
    let said = text(&done.stdout);
    assert!(said.contains("2 classes in pictures of 32 x 32, U-Net of [4, 6] channels: 1290 parameters"), "{said}");
    let log = std::fs::read_to_string(at("run/log.csv")).unwrap();
    let last: Vec<f64> = log.lines().last().unwrap().split(',').map(|cell| cell.parse().unwrap()).collect();
    assert!(log.starts_with("step,loss,rate,batch_accuracy,mean_iu,pixel_accuracy\n") && last[4] > 0.9, "{log}");
    // A photo with colours, as large as it is, by what the weights say of themselves.
    let segmented = foveate(&["segment", &at("photos/a.png"), "--model", &at("run/weights.safetensors"), "--output", &at("found")]);
    assert_code(&segmented, 0);
    let said = text(&segmented.stdout);
    assert!(said.contains("a.png: 40x40, ground 8") && said.contains("square 1"), "16 of 100 pixels are the square's: {said}");
    let named = foveate(&["classify", &at("photos/a.png"), "--model", &at("run/weights.safetensors")]);
    assert!(text(&named.stderr).contains("gives each pixel a class"), "{}", text(&named.stderr));
    // The released network has no metadata, so how its images are normalised is not known.
    let silent = Weights::open(at("run/weights.safetensors")).unwrap();
    let arrays = silent.names().map(|name| (name.to_owned(), Array::clone(silent.get(name).unwrap())));
    Weights::from_arrays("silent", arrays).save(at("silent.safetensors")).unwrap();
    let refused = foveate(&["segment", &at("photos/a.png"), "--model", &at("silent.safetensors"), "--output", &at("found")]);
    assert!(text(&refused.stderr).contains("images (n, 1, h, w), and its metadata do not give"), "{}", text(&refused.stderr));
    for (from, to, reason) in [
        ("channels = [4, 6]", "channels = [4]", "1 to 8 poolings"),
        ("channels = [4, 6]", "channels = [4, 6, 8, 8]", "too small to be mirrored by"),
        ("dropout = 0.2", "dropout = 1.0", "less than 1"),
    ] {
        std::fs::remove_dir_all(at("run")).unwrap_or_default();
        let refused = train(folder.path(), &recipe.replace(from, to), &["--device", "cpu"]);
        let said = text(&refused.stderr);
        assert!(refused.status.code() == Some(1) && said.contains(reason), "{said}");
    }
}

#[test]
fn a_multiscale_network_learns_from_masks_and_superpixels_vote() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    squares(folder.path());
    ["a.png", "b.png"].iter().for_each(|name| mask(folder.path(), name, 1));
    let network = "system = \"multiscale\"\nscales = 2\nchannels = [4, 4, 6]\nseen = [2, 3]\nhidden = 6\n";
    let begin = MASKS.find("system").unwrap();
    let data = MASKS.find("[data]").unwrap();
    let recipe = format!("{}{network}\n{}", &MASKS[..begin], &MASKS[data..]).replace("steps = 2", "steps = 60");
    let done = train(folder.path(), &recipe, &[]);
    assert_code(&done, 0);
    let said = text(&done.stdout);
    assert!(said.contains("2 classes in pictures of 32 x 32, a network of [4, 4, 6] channels at 2 scales"), "{said}");
    let log = std::fs::read_to_string(at("run/log.csv")).unwrap();
    let last: Vec<f64> = log.lines().last().unwrap().split(',').map(|cell| cell.parse().unwrap()).collect();
    assert!(last[4] > 0.7, "mean IU of {}: {log}", last[4]);
    let segmented = |more: &[&str]| {
        let model = at("run/weights.safetensors");
        foveate(&[&["segment", &at("photos/a.png"), "--model", &model, "--output", &at("found")], more].concat())
    };
    assert_code(&segmented(&[]), 0);
    let voted = segmented(&["--superpixels=300"]);
    assert_code(&voted, 0);
    let said = text(&voted.stdout);
    assert!(said.contains("superpixels") && said.contains("square 1"), "16 of 100 pixels are the square's: {said}");
    let refused = segmented(&["--superpixels=-1"]);
    assert!(refused.status.code() == Some(1) && text(&refused.stderr).contains("a scale of -1"), "{}", text(&refused.stderr));
    let refused = foveate(&["segment", &at("photos/a.png"), "--model", "single-digits", "--superpixels", "--output", &at("found")]);
    assert!(text(&refused.stderr).contains("--superpixels"), "{}", text(&refused.stderr));
    std::fs::remove_dir_all(at("run")).unwrap();
    let refused = train(folder.path(), &recipe.replace("seen = [2, 3]", "seen = [5, 3]"), &["--device", "cpu"]);
    assert!(text(&refused.stderr).contains("no map that sees more than there are"), "{}", text(&refused.stderr));
}

#[test]
fn a_recurrent_network_learns_from_masks_and_goes_on_from_fewer_instances() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    squares(folder.path());
    ["a.png", "b.png"].iter().for_each(|name| mask(folder.path(), name, 1));
    let network = "system = \"recurrent-cnn\"\ninstances = 2\nchannels = [4, 6]\nkernels = [4, 3, 1]\n";
    let (begin, data) = (MASKS.find("system").unwrap(), MASKS.find("[data]").unwrap());
    let recipe = format!("{}{network}\n{}", &MASKS[..begin], &MASKS[data..]).replace("steps = 2", "steps = 60");
    let done = train(folder.path(), &recipe, &[]);
    assert_code(&done, 0);
    let said = text(&done.stdout);
    assert!(said.contains("2 classes in pictures of 32 x 32, a network of [4, 6] channels applied 2 times"), "{said}");
    let log = std::fs::read_to_string(at("run/log.csv")).unwrap();
    let last: Vec<f64> = log.lines().last().unwrap().split(',').map(|cell| cell.parse().unwrap()).collect();
    assert!(last[4] > 0.7, "mean IU of {}: {log}", last[4]);
    let weights = at("run/weights.safetensors");
    let segmented = foveate(&["segment", &at("photos/a.png"), "--model", &weights, "--output", &at("found")]);
    assert_code(&segmented, 0);
    assert!(text(&segmented.stdout).contains("square 1"), "16 of 100 pixels are the square's: {}", text(&segmented.stdout));
    // The same weights, applied once more: what has been learnt of two is there from the first step.
    std::fs::rename(at("run"), at("before")).unwrap();
    let start = format!("instances = 3\nstart = {:?}\n", at("before/weights.safetensors"));
    let further = recipe.replace("instances = 2\n", &start).replace("steps = 60", "steps = 1");
    assert_code(&train(folder.path(), &further, &["--device", "cpu"]), 0);
    let log = std::fs::read_to_string(at("run/log.csv")).unwrap();
    let first: f64 = log.lines().nth(1).unwrap().split(',').nth(1).unwrap().parse().unwrap();
    assert!(first < 1.5, "three cross entropies, of which each begins at 0.7 or more from nothing: {log}");
    std::fs::remove_dir_all(at("run")).unwrap();
    let refused = train(folder.path(), &recipe.replace("kernels = [4, 3, 1]", "kernels = [3, 3, 1]"), &["--device", "cpu"]);
    assert!(text(&refused.stderr).contains("the first odd"), "{}", text(&refused.stderr));
}

const THINGS: &str = r#"# Squares of one class, each told from the next
[network]
system = "mnc"
convolutions = [1, 1, 1]
channels = [6, 8, 12]
proposing = 12
ratios = [1.0]
scales = [3.0, 5.0]
window = 4
samples = 1
mask = 7
mask_hidden = 12
hidden = 12
candidates = 64
proposals = 8
least = 4.0
anchors = 24
boxes = 8
things = 3

[data]
kind = "masks"
train = "photos"
train_labels = "masks"
train_things = "things"
test = "photos"
test_labels = "masks"
test_things = "things"
classes = ["ground", "square"]
size = 48

[[augmentation]]
kind = "random-horizontal-flip"

[train]
seed = 2                     # with 1 Vulkan found more than half, Direct3D 12 less
batch = 4
steps = 200
report = 50
evaluate = 200
clip_norm = 5.0

[[multiplier]]
prefix = ""                  # all
rate = 0.2
"#;

/// How hypercolumns learn which pixels belong to those squares, in place of what the cascade has learnt of it.
const COLUMNS: &str = r#"
system = "hypercolumns"
convolutions = [1, 1, 1]
channels = [6, 8, 12]
window = 2
hidden = 12
taps = [{ stage = 1, kernel = 3, scale = 1.0 }, { stage = 2, kernel = 1, scale = 1.0 }]
grid = 3
side = 16
dropout = 0.1
boxes = 2
shift = 0.08
whole = 200.0
things = 3
"#;

/// Four photos of 48 x 48 of two light squares each, with their masks.
fn pairs_of_squares(folder: &Path) {
    ["photos", "masks", "things"].iter().for_each(|name| std::fs::create_dir(folder.join(name)).unwrap());
    for (number, [first, second]) in
        [[[4, 3], [26, 24]], [[6, 27], [25, 5]], [[3, 5], [4, 28]], [[27, 4], [26, 27]]].into_iter().enumerate()
    {
        let side = 14 + number;
        let in_one =
            |[top, left]: [usize; 2], i: usize| (top..top + side).contains(&(i / 48 % 48)) && (left..left + side).contains(&(i % 48));
        let thing = |i: usize| if in_one(first, i) { 1 } else { 2 * i32::from(in_one(second, i)) };
        let name = format!("{number}.png");
        write_png(folder.join("photos").join(&name), &Array::from_fn([1, 3, 48, 48], |i| thing(i).min(1) as f32)).unwrap();
        for (kind, of) in [("masks", &(|i| thing(i).min(1)) as &dyn Fn(usize) -> i32), ("things", &thing)] {
            write_indexed_png(folder.join(kind).join(&name), &Array::from_fn([1, 1, 48, 48], of), |class| [class; 3]).unwrap();
        }
    }
}

#[test]
fn a_cascade_learns_to_tell_things_apart() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    pairs_of_squares(folder.path());
    let done = train(folder.path(), THINGS, &[]);
    assert_code(&done, 0);
    assert!(text(&done.stdout).contains("things of 1 classes in pictures of 48 x 48"), "{}", text(&done.stdout));
    let log = std::fs::read_to_string(at("run/log.csv")).unwrap();
    let last: Vec<f64> = log.lines().last().unwrap().split(',').map(|cell| cell.parse().unwrap()).collect();
    println!("{log}");
    assert!(log.lines().next().unwrap().ends_with("box_5,test_ap_r_50,test_ap_r_70") && last[last.len() - 2] > 0.5, "{log}");
    assert!(Path::new(&at("run/things.png")).exists());

    let model = at("run/weights.safetensors");
    let segmented = foveate(&["segment", &at("photos/2.png"), "--model", &model, "--output", &at("found")]);
    assert_code(&segmented, 0);
    let said = text(&segmented.stdout);
    assert!(said.contains("2.png: 48x48, square "), "{said}");
    let found: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(at("found/instances.json")).unwrap()).unwrap();
    assert!(found.len() >= 2, "two squares: {found:?}");
    assert_eq!((&found[0]["instance"], &found[0]["class"]), (&Value::from(1), &Value::from("square")));
    for file in ["instances.png", "classes.png", "overlay.png"] {
        assert!(Path::new(&at("found")).join(file).exists(), "{file}");
    }
    let named = foveate(&["classify", &at("photos/2.png"), "--model", &model]);
    assert!(text(&named.stderr).contains("finds things in pictures"), "{}", text(&named.stderr));
    hypercolumns_refine(folder.path());
    let behind = foveate(&["segment", &at("photos/2.png"), "--model", &model, "--background", "blur"]);
    assert!(text(&behind.stderr).contains("classes or things"), "{}", text(&behind.stderr));

    std::fs::remove_dir_all(at("run")).unwrap();
    let things = "train_things = \"things\"\n";
    for (recipe, reason) in [
        (THINGS.replace("test_things = \"things\"\n", ""), "train_things and test_things alone"),
        (THINGS.replace(things, "").replace("test_things = \"things\"\n", ""), "has no train_things"),
        (THINGS.replace("window = 4", "window = 5"), "an even window"),
        (THINGS.replace("channels = [6, 8, 12]", "channels = [6, 8]"), "3 numbers of convolutions and 2 of channels"),
        (THINGS.replace("things = 3", "things = 300"), "300 things"),
        (THINGS.replace("size = 48", "size = 48\nchannels = 1"), "pictures of 1 channels"),
        (
            MASKS.replace("test_labels", "train_things = \"things\"\ntest_things = \"things\"\ntest_labels"),
            "tells no things of a class apart",
        ),
    ] {
        let refused = train(folder.path(), &recipe, &["--device", "cpu"]);
        let said = text(&refused.stderr);
        assert!(refused.status.code() == Some(1) && said.contains(reason), "{reason}: {said}");
    }
}

/// Hypercolumns learn on the trunk of the cascade whose run is in `folder`, and draw the masks of what that finds.
fn hypercolumns_refine(folder: &Path) {
    let at = |name: &str| folder.join(name).display().to_string();
    std::fs::rename(at("run"), at("cascade")).unwrap();
    let cascade = at("cascade/weights.safetensors");
    let data = &THINGS[THINGS.find("[data]").unwrap()..];
    let recipe = format!("[network]{COLUMNS}start = {cascade:?}\n\n{data}").replace("steps = 200", "steps = 60").replace("rate = 0.2", "");
    let done = train(folder, &recipe.replace("clip_norm = 5.0\n", "").replace("evaluate = 200", "evaluate = 60"), &[]);
    assert_code(&done, 0);
    assert!(text(&done.stdout).contains("things of 1 classes in pictures of 48 x 48, columns of 3 layers"), "{}", text(&done.stdout));
    let log = std::fs::read_to_string(at("run/log.csv")).unwrap();
    println!("{log}");
    let last: Vec<f64> = log.lines().last().unwrap().split(',').map(|cell| cell.parse().unwrap()).collect();
    assert!(log.starts_with("step,loss,rate,loss_of_part,test_iou,test_over_70") && last[4] > 0.8, "{log}");
    assert!(Path::new(&at("run/things.png")).exists());

    let columns = at("run/weights.safetensors");
    let refined = foveate(&["segment", &at("photos/2.png"), "--model", &cascade, "--refine", &columns, "--output", &at("refined")]);
    assert_code(&refined, 0);
    let of = |folder: &str| -> Vec<Value> {
        serde_json::from_str(&std::fs::read_to_string(Path::new(&at(folder)).join("instances.json")).unwrap()).unwrap()
    };
    let (before, after) = (of("found"), of("refined"));
    let scores = |found: &[Value]| found.iter().map(|i| i["score"].clone()).collect::<Vec<_>>();
    assert_eq!(scores(&before), scores(&after), "what is found is the same");
    assert_ne!(before, after, "its masks are others");

    let photo = at("photos/2.png");
    for (arguments, reason) in [
        (["segment", &photo, "--model", &columns, "--output", "x"], "--model CASCADE --refine takes it"),
        (["classify", &photo, "--model", &columns, "--seed", "1"], "for `foveate segment --refine`"),
        (["segment", &photo, "--model", "digits", "--refine", &columns], "finds no things"),
        (["segment", &photo, "--model", "single-digits", "--refine", &columns], "its classes are square; the model finds digit 0"),
        (["segment", &photo, "--model", &cascade, "--refine", &cascade], "is of no hypercolumns"),
    ] {
        let arguments = if arguments[0] == "classify" { &arguments[..4] } else { &arguments[..] };
        let refused = foveate(arguments);
        assert!(refused.status.code() == Some(1) && text(&refused.stderr).contains(reason), "{reason}: {}", text(&refused.stderr));
    }
    std::fs::remove_dir_all(at("run")).unwrap();
    let refused = train(folder, &recipe.replace("kernel = 3", "kernel = 4"), &["--device", "cpu"]);
    assert!(text(&refused.stderr).contains("taps of odd kernels"), "{}", text(&refused.stderr));
    let frozen = train(folder, &recipe.replace("dropout = 0.1", "frozen = true"), &["--steps", "2"]);
    assert_code(&frozen, 0);
    let weights = [&cascade, &at("run/weights.safetensors")].map(|file| Weights::open(file).unwrap());
    assert_eq!(weights[0].get("conv3_1.weight").unwrap(), weights[1].get("conv3_1.weight").unwrap());
    std::fs::remove_dir_all(at("run")).unwrap();
    std::fs::rename(at("cascade"), at("run")).unwrap();
}
