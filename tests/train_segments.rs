//! Networks learn to segment: of a few scenes of digits over textures FCN-8s learns more than the background, and `DeconvNet` is trained
//! by recipes in its two stages.
//!
//! `scripts/mnist.sh` fetches the digits.
#![expect(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test may fail where it stands")]

mod common;
#[path = "common/mnist.rs"]
mod mnist;
#[path = "common/program.rs"]
mod program;

use common::{Bound, compare, gpu, random};
use foveate::array::{Array, DType, TensorType};
use foveate::graph::Graph;
use foveate::models::deconvnet::{DeconvNet, FOLDED};
use foveate::models::digit_scenes::{CLASSES, Scenes, VOID};
use foveate::models::fcn::Variant;
use foveate::models::narrow_fcn::NarrowFcn;
use foveate::models::pixelwise::Pixelwise;
use foveate::nn::loss::{CrossEntropy, cross_entropy};
use foveate::nn::metrics::Confusion;
use foveate::nn::optimiser::{Adam, Optimiser};
use foveate::nn::schedule::Schedule;
use foveate::nn::{Random, Weights};
use foveate::plan::{Device, Plan};
use foveate::train::{Batch, Loader, Objective, Trainer};
use mnist::mnist;
use program::{assert_code, foveate, text};
use std::sync::Arc;

const SIDE: usize = 64;
const BATCH: usize = 2;
const STEPS: u64 = 120;
const VARIANTS: [Variant; 3] = [Variant::Fcn32s, Variant::Fcn16s, Variant::Fcn8s];

/// A few scenes, always the same.
fn scenes() -> Batch {
    let scenes = Scenes::open(SIDE, &mnist(), "train", BATCH, 1).unwrap();
    Loader::in_order(Arc::new(scenes), BATCH).unwrap().next().unwrap().unwrap()
}

/// What `fcn` finds in the scenes after it has learned from them.
fn learned(fcn: NarrowFcn) -> Confusion {
    let scenes = scenes();
    let image = |graph: &Graph| graph.input("image", TensorType::f32([BATCH, 3, SIDE, SIDE])).unwrap();
    let graph = Graph::new();
    let label = graph.input("label", TensorType::new(DType::I32, [BATCH, SIDE, SIDE])).unwrap();
    let mut random = Random::new(&graph, 1).unwrap();
    let (scored, parameters) = fcn.trainable(&fcn.initial(1).unwrap(), &image(&graph), &mut random).unwrap();
    let options = CrossEntropy { ignore_index: Some(VOID), ..CrossEntropy::default() };
    let loss = cross_entropy(&scored[0].scores, &label, &options).unwrap();
    let objective = Objective { loss, metrics: Vec::new(), parameters };
    let schedule = Schedule::Cosine { base: 5e-3, last: 0.0, warm_up: 10, steps: STEPS };
    let mut trainer = Trainer::new(gpu(), &objective, &Optimiser::Adam(Adam::default()), schedule, None).unwrap();
    let losses: Vec<f64> = (0..STEPS).map(|_| trainer.step(&scenes.inputs()).unwrap().loss).collect();
    println!("{}: loss {:?}", fcn.variant.name(), losses.iter().step_by(20).collect::<Vec<_>>());

    let weights = trainer.weights().unwrap();
    assert_eq!(NarrowFcn::of(&weights).unwrap(), fcn, "what was learned is a checkpoint");
    let graph = Graph::new();
    let score = NarrowFcn::score(&fcn.forward(&weights, &image(&graph)).unwrap()).unwrap();
    let mut plan = Plan::compile(gpu(), &[&score.argmax(1, false, false).unwrap()]).unwrap();
    let found = plan.run(&[("image", scenes.get("image").unwrap())]).unwrap();
    let mut confusion = Confusion::new(CLASSES).unwrap();
    confusion.add(scenes.get("label").unwrap(), &found[0]).unwrap();
    confusion
}

#[test]
fn scenes_are_learned() {
    let scenes = scenes();
    let truth = scenes.get("label").unwrap();
    let mut nothing = Confusion::new(CLASSES).unwrap();
    nothing.add(truth, &Array::full(truth.shape(), 0i32)).unwrap();
    let found = learned(NarrowFcn { hidden: 64, ..NarrowFcn::new(Variant::Fcn8s) });
    let (after, nothing) = (found.mean_iou().unwrap(), nothing.mean_iou().unwrap());
    println!("mean IU: {nothing:.4} background alone, {after:.4} FCN-8s: {:?}", found.ious());
    assert!(after > 1.5 * nothing, "{after} after training, {nothing} of background alone");
}

#[test]
fn a_flipped_image_has_flipped_scores() {
    // Kernels that are the same from left to right and upside down: whatever lies a pixel off then shows.
    let even = |name: &str, array: &Array| {
        let drawn = random(array.shape(), name.len() as u64 + array.len() as u64);
        let (values, &[.., kh, kw]) = (drawn.values::<f32>().unwrap(), array.shape()) else { return drawn };
        let places = |i: usize| {
            let (plane, y, x) = (i / (kh * kw), i / kw % kh, i % kw);
            [(y, x), (kh - 1 - y, x), (y, kw - 1 - x), (kh - 1 - y, kw - 1 - x)].map(|(y, x)| (plane * kh + y) * kw + x)
        };
        Array::from_fn(array.shape(), |i| places(i).iter().map(|at| values[*at]).sum::<f32>() / 4.0)
    };
    for variant in VARIANTS {
        let fcn = NarrowFcn { stages: [(1, 2), (2, 3), (1, 2), (2, 3), (1, 4)], hidden: 5, classes: 3, variant };
        let start = fcn.initial(1).unwrap();
        let arrays = start.names().map(|name| (name.to_owned(), even(name, start.get(name).unwrap()))).collect::<Vec<_>>();
        let weights = Weights::from_arrays("even", arrays);
        let graph = Graph::new();
        let image = graph.input("image", TensorType::f32([1, 3, 64, 96])).unwrap();
        let scores = |image: &foveate::graph::Var| NarrowFcn::score(&fcn.forward(&weights, image).unwrap()).unwrap();
        let turned = scores(&image.flip(&[2, 3]).unwrap()).flip(&[2, 3]).unwrap();
        let mut plan = Plan::compile(Device::Cpu, &[&scores(&image), &turned]).unwrap();
        let found = plan.run(&[("image", &random(&[1, 3, 64, 96], 5))]).unwrap();
        assert_eq!(found[0].shape(), [1, 3, 64, 96]);
        let scale = found[0].to_f64().iter().fold(0.0, |most: f64, v| most.max(v.abs()));
        assert!(scale > 1e-3, "{variant:?}: there are scores");
        // The same sums in another order: sixteen layers of at most 45 terms.
        let bound = Bound::Near { absolute: 16.0 * 45.0 * 2f64.powi(-24) * scale, relative: 0.0 };
        compare(&found[1], &found[0], None, bound).unwrap();
    }
}

#[test]
fn a_network_starts_by_saying_what_the_one_with_fewer_skips_says() {
    let coarse = NarrowFcn { stages: [(1, 2); 5], hidden: 4, ..NarrowFcn::new(Variant::Fcn32s) };
    let drawn = coarse.initial(3).unwrap();
    let scored = ["score_fr.weight", "score_fr.bias"].map(|name| (name.to_owned(), random(drawn.get(name).unwrap().shape(), 4)));
    let weights = drawn.replaced("FCN-32s", scored);
    let graph = Graph::new();
    let image = graph.constant(random(&[1, 3, 64, 64], 1)).unwrap();
    let networks = VARIANTS.map(|variant| {
        let fcn = NarrowFcn { variant, ..coarse };
        fcn.forward(&fcn.after(&weights, 1).unwrap(), &image).unwrap()
    });
    let output = |network: usize, name: &str| networks[network].layer(name).unwrap().output.clone();
    let wanted = [
        (0, "score_fr"),
        (1, "score_fr"),
        (1, "upscore2c"),
        (1, "fuse_pool4"),
        (2, "fuse_pool4"),
        (2, "upscore_pool4c"),
        (2, "fuse_pool3"),
    ];
    let outputs = wanted.map(|(network, name)| output(network, name));
    let found = Plan::compile(Device::Cpu, &outputs.iter().collect::<Vec<_>>()).unwrap().run(&[]).unwrap();
    assert!(found[0].to_f64().iter().any(|v| v.abs() > 0.1));
    for (same, as_this) in [(1, 0), (3, 2), (4, 3), (6, 5)] {
        assert_eq!(found[same], found[as_this], "{:?} and {:?}", wanted[same], wanted[as_this]);
    }
    let error = coarse.after(&drawn.replaced("wider", [("fc6.bias".to_owned(), random(&[5], 1))]), 1).unwrap_err().to_string();
    assert!(error.contains("'fc6.bias'"), "{error}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let fcn = NarrowFcn::new(Variant::Fcn8s);
    let weights = fcn.initial(1).unwrap();
    let refused = |fcn: NarrowFcn, shape: &[usize]| {
        let image = Graph::new().input("image", TensorType::f32(shape)).unwrap();
        fcn.forward(&weights, &image).unwrap_err().to_string()
    };
    assert!(refused(fcn, &[1, 3, 64, 48]).contains("multiples of 32"));
    assert!(refused(fcn, &[1, 1, 64, 64]).contains("[1, 1, 64, 64]"));
    assert!(refused(NarrowFcn { hidden: 64, ..fcn }, &[1, 3, 64, 64]).contains("'fc6.weight'"));
    assert!(refused(NarrowFcn { variant: Variant::FcnAlexNet, ..fcn }, &[1, 3, 64, 64]).contains("fcn8s"));
}

const RECIPE: &str = r#"# A small run
[network]
system = "fcn"
variant = "fcn8s"
convolutions = [1, 2, 1, 1, 1]
channels = [2, 2, 4, 4, 4]
hidden = 8

[data]
kind = "digit-scenes"
train_examples = 20
test_examples = 5

[train]
batch = 4
steps = 4
report = 2
evaluate = 2

[optimiser]
kind = "sgd"
momentum = 0.9

[schedule]
kind = "fixed"
base = 0.01
"#;

#[test]
fn a_recipe_is_run_and_draws_what_it_found() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(at("small.toml"), RECIPE).unwrap();
    let train = |more: &[&str]| {
        let (recipe, data, output) = (at("small.toml"), mnist().display().to_string(), at("run"));
        foveate(&[&["train", &recipe, "--data", &data, "--output", &output], more].concat())
    };
    let done = train(&["--steps", "2"]);
    assert_code(&done, 0);
    let said = text(&done.stdout);
    assert!(said.contains("step 2: loss") && said.contains("mean_iu") && said.contains("20 examples, 5 for tests"), "{said}");
    assert_code(&train(&["--resume", "--steps", "4"]), 0);
    let profiled = train(&["--profile"]);
    assert_code(&profiled, 0);
    let said = text(&profiled.stdout);
    assert!(said.contains("conv2d_weight/") && said.contains("a step: "), "{said}");
    assert!(folder.path().join("run/trace.json").exists());
    let log = std::fs::read_to_string(folder.path().join("run/log.csv")).unwrap();
    assert!(log.starts_with("step,loss,rate,batch_accuracy,mean_iu,pixel_accuracy\n") && log.lines().count() == 3, "{log}");
    for name in ["scenes.png", "truth.png"] {
        let picture = foveate::array::picture::Picture::open(folder.path().join("run").join(name)).unwrap();
        assert_eq!(picture.size.w, 2 * 2 * 384, "four scenes, two beside each other, and again with classes");
    }
    let weights = Weights::open(folder.path().join("run/checkpoint.safetensors")).unwrap();
    assert_eq!(NarrowFcn::of(&weights).unwrap().stages, [(1, 2), (2, 2), (1, 4), (1, 4), (1, 4)]);
}

/// The two stages of a `DeconvNet` that sees crops of 32 x 32.
fn deconvnet(stage: usize, more: &str) -> String {
    format!(
        r#"[network]
system = "deconvnet-digits"
stage = {stage}
window = 1
convolutions = [1, 1, 1, 1, 2]
channels = [4, 4, 4, 4, 4]
hidden = 8
statistics = 2
{more}

[data]
kind = "digit-scenes"
side = 96
digits = 2
scales = [1.5, 2.0]
apart = true
train_examples = 20
test_examples = 4

[train]
batch = 4
steps = 2
report = 2
evaluate = 2

[optimiser]
kind = "adam"

[schedule]
kind = "fixed"
base = 0.01
"#
    )
}

#[test]
fn deconvnet_is_trained_in_two_stages() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let train = |name: &str, text: String| {
        std::fs::write(at("recipe.toml"), text).unwrap();
        foveate(&["train", &at("recipe.toml"), "--data", &mnist().display().to_string(), "--output", &at(name)])
    };
    let named = train("none", deconvnet(0, ""));
    assert_code(&named, 0);
    assert!(text(&named.stdout).contains("test_error"), "{}", text(&named.stdout));
    let start = |file: &str| format!("start = {:?}", at(file));
    assert_code(&train("one", deconvnet(1, &start("none/checkpoint.safetensors"))), 0);
    let [learnt, ready] = ["checkpoint", "weights"].map(|name| Weights::open(at(&format!("one/{name}.safetensors"))).unwrap());
    assert!(ready.flag(FOLDED).unwrap() == Some(true) && learnt.flag(FOLDED).unwrap().is_none());
    assert_eq!(learnt.get("conv1_1.weight").unwrap(), ready.get("conv1_1.weight").unwrap());
    assert_ne!(learnt.get("bn1_1.bias").unwrap(), ready.get("bn1_1.bias").unwrap(), "statistics are in what is used");
    let net = DeconvNet { classes: CLASSES, stages: [(1, 4), (1, 4), (1, 4), (1, 4), (2, 4)], hidden: 8, window: 1 };
    assert_eq!(DeconvNet::of(&ready).unwrap(), net);

    let start = |file: &str| format!("squares = [60, 96]\n{}", start(file));
    let done = train("two", deconvnet(2, &start("one/checkpoint.safetensors")));
    assert_code(&done, 0);
    let said = text(&done.stdout);
    assert!(said.contains("stage 2") && said.contains("mean_iu") && said.contains("20 examples, 4 for tests"), "{said}");
    for stage in ["one", "two"] {
        let picture = foveate::array::picture::Picture::open(at(&format!("{stage}/scenes.png"))).unwrap();
        assert_eq!(picture.size.w, 2 * 2 * 384, "crops, then scenes: two beside each other, and again with classes");
    }

    for (stage, more, reason) in [
        (2, start("one/weights.safetensors"), "ready for inference"),
        (2, "squares = [97]".to_owned(), "squares that fit 96 x 96"),
        (3, String::new(), "stages 0, 1 and 2"),
    ] {
        let refused = train("three", deconvnet(stage, &more));
        assert!(!refused.status.success());
        assert!(text(&refused.stderr).contains(reason), "{}", text(&refused.stderr));
    }
}
