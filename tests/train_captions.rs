//! `foveate train` on captions, and `foveate caption` with what was learnt, as a person uses them.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[path = "common/mnist.rs"]
mod mnist;
#[path = "common/program.rs"]
mod program;

use foveate::array::{Array, picture};
use foveate::models::digit_scenes;
use foveate::models::encoder::Encoder;
use foveate::models::show_attend_tell::Config;
use foveate::models::vgg::{Depth, Top, Vgg};
use foveate::nn::Weights;
use mnist::mnist;
use program::{assert_code, foveate, program, text};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Output;

const OWN: &str = r#"
[network]
system = "show-attend-tell"
encoder = "ENCODER"
keep = true
embedding = 6
hidden = 12
selector = true
dropout = false
penalty = 0.0
initial = "by-inputs"

[data]
kind = "captions"
train = "train.json"
train_photos = "photos"
test = "test.tsv"
test_photos = "photos"
words = 20
longest = 6

[train]
batch = 4
steps = 60
report = 2
evaluate = 30
clip_norm = 5.0

[optimiser]
kind = "adam"

[schedule]
kind = "fixed"
base = 0.03
"#;

/// Red and blue photos with two captions each, and VGG of 4 to 32 channels.
fn own(folder: &Path) -> String {
    std::fs::create_dir(folder.join("photos")).unwrap();
    let (mut images, mut annotations, mut lines) = (Vec::new(), Vec::new(), String::new());
    for i in 0..6usize {
        let (name, colour) = (format!("{i}.png"), ["red", "blue"][i % 2]);
        let values = Array::from_fn([1, 3, 20, 30], |at| if at / 600 == 2 * (i % 2) { 0.9f32 } else { 0.1 });
        picture::write_png(folder.join("photos").join(&name), &values).unwrap();
        images.push(json!({"id": 10 + i, "file_name": name}));
        for caption in [format!("A {colour} picture."), format!("it is {colour}")] {
            annotations.push(json!({"image_id": 10 + i, "caption": caption}));
        }
        lines += &format!("{name}#0\tA {colour} picture .\n");
        if i > 2 {
            lines += &format!("{name}#1\tIt is {colour}\n");
        }
    }
    std::fs::write(folder.join("train.json"), json!({"images": images, "annotations": annotations}).to_string()).unwrap();
    std::fs::write(folder.join("test.tsv"), lines).unwrap();
    let encoder = folder.join("vgg.safetensors");
    let vgg = Vgg { depth: Depth::Vgg16, divisor: 16 }.initial(Top::Conv5, 3).unwrap();
    // Features of about 1, which no tanh is saturated by.
    let last = "conv5_3.weight".to_owned();
    let small = vgg.get(&last).unwrap().to_f64();
    let small = Array::from_fn([32, 32, 3, 3], |i| 0.02 * small[i] as f32);
    vgg.replaced("vgg", [(last, small)]).save(&encoder).unwrap();
    let recipe = OWN.replace("ENCODER", &encoder.display().to_string());
    std::fs::write(folder.join("own.toml"), &recipe).unwrap();
    recipe
}

fn train(folder: &Path, recipe: &str, output: &str, more: &[&str]) -> Output {
    let [recipe, output] = [recipe, output].map(|name| folder.join(name).display().to_string());
    let data = folder.display().to_string();
    foveate(&[&["train", &recipe, "--data", &data, "--output", &output], more].concat())
}

/// A column of a run's log.
fn column(folder: &Path, run: &str, name: &str) -> Vec<f64> {
    let log = std::fs::read_to_string(folder.join(run).join("log.csv")).unwrap();
    let at = log.lines().next().unwrap().split(',').position(|column| column == name).unwrap();
    log.lines().skip(1).filter_map(|line| line.split(',').nth(at)?.parse().ok()).collect()
}

#[test]
fn own_photos_are_learnt_and_captioned() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, recipe) = (folder.path(), own(folder.path()));
    let output = train(folder, "own.toml", "run", &[]);
    assert_code(&output, 0);
    let out = text(&output.stdout);
    assert!(out.contains("Show, Attend and Tell of 8 words, 12 units, soft attention to 14 x 14 places of VGG-16"), "{out}");
    assert!(out.contains("12 examples, 6 for tests"), "{out}");
    assert_eq!((column(folder, "run", "test_wrong").len(), column(folder, "run", "test_bleu").len()), (2, 2));
    assert!(folder.join("run/caption.png").exists() && folder.join("run/curves.png").exists());

    // What was learnt is the whole network: words, choices, and what it sees with.
    let weights = Weights::open(folder.join("run/weights.safetensors")).unwrap();
    let words: Vec<String> = serde_json::from_str(&weights.metadata()["vocabulary"]).unwrap();
    assert_eq!(words, ["</s>", "<unk>", "a", "blue", "is", "it", "picture", "red"].map(str::to_owned));
    let config = Config::of(&weights).unwrap();
    assert_eq!((config.words, config.selector, config.features), (8, true, 32));
    let eyes = Weights::open(folder.join("vgg.safetensors")).unwrap();
    assert_eq!(weights.get("conv5_3.weight").unwrap(), eyes.get("conv5_3.weight").unwrap(), "it does not learn");
    // Either caption of a photo is as likely: ln 2 is the least.
    let losses = column(folder, "run", "loss");
    assert!(*losses.last().unwrap() < 1.2, "{losses:?}");
    let (photos, looked) = (folder.join("photos").display().to_string(), folder.join("looked"));
    let model = folder.join("run/weights.safetensors").display().to_string();
    let output = foveate(&["caption", &photos, "--weights", &model, "--longest", "5", "--json", "--attention", looked.to_str().unwrap()]);
    assert_code(&output, 0);
    for (i, line) in text(&output.stdout).lines().enumerate() {
        let object: Value = serde_json::from_str(line).unwrap();
        assert!(object["caption"].as_str().unwrap().contains(["red", "blue"][i % 2]), "{object}");
        assert!(looked.join(format!("{i}.png")).exists());
    }

    // Features that are not kept are the same features.
    std::fs::write(folder.join("computed.toml"), recipe.replace("keep = true", "recompute = true")).unwrap();
    assert_code(&train(folder, "computed.toml", "computed", &["--steps", "6"]), 0);
    let computed = column(folder, "computed", "loss");
    assert!(computed.len() == 3 && computed.iter().zip(&losses).all(|(a, b)| (a - b).abs() < 1e-3 * a), "{computed:?} {losses:?}");
    let whole = Weights::open(folder.join("computed/weights.safetensors")).unwrap();
    assert!(whole.names().eq(weights.names()));

    // A run in two parts is the same run.
    assert_code(&train(folder, "computed.toml", "parts", &["--steps", "3"]), 0);
    assert_code(&train(folder, "computed.toml", "parts", &["--resume", "--steps", "6"]), 0);
    let parts = Weights::open(folder.join("parts/weights.safetensors")).unwrap();
    assert!(whole.names().all(|name| whole.get(name).unwrap() == parts.get(name).unwrap()));

    // From there on, with hard attention and an encoder that learns.
    let encoder = format!("encoder = \"{}\"\nkeep = true", folder.join("vgg.safetensors").display());
    let further = recipe.replace(&encoder, &format!("start = \"{model}\"\nlearn_encoder = true"));
    let further = further.replace("[data]", "[network.hard]\nto_go = true\n\n[data]");
    std::fs::write(folder.join("further.toml"), further).unwrap();
    assert_code(&train(folder, "further.toml", "further", &["--steps", "4"]), 0);
    let further = Weights::open(folder.join("further/weights.safetensors")).unwrap();
    assert_eq!(further.metadata()["attn_type"], "stochastic");
    assert_eq!(weights.metadata()["attn_type"], "deterministic");
    for name in ["conv1_1.weight", "conv5_3.weight", "decoder_W_att_1", "Wemb"] {
        assert_ne!(further.get(name).unwrap(), weights.get(name).unwrap(), "{name} has learnt");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, recipe) = (folder.path(), own(folder.path()));
    let encoder = format!("encoder = \"{}\"", folder.join("vgg.safetensors").display());
    let digits = format!("{encoder}\nstart = \"{}/assets/digits_captioner.safetensors\"", env!("CARGO_MANIFEST_DIR"));
    let data = &recipe[recipe.find("[data]").unwrap()..recipe.find("[train]").unwrap()];
    for (from, to, reason) in [
        ("embedding", "learn_encoder = true\nembedding", "features that are kept"),
        (&*encoder, "", "neither an encoder nor a start"),
        (&*encoder, "encoder = \"single-digits\"", "neither VGG-16 nor VGG-19"),
        (&*encoder, &*digits, "has learnt other words"),
        ("longest = 6", "longest = 3", "no caption of 3 words or fewer"),
        ("test.tsv", "missing.tsv", "missing.tsv"),
        ("test_photos = \"photos\"", "test_photos = \"nowhere\"", "0.png"),
        ("hidden = 12", "hidden = 12\nhiden = 3", "hiden"),
        (
            data,
            "[data]\nkind = \"pairs\"\ntrain = \"a\"\ntest = \"b\"\nsource = \"words\"\ntarget = \"words\"\nlongest = 3\n",
            "\"captions\" or \"captioned-digits\"",
        ),
        (data, "[data]\nkind = \"captioned-digits\"\nside = 160\n", "VGG-16 sees photos, not scenes of digits"),
        ("[train]", "[[augmentation]]\nkind = \"random-horizontal-flip\"\n\n[train]", "augmentations"),
    ] {
        assert!(recipe.contains(from), "{from}");
        std::fs::write(folder.join("wrong.toml"), recipe.replacen(from, to, 1)).unwrap();
        let output = train(folder, "wrong.toml", "run", &[]);
        assert_ne!(output.status.code(), Some(0), "{to}");
        assert!(text(&output.stderr).contains(reason), "{to}: {}", text(&output.stderr));
        assert!(!folder.join("run").exists(), "{to}");
    }
}

#[test]
fn two_digits_are_captioned_out_of_the_box() {
    let folder = tempfile::tempdir().unwrap();
    let output = foveate(&["caption", "--longest", "8", "--attention", folder.path().to_str().unwrap()]);
    assert_code(&output, 0);
    let out = text(&output.stdout);
    assert!(out.starts_with("two_digits.png: a five above a small three\n"), "{out}");
    assert!(text(&output.stderr).contains("Show, Attend and Tell of 16 words on fcn8s"), "{}", text(&output.stderr));
    // Six words in panels of 160 x 160, five and the scene in the first row.
    let sheet = picture::Picture::open(folder.path().join("two_digits.png")).unwrap();
    assert_eq!(sheet.size.w, 12 + 6 * 172);

    // Larger, wider and cut to its middle it is the same scene; of a beam the best says the same.
    let scene = picture::Picture::from_bytes(include_bytes!("../assets/two_digits.png"), "scene").unwrap().rgb;
    let values = scene.values::<f32>().unwrap();
    let wide = Array::from_fn([1, 3, 320, 400], |i| {
        let (c, y, x) = (i / 128_000, i / 400 % 320 / 2, (i % 400).clamp(40, 359) / 2 - 20);
        values[(c * 160 + y) * 160 + x]
    });
    let photo = folder.path().join("wide.png");
    picture::write_png(&photo, &wide).unwrap();
    let output = program()
        .args(["caption", photo.to_str().unwrap(), "--weights", "digits", "--beam", "3", "--longest", "8", "--json"])
        .output()
        .unwrap();
    assert_code(&output, 0);
    let object: Value = serde_json::from_str(text(&output.stdout).trim()).unwrap();
    assert_eq!((object["caption"].as_str(), object["ended"].as_bool()), (Some("a five above a small three"), Some(true)));

    let output = foveate(&["caption", photo.to_str().unwrap()]);
    assert_code(&output, 1);
    assert!(text(&output.stderr).contains("--weights digits"), "{}", text(&output.stderr));
}

/// The network that comes along, measured by the recipe that goes on with it: nothing is learnt in a step of no rate.
#[test]
fn the_network_that_comes_along_names_digits_where_it_looks() {
    let folder = tempfile::tempdir().unwrap();
    let start = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/digits_captioner.safetensors");
    let recipe = include_str!("../examples/recipes/digits-captions-2.toml");
    let recipe = recipe.replace("runs/digits-captions/weights.safetensors", start).replace("learn_encoder = true", "keep = true");
    let recipe = recipe.replace("test_examples = 2048", "train_examples = 32\ntest_examples = 96").replace("steps = 400", "steps = 1");
    std::fs::write(folder.path().join("measure.toml"), recipe.replace("base = 0.001", "base = 1e-12")).unwrap();
    let [recipe, run] = ["measure.toml", "run"].map(|name| folder.path().join(name).display().to_string());
    let output = foveate(&["train", &recipe, "--data", mnist().to_str().unwrap(), "--output", &run]);
    assert_code(&output, 0);
    let number = |name: &str| *column(folder.path(), "run", name).last().unwrap();
    assert!(number("test_wrong") < 0.25 && number("test_bleu") > 0.8, "{}", text(&output.stdout));
    let (here, alike) = (number("test_in_box"), number("test_in_box_if_alike"));
    assert!(here > 3.0 * alike && alike > 0.05 && alike < 0.15, "{here} beside {alike}");

    let weights = digit_scenes::captioner_weights().unwrap();
    let Encoder::Fcn(..) = Encoder::of(&weights).unwrap() else { unreachable!("it sees with an FCN") };
    let again = Weights::open(folder.path().join("run/weights.safetensors")).unwrap();
    assert!(weights.names().eq(again.names()), "a run writes what comes along");
}
