//! A trainer's run: what a checkpoint holds, what ends a run, and the command line around it.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail where it stands")]

mod common;
#[path = "common/program.rs"]
mod program;

use common::{gpu, random};
use foveate::array::picture::write_png;
use foveate::array::{Array, DType, TensorType};
use foveate::graph::{Graph, Var};
use foveate::nn::loss::{CrossEntropy, cross_entropy};
use foveate::nn::optimiser::{Adam, Optimiser, Sgd};
use foveate::nn::schedule::Schedule;
use foveate::nn::{Dropout, Random, Weights};
use foveate::train::{Arrays, Clip, Loader, Objective, Trainer};
use program::{assert_code, foveate, text};
use std::path::Path;
use std::sync::Arc;

const BATCH: usize = 5;

/// Sixteen examples of six numbers and one of three labels.
fn data() -> Arc<Arrays> {
    let labels = Array::from_fn([16], |i| (i * 7 % 3) as i32);
    Arc::new(Arrays::new(vec![("x".to_owned(), random(&[16, 6], 1)), ("label".to_owned(), labels)]).unwrap())
}

fn weights() -> Weights {
    let arrays = [("fc1.weight", random(&[8, 6], 2)), ("fc2.weight", random(&[3, 8], 3))];
    Weights::from_arrays("a small network", arrays.map(|(name, array)| (name.to_owned(), array))).as_states()
}

/// Two layers with dropout between them.
fn trainer(optimiser: Optimiser) -> Trainer {
    let graph = Graph::new();
    let (x, label) = inputs(&graph);
    let weights = weights();
    let mut random = Random::new(&graph, 4).unwrap();
    let hidden = x.linear(&weights.var(&graph, "fc1.weight").unwrap(), None).unwrap().relu().unwrap();
    let hidden = random.dropout(&hidden, 0.5, Dropout::Inverted).unwrap();
    let logits = hidden.linear(&weights.var(&graph, "fc2.weight").unwrap(), None).unwrap();
    let loss = cross_entropy(&logits, &label, &CrossEntropy::default()).unwrap();
    let mean = logits.reduce_mean(&[], false).unwrap();
    let objective = Objective { loss, metrics: vec![("mean".to_owned(), mean)], parameters: weights.states(&graph) };
    assert_eq!(objective.parameters.len(), 2);
    let schedule = Schedule::Step { base: 0.05, gamma: 0.5, size: 3 };
    Trainer::new(gpu(), &objective, &optimiser, schedule, Some(Clip::Norm(1.0))).unwrap()
}

fn inputs(graph: &Graph) -> (Var, Var) {
    let x = graph.input("x", TensorType::f32([BATCH, 6])).unwrap();
    (x, graph.input("label", TensorType::new(DType::I32, [BATCH])).unwrap())
}

/// The losses of steps up to `last`.
fn run(trainer: &mut Trainer, last: u64) -> Vec<f64> {
    let batches = Loader::shuffled(data(), BATCH, 9, trainer.steps()).unwrap();
    let steps = (last - trainer.steps()) as usize;
    batches.take(steps).map(|batch| trainer.step(&batch.unwrap().inputs()).unwrap().loss).collect()
}

#[test]
fn a_run_that_was_stopped_goes_on_as_if_it_had_not_been() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let adam = || Optimiser::Adam(Adam::default());
    let mut whole = trainer(adam());
    let mut losses = run(&mut whole, 8);

    let mut first = trainer(adam());
    let before = run(&mut first, 4);
    first.save(&path).unwrap();
    let mut second = trainer(adam());
    second.restore(&path).unwrap();
    assert_eq!(second.steps(), 4);
    let after = run(&mut second, 8);
    assert_eq!([before, after].concat(), losses, "every loss has the same bits");
    assert_eq!(whole.take_mean_loss().unwrap(), second.take_mean_loss().unwrap(), "the mean is of the steps before the checkpoint too");
    assert_eq!(second.take_mean_loss(), None);
    for name in ["fc1.weight", "fc2.weight"] {
        assert_eq!(whole.weights().unwrap().get(name).unwrap(), second.weights().unwrap().get(name).unwrap(), "{name}");
    }
    // Dropout drew others in each step: a repeated example has another loss.
    losses.dedup();
    assert_eq!(losses.len(), 8);

    let loaded = Weights::open(&path).unwrap();
    assert_eq!(loaded.get("fc1.weight").unwrap().shape(), [8, 6], "a checkpoint is the network's weights too");
    let error = trainer(Optimiser::Sgd(Sgd::default())).restore(&path).unwrap_err().to_string();
    assert!(error.contains("first_moment") || error.contains("first_correction"), "{error}");
    weights().save(&path).unwrap();
    let error = trainer(adam()).restore(&path).unwrap_err().to_string();
    assert!(error.contains("no checkpoint"), "{error}");
}

#[test]
fn an_executor_may_train() {
    let numbers = |awaited: bool| {
        let graph = Graph::new();
        let x = graph.input("x", TensorType::f32([3])).unwrap();
        let weights = Weights::from_arrays("one", [("w".to_owned(), Array::full([3], 2.0f32))]).as_states();
        let loss = x.mul(&weights.var(&graph, "w").unwrap()).unwrap().sqrt().unwrap().reduce_sum(&[], false).unwrap();
        let objective = Objective { loss, metrics: Vec::new(), parameters: weights.states(&graph) };
        let sgd = Optimiser::Sgd(Sgd { momentum: 0.9, ..Sgd::default() });
        let schedule = Schedule::Step { base: 0.1, gamma: 0.5, size: 1 };
        let x = Array::new([3], vec![1.0f32, 2.0, 3.0]).unwrap();
        let wrong = Array::new([3], vec![1.0f32, -2.0, 3.0]).unwrap();
        pollster::block_on(async {
            let mut trainer = match awaited {
                true => Trainer::new_async(gpu(), &objective, &sgd, schedule, None).await.unwrap(),
                false => Trainer::new(gpu(), &objective, &sgd, schedule, None).unwrap(),
            };
            let mut steps = Vec::new();
            for given in [&x, &wrong, &x] {
                let inputs = [("x", given)];
                let step = if awaited { trainer.step_async(&inputs).await } else { trainer.step(&inputs) };
                steps.push(step.map_err(|e| e.to_string()));
            }
            let weights = if awaited { trainer.weights_async().await } else { trainer.weights() };
            (steps, weights.unwrap().get("w").unwrap().clone())
        })
    };
    let (steps, weights) = numbers(true);
    assert_eq!((&steps, &weights), (&numbers(false).0, &numbers(false).1));
    assert!(steps[0].as_ref().unwrap().loss > steps[2].as_ref().unwrap().loss && steps[1].is_err(), "{steps:?}");
}

#[test]
fn a_loss_that_is_no_number_changes_nothing_and_names_its_node() {
    let graph = Graph::new();
    let x = graph.input("x", TensorType::f32([3])).unwrap();
    let weights = Weights::from_arrays("one", [("w".to_owned(), Array::full([3], 2.0f32))]).as_states();
    let w = weights.var(&graph, "w").unwrap();
    let loss = x.mul(&w).unwrap().sqrt().unwrap().add(&w).unwrap().reduce_sum(&[], false).unwrap();
    let objective = Objective { loss, metrics: Vec::new(), parameters: weights.states(&graph) };
    let sgd = Optimiser::Sgd(Sgd { momentum: 0.9, ..Sgd::default() });
    let mut trainer = Trainer::new(gpu(), &objective, &sgd, Schedule::Fixed { base: 0.1 }, None).unwrap();
    trainer.step(&[("x", &Array::full([3], 1.0f32))]).unwrap();
    let before = trainer.weights().unwrap().get("w").unwrap().clone();

    let error = trainer.step(&[("x", &Array::new([3], vec![1.0f32, -1.0, 1.0]).unwrap())]).unwrap_err().to_string();
    assert!(error.contains("step 2: the loss is NaN") && error.contains("first node"), "{error}");
    assert!(error.contains("sqrt") || error.contains("fused"), "{error}");
    assert_eq!(trainer.weights().unwrap().get("w").unwrap(), &before);
    let error = trainer.step(&[("x", &Array::full([3], f32::INFINITY))]).unwrap_err().to_string();
    assert!(error.contains("input 'x' is not finite"), "{error}");
    assert_eq!(trainer.step(&[("x", &Array::full([3], 1.0f32))]).unwrap().step, 2, "and the run may go on");
}

/// IDX files of `count` digits: a bar whose column is the label's.
fn digits(folder: &Path, part: &str, count: u32) {
    let labels: Vec<u8> = (0..count).map(|i| (i * 7 % 10) as u8).collect();
    let pixel = |i: u32| u8::from(i % 28 / 2 == u32::from(labels[(i / 784) as usize]) + 2 && (8..20).contains(&(i / 28 % 28))) * 255;
    let images: Vec<u8> = (0..count * 784).map(pixel).collect();
    let head = |kind: [u8; 4], sizes: &[u32]| [kind.to_vec(), sizes.iter().flat_map(|s| s.to_be_bytes()).collect()].concat();
    let write = |name: &str, bytes: Vec<u8>| std::fs::write(folder.join(format!("{part}-{name}-ubyte")), bytes).unwrap();
    write("images-idx3", [head([0, 0, 8, 3], &[count, 28, 28]), images].concat());
    write("labels-idx1", [head([0, 0, 8, 1], &[count]), labels.clone()].concat());
}

const RECIPE: &str = r#"# A small run
[network]
system = "stn"
task = "rotated"
transforms = ["affine"]
classifier = "fcn"
parameters = 45_000

[train]
batch = 8
steps = 6
report = 2
evaluate = 3

[optimiser]
kind = "adam"

[schedule]
kind = "fixed"
base = 0.002

[[multiplier]]
prefix = "transformer"
rate = 0.5
"#;

#[test]
fn a_recipe_is_run_and_resumed() {
    let folder = tempfile::tempdir().unwrap();
    digits(folder.path(), "train", 64);
    digits(folder.path(), "t10k", 20);
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(at("small.toml"), RECIPE).unwrap();
    let data = folder.path().display().to_string();
    let train = |output: &str, more: &[&str]| {
        let recipe = at("small.toml");
        foveate(&[&["train", &recipe, "--data", &data, "--output", output], more].concat())
    };
    let (whole, parts) = (at("whole"), at("parts"));
    let done = train(&whole, &[]);
    assert_code(&done, 0);
    let said = text(&done.stdout);
    assert!(said.contains("step 6: loss") && said.contains("test_error") && said.contains("64 examples, 20 for tests"), "{said}");
    for name in ["checkpoint.safetensors", "log.csv", "curves.png", "recipe.toml", "transformer1.png"] {
        assert!(folder.path().join("whole").join(name).exists(), "{name}");
    }

    assert_code(&train(&parts, &["--steps", "3"]), 0);
    let refused = train(&parts, &[]);
    assert_code(&refused, 1);
    assert!(text(&refused.stderr).contains("--resume"), "{}", text(&refused.stderr));
    let other = train(&parts, &["--resume", "--seed", "2"]);
    assert_code(&other, 1);
    assert!(text(&other.stderr).contains("another recipe") && text(&other.stderr).contains("'train'"), "{}", text(&other.stderr));
    // Without --steps it has made all that it was to make.
    assert!(text(&train(&parts, &["--resume"]).stdout).contains("3 steps in"));
    assert_code(&train(&parts, &["--resume", "--steps", "6"]), 0);
    let kept = text(&std::fs::read(folder.path().join("parts/recipe.toml")).unwrap());
    assert!(kept.contains("steps = 6") && kept.contains("parameters = 45000"), "{kept}");
    let bytes = |run: &str, name: &str| std::fs::read(folder.path().join(run).join(name)).unwrap();
    let states = |run: &str| Weights::open(folder.path().join(run).join("checkpoint.safetensors")).unwrap();
    for name in states("whole").names() {
        assert_eq!(states("whole").get(name).unwrap(), states("parts").get(name).unwrap(), "{name}");
    }
    let rows = |run: &str| text(&bytes(run, "log.csv")).lines().last().unwrap().to_owned();
    assert_eq!(rows("whole"), rows("parts"));

    // The network names digits as large as its own; its classes are called by their numbers.
    write_png(at("digit.png"), &Array::from_fn([1, 1, 28, 28], |i| f32::from(u8::from((12..14).contains(&(i % 28)))))).unwrap();
    let named = foveate(&["classify", &at("digit.png"), "--model", &at("whole/weights.safetensors"), "--top", "10", "--device", "cpu"]);
    assert_code(&named, 0);
    let lines: Vec<String> = text(&named.stdout).lines().map(str::to_owned).collect();
    let mut classes: Vec<&str> = lines.iter().filter_map(|line| line.split_whitespace().rev().nth(2)).collect();
    classes.sort_unstable();
    assert!(lines[0].contains("digit.png") && classes == ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], "{lines:?}");

    let missing = train(&at("other"), &["--resume"]);
    assert_code(&missing, 1);
    assert!(text(&missing.stderr).contains("nothing to resume"), "{}", text(&missing.stderr));
    let list = foveate(&["train", "--list"]);
    assert!(text(&list.stdout).contains("rotated-st-cnn"), "{}", text(&list.stdout));
}
