//! `foveate train` on questions about pictures, and `foveate ask` with what was learnt, as a person uses them.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[path = "common/mnist.rs"]
mod mnist;
#[path = "common/program.rs"]
mod program;

use foveate::array::{Array, picture};
use foveate::models::googlenet::GoogLeNet;
use foveate::models::smem_vqa::SmemVqa;
use foveate::nn::Weights;
use mnist::mnist;
use program::{assert_code, foveate, text};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Output;

const OWN: &str = r#"
[network]
system = "smem-vqa"
encoder = "ENCODER"
keep = true
embedding = 12
dropout = 0.0
initial = "by-inputs"

[data]
kind = "questions"
train = "train.json"
train_answers = "answers.json"
train_photos = "photos"
test = "test.tsv"
test_photos = "photos"
answers = 5
longest = 5

[train]
batch = 6
steps = 60
report = 2
evaluate = 30
clip_norm = 5.0

[optimiser]
kind = "adam"

[schedule]
kind = "fixed"
base = 0.01
"#;

/// Red and blue photos with three questions each, and `GoogLeNet` of an eighth of its channels.
fn own(folder: &Path) -> String {
    std::fs::create_dir(folder.join("photos")).unwrap();
    let (mut questions, mut annotations, mut lines) = (Vec::new(), Vec::new(), String::new());
    for i in 0..6usize {
        let (name, colour) = (format!("COCO_train2014_{i:012}.jpg"), ["red", "blue"][i % 2]);
        let values = Array::from_fn([1, 3, 20, 30], |at| if at / 600 == 2 * (i % 2) { 0.9f32 } else { 0.1 });
        // What is in a file counts, not what it is called.
        picture::write_png(folder.join("photos").join(&name), &values).unwrap();
        let asked = [("What colour is it?", colour), ("Is it red?", ["yes", "no"][i % 2]), ("How many are there?", "one")];
        for (at, (question, answer)) in asked.into_iter().enumerate() {
            let id = 3 * i + at;
            let people: Vec<Value> = (0..10).map(|who| json!({"answer": if who < 9 { answer } else { "maybe" }})).collect();
            questions.push(json!({"question_id": id, "image_id": i, "question": question}));
            annotations.push(json!({"question_id": id, "image_id": i, "answers": people}));
            lines += &format!("{name}\t{question}\t{answer}\n");
        }
    }
    let questions = json!({"data_subtype": "train2014", "questions": questions});
    std::fs::write(folder.join("train.json"), questions.to_string()).unwrap();
    std::fs::write(folder.join("answers.json"), json!({"annotations": annotations}).to_string()).unwrap();
    std::fs::write(folder.join("test.tsv"), lines).unwrap();
    let encoder = folder.join("googlenet.safetensors");
    let net = GoogLeNet { divisor: 8 }.initial(3).unwrap();
    // Features of about 1, which no attention is saturated by.
    let last = ["1x1", "3x3", "5x5", "pool_proj"].map(|branch| format!("inception_5b/{branch}.weight"));
    let smaller = last.map(|name| {
        let weight = net.get(&name).unwrap();
        let values = weight.to_f64();
        (name, Array::from_fn(weight.shape(), |i| 0.02 * values[i] as f32))
    });
    net.replaced("googlenet", smaller).save(&encoder).unwrap();
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
fn own_photos_are_learnt_and_asked_about() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, recipe) = (folder.path(), own(folder.path()));
    let output = train(folder, "own.toml", "run", &[]);
    assert_code(&output, 0);
    let out = text(&output.stdout);
    assert!(out.contains("SMem-VQA of 11 words with 12 numbers, 5 answers, 2 hops, 7 x 7 places of GoogLeNet"), "{out}");
    assert!(out.contains("18 examples, 18 for tests"), "{out}");
    for name in ["test_accuracy", "test_yes_no", "test_number", "test_other"] {
        assert_eq!(*column(folder, "run", name).last().unwrap(), 1.0, "{name}");
    }
    assert!(folder.join("run/asked.png").exists() && folder.join("run/curves.png").exists());

    // What was learnt is the whole network: words, answers, and what it sees with.
    let weights = Weights::open(folder.join("run/weights.safetensors")).unwrap();
    let answers: Vec<String> = serde_json::from_str(&weights.metadata()["answers"]).unwrap();
    assert_eq!(answers, ["1", "blue", "no", "red", "yes"]);
    let sizes = SmemVqa::of(&weights).unwrap();
    assert_eq!((sizes.longest, sizes.places, sizes.features, sizes.hops), (5, 49, 128, 2));
    let eyes = Weights::open(folder.join("googlenet.safetensors")).unwrap();
    assert!(eyes.names().all(|name| weights.get(name).unwrap() == eyes.get(name).unwrap()), "it does not learn");

    let (photos, looked) = (folder.join("photos").display().to_string(), folder.join("looked"));
    let model = folder.join("run/weights.safetensors").display().to_string();
    let ask = |more: &[&str]| foveate(&[&["ask", "what COLOUR is it?!", &photos, "--model", &model], more].concat());
    let output = ask(&["--also", "is it red", "--json", "--top", "2", "--looked", looked.to_str().unwrap()]);
    assert_code(&output, 0);
    let out = text(&output.stdout);
    assert_eq!(out.lines().count(), 12);
    for (i, line) in out.lines().enumerate() {
        let object: Value = serde_json::from_str(line).unwrap();
        let expected = [["red", "yes"], ["blue", "no"]][i / 2 % 2][i % 2];
        assert_eq!(object["answers"][0]["answer"].as_str(), Some(expected), "{object}");
        assert_eq!(object["answers"].as_array().unwrap().len(), 2);
        assert!(Path::new(object["looked"].as_str().unwrap()).exists(), "{object}");
    }
    let output = ask(&["--also", "is it a red ship"]);
    assert_code(&output, 0);
    assert!(text(&output.stderr).contains("does not know a, ship"), "{}", text(&output.stderr));
    assert!(text(&output.stdout).lines().next().unwrap().contains("000.jpg: what COLOUR is it? red ("), "{}", text(&output.stdout));
    let output = ask(&["--also", "is it a red ship now"]);
    assert!(output.status.code() != Some(0) && text(&output.stderr).contains("6 words, the network has room for 5"));

    // Features that are not kept are the same features, and a run in two parts is the same run.
    std::fs::write(folder.join("computed.toml"), recipe.replace("keep = true", "")).unwrap();
    assert_code(&train(folder, "computed.toml", "computed", &["--steps", "6"]), 0);
    let (losses, computed) = (column(folder, "run", "loss"), column(folder, "computed", "loss"));
    assert!(computed.len() == 3 && computed.iter().zip(&losses).all(|(a, b)| (a - b).abs() < 1e-3 * a), "{computed:?} {losses:?}");
    assert_code(&train(folder, "computed.toml", "parts", &["--steps", "3"]), 0);
    assert_code(&train(folder, "computed.toml", "parts", &["--resume", "--steps", "6"]), 0);
    let [whole, parts] = ["computed", "parts"].map(|run| Weights::open(folder.join(run).join("weights.safetensors")).unwrap());
    assert!(whole.names().all(|name| whole.get(name).unwrap() == parts.get(name).unwrap()));

    // From there on, with an encoder that learns.
    let encoder = format!("encoder = \"{}\"\nkeep = true", folder.join("googlenet.safetensors").display());
    std::fs::write(folder.join("further.toml"), recipe.replace(&encoder, &format!("start = \"{model}\"\nlearn_encoder = true"))).unwrap();
    assert_code(&train(folder, "further.toml", "further", &["--steps", "2"]), 0);
    let further = Weights::open(folder.join("further/weights.safetensors")).unwrap();
    for name in ["conv1/7x7_s2.weight", "inception_5b/pool_proj.weight", "evidence2.weight", "words.weight"] {
        assert_ne!(further.get(name).unwrap(), weights.get(name).unwrap(), "{name} has learnt");
    }

    // A bag of words looks nowhere.
    std::fs::write(folder.join("bag.toml"), recipe.replace("embedding = 12", "embedding = 12\nhops = 0")).unwrap();
    assert_code(&train(folder, "bag.toml", "bag", &["--steps", "2"]), 0);
    let bag = folder.join("bag/weights.safetensors").display().to_string();
    assert_code(&foveate(&["ask", "is it red", &photos, "--model", &bag]), 0);
    let output = foveate(&["ask", "is it red", "--model", &bag, "--looked", looked.to_str().unwrap()]);
    assert!(output.status.code() != Some(0) && text(&output.stderr).contains("looks nowhere"));
}

#[test]
fn what_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, recipe) = (folder.path(), own(folder.path()));
    let encoder = format!("encoder = \"{}\"", folder.join("googlenet.safetensors").display());
    let started = format!("{encoder}\nstart = \"{}/assets/digits_answerer.safetensors\"", env!("CARGO_MANIFEST_DIR"));
    let data = &recipe[recipe.find("[data]").unwrap()..recipe.find("[train]").unwrap()];
    for (from, to, reason) in [
        ("embedding", "learn_encoder = true\nembedding", "features that are kept"),
        (&*encoder, "", "neither an encoder nor a start"),
        (&*encoder, &*started, "has learnt other words or answers"),
        ("embedding", "hops = 3\nembedding", "no more than 2 hops"),
        ("embedding", "guide = \"luck\"\nembedding", "luck"),
        ("longest = 5", "longest = 1", "no question of 1 words or fewer"),
        ("train_answers = \"answers.json\"\n", "", "the file of their annotations is needed"),
        ("test_photos", "test_answers = \"answers.json\"\ntest_photos", "is no JSON of questions as VQA has it"),
        ("test.tsv", "missing.tsv", "missing.tsv"),
        ("dropout = 0.0", "dropout = 1.0", "dropout"),
        (data, "[data]\nkind = \"squares\"\nside = 64\ntrain_examples = 9\ntest_examples = 9\n", "GoogLeNet sees photos, not made scenes"),
        (
            data,
            "[data]\nkind = \"pairs\"\ntrain = \"a\"\ntest = \"b\"\nsource = \"words\"\ntarget = \"words\"\nlongest = 3\n",
            "\"questions\", \"asked-digits\" or \"squares\"",
        ),
    ] {
        assert!(recipe.contains(from), "{from}");
        std::fs::write(folder.join("wrong.toml"), recipe.replacen(from, to, 1)).unwrap();
        let output = train(folder, "wrong.toml", "run", &[]);
        assert_ne!(output.status.code(), Some(0), "{to}");
        assert!(text(&output.stderr).contains(reason), "{to}: {}", text(&output.stderr));
    }
    let encoder = folder.join("googlenet.safetensors").display().to_string();
    let output = foveate(&["ask", "is it red", "--model", &encoder]);
    assert!(text(&output.stderr).contains("no network that answers questions"), "{}", text(&output.stderr));
}

#[test]
fn two_digits_are_asked_about_out_of_the_box() {
    let folder = tempfile::tempdir().unwrap();
    // A five above a small three.
    let questions = ["what is below the five", "how many small digits are there", "is the five above the three", "is there a nine"];
    let also: Vec<&str> = questions[1..].iter().flat_map(|question| ["--also", question]).collect();
    let output = foveate(&[&["ask", questions[0], "--looked", folder.path().to_str().unwrap()], &also[..]].concat());
    assert_code(&output, 0);
    let out = text(&output.stdout);
    for ((line, question), answer) in out.lines().zip(questions).zip(["three", "one", "yes", "no"]) {
        assert!(line.starts_with(&format!("two_digits.png: {question}? {answer} (")), "{line}");
    }
    assert!(["two_digits.png", "two_digits-4.png"].iter().all(|name| folder.path().join(name).exists()));

    let output = foveate(&["ask", "--words"]);
    assert_code(&output, 0);
    assert!(text(&output.stdout).contains("upper") && text(&output.stdout).contains("answers: no yes zero"), "{}", text(&output.stdout));
    let output = foveate(&["ask", "is there a nine", folder.path().join("two_digits.png").to_str().unwrap()]);
    assert_code(&output, 1);
    assert!(text(&output.stderr).contains("--model digits"), "{}", text(&output.stderr));
}

/// The network that comes along, measured by a recipe that goes on with it: nothing is learnt in a step of no rate.
#[test]
fn the_network_that_comes_along_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let start = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/digits_answerer.safetensors");
    let recipe =
        include_str!("../examples/recipes/digits-answers.toml").replace("encoder = \"captioned-digits\"", &format!("start = \"{start}\""));
    let recipe = recipe.replace("train_examples = 16_000", "train_examples = 32").replace("test_examples = 2048", "test_examples = 96");
    std::fs::write(folder.path().join("measure.toml"), recipe.replace("base = 0.003", "base = 1e-12")).unwrap();
    let [recipe, run] = ["measure.toml", "run"].map(|name| folder.path().join(name).display().to_string());
    let output = foveate(&["train", &recipe, "--data", mnist().to_str().unwrap(), "--output", &run, "--steps", "1"]);
    assert_code(&output, 0);
    assert!(*column(folder.path(), "run", "test_accuracy").last().unwrap() > 0.8, "{}", text(&output.stdout));
}
