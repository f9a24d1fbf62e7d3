//! Models that others made, at their real sizes, against ONNX Runtime's answers (`tests/fixtures/real_models.py`).
//!
//! `scripts/models.sh` fetches them.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use foveate::array::picture::{Picture, write_png};
use foveate::array::{Array, TensorType, npy};
use foveate::gpu::Gpu;
use foveate::graph::Graph;
use foveate::models::selfie;
use foveate::onnx::{Bindings, Elem, Model, Tensor};
use foveate::plan::{Options, Plan};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn expected() -> BTreeMap<String, Array> {
    npy::read_npz(fixture("real_models.npz")).unwrap().into_iter().collect()
}

fn floats(shape: impl Into<Vec<usize>>, values: impl Iterator<Item = f32>) -> Tensor {
    let bytes: Vec<u8> = values.flat_map(f32::to_le_bytes).collect();
    Tensor::new(Elem::Float, shape, bytes).unwrap()
}

/// Runs a model of one input from its file to its outputs.
fn run(path: &Path, input: Tensor) -> Vec<(String, Vec<f64>)> {
    assert!(path.exists(), "{} is missing; run scripts/models.sh", path.display());
    let model = Model::open(path).unwrap();
    let name = model.inputs()[0].name.clone();
    let bindings = Bindings { values: [(name.clone(), Arc::new(input.clone()))].into(), ..Bindings::default() };
    let mut session = model.import(&bindings).unwrap().session().unwrap();
    session.compile(&Gpu::new().unwrap(), Options::default()).unwrap();
    let outputs = session.run(&[(&name, &input)]).unwrap();
    outputs.into_iter().map(|(name, tensor)| (name, tensor.floats().unwrap())).collect()
}

fn model(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    target.join("models").join(name)
}

fn assert_near(what: &str, found: &[f64], expected: &[f64], bound: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let far = (0..found.len()).map(|i| (i, (found[i] - expected[i]).abs())).max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
    assert!(far.1 <= bound, "{what}: element {} is {}, not {} within {bound}", far.0, found[far.0], expected[far.0]);
}

/// The connected parts of a mask (4 neighbours).
fn parts(mask: &[f64], width: usize) -> usize {
    let mut open: Vec<bool> = mask.iter().map(|&m| m > 0.3).collect();
    let mut count = 0;
    while let Some(start) = open.iter().position(|&o| o) {
        count += 1;
        let mut stack = vec![start];
        open[start] = false;
        while let Some(at) = stack.pop() {
            let (x, beside) = (at % width, [at.checked_sub(width), at.checked_add(width)]);
            let sides = [(x > 0).then(|| at - 1), (x + 1 < width).then_some(at + 1)];
            for next in beside.into_iter().chain(sides).flatten().filter(|&n| n < mask.len()) {
                if std::mem::replace(&mut open[next], false) {
                    stack.push(next);
                }
            }
        }
    }
    count
}

#[test]
fn text_detection_finds_every_line_of_a_page() {
    let expected = expected();
    let page = expected["det_input"].to_f64();
    let (mean, deviation) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let input = floats(
        [1, 3, 192, 384],
        (0..3 * page.len()).map(|i| {
            let (channel, pixel) = (i / page.len(), i % page.len());
            ((page[pixel] / 255.0 - mean[channel]) / deviation[channel]) as f32
        }),
    );
    let outputs = run(&model("ch_PP-OCRv4_det_infer.onnx"), input);
    let mask = &outputs[0].1;
    assert_near("mask", mask, &expected["det_mask"].to_f64(), 1e-3);
    // A heading, four lines and the end of a paragraph, a line of code.
    assert_eq!(parts(mask, 384), 7);
}

#[test]
fn text_recognition_reads_a_heading() {
    let expected = expected();
    let line = expected["rec_input"].to_f64();
    let input = floats([1, 3, 48, 336], (0..3 * line.len()).map(|i| (line[i % line.len()] / 127.5 - 1.0) as f32));
    let outputs = run(&model("ch_PP-OCRv4_rec_infer.onnx"), input);
    let steps = &outputs[0].1;
    let places: Vec<usize> = expected["rec_places"].to_f64().iter().map(|&p| p as usize).collect();
    let characters = steps.len() / (places.len() / 8);
    let found: Vec<f64> = places.iter().enumerate().map(|(i, &place)| steps[i / 8 * characters + place]).collect();
    assert_near("probabilities", &found, &expected["rec_values"].to_f64(), 1e-3);
    for (step, row) in steps.chunks(characters).enumerate() {
        let best = (0..characters).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
        assert_eq!(best, places[8 * step], "step {step}");
    }
}

#[test]
fn open_nsfw_gives_its_scores() {
    let expected = expected();
    let photo = expected["nsfw_input"].to_f64();
    let mean = [104.0, 117.0, 123.0];
    // Pixels are red, green, blue; the net wants blue first.
    let input = floats([1, 224, 224, 3], (0..photo.len()).map(|i| (photo[i / 3 * 3 + 2 - i % 3] - mean[i % 3]) as f32));
    let outputs = run(&model("open-nsfw.onnx"), input);
    assert_near("scores", &outputs[0].1, &expected["nsfw_scores"].to_f64(), 1e-4);
}

#[test]
fn basic_pitch_hears_a_chord() {
    let expected = expected();
    let sound = |t: usize| -> f64 {
        [440.0, 554.365, 659.255].iter().map(|f| 0.2 * (2.0 * std::f64::consts::PI * f * (t as f64 / 22050.0)).sin()).sum()
    };
    let outputs = run(&model("nmp.onnx"), floats([1, 43844, 1], (0..43844).map(|t| sound(t) as f32)));
    for ((_, found), name) in outputs.iter().zip(["notes", "onsets", "contours"]) {
        // The fixture is rounded to f16, by up to 2.5e-4 below 1/2 and twice that above.
        assert_near(name, found, &expected[&format!("pitch_{name}")].to_f64(), 1e-3);
    }
}

#[test]
fn the_selfie_net_is_the_one_of_the_library() {
    let photo = npy::read_npz(fixture("selfie.npz")).unwrap().into_iter().find(|(name, _)| name == "input").unwrap().1;
    let pixels = photo.values::<f32>().unwrap();
    let outputs = run(&fixture("selfie_segmentation.onnx"), floats([1, 256, 256, 3], pixels.iter().copied()));
    let graph = Graph::new();
    let image = graph.input("image", TensorType::f32([1, 3, 256, 256])).unwrap();
    let mask = selfie::forward(&graph, &selfie::weights().unwrap(), &image).unwrap();
    let mut plan = Plan::compile(&Gpu::new().unwrap(), &[&mask]).unwrap();
    let planar = Array::from_fn([1, 3, 256, 256], |i| pixels[i % 65536 * 3 + i / 65536]);
    let own = plan.run(&[("image", &planar)]).unwrap().remove(0).to_f64();
    // The same sums in another order: the file has channels last and its own padding.
    assert_near("mask", &outputs[0].1, &own, 1e-4);
}

/// A scale, a shift and a hard swish in six nodes behind each convolution are part of its kernel.
#[test]
fn fused_text_detection_takes_few_dispatches_and_gives_the_same_mask() {
    let model = Model::open(model("ch_PP-OCRv4_det_infer.onnx")).unwrap();
    let name = model.inputs()[0].name.clone();
    let input = floats([1, 3, 96, 64], (0..3 * 96 * 64).map(|i| (i as f32 * 0.37).sin()));
    let bindings = Bindings { values: [(name.clone(), Arc::new(input.clone()))].into(), ..Bindings::default() };
    let gpu = Gpu::new().unwrap();
    let [together, apart] = [true, false].map(|fusion| {
        let mut session = model.import(&bindings).unwrap().session().unwrap();
        session.compile(&gpu, Options { fusion, ..Options::default() }).unwrap();
        let mask = session.run(&[(&name, &input)]).unwrap().remove(0).1.floats().unwrap();
        let plan = session.plan().unwrap().describe();
        (mask, plan.lines().filter(|line| line.contains(" workgroups ")).count())
    });
    assert!(together.1 <= 94 && apart.1 > 300, "{} dispatches, {} apart", together.1, apart.1);
    // Some 80 layers, where a device contracts products and sums of one and not of the other.
    assert_near("mask", &together.0, &apart.0, 1e-4);
}

#[test]
fn segment_tints_the_lines_of_a_page() {
    let expected = expected();
    let page = expected["det_input"].to_f64();
    let folder = tempfile::tempdir().unwrap();
    let photo = folder.path().join("page.png");
    write_png(&photo, &Array::from_fn([1, 3, 192, 384], |i| (page[i % page.len()] / 255.0) as f32)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_foveate"))
        .arg("segment")
        .arg(&photo)
        .arg("--model")
        .arg(model("ch_PP-OCRv4_det_infer.onnx"))
        .args(["--mean", "123.675,116.28,103.53", "--scale", "0.017124754,0.017507003,0.017429194", "--output"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mask = Picture::open(folder.path().join("mask.png")).unwrap().rgb.to_f64();
    // Half a step of an 8-bit mask, and what the kernels may add to it.
    assert_near("mask", &mask[..page.len()], &expected["det_mask"].to_f64(), 0.5 / 255.0 + 1e-3);
}
