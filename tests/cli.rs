//! The command line as a person uses it.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[path = "common/program.rs"]
mod program;

use foveate::array::Array;
use foveate::array::picture::{Picture, write_png};
use program::{assert_code, foveate, text};
use std::path::Path;
use std::process::{Command, Output};

const ASTRONAUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/astronaut.png");

fn segment(folder: &Path, more: &[&str]) -> Output {
    let output = folder.join("out");
    let mut arguments = vec!["segment", "--output", output.to_str().unwrap()];
    arguments.extend(more);
    foveate(&arguments)
}

/// Halves and doubles a photo's size by taking every second pixel or each one twice.
fn scaled(photo: &Picture, h: usize, w: usize) -> Array {
    let values = photo.rgb.values::<f32>().unwrap();
    let (from, area) = (photo.size, h * w);
    Array::from_fn([1, 3, h, w], |i| {
        let (c, y, x) = (i / area, i % area / w, i % w);
        values[(c * from.h + y * from.h / h) * from.w + x * from.w / w]
    })
}

#[test]
fn the_built_in_photo_gives_mask_cutout_and_overlay() {
    let folder = tempfile::tempdir().unwrap();
    let output = segment(folder.path(), &[]);
    assert_code(&output, 0);
    let line = text(&output.stdout);
    assert!(line.contains("astronaut.png: 512x512") && line.contains(" ms"), "{line}");
    assert!(text(&output.stderr).contains("opened in"), "the adapter is not named");
    let open = |name: &str| Picture::open(folder.path().join("out").join(name)).unwrap();
    let (mask, cutout, overlay) = (open("mask.png"), open("cutout.png"), open("overlay.png"));
    assert_eq!((mask.size.h, mask.size.w, overlay.size.h, overlay.size.w), (512, 512, 512, 1024));
    let mask = mask.rgb.values::<f32>().unwrap()[..512 * 512].to_vec();
    let person = mask.iter().filter(|v| **v > 0.5).count();
    assert!((60_000..180_000).contains(&person), "{person} pixels show a person");
    // Her face is she, the corner above the shuttle is not.
    assert!(mask[120 * 512 + 225] > 0.9 && mask[5 * 512 + 500] < 0.1);
    let alpha = cutout.alpha.unwrap();
    assert!(alpha.values::<f32>().unwrap().iter().zip(&mask).all(|(a, m)| (a - m).abs() < 0.01));
}

#[test]
fn backgrounds_go_behind_the_person() {
    let folder = tempfile::tempdir().unwrap();
    let red = folder.path().join("red.png");
    write_png(&red, &Array::from_fn([1, 3, 10, 40], |i| if i < 400 { 1.0f32 } else { 0.0 })).unwrap();
    let photo = Picture::open(ASTRONAUT).unwrap();
    for background in ["blur", "#ff0000", red.to_str().unwrap()] {
        assert_code(&segment(folder.path(), &["--background", background]), 0);
        let composite = Picture::open(folder.path().join("out/composite.png")).unwrap();
        let (new, old) = (composite.rgb.values::<f32>().unwrap(), photo.rgb.values::<f32>().unwrap());
        let at = |y: usize, x: usize| [0, 1, 2].map(|c| (new[(c * 512 + y) * 512 + x], old[(c * 512 + y) * 512 + x]));
        assert!(at(120, 225).iter().all(|(n, o)| (n - o).abs() < 0.05), "{background}: the face changed");
        if background != "blur" {
            let corner = at(5, 500).map(|(n, _)| n);
            assert!(corner[0] > 0.9 && corner[1] < 0.1 && corner[2] < 0.1, "{background}: {corner:?}");
        }
    }
    let output = segment(folder.path(), &["--background", "no such thing"]);
    assert_code(&output, 2);
    assert!(text(&output.stderr).contains("neither blur"), "{}", text(&output.stderr));
}

#[test]
fn one_bad_photo_does_not_stop_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    std::fs::create_dir(&photos).unwrap();
    std::fs::write(photos.join("empty.png"), b"").unwrap();
    std::fs::write(photos.join("noise.jpg"), b"this is no picture").unwrap();
    std::fs::write(photos.join("notes.txt"), b"not looked at").unwrap();
    let whole = std::fs::read(ASTRONAUT).unwrap();
    std::fs::write(photos.join("cut.png"), &whole[..whole.len() / 3]).unwrap();
    let astronaut = Picture::open(ASTRONAUT).unwrap();
    write_png(photos.join("small.png"), &scaled(&astronaut, 96, 128)).unwrap();
    write_png(photos.join("thin.png"), &scaled(&astronaut, 3, 400)).unwrap();
    let output = segment(folder.path(), &[photos.to_str().unwrap()]);
    assert_code(&output, 1);
    let errors = text(&output.stderr);
    assert!(errors.contains("empty.png: is empty") && errors.contains("noise.jpg: is no PNG"), "{errors}");
    assert!(errors.contains("cut.png") && errors.contains("3 of 5 photos failed") && !errors.contains("notes.txt"), "{errors}");
    assert_eq!(Picture::open(folder.path().join("out/small/mask.png")).unwrap().size.w, 128);
    assert_eq!(Picture::open(folder.path().join("out/thin/cutout.png")).unwrap().size.h, 3);
    assert!(!folder.path().join("out/empty").exists());
}

#[test]
fn a_photo_that_does_not_exist_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let output = segment(folder.path(), &["nowhere.jpg"]);
    assert_code(&output, 1);
    let said = text(&output.stderr);
    assert!(said.contains("nowhere.jpg: ") && said.contains("(os error 2)"), "{said}");
}

#[test]
fn the_cpu_reference_cuts_out_the_same_person() {
    let folder = tempfile::tempdir().unwrap();
    let photo = folder.path().join("small.png");
    write_png(&photo, &scaled(&Picture::open(ASTRONAUT).unwrap(), 64, 64)).unwrap();
    let mut masks = ["gpu", "cpu"].map(|device| {
        assert_code(&segment(folder.path(), &[photo.to_str().unwrap(), "--device", device]), 0);
        Picture::open(folder.path().join("out/mask.png")).unwrap().rgb.values::<f32>().unwrap().to_vec()
    });
    let [gpu, cpu] = &mut masks;
    assert!(gpu.iter().zip(cpu).all(|(a, b)| (*a - *b).abs() <= 1.01 / 255.0));
}

/// Where the backend has a pipeline cache, it is written, read again, and ignored when damaged.
#[test]
fn pipelines_are_kept_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let run = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_foveate"));
        let output = command.args(["bench", "--only", "softmax/locations", "--budget", "0.1"]).env("FOVEATE_CACHE_DIR", &cache).output();
        assert_code(&output.unwrap(), 0);
    };
    run();
    if !text(&foveate(&["devices"]).stdout).contains("pipeline cache") {
        assert!(!cache.exists());
        return;
    }
    let file = std::fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
    let written = std::fs::read(&file).unwrap();
    assert!(written.starts_with(b"FVPC") && std::fs::read_dir(&cache).unwrap().count() == 1, "a temporary file was left");
    run();
    std::fs::write(&file, &written[..written.len() - 1]).unwrap();
    run();
    assert!(std::fs::read(&file).unwrap().len() >= written.len() - 64, "the damaged file was replaced");
}

#[test]
fn published_systems_are_listed_with_size_and_cost() {
    let output = foveate(&["models"]);
    assert_code(&output, 0);
    let listed = text(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    for line in [
        "selfie 106401 59215744 256 x 256",
        "fcn8s 134362751 180992697408 500 x 500",
        "fcn-alexnet 56954261 20997741088",
        "deconvnet 251805653 32745979904",
        "unet 31030658 150428424448 572 x 572",
        "multiscale 1223566 10374144000 240 x 320",
        "recurrent-cnn 98083 36086596800 240 x 320",
        "mnc 283029933 310759680000 600 x 800",
        "draw 960763",
        "draw-glimpses 414479 4364800 100 x 100",
        "rnnsearch 80443000 1047015000 25 words",
        "luong 222007000 3",
        "handwriting 3653751 2552757200 700 points",
    ] {
        assert!(listed.contains(line), "{line}: {listed}");
    }
}

#[test]
fn devices_are_listed_with_limits() {
    let output = foveate(&["devices"]);
    assert_code(&output, 0);
    let list = text(&output.stdout);
    assert!(list.contains("storage buffers of at most") && list.contains("features"), "{list}");
}

#[test]
fn an_unknown_adapter_is_an_error_that_lists_the_known() {
    let folder = tempfile::tempdir().unwrap();
    let output = segment(folder.path(), &["--adapter", "abacus"]);
    assert_code(&output, 1);
    assert!(text(&output.stderr).contains("no adapter is called 'abacus'; this machine has:"), "{}", text(&output.stderr));
}

#[test]
fn without_a_driver_it_says_what_to_install() {
    let nothing = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_foveate"))
        .args(["segment", "--output"])
        .arg(nothing.path())
        .env("VK_DRIVER_FILES", nothing.path().join("none.json"))
        .env("VK_ICD_FILENAMES", nothing.path().join("none.json"))
        .output()
        .unwrap();
    assert_code(&output, 1);
    let error = text(&output.stderr);
    assert!(error.contains("mesa-vulkan-drivers") && error.contains("--device cpu"), "{error}");
}

#[test]
fn bench_writes_rows_and_reports_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let (cases, json) = (folder.path().join("cases.json"), folder.path().join("out.json"));
    let rows = r#"[{"name": "small", "op": "relu", "input": [1000]}, {"name": "odd", "op": "telepathy", "input": [1]},
        {"name": "cell", "op": "lstm_cell", "input": [2, 3], "hidden": 4}, {"name": "layer", "op": "lstm", "input": [3, 2, 3], "hidden": 4},
        {"name": "back", "op": "conv2d", "input": [2, 3, 9, 9], "weight": [4, 3, 3, 3], "bias": true, "stride": [2, 2],
            "padding": [1, 1, 1, 1], "dilation": [1, 1], "groups": 1, "backward": true},
        {"name": "back too", "op": "resize", "input": [1, 1, 2, 2], "size": [4, 4], "mode": "bilinear", "backward": true},
        {"name": "wrong", "op": "matmul", "a": [2, 3], "b": [4, 5]}]"#;
    std::fs::write(&cases, rows).unwrap();
    let output = foveate(&["bench", "--cases", cases.to_str().unwrap(), "--precision", "f32", "--json", json.to_str().unwrap()]);
    assert_code(&output, 0);
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!((&report["rows"][0]["name"], &report["rows"][0]["precision"]), (&"small".into(), &"f32".into()));
    assert!(report["rows"][0]["us"].as_f64().unwrap() > 0.0);
    let missing: Vec<_> = report["missing"].as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap()).collect();
    assert_eq!(missing, ["odd", "wrong"]);
    assert_eq!(
        report["rows"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap()).collect::<Vec<_>>(),
        ["small", "cell", "layer", "back", "back too"]
    );
    assert!(["gflops", "gbytes", "upload", "readback"].iter().all(|name| report["ceilings"][name].as_f64().unwrap() > 0.0), "{report}");
    assert!(text(&output.stdout).contains("there is no operator 'telepathy'"));
}

#[test]
fn bench_compares_with_an_earlier_report() {
    let folder = tempfile::tempdir().unwrap();
    let (cases, before) = (folder.path().join("cases.json"), folder.path().join("before.json"));
    std::fs::write(&cases, r#"[{"name": "small", "op": "relu", "input": [1000]}, {"name": "new", "op": "relu", "input": [9]}]"#).unwrap();
    let run = || foveate(&["bench", "--cases", cases.to_str().unwrap(), "--against", before.to_str().unwrap(), "--budget", "0.1"]);
    let rows = |us: &str| format!(r#"{{"device": "abacus", "rows": [{{"name": "small", "precision": "f32", "us": {us}}}]}}"#);
    for (us, slower) in [("1e12", "0 slower"), ("1e-6", "1 slower")] {
        std::fs::write(&before, rows(us)).unwrap();
        let output = run();
        assert_code(&output, 0);
        let said = text(&output.stdout);
        assert!(said.contains("on abacus") && said.contains("1 rows, geometric mean") && said.contains(slower), "{said}");
    }
    for (wrong, why) in [(rows("0"), "'small' took 0 us"), ("{}".to_owned(), "is no report of bench")] {
        std::fs::write(&before, wrong).unwrap();
        let output = run();
        assert_code(&output, 1);
        assert!(text(&output.stderr).contains(why), "{}", text(&output.stderr));
    }
}

#[test]
fn the_built_in_bench_cases_can_be_read() {
    let output = foveate(&["bench", "--only", "no such row"]);
    assert_code(&output, 1);
    assert!(text(&output.stderr).contains("has no row whose name contains 'no such row'"), "{}", text(&output.stderr));
}

#[test]
fn help_has_examples() {
    for command in ["segment", "bench", "models", "init", "devices"] {
        assert!(text(&foveate(&[command, "--help"]).stdout).contains("Examples:"), "{command}");
    }
}
