//! `foveate write`, and `foveate train` on handwriting, as a person uses them.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[path = "common/program.rs"]
mod program;

use foveate::array::picture::Picture;
use program::{assert_code, foveate, text};
use std::path::Path;

const TRAINING: &str = r#"
[train]
batch = 2
steps = 4
report = 2
evaluate = 2

[optimiser]
kind = "adam"

[schedule]
kind = "fixed"
base = 0.01
"#;

const FONTS: &str = r#"
[network]
system = "handwriting"
hidden = 8
layers = 2
window = 2
mixtures = 2

[data]
kind = "pen-fonts"
fonts = ["bars.svg"]
words = "words.txt"
lines = 40
test = 6
points = 12
characters = 4
spacing = 0.25
"#;

const IAM: &str = r#"
[network]
system = "handwriting"
hidden = 8
layers = 1
window = 2
mixtures = 2

[data]
kind = "iam-ondb"
train = ["trainset.txt"]
test = ["testset_v.txt"]
letters = 3
points = 8
characters = 4
"#;

/// A font of bars and dashes, and words of these.
fn fonts(folder: &Path) {
    let font = "<svg><font horiz-adv-x='300'><glyph unicode='l' d='M 100 600 L 100 0'/><glyph unicode='-' d='M 50 250 L 250 250'/>\
        <glyph unicode=' '/></font></svg>";
    std::fs::write(folder.join("bars.svg"), font).unwrap();
    let words: Vec<String> = (0..64).map(|i| format!("{i:06b}").replace('0', "l").replace('1', "-")[3 + i % 2..].to_owned()).collect();
    std::fs::write(folder.join("words.txt"), words.join("\n")).unwrap();
}

/// Two forms of IAM-OnDB's kind, with two lines each.
fn forms(folder: &Path) {
    for (list, form) in [("trainset.txt", "a01-000u"), ("testset_v.txt", "b02-101")] {
        let base = &form[..7];
        let [ascii, strokes] = ["ascii", "lineStrokes"].map(|kind| folder.join(kind).join(&base[..3]).join(base));
        [&ascii, &strokes].into_iter().for_each(|path| std::fs::create_dir_all(path).unwrap());
        std::fs::write(folder.join(list), form).unwrap();
        std::fs::write(ascii.join(format!("{form}.txt")), "OCR:\nx\n\nCSR:\n\nabca\nbe\n").unwrap();
        for line in 1..=2 {
            let point = |i: usize| format!("<Point x=\"{}\" y=\"{}\" time=\"{i}\"/>", 100 * i + 7 * line, 40 * (i % 3));
            let points: String = (0..5).map(point).collect();
            let xml = format!("<WhiteboardCaptureSession><StrokeSet><Stroke>{points}</Stroke></StrokeSet></WhiteboardCaptureSession>");
            std::fs::write(strokes.join(format!("{form}-0{line}.xml")), xml).unwrap();
        }
    }
}

#[test]
fn what_was_trained_writes() {
    let blind = FONTS.replace("window = 2", "window = 0");
    for (recipe, data) in [(FONTS, fonts as fn(&Path)), (IAM, forms), (&blind, fonts)] {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        data(folder.path());
        std::fs::write(at("recipe.toml"), [recipe, TRAINING].concat()).unwrap();
        let output = foveate(&["train", &at("recipe.toml"), "--data", &at(""), "--output", &at("run")]);
        assert_code(&output, 0);
        assert!(text(&output.stdout).contains("handwriting of up to"), "{}", text(&output.stdout));
        let log = std::fs::read_to_string(at("run/log.csv")).unwrap();
        assert!(log.starts_with("step,loss,rate,nats_a_point,test_nats_a_point\n") && log.lines().count() == 3, "{log}");
        if recipe == blind {
            let model = at("run/weights.safetensors");
            let output = foveate(&["write", "--model", &model, "-o", &at("own.svg"), "--points", "7"]);
            assert_code(&output, 0);
            let output = foveate(&["write", "--model", &model, "-o", &at("none.svg"), "--points", "7", "--window", &at("look.png")]);
            assert_code(&output, 1);
            assert!(text(&output.stderr).contains("looks nowhere") && !Path::new(&at("none.svg")).exists(), "{}", text(&output.stderr));
            continue;
        }
        let window = Picture::open(at("run/window.png")).unwrap();
        assert!(window.size.h > 40, "the text and the line");
        // Too few steps to know where a text ends.
        let word = if recipe == FONTS { "l-" } else { "ab" };
        let model = at("run/weights.safetensors");
        let output = foveate(&["write", word, "--model", &model, "-o", &at("own.svg"), "--points", "7", "--window", &at("look.png")]);
        assert_code(&output, 0);
        assert!(text(&output.stdout).contains("1 lines of 7 points in"), "{}", text(&output.stdout));
        assert!(std::fs::read_to_string(at("own.svg")).unwrap().contains(&format!("aria-label=\"{word}\"")));
        assert!(Picture::open(at("look.png")).is_ok());
        let output = foveate(&["write", "lz", "--model", &model, "-o", &at("none.png")]);
        assert_code(&output, 1);
        assert!(text(&output.stderr).contains("has not been learnt"), "{}", text(&output.stderr));
    }
}

#[test]
fn lines_are_written_as_pictures_and_films() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    fonts(folder.path());
    let written = |output: &str, more: &[&str]| foveate(&[&["write", "a pen", "-o", &at(output)], more].concat());
    for (file, more) in [
        ("one.png", vec!["--em", "40"]),
        ("two.png", vec!["--em", "40", "--columns", "1"]),
        ("film.gif", vec!["--em", "20", "--bias", "0.5"]),
        ("hand.svg", vec!["--like", &at("bars.svg"), "--like-text", "l", "--seed", "3"]),
    ] {
        // The font's letters are not the network's, but for l.
        let output = written(file, &more);
        assert_code(&output, 0);
        assert!(text(&output.stdout).contains("points in"), "{}", text(&output.stdout));
    }
    let [one, two] = ["one.png", "two.png"].map(|file| Picture::open(at(file)).unwrap().size);
    assert!(two.h > one.h && two.w < one.w, "a word on each line: {one:?} and {two:?}");
    assert!(std::fs::read(at("film.gif")).unwrap().starts_with(b"GIF89a"));

    for (output, more, part) in [
        ("one.jpg", vec![], "is neither a .png, a .svg nor a .gif"),
        ("one.png", vec!["--bias", "1000"], "a bias of 1000"),
        ("one.png", vec!["--like", &at("nothing.svg")], "nothing.svg"),
        ("one.png", vec!["--like", &at("bars.svg"), "--like-text", "m"], "has no 'm'"),
    ] {
        let output = written(output, &more);
        assert_code(&output, 1);
        assert!(text(&output.stderr).contains(part), "{}", text(&output.stderr));
    }
    let output = foveate(&["write", " ", "-o", &at("none.png")]);
    assert_code(&output, 1);
    assert!(!Path::new(&at("none.png")).exists(), "{}", text(&output.stderr));
}
