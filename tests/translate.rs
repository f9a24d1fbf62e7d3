//! `foveate translate`, and `foveate train` on pairs of texts, as a person uses them.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[path = "common/program.rs"]
mod program;

use foveate::array::picture::Picture;
use foveate::models::luong::{Attention, Luong, Score, Window};
use foveate::models::rnnsearch::RnnSearch;
use foveate::models::sentences::{Language, Side, Unit};
use foveate::nn::Weights;
use program::{assert_code, foveate, text};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;

const RECIPE: &str = r#"
[network]
system = "rnnsearch"
embedding = 6
hidden = 8
maxout = 4

[data]
kind = "pairs"
train = "train.tsv"
test = "test.tsv"
source = "letters"
target = "words"
longest = 4

[train]
batch = 8
steps = 4
report = 2
evaluate = 2

[optimiser]
kind = "adam"

[schedule]
kind = "fixed"
base = 0.01
"#;

/// Letters, each of which is spoken as its own name.
fn pairs(folder: &Path) {
    for (name, count) in [("train.tsv", 40), ("test.tsv", 10)] {
        let mut lines = String::new();
        for i in 0..count {
            let word: String = (0..1 + i % 5).map(|at| ['a', 'b', 'c'][(i / 2 + at * i) % 3]).collect();
            let spoken: Vec<&str> = word.chars().map(|letter| ["AY", "BEE", "SEE"][letter as usize - 'a' as usize]).collect();
            writeln!(lines, "{word}\t{}", spoken.join(" ")).unwrap();
        }
        std::fs::write(folder.join(name), lines).unwrap();
    }
}

#[test]
fn words_are_spoken_drawn_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let output = foveate(&["translate", "knight", "Attention", "--best", "2", "--alignment", &at("looked.png")]);
    assert_code(&output, 0);
    let lines: Vec<String> = text(&output.stdout).lines().map(str::to_owned).collect();
    assert_eq!((lines.len(), lines[0].as_str(), lines[3].as_str()), (6, "knight", "Attention"));
    assert!(lines[1].starts_with("  N AY1 T   (log probability -"), "{lines:?}");
    let picture = Picture::open(at("looked.png")).unwrap();
    // Both beside each other: letters and an end of 28 pixels each, beside the phones' names.
    assert!(picture.rgb.shape()[3] > 28 * (7 + 10), "{}", picture.rgb.ty());

    let output = foveate(&["translate", "knight", "--json", "--beam", "1"]);
    assert_code(&output, 0);
    let object: Value = serde_json::from_str(text(&output.stdout).trim()).unwrap();
    assert_eq!((object["translation"].as_str(), object["ended"].as_bool()), (Some("N AY1 T"), Some(true)));
    assert!(object["log_probability"].as_f64().unwrap() < 0.0);

    // A word with two pronunciations, of which one is right; one with another; and one of which nothing is known.
    std::fs::write(at("words.tsv"), "knight\tN AY2 T\nknight\tN AY1 T\nattention\tX\nlight\n").unwrap();
    let output = foveate(&["translate", "--file", &at("words.tsv"), "--beam", "4"]);
    assert_code(&output, 0);
    let lines: Vec<String> = text(&output.stdout).lines().map(str::to_owned).collect();
    assert_eq!((lines.len(), lines[0].as_str()), (3, "knight\tN AY1 T"));
    // 7 phones in place of 1, of 5 and 1.
    let said = text(&output.stderr);
    assert!(said.contains("3 texts in") && said.contains("50.00 % are not as expected"), "{said}");
}

#[test]
fn pairs_of_texts_are_learnt_and_translated() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    pairs(folder.path());
    for (name, recipe) in [("search", RECIPE.to_owned()), ("encdec", RECIPE.replace("maxout = 4", "maxout = 4\nsearches = false"))] {
        std::fs::write(at("own.toml"), recipe).unwrap();
        let run = at(name);
        let arguments = ["train", &at("own.toml"), "--data", &at(""), "--output", &run];
        let output = foveate(&[&arguments[..], &["--steps", "2"]].concat());
        assert_code(&output, 0);
        assert!(text(&output.stdout).contains("from 5 letters to 5 words"), "{}", text(&output.stdout));
        let output = foveate(&[&arguments[..], &["--steps", "4", "--resume"]].concat());
        assert_code(&output, 0);
        let said = text(&output.stdout);
        assert!(said.contains("step 4: loss") && said.contains("test_error_rate") && said.contains("test_bleu"), "{said}");
        assert_eq!(Path::new(&run).join("alignment.png").exists(), name == "search");

        let weights = format!("{run}/weights.safetensors");
        let sizes = RnnSearch::of(&Weights::open(&weights).unwrap()).unwrap();
        assert_eq!((sizes.source, sizes.target, sizes.hidden, sizes.searches), (5, 5, 8, name == "search"));
        let output = foveate(&["translate", "cab", "--model", &weights, "--beam", "3", "--longest", "5", "--known", "--per-word"]);
        assert_code(&output, 0);
        assert!(text(&output.stdout).starts_with("cab\n  "), "{}", text(&output.stdout));
    }
    let weights = format!("{}/weights.safetensors", at("encdec"));
    let output = foveate(&["translate", "cab", "--model", &weights, "--beam", "3", "--alignment", &at("looked.png")]);
    assert_code(&output, 1);
    assert!(text(&output.stderr).contains("and this one looks nowhere"), "{}", text(&output.stderr));
}

/// A recipe of Luong's system with these keys beside the sizes.
fn luong(keys: &str) -> String {
    RECIPE.replace("\"rnnsearch\"", "\"luong\"").replace("maxout = 4", &format!("layers = 2\n{keys}"))
}

#[test]
fn local_attention_is_learnt_and_translates() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    pairs(folder.path());
    for (keys, attention) in [
        ("attention = \"none\"\nfeeding = false", None),
        ("attention = \"location\"\ndropout = 0.2", Some((Score::Location(4), Window::Global))),
        ("attention = \"general\"\nwindow = \"predicted\"\nreach = 2", Some((Score::General, Window::Predicted(2)))),
    ] {
        std::fs::write(at("own.toml"), luong(keys)).unwrap();
        let run = at(attention.map_or("none", |(score, _): (Score, Window)| score.name()));
        let arguments = ["train", &at("own.toml"), "--data", &at(""), "--output", &run];
        let output = foveate(&[&arguments[..], &["--steps", "2"]].concat());
        assert_code(&output, 0);
        assert!(text(&output.stdout).contains("2 layers of 8 units, from 5 letters to 5 words"), "{}", text(&output.stdout));
        let output = foveate(&[&arguments[..], &["--steps", "4", "--resume"]].concat());
        assert_code(&output, 0);
        assert!(text(&output.stdout).contains("test_error_rate"), "{}", text(&output.stdout));
        assert_eq!(Path::new(&run).join("alignment.png").exists(), attention.is_some());

        let weights = format!("{run}/weights.safetensors");
        let sizes = Luong::of(&Weights::open(&weights).unwrap()).unwrap();
        assert_eq!((sizes.source, sizes.hidden, sizes.layers, sizes.feeds), (5, 8, 2, attention.is_some()));
        assert_eq!(sizes.attention, attention.map(|(score, window)| Attention { score, window }));
        // There are not even twelve words.
        let output = foveate(&["translate", "cab", "--model", &weights, "--longest", "5", "--copy"]);
        if attention.is_none() {
            assert_code(&output, 1);
            assert!(text(&output.stderr).contains("looks nowhere, so there is no word to copy"), "{}", text(&output.stderr));
            continue;
        }
        assert_code(&output, 0);
        assert!(text(&output.stdout).starts_with("cab\n  "), "{}", text(&output.stdout));
    }
}

#[test]
fn what_is_wrong_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let refused = |arguments: &[&str], parts: &[&str]| {
        let output = foveate(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(parts.iter().all(|part| said.contains(part)), "{said}");
    };
    pairs(folder.path());
    let train = |recipe: &str, parts: &[&str]| {
        std::fs::write(at("own.toml"), recipe).unwrap();
        refused(&["train", &at("own.toml"), "--data", &at(""), "--output", &at("run")], parts);
    };
    train(&RECIPE.replace("longest = 4", "longest = 0"), &["train.tsv", "none of its 40 lines has 1 to 0 words"]);
    train(&RECIPE.replace("hidden = 8", "hidden = 0"), &["no size may be 0"]);
    train(
        &RECIPE.replace("\"pairs\"\n", "\"idx\"\n").replace("source = \"letters\"\ntarget = \"words\"\nlongest = 4\n", ""),
        &["kind = \"pairs\""],
    );
    train(&RECIPE.replace("\"letters\"", "\"syllables\""), &["syllables"]);
    for (keys, part) in [
        ("attention = \"general\"\nreach = 2", "has a 'reach', which a window has"),
        ("attention = \"general\"\nwindow = \"monotonic\"", "has a 'window' and no 'reach'"),
        ("attention = \"none\"\nwindow = \"monotonic\"\nreach = 2", "has a 'window' for attention = \"none\""),
        ("attention = \"location\"\nwindow = \"monotonic\"\nreach = 2", "its window is global"),
        ("attention = \"dot\"\nwindow = \"predicted\"\nreach = 0", "reaches 1 word at least"),
        ("attention = \"dot\"\ndropout = 1.0", "has a 'dropout' of 1"),
        ("attention = \"hard\"", "hard"),
    ] {
        train(&luong(keys), &[part]);
    }
    let pictures = RECIPE.replace("\"rnnsearch\"\nembedding = 6\nhidden = 8\nmaxout = 4", "\"draw\"");
    train(&pictures, &["has sentences; the system learns from pictures"]);
    std::fs::write(at("test.tsv"), "a\tAY\nb BEE\n").unwrap();
    train(RECIPE, &["test.tsv", "line 2 has 0 tabs"]);
    refused(&["translate", "--file", &at("nowhere.tsv")], &["nowhere.tsv"]);
    refused(&["translate", "a", "--beam", "0"], &["0 sentences at once of 71 words"]);

    let weights = RnnSearch { source: 5, target: 5, embedding: 2, hidden: 2, alignment: 2, maxout: 2, searches: true }.initial(1).unwrap();
    weights.save(at("mute.safetensors")).unwrap();
    refused(&["translate", "a", "--model", &at("mute.safetensors")], &["mute.safetensors", "no 'source_unit' in its metadata"]);
    let language = Language::learnt(Unit::Letters, ["abcd"], 9).unwrap();
    let metadata = [language.metadata(Side::Source), language.metadata(Side::Target)].concat();
    let weights = metadata.into_iter().fold(weights, |weights, (key, value)| weights.with_metadata(key, &value));
    weights.save(at("other.safetensors")).unwrap();
    refused(&["translate", "a", "--model", &at("other.safetensors")], &["other.safetensors", "has 6 words, its layers 5"]);
}
