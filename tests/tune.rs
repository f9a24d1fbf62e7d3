//! Tuning: what is measured is what plans do from then on, wrong kernels are never taken, and all of it lasts.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail where it stands")]

#[path = "common/program.rs"]
mod program;

use foveate::array::{Array, TensorType};
use foveate::gpu::{Choice, Gpu, GpuOptions};
use foveate::graph::{Graph, Var};
use foveate::ops::{Candidate, Conv2d, Op, Site, Unary};
use foveate::plan::{Options, Plan, TuneOptions, Tuned, tune};
use program::{assert_code, foveate, program, text};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Keeps nothing on disk.
fn gpu() -> Gpu {
    Gpu::open(&GpuOptions { disk_cache: false, ..GpuOptions::from_env() }).unwrap()
}

fn tuned(gpu: &Gpu, output: &Var, options: TuneOptions) -> Vec<Tuned> {
    let mut steps = Vec::new();
    let keep = |step: &Tuned, _, _| {
        steps.push(step.clone());
        ControlFlow::Continue(())
    };
    tune(gpu, &[output], options, keep).unwrap();
    steps
}

fn convolution(graph: &Graph, width: usize) -> Var {
    let image = graph.input("image", TensorType::f32([1, 8, 6, width])).unwrap();
    let weight = graph.parameter(Array::full([16, 8, 3, 3], 0.25f32)).unwrap();
    image.conv2d(&weight, None, Conv2d::default()).unwrap()
}

fn kernels(gpu: &Gpu, output: &Var, tuned: bool) -> String {
    Plan::compile_with(gpu, &[output], Options { tuned, ..Options::default() }).unwrap().describe()
}

#[test]
fn plans_take_what_was_fastest() {
    let gpu = gpu();
    let graph = Graph::new();
    let output = convolution(&graph, 19);
    let steps = tuned(&gpu, &output, TuneOptions::default());
    let [step] = &steps[..] else { panic!("one step has several kernels: {steps:?}") };
    assert!(!step.known && step.left.is_none() && step.ways.len() > 1, "{step:?}");
    let best = step.ways[step.chosen].us.unwrap();
    assert!(step.ways.iter().all(|way| way.wrong.is_none() && way.us.is_some_and(|us| us >= best)), "{step:?}");
    assert!(kernels(&gpu, &output, true).contains(&step.ways[step.chosen].name));

    // What was chosen decides, whatever it is, for shapes of the same class and for no others.
    let (key, choice) = gpu.choices().all().pop().unwrap();
    let slow = "conv2d/direct";
    gpu.choices().set(key, &Choice { name: slow.to_owned(), ..choice });
    assert!(kernels(&gpu, &output, true).contains(slow));
    assert!(!kernels(&gpu, &output, false).contains(slow));
    assert!(kernels(&gpu, &convolution(&Graph::new(), 21), true).contains(slow), "17 and 19 columns are of a class");
    assert!(!kernels(&gpu, &convolution(&Graph::new(), 22), true).contains(slow), "20 divide by 4");

    let again = tuned(&gpu, &output, TuneOptions::default());
    assert!(again[0].known && again[0].ways[again[0].chosen].name == slow, "{again:?}");
    let again = tuned(&gpu, &output, TuneOptions { again: true, ..TuneOptions::default() });
    assert!(!again[0].known && again[0].ways.iter().all(|way| way.us.is_some()), "{again:?}");
}

#[test]
fn bounds_leave_steps_as_they_are() {
    let gpu = gpu();
    let output = convolution(&Graph::new(), 18);
    for (options, reason) in [
        (TuneOptions { memory: 1000, ..TuneOptions::default() }, "0 are allowed"),
        (TuneOptions { longest: std::time::Duration::from_nanos(1), ..TuneOptions::default() }, "might take too long"),
    ] {
        let steps = tuned(&gpu, &output, options);
        assert!(steps[0].left.as_ref().is_some_and(|left| left.contains(reason)), "{steps:?}");
        assert!(gpu.choices().is_empty());
    }
}

/// ReLU, with a way that computes the absolute value and is its best guess.
#[derive(Debug)]
struct WronglyGuessed;

impl Op for WronglyGuessed {
    fn name(&self) -> &'static str {
        "wrongly_guessed"
    }

    fn infer(&self, inputs: &[&TensorType]) -> foveate::Result<Vec<TensorType>> {
        Unary::Relu.infer(inputs)
    }

    fn reference(&self, inputs: &[&Array]) -> foveate::Result<Vec<Array>> {
        Unary::Relu.reference(inputs)
    }

    fn launch(&self, site: &Site<'_>) -> foveate::Result<Vec<Candidate>> {
        Ok([Unary::Abs.launch(site)?, Unary::Relu.launch(site)?].concat())
    }
}

#[test]
fn a_wrong_kernel_is_never_taken() {
    let gpu = gpu();
    let graph = Graph::new();
    let x = graph.input("x", TensorType::f32([64])).unwrap();
    let output = graph.apply_dyn(Arc::new(WronglyGuessed), &[&x]).unwrap().remove(0);
    let steps = tuned(&gpu, &output, TuneOptions::default());
    let [first, second] = &steps[0].ways[..] else { panic!("{steps:?}") };
    assert!(first.wrong.as_ref().is_some_and(|wrong| wrong.contains("are off")) && first.us.is_none(), "{first:?}");
    assert!(second.wrong.is_none() && steps[0].chosen == 1, "{steps:?}");
    let minus = Array::full([64], -1.0f32);
    let zero = Plan::compile(&gpu, &[&output]).unwrap().run(&[("x", &minus)]).unwrap();
    assert_eq!(zero[0], Array::full([64], 0.0f32));
}

#[test]
fn the_command_keeps_what_it_found() {
    let folder = tempfile::tempdir().unwrap();
    let cases = folder.path().join("cases.json");
    let row = r#"[{"name": "small", "op": "conv2d", "input": [1, 8, 6, 18], "weight": [16, 8, 3, 3], "stride": [1, 1],
        "padding": [1, 1, 1, 1], "dilation": [1, 1], "groups": 1}]"#;
    std::fs::write(&cases, row).unwrap();
    let run = |arguments: &[&str]| program().env("FOVEATE_CACHE_DIR", folder.path()).arg("tune").args(arguments).output().unwrap();
    let cases = cases.to_str().unwrap();
    if gpu().capabilities().software {
        let refused = foveate(&["tune", "--cases", cases]);
        assert_code(&refused, 1);
        assert!(text(&refused.stderr).contains("--software"), "{}", text(&refused.stderr));
    }
    let first = run(&["--cases", cases, "--software"]);
    assert_code(&first, 0);
    let said = text(&first.stdout);
    assert!(said.contains("small: conv2d") && said.contains("1 measured") && said.contains("choices-"), "{said}");
    let second = text(&run(&["--cases", cases, "--software"]).stdout);
    assert!(second.contains("0 measured") && second.contains("1 known before"), "{second}");
    let listed = text(&run(&["--list"]).stdout);
    assert!(listed.contains("conv2d/direct") && listed.contains("1 choices"), "{listed}");
    assert!(text(&run(&["--forget"]).stdout).contains("1 choices"));
    assert!(text(&run(&["--list"]).stdout).contains("0 choices"));
}
