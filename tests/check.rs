//! Nodes against their references: a kernel that is wrong is found, one that is right is not.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail where it stands")]

mod common;

use common::{gpu, random};
use foveate::Result;
use foveate::array::{Array, Hw, TensorType};
use foveate::graph::{Graph, Var};
use foveate::models::selfie;
use foveate::ops::{Binary, Candidate, Conv2d, Op, Site};
use foveate::plan::{Cost, Device, Options, Plan};
use std::ops::ControlFlow;

/// A sum by its reference, a difference by its kernel.
#[derive(Debug)]
struct Wrong;

impl Op for Wrong {
    fn name(&self) -> &'static str {
        "wrong"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        Binary::Add.infer(inputs)
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        Binary::Add.reference(inputs)
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        Binary::Sub.launch(site)
    }
}

/// x through a convolution, a wrong sum with `y`, and an activation of it.
fn network(graph: &Graph) -> Var {
    let x = graph.input("x", TensorType::f32([1, 2, 5, 4])).unwrap();
    let y = graph.input("y", TensorType::f32([1, 3, 5, 4])).unwrap();
    let weight = graph.parameter(random(&[3, 2, 3, 3], 1)).unwrap();
    let padded = Conv2d { padding: foveate::array::Pads::all(1), ..Conv2d::default() };
    let features = x.conv2d(&weight, None, padded).unwrap();
    graph.set_origin(Some("Plus 'blame me'".into()));
    let sum = graph.apply(Wrong, &[&features, &y]).unwrap().remove(0);
    graph.set_origin(None);
    sum.sigmoid().unwrap().reshape([3, 20]).unwrap()
}

#[test]
fn the_wrong_node_is_named_and_those_behind_it_are_not() {
    let graph = Graph::new();
    let output = network(&graph);
    let mut plan = Plan::compile(gpu(), &[&output]).unwrap();
    // Only the element at [0, 1, 2, 3] differs between x + y and x - y.
    let y = Array::from_fn([1, 3, 5, 4], |i| if i == 31 { 2.0f32 } else { 0.0 });
    let x = random(&[1, 2, 5, 4], 2);
    let mut seen = Vec::new();
    let summary = plan.check(&[("x", &x), ("y", &y)], |node| {
        assert_eq!((node.of, node.number), (4, seen.len()));
        if let Some(difference) = node.difference {
            assert_eq!((node.node, node.origin), ("wrong#1", Some("Plus 'blame me'")));
            assert_eq!((difference.count, difference.first.at.as_slice()), (1, [0, 1, 2, 3].as_slice()));
            assert!((difference.first.expected - difference.first.found - 4.0).abs() < 1e-6, "{difference}");
            assert_eq!((node.inputs.len(), node.inputs[1]), (2, &y));
            assert_eq!(node.outputs[0].ty(), node.expected[0].ty());
        }
        seen.push((node.node.to_owned(), node.difference.is_some()));
        ControlFlow::Continue(())
    });
    let summary = summary.unwrap();
    let wrong: Vec<&str> = seen.iter().filter(|(_, wrong)| *wrong).map(|(node, _)| node.as_str()).collect();
    assert_eq!((seen.len(), wrong), (4, vec!["wrong#1"]));
    assert_eq!((summary.nodes, summary.wrong), (4, 1));
    let (worst, node) = summary.worst.unwrap();
    assert!(worst > 1000.0 && node == "wrong#1 (Plus 'blame me')", "{worst} {node}");
    let stopped = plan
        .check(&[("x", &x), ("y", &y)], |node| if node.difference.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) });
    assert_eq!(stopped.unwrap().nodes, 2);
}

#[test]
fn right_nodes_keep_their_bounds_and_states_their_values() {
    let graph = Graph::new();
    let x = graph.input("x", TensorType::f32([2, 70])).unwrap();
    let sum = graph.state("sum", Array::full([2, 70], 0.5f32)).unwrap();
    let next = sum.add(&x).unwrap();
    graph.update(&sum, &next).unwrap();
    let weight = graph.parameter(random(&[9, 70], 3)).unwrap();
    let scores = next.linear(&weight, None).unwrap();
    let best = scores.argmax(1, false, false).unwrap();
    let mut plan = Plan::compile(gpu(), &[&scores.softmax(-1).unwrap(), &best]).unwrap();
    let x = random(&[2, 70], 4);
    let summary = plan.check(&[("x", &x)], |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(summary.wrong, 0, "{summary:?}");
    assert!(summary.worst.unwrap().0 < 0.1);
    assert_eq!(plan.state("sum").unwrap(), Array::full([2, 70], 0.5f32), "a check is no run");
    assert!(plan.check(&[], |_| ControlFlow::Continue(())).unwrap_err().to_string().contains("'x' is missing"));
    let mut plan = Plan::compile(Device::Cpu, &[&best]).unwrap();
    assert!(plan.check(&[("x", &x)], |_| ControlFlow::Continue(())).unwrap_err().to_string().contains("not on a GPU"));
}

/// A real network, all operators of which keep their case tables' bounds, keeps a check's.
#[test]
fn the_selfie_network_keeps_its_bounds() {
    let graph = Graph::new();
    let photo = graph.input("photo", TensorType::f32([1, 3, 128, 128])).unwrap();
    let mask = selfie::photo_mask(&graph, &selfie::weights().unwrap(), &photo).unwrap();
    let mut plan = Plan::compile(gpu(), &[&mask]).unwrap();
    let summary = plan.check(&[("photo", &random(&[1, 3, 128, 128], 6))], |node| {
        assert!(node.difference.is_none(), "{} {:?}", node.node, node.difference);
        ControlFlow::Continue(())
    });
    let summary = summary.unwrap();
    assert_eq!(summary.wrong, 0);
    assert!(summary.nodes > 70 && summary.worst.as_ref().is_some_and(|(worst, _)| *worst < 0.2), "{summary:?}");
    // ONNX's shape inference on the model's file, each convolution's outputs times its weights, gives the same sum.
    assert_eq!(Cost::of(&[&mask]).unwrap().multiply_adds, 59_215_744);
}

#[test]
fn the_cost_is_what_a_hand_counts_and_what_the_plan_takes() {
    let graph = Graph::new();
    let x = graph.input("x", TensorType::f32([1, 4, 8, 8])).unwrap();
    let weight = |shape: &[usize]| graph.parameter(random(shape, 5)).unwrap();
    // 6 x 8 x 8 outputs of 4 x 3 x 3 taps, those on padding included.
    let padded = Conv2d { padding: foveate::array::Pads::all(1), ..Conv2d::default() };
    let a = x.conv2d(&weight(&[6, 4, 3, 3]), None, padded).unwrap();
    // 6 x 8 x 8 outputs of 1 x 2 x 2 taps on every second pixel: 6 x 4 x 4.
    let depthwise = Conv2d { groups: 6, stride: Hw::square(2), ..Conv2d::default() };
    let b = a.conv2d(&weight(&[6, 1, 2, 2]), None, depthwise).unwrap();
    // 6 x 4 x 4 inputs, each times 5 x 2 x 2 weights.
    let c = b.conv_transpose2d(&weight(&[6, 5, 2, 2]), None, Default::default()).unwrap();
    // 5 x 5 x 3 outputs of 5 terms, for each of 5 channels.
    let d = c.matmul(&weight(&[5, 3])).unwrap();
    let output = d.relu().unwrap().reshape([75]).unwrap();
    let cost = Cost::of(&[&output]).unwrap();
    assert_eq!(cost.nodes, 6);
    assert_eq!(cost.multiply_adds, 6 * 64 * 36 + 6 * 16 * 4 + 6 * 16 * 20 + 5 * 5 * 3 * 5);
    // Buffers are whole 16 bytes.
    assert_eq!(cost.weights, 4 * (6 * 36 + 6 * 4 + 6 * 20) + 64);
    assert_eq!((cost.inputs, cost.readback), (4 * 4 * 64, 304));
    // Two intermediate values live at once: the large ones after each other where the first was, the others in the second's place.
    assert_eq!(cost.working, 4 * (6 * 64 + 6 * 16));
    let plan = Plan::compile_with(gpu(), &[&output], Options::default()).unwrap();
    assert_eq!(Cost::on(gpu().capabilities(), &[&output]).unwrap().device_bytes(), plan.device_bytes());
}

#[test]
fn attention_counts_scores_and_values() {
    let graph = Graph::new();
    let input = |name: &str, shape: &[usize]| graph.input(name, TensorType::f32(shape)).unwrap();
    let (q, k, v) = (input("q", &[1, 2, 7, 4]), input("k", &[1, 2, 9, 4]), input("v", &[1, 2, 9, 5]));
    let output = q.attention(&k, &v, None, Default::default()).unwrap();
    assert_eq!(Cost::of(&[&output]).unwrap().multiply_adds, 2 * 7 * 9 * 4 + 2 * 7 * 9 * 5);
}
