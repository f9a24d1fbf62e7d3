//! Operators that a plan computes together give what they give apart.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail where it stands")]

mod common;

use common::{Bound, Elsewhere, compare, gpu, narrow_gpu, random, stand_in};
use foveate::array::{Array, Dhw, Hw, Pads, Pads3, TensorType};
use foveate::gpu::Gpu;
use foveate::graph::{Graph, Var};
use foveate::models::{photo, selfie};
use foveate::ops::{
    AffineGrid, AxisRange, BatchNorm, Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d, GridSample, Linear, Matmul, MaxPool2d, Op, PadMode,
    Resize, SampleMode,
};
use foveate::plan::{Device, Options, Plan};
use foveate::{Error, Result};
use proptest::prelude::*;
use std::ops::ControlFlow;

/// A few roundings of numbers near 1 for each of a dozen operators, where a device contracts some of them.
const NEAR: Bound = Bound::Near { absolute: 2e-5, relative: 2e-5 };

/// What `build` makes of its inputs, compiled once with and once without fusion.
struct Both {
    together: Plan,
    apart: Plan,
    reference: Plan,
}

impl Both {
    fn of(gpu: &Gpu, types: &[TensorType], build: impl Fn(&Graph, &[Var]) -> Result<Vec<Var>>) -> Self {
        let graph = Graph::new();
        let vars: Vec<Var> = types.iter().enumerate().map(|(i, ty)| graph.input(&format!("x{i}"), ty.clone()).unwrap()).collect();
        let outputs = build(&graph, &vars).unwrap();
        let outputs: Vec<&Var> = outputs.iter().collect();
        let compile = |fusion| Plan::compile_with(gpu, &outputs, Options { fusion, ..Options::default() }).unwrap();
        Self { together: compile(true), apart: compile(false), reference: Plan::compile(Device::Cpu, &outputs).unwrap() }
    }

    /// Nodes that run, together and apart.
    fn nodes(&self) -> (usize, usize) {
        (count(&self.together, " -> "), count(&self.apart, " -> "))
    }

    /// Runs all three and compares; then checks every node that runs together.
    fn agree(&mut self, inputs: &[Array], bound: Bound) -> Vec<Array> {
        let names: Vec<String> = (0..inputs.len()).map(|i| format!("x{i}")).collect();
        // An input that the outputs do not depend on is no input of the plan.
        let used = |name: &str| self.apart.inputs().any(|(n, _)| n == name);
        let given: Vec<(&str, &Array)> = names.iter().map(String::as_str).zip(inputs).filter(|(name, _)| used(name)).collect();
        let plans = [&mut self.together, &mut self.apart, &mut self.reference];
        let [together, apart, reference] = plans.map(|plan| plan.run(&given).unwrap());
        for (i, array) in together.iter().enumerate() {
            for (what, other) in [("apart", &apart[i]), ("reference", &reference[i])] {
                compare(array, other, None, bound).unwrap_or_else(|e| panic!("output {i}, {what}: {e}\n{}", self.together.describe()));
            }
        }
        let check = self.together.check(&given, |node| {
            assert!(node.difference.is_none(), "{} {:?}", node.node, node.difference);
            ControlFlow::Continue(())
        });
        assert_eq!(check.unwrap().wrong, 0);
        together
    }
}

/// Lines of a plan's description that contain `text`.
fn count(plan: &Plan, text: &str) -> usize {
    plan.describe().lines().filter(|line| line.contains(text)).count()
}

fn dispatches(plan: &Plan) -> usize {
    count(plan, " workgroups ")
}

fn f32s(shapes: &[&[usize]]) -> Vec<TensorType> {
    shapes.iter().map(|shape| TensorType::f32(*shape)).collect()
}

fn number(graph: &Graph, value: f32) -> Result<Var> {
    graph.constant(Array::scalar(value))
}

/// x max(0, min(6, x + 3)) / 6, spelt out as exporters do.
fn hard_swish(graph: &Graph, x: &Var) -> Result<Var> {
    let gate = x.add(&number(graph, 3.0)?)?.clip(Some(0.0), Some(6.0))?;
    x.mul(&gate)?.div(&number(graph, 6.0)?)
}

#[test]
fn a_chain_is_one_dispatch_that_describes_itself() {
    let mut both = Both::of(gpu(), &f32s(&[&[2, 3, 5]]), |graph, x| {
        graph.set_origin(Some("scale".into()));
        let scaled = x[0].mul(&number(graph, 2.0)?)?;
        graph.set_origin(Some("activation".into()));
        Ok(vec![hard_swish(graph, &scaled)?])
    });
    assert_eq!(both.nodes(), (1, 5));
    assert_eq!((dispatches(&both.together), dispatches(&both.apart)), (1, 5));
    let text = both.together.describe();
    assert!(text.contains("mul+add+clip+mul+div#4"), "{text}");
    assert!(text.contains("f32[2, 3, 5] -> f32[2, 3, 5]") && text.contains("1 nodes, 1 dispatches"), "{text}");
    let x = random(&[2, 3, 5], 1);
    both.agree(std::slice::from_ref(&x), NEAR);
    let mut origins = Vec::new();
    let check = both.together.check(&[("x0", &x)], |node| {
        origins.push(node.origin.map(str::to_owned));
        ControlFlow::Continue(())
    });
    assert_eq!(check.unwrap().nodes, 1);
    assert_eq!(origins, [Some("scale, activation".to_owned())]);
    let profile = both.together.profile(&[("x0", &x)]).unwrap();
    assert_eq!((profile.rows.len(), profile.rows[0].kernel), (1, "elementwise"));
    // The plan for the CPU runs the operators one by one.
    assert_eq!(count(&both.reference, " -> "), 5);
}

#[test]
fn equal_chains_of_other_sizes_and_numbers_share_a_pipeline() {
    let gpu = Gpu::new().unwrap(); // its own: the counters count for one test
    let compile = |shape: &[usize], by: f32| {
        Both::of(&gpu, &f32s(&[shape]), |graph, x| Ok(vec![x[0].mul(&number(graph, by)?)?.leaky_relu(by)?.add(&x[0])?]))
    };
    compile(&[8, 4], 0.5);
    let before = gpu.counters().pipelines;
    compile(&[3, 7, 12], 0.25);
    assert_eq!(gpu.counters().pipelines, before);
}

#[test]
fn operands_broadcast_in_every_way() {
    let shapes: [&[usize]; 6] = [&[2, 3, 4, 5], &[3, 1, 1], &[5], &[2, 1, 4, 1], &[1], &[4, 5]];
    let inputs: Vec<Array> = shapes.iter().zip(1..).map(|(shape, seed)| random(shape, seed)).collect();
    let mut both = Both::of(gpu(), &f32s(&shapes), |_, x| {
        let y = x[0].mul(&x[1])?.add(&x[2])?.sub(&x[3])?;
        Ok(vec![y.maximum(&x[4])?.sigmoid()?.mul(&x[5])?])
    });
    assert_eq!(both.nodes(), (1, 6));
    both.agree(&inputs, NEAR);
    // An operator that makes a larger tensor of a smaller one ends the chain of the smaller one.
    let mut grows = Both::of(gpu(), &f32s(&[&[4, 1], &[1, 5]]), |_, x| Ok(vec![x[0].abs()?.exp()?.add(&x[1].neg()?)?.relu()?]));
    assert_eq!(grows.nodes(), (3, 5));
    grows.agree(&[random(&[4, 1], 1), random(&[1, 5], 2)], NEAR);
}

#[test]
fn statistics_lie_along_the_channels() {
    let inputs = [random(&[2, 3, 4, 3], 1), random(&[3], 2), random(&[3], 3), random(&[3], 4), Array::full([3], 0.7f32)];
    let types: Vec<TensorType> = inputs.iter().map(Array::ty).collect();
    let mut both = Both::of(gpu(), &types, |_, x| {
        let normal = x[0].batch_norm(&x[1], &x[2], &x[3], &x[4], BatchNorm::default())?;
        Ok(vec![normal.add(&x[0])?.relu()?])
    });
    assert_eq!(both.nodes(), (1, 3));
    both.agree(&inputs, NEAR);
}

#[test]
fn what_others_read_is_there_for_them() {
    let mut both = Both::of(gpu(), &f32s(&[&[6, 4]]), |_, x| {
        let a = x[0].sin()?;
        let b = a.exp()?; // an output in the middle
        let c = b.neg()?.abs()?; // read by the end of the chain and by a sum
        let total = c.reduce_sum(&[1], true)?;
        Ok(vec![b.clone(), c.add(&total)?.mul(&c)?])
    });
    assert_eq!(both.nodes(), (4, 7));
    both.agree(&[random(&[6, 4], 1)], NEAR);
    // The same output twice, and one that is an input.
    let mut twice = Both::of(gpu(), &f32s(&[&[9]]), |_, x| {
        let y = x[0].cos()?.relu()?;
        Ok(vec![y.clone(), x[0].clone(), y])
    });
    assert_eq!(twice.nodes(), (1, 2));
    twice.agree(&[random(&[9], 1)], NEAR);
}

#[test]
fn states_are_read_before_they_change() {
    let graph = Graph::new();
    let speed = graph.state("speed", Array::full([3], 1.0f32)).unwrap();
    let place = graph.state("place", Array::full([3], 0.0f32)).unwrap();
    let force = graph.input("force", TensorType::f32([3])).unwrap();
    let faster = speed.mul(&number(&graph, 0.5).unwrap()).unwrap().add(&force).unwrap();
    let next = place.add(&faster).unwrap().add(&speed).unwrap();
    graph.update(&speed, &faster).unwrap();
    graph.update(&place, &next).unwrap();
    let mut plans = [Device::from(gpu()), Device::Cpu].map(|device| Plan::compile(device, &[&next]).unwrap());
    assert_eq!(count(&plans[0], " -> "), 2, "{}", plans[0].describe());
    for round in 0..4 {
        let force = random(&[3], round);
        let [a, b] = plans.each_mut().map(|plan| plan.run(&[("force", &force)]).unwrap().remove(0));
        compare(&a, &b, None, NEAR).unwrap();
    }
    let [a, b] = plans.each_mut().map(|plan| plan.state("speed").unwrap());
    compare(&a, &b, None, NEAR).unwrap();
}

#[test]
fn nan_and_infinity_pass_as_they_do_apart() {
    let values = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, 1e30, -1e30, 3.0];
    let x = Array::new([8], values.to_vec()).unwrap();
    let mut both = Both::of(gpu(), &f32s(&[&[8]]), |graph, x| {
        let clipped = x[0].clip(Some(-2.0), Some(5.0))?.relu()?;
        let larger = x[0].maximum(&number(graph, 0.5)?)?.add(&number(graph, 1.0)?)?;
        let chosen = x[0].is_nan()?.where_(&number(graph, 7.0)?, &x[0].abs()?)?;
        Ok(vec![clipped, larger, chosen, hard_swish(graph, &x[0])?])
    });
    assert_eq!(both.nodes().0, 4, "{}", both.together.describe());
    let outputs = both.agree(std::slice::from_ref(&x), NEAR);
    assert!(outputs[0].to_f64()[0].is_nan() && outputs[1].to_f64()[0].is_nan() && outputs[3].to_f64()[0].is_nan());
    assert_eq!(outputs[2].to_f64()[0], 7.0);
}

#[test]
fn what_leaps_reads_its_numbers_from_memory() {
    let mut both = Both::of(gpu(), &f32s(&[&[64], &[64]]), |_, x| {
        let p = x[0].exp()?.mul(&x[1])?;
        Ok(vec![p.greater(&x[1])?.where_(&p.neg()?, &x[0])?.floor()?])
    });
    // exp+mul, greater+neg+where, floor.
    assert_eq!(both.nodes(), (3, 6), "{}", both.together.describe());
    both.agree(&[random(&[64], 1), random(&[64], 2)], NEAR);
}

#[test]
fn integers_and_truth_values_chain_too() {
    let graph = Graph::new();
    let x = graph.input("x", TensorType::new(foveate::array::DType::I32, [37])).unwrap();
    let two = graph.constant(Array::scalar(2i32)).unwrap();
    let odd = x.remainder(&two).unwrap().equal(&graph.constant(Array::scalar(1i32)).unwrap()).unwrap();
    let y = odd.not().unwrap().where_(&x.mul(&two).unwrap(), &x.clip_integers(Some(-3), Some(9)).unwrap()).unwrap();
    let mut plans = [Device::from(gpu()), Device::Cpu].map(|device| Plan::compile(device, &[&y]).unwrap());
    assert_eq!(count(&plans[0], " -> "), 1, "{}", plans[0].describe());
    let x = Array::from_fn([37], |i| i as i32 - 18);
    let [a, b] = plans.each_mut().map(|plan| plan.run(&[("x", &x)]).unwrap());
    assert_eq!(a, b);
}

#[test]
fn more_buffers_than_a_device_binds_are_several_kernels() {
    let shapes = [&[33usize][..]; 14];
    let mut both = Both::of(gpu(), &f32s(&shapes), |_, x| {
        let mut sum = x[0].clone();
        for term in &x[1..] {
            sum = sum.add(term)?.sin()?;
        }
        Ok(vec![sum])
    });
    let (together, apart) = both.nodes();
    assert!((3..=4).contains(&together) && apart == 26, "{}", both.together.describe());
    let inputs: Vec<Array> = (0..14).map(|seed| random(&[33], seed)).collect();
    both.agree(&inputs, NEAR);
}

#[test]
fn long_chains_are_cut() {
    let mut both = Both::of(gpu(), &f32s(&[&[5]]), |graph, x| {
        let mut y = x[0].clone();
        for i in 0..50 {
            y = y.mul(&number(graph, 0.9 + i as f32 / 512.0)?)?;
        }
        Ok(vec![y])
    });
    assert_eq!(both.nodes(), (4, 50));
    both.agree(&[random(&[5], 1)], Bound::Near { absolute: 1e-5, relative: 1e-5 });
}

#[test]
fn large_tensors_are_cut_into_windows() {
    let narrow = narrow_gpu(4096);
    let inputs = [random(&[3, 7, 331], 1), random(&[7, 1], 2), random(&[3, 7, 331], 3)];
    let types: Vec<TensorType> = inputs.iter().map(Array::ty).collect();
    let build = |graph: &Graph, x: &[Var]| Ok(vec![hard_swish(graph, &x[0].mul(&x[1])?.add(&x[2])?)?]);
    let mut both = Both::of(&narrow, &types, build);
    assert_eq!(both.nodes(), (1, 6));
    assert!(dispatches(&both.together) >= 7, "{}", both.together.describe());
    both.agree(&inputs, NEAR);
    // A convolution that is cut leaves the chain behind it alone.
    let image = random(&[5, 3, 12, 12], 4);
    let mut conv = Both::of(&narrow, &[image.ty()], |graph, x| {
        let weight = graph.parameter(random(&[4, 3, 3, 3], 5))?;
        hard_swish(graph, &x[0].conv2d(&weight, None, Conv2d { padding: Pads::all(1), ..Conv2d::default() })?).map(|y| vec![y])
    });
    assert_eq!(conv.nodes().0, 2, "{}", conv.together.describe());
    conv.agree(&[image], NEAR);
}

/// A tail that reads the kernel's result twice, a number, a vector along dimension `axis`, a tensor of its shape and one element.
fn tail(graph: &Graph, y: &Var, other: &Var, axis: usize) -> Result<Var> {
    let mut shape = vec![1; y.shape().len()];
    shape[axis] = y.shape()[axis];
    let scale = graph.constant(random(&shape, 91))?;
    let shifted = y.mul(&scale)?.add(other)?;
    shifted.sigmoid()?.mul(y)?.leaky_relu(0.1)?.add(&number(graph, 0.25)?)
}

/// `op` and a tail are one node, which gives what they give apart; by `kernel`, if the adapter has lanes for it.
fn check_finish(name: &str, op: impl Op + Clone + 'static, inputs: &[Array], axis: usize, kernel: &str) {
    if kernel.ends_with("/lanes") && !gpu().capabilities().has_lanes() {
        return;
    }
    let types: Vec<TensorType> = inputs.iter().map(Array::ty).collect();
    let ty = op.infer(&types.iter().collect::<Vec<_>>()).unwrap().remove(0);
    let other = random(&ty.shape, 77);
    let mut both = Both::of(gpu(), &[types, vec![ty]].concat(), |graph, x| {
        let (other, own) = x.split_last().ok_or_else(|| Error::shape("test", "no inputs"))?;
        let y = graph.apply(op.clone(), &own.iter().collect::<Vec<_>>())?.remove(0);
        Ok(vec![tail(graph, &y, other, axis)?])
    });
    let text = both.together.describe();
    assert_eq!(both.nodes().0, 1, "{name}: {text}");
    assert!(text.contains(&format!("{kernel} ")), "{name} does not run {kernel}: {text}");
    both.agree(&[inputs, &[other]].concat(), NEAR);
}

#[test]
fn every_convolution_kernel_finishes() {
    let padded = Conv2d { padding: Pads::all(1), ..Conv2d::default() };
    let with = |image: &[usize], weight: &[usize]| vec![random(image, 1), random(weight, 2), random(&weight[..1], 3)];
    let dense = || with(&[2, 3, 9, 8], &[11, 3, 3, 3]);
    let odd = || with(&[2, 3, 7, 7], &[11, 3, 3, 3]);
    check_finish("whole vectors of lanes", padded, &dense(), 1, "conv2d/lanes");
    check_finish("odd rows of lanes", padded, &odd(), 1, "conv2d/lanes");
    check_finish("points of lanes", Conv2d::default(), &with(&[1, 5, 3, 7], &[9, 5, 1, 1]), 1, "matmul/lanes");
    let apart = Conv2d { stride: Hw::square(2), ..Conv2d::default() };
    check_finish("points of lanes that lie apart", apart, &with(&[2, 5, 7, 15], &[9, 5, 1, 1]), 1, "matmul/lanes");
    check_finish("whole vectors", Elsewhere::without_lanes(padded), &dense(), 1, "conv2d/register");
    check_finish("odd rows", Elsewhere::without_lanes(padded), &odd(), 1, "conv2d/register");
    let each = Conv2d { groups: 6, ..padded };
    check_finish("depthwise", each, &with(&[2, 6, 9, 8], &[6, 1, 3, 3]), 1, "conv2d/depthwise");
    check_finish("depthwise, odd rows", each, &with(&[1, 6, 7, 7], &[6, 1, 3, 3]), 1, "conv2d/depthwise");
    check_finish("tile", Elsewhere::gpu(padded).only("conv2d/tile"), &odd(), 1, "conv2d/tile");
    check_finish("direct", Elsewhere::gpu(padded).only("conv2d/direct"), &odd(), 1, "conv2d/direct");
    let long = vec![random(&[1, 64, 6, 7], 1), random(&[20, 64, 3, 3], 2), random(&[20], 3)];
    check_finish("slices", Elsewhere::gpu(padded), &long, 1, "sum_slices");
    check_finish("groups", Conv2d { groups: 2, ..padded }, &with(&[1, 6, 5, 9], &[10, 3, 3, 3]), 1, "conv2d/lanes");
    check_finish("the whole image", Conv2d::default(), &with(&[3, 4, 3, 3], &[10, 4, 3, 3]), 1, "matmul/lanes");
    check_finish("many whole images", Conv2d::default(), &with(&[9, 4, 3, 3], &[10, 4, 3, 3]), 1, "matmul/lanes");
}

#[test]
fn every_transposed_convolution_kernel_finishes() {
    let stride = |s| ConvTranspose2d { stride: Hw::square(s), ..ConvTranspose2d::default() };
    let with = |image: &[usize], weight: &[usize]| vec![random(image, 1), random(weight, 2), random(&weight[1..2], 3)];
    check_finish(
        "direct",
        Elsewhere::gpu(stride(2)).only("conv_transpose2d/direct"),
        &with(&[2, 3, 4, 5], &[3, 5, 3, 3]),
        1,
        "conv_transpose2d/direct",
    );
    check_finish(
        "direct by four",
        Elsewhere::gpu(stride(4)).only("conv_transpose2d/direct"),
        &with(&[1, 3, 4, 5], &[3, 5, 4, 4]),
        1,
        "conv_transpose2d/direct",
    );
    check_finish(
        "disjoint",
        Elsewhere::gpu(stride(2)).only("conv_transpose2d/disjoint"),
        &with(&[2, 3, 4, 8], &[3, 5, 2, 2]),
        1,
        "conv_transpose2d/disjoint",
    );
    check_finish(
        "tile",
        Elsewhere::gpu(stride(2)).only("conv_transpose2d/tile"),
        &with(&[2, 3, 4, 5], &[3, 5, 3, 3]),
        1,
        "conv_transpose2d/tile",
    );
    check_finish(
        "tile by four",
        Elsewhere::gpu(stride(4)).only("conv_transpose2d/tile"),
        &with(&[1, 3, 4, 5], &[3, 5, 8, 8]),
        1,
        "conv_transpose2d/tile",
    );
    let cropped = ConvTranspose2d { padding: Pads::all(1), ..stride(2) };
    check_finish("pairs of lanes", stride(2), &with(&[2, 3, 4, 5], &[3, 5, 4, 4]), 1, "conv_transpose2d/lanes");
    check_finish("singles of lanes", cropped, &with(&[2, 3, 4, 5], &[3, 5, 4, 4]), 1, "conv_transpose2d/lanes");
    check_finish("turned", ConvTranspose2d { padding: Pads::all(1), ..stride(1) }, &with(&[2, 3, 9, 9], &[3, 5, 3, 3]), 1, "conv2d/lanes");
    check_finish("point", stride(1), &with(&[2, 40, 1, 1], &[40, 5, 3, 3]), 1, "sum_slices");
    check_finish("slices", Elsewhere::gpu(stride(2)), &with(&[1, 600, 5, 5], &[600, 40, 2, 2]), 1, "sum_slices");
}

#[test]
fn convolutions_of_volumes_finish() {
    let padded = Conv3d { padding: Pads3::all(1), ..Conv3d::default() };
    let with =
        |volume: &[usize], weight: &[usize], axis: usize| vec![random(volume, 1), random(weight, 2), random(&weight[axis..=axis], 3)];
    check_finish("planes", padded, &with(&[2, 3, 4, 6, 6], &[5, 3, 3, 3, 3], 0), 1, "planes/fold");
    check_finish("odd planes", padded, &with(&[1, 3, 4, 5, 5], &[5, 3, 3, 3, 3], 0), 1, "planes/fold");
    check_finish("in turns", Elsewhere::windows(padded), &with(&[1, 4, 6, 4, 4], &[4, 4, 3, 3, 3], 0), 1, "planes/fold");
    let twice = ConvTranspose3d { stride: Dhw::cube(2), ..ConvTranspose3d::default() };
    check_finish("apart", twice, &with(&[2, 3, 4, 3, 3], &[3, 5, 2, 2, 2], 1), 1, "planes/fold");
    check_finish("overlapping", twice, &with(&[1, 3, 3, 3, 4], &[3, 5, 3, 3, 3], 1), 1, "planes/fold");
}

#[test]
fn every_matrix_kernel_finishes() {
    let with = |x: &[usize], weight: &[usize]| vec![random(x, 1), random(weight, 2), random(&weight[..1], 3)];
    check_finish("rows of four of lanes", Linear, &with(&[9, 13], &[12, 13]), 1, "matmul/lanes");
    check_finish("rows of seven of lanes", Linear, &with(&[3, 4, 13], &[7, 13]), 2, "matmul/lanes");
    check_finish("few rows of lanes", Linear, &with(&[2, 13], &[7, 13]), 1, "matmul/lanes");
    check_finish("rows of four", Elsewhere::without_lanes(Linear), &with(&[9, 13], &[12, 13]), 1, "matmul/register");
    check_finish("rows of seven", Elsewhere::without_lanes(Linear), &with(&[3, 4, 13], &[7, 13]), 2, "matmul/register");
    check_finish("few rows", Elsewhere::without_lanes(Linear), &with(&[2, 13], &[7, 13]), 1, "matmul/gemv");
    check_finish("tile", Elsewhere::gpu(Linear).only("matmul/tile"), &with(&[9, 13], &[7, 13]), 1, "matmul/tile");
    check_finish("slices", Elsewhere::gpu(Linear), &with(&[9, 700], &[7, 700]), 1, "sum_slices");
    check_finish("batch", Matmul::default(), &[random(&[2, 9, 5], 1), random(&[2, 5, 7], 2)], 2, "matmul/lanes");
    // The columns of the kernel are the rows of the product: a vector along them is another kernel's.
    let mut column = Both::of(gpu(), &f32s(&[&[6, 5], &[5], &[6]]), |_, x| Ok(vec![x[0].matmul(&x[1])?.mul(&x[2])?.neg()?]));
    assert_eq!(column.nodes().1, 3);
    column.agree(&[random(&[6, 5], 1), random(&[5], 2), random(&[6], 3)], NEAR);
}

#[test]
fn a_sum_of_two_convolutions_is_the_later_ones() {
    let mut both = Both::of(gpu(), &f32s(&[&[1, 4, 8, 8]]), |graph, x| {
        let weight = |seed| graph.parameter(random(&[4, 4, 1, 1], seed));
        let a = x[0].conv2d(&weight(1)?, None, Conv2d::default())?.relu()?;
        let b = a.conv2d(&weight(2)?, None, Conv2d::default())?;
        Ok(vec![b.add(&a)?.relu()?])
    });
    assert_eq!(both.nodes(), (2, 5));
    assert!(both.together.describe().contains("conv2d+relu#1") && both.together.describe().contains("conv2d+add+relu#4"));
    both.agree(&[random(&[1, 4, 8, 8], 3)], NEAR);
}

/// Backwards too: the mask of a `ReLU` before a pooling is computed where the gradient of the pooling stores, by either of its kernels.
#[test]
fn the_gradient_of_a_pooling_finishes_with_that_of_a_relu() {
    for (name, shape, pooling) in [
        ("halves", [2, 3, 6, 16], MaxPool2d::default()),
        ("switches", [2, 3, 9, 7], MaxPool2d { kernel: Hw::square(3), stride: Hw::square(2), ..Default::default() }),
    ] {
        let mut both = Both::of(gpu(), &f32s(&[&shape]), |_, x| {
            let pooled = x[0].relu()?.max_pool2d(pooling)?;
            pooled.mul(&pooled)?.reduce_sum(&[], false)?.gradient(&[&x[0]])
        });
        let text = both.together.describe();
        assert!(text.contains("max_pool2d_gradient+greater+where") && text.contains(&format!("max_pool2d_gradient/{name}")), "{text}");
        both.agree(&[random(&shape, 3)], Bound::Exact);
    }
}

/// Functions that operators bring along are not those of the kernels that they finish.
#[test]
fn names_of_functions_do_not_meet() {
    for (name, shape, pooling) in [
        ("halves", [2, 3, 6, 16], MaxPool2d::default()),
        ("switches", [2, 3, 9, 7], MaxPool2d { kernel: Hw::square(3), stride: Hw::square(2), ..Default::default() }),
    ] {
        let mut both = Both::of(gpu(), &f32s(&[&shape]), |graph, x| {
            let pooled = x[0].max_pool2d(pooling)?;
            let gradient = pooled.mul(&pooled)?.reduce_sum(&[], false)?.gradient(&[&x[0]])?.remove(0);
            Ok(vec![gradient.sigmoid()?.maximum(&graph.constant(Array::full([1], 0.4f32))?)?])
        });
        let text = both.together.describe();
        assert!(text.contains("max_pool2d_gradient+sigmoid+maximum") && text.contains(&format!("max_pool2d_gradient/{name}")), "{text}");
        both.agree(&[random(&shape, 3)], NEAR);
    }
    let mut both = Both::of(&stand_in(16, 32), &f32s(&[&[20, 33], &[33, 17]]), |graph, x| {
        Ok(vec![x[0].matmul(&x[1])?.sigmoid()?.maximum(&graph.constant(Array::full([1], 0.4f32))?)?])
    });
    let text = both.together.describe();
    assert!(text.contains("matmul+sigmoid+maximum") && text.contains("matmul/matrices"), "{text}");
    both.agree(&[random(&[20, 33], 1), random(&[33, 17], 2)], NEAR);
}

/// Sums, largest elements and the like of what a chain makes, of tensors that lie in every way beside the axes.
#[test]
fn reductions_begin_with_chains() {
    let chain = |x: &[Var]| x[0].sub(&x[1])?.mul(&x[2])?.add(&x[3]);
    for gpu in [gpu(), &stand_in(16, 32)] {
        // Vectors of four along and across, and neither.
        for [n, c, h, w] in [[2, 8, 4, 12], [3, 5, 2, 7], [1, 1, 1, 260]] {
            let shapes: [&[usize]; 4] = [&[n, c, h, w], &[1, c, 1, 1], &[n, c, h, w], &[n, 1, 1, 1]];
            let inputs: Vec<Array> = shapes.iter().zip(1..).map(|(shape, seed)| random(shape, seed)).collect();
            for axes in [&[][..], &[3], &[0, 2, 3], &[2, 3], &[0], &[1], &[2], &[0, 1], &[1, 3]] {
                let mut both = Both::of(gpu, &f32s(&shapes), |_, x| {
                    let y = || chain(x);
                    Ok(vec![
                        y()?.reduce_sum(axes, false)?,
                        y()?.reduce_max(axes, true)?,
                        y()?.reduce_log_sum_exp(axes, false)?,
                        y()?.reduce_l2(axes, true)?,
                    ])
                });
                // A number for each channel is no walk along axes that go on over the channels, and along nothing nothing is read.
                let (together, apart) = both.nodes();
                let sizes = [n, c, h, w];
                let goes = |d: usize| axes.is_empty() || axes.contains(&d.cast_signed());
                let regular = (0..4).any(|d| goes(d) && sizes[d] > 1) && !(goes(1) && c > 1);
                assert!(
                    apart == 16 && (together == 4 || !regular),
                    "{axes:?} of {shapes:?}: {together}, {apart}\n{}",
                    both.together.describe()
                );
                both.agree(&inputs, NEAR);
            }
        }
    }
}

/// A part is read where it lies, integers are counted, and a convolution keeps what it can finish.
#[test]
fn what_begins_a_reduction() {
    let mut part = Both::of(gpu(), &f32s(&[&[2, 6, 8], &[2, 4, 8]]), |_, x| {
        Ok(vec![x[0].slice([AxisRange { axis: 1, start: 1, end: 5, step: 1 }])?.mul(&x[1])?.reduce_sum(&[2], false)?])
    });
    assert_eq!(part.nodes(), (1, 3));
    part.agree(&[random(&[2, 6, 8], 1), random(&[2, 4, 8], 2)], NEAR);

    let types = [TensorType::new(foveate::array::DType::I32, [3, 20]), TensorType::new(foveate::array::DType::I32, [20])];
    let mut equal =
        Both::of(gpu(), &types, |_, x| Ok(vec![x[0].equal(&x[1])?.reduce_max(&[1], false)?, x[0].mul(&x[1])?.reduce_sum(&[0], false)?]));
    assert_eq!(equal.nodes(), (2, 4));
    let numbers = |shape: &[usize]| Array::from_fn(shape, |i| (i * 7 % 11) as i32);
    equal.agree(&[numbers(&[3, 20]), numbers(&[20])], Bound::Exact);

    let shapes: [&[usize]; 2] = [&[1, 3, 9, 9], &[4, 3, 3, 3]];
    let mut kept =
        Both::of(gpu(), &f32s(&shapes), |_, x| Ok(vec![x[0].conv2d(&x[1], None, Conv2d::default())?.relu()?.reduce_mean(&[2, 3], false)?]));
    let text = kept.together.describe();
    assert!(text.contains("conv2d+relu") && !text.contains("relu+reduce_mean"), "{text}");
    kept.agree(&shapes.map(|shape| random(shape, 3)), NEAR);

    // A tensor that no binding holds is cut, which a beginning is not.
    let mut large = Both::of(&narrow_gpu(1 << 14), &f32s(&[&[100, 60], &[60]]), |_, x| Ok(vec![x[0].mul(&x[1])?.reduce_sum(&[1], false)?]));
    assert_eq!(large.nodes(), (2, 2));
    large.agree(&[random(&[100, 60], 5), random(&[60], 6)], NEAR);

    // What others read, too, is there once.
    let mut shared = Both::of(gpu(), &f32s(&[&[5, 12]]), |_, x| {
        let y = x[0].exp()?;
        Ok(vec![y.div(&y.reduce_sum(&[1], true)?)?])
    });
    assert_eq!(shared.nodes(), (3, 3));
    shared.agree(&[random(&[5, 12], 4)], NEAR);
}

/// The dispatches of whole networks, which nothing should raise unnoticed.
#[test]
fn the_selfie_network_takes_few_dispatches() {
    let graph = Graph::new();
    let image = graph.input("image", TensorType::f32([1, 3, 256, 256])).unwrap();
    let mask = selfie::forward(&graph, &selfie::weights().unwrap(), &image).unwrap();
    let compile = |fusion| Plan::compile_with(gpu(), &[&mask], Options { fusion, ..Options::default() }).unwrap();
    let (mut together, mut apart) = (compile(true), compile(false));
    assert!(dispatches(&together) <= SELFIE, "{}", together.describe());
    assert!(together.device_bytes() <= apart.device_bytes());
    let x = random(&[1, 3, 256, 256], 1);
    let [a, b] = [&mut together, &mut apart].map(|plan| plan.run(&[("image", &x)]).unwrap().remove(0));
    compare(&a, &b, None, Bound::Near { absolute: 1e-4, relative: 0.0 }).unwrap();
}

const SELFIE: usize = 82;

/// An operator that a random chain applies to what is there so far.
#[derive(Clone, Debug)]
enum Next {
    Unary(u8, usize),
    Binary(u8, usize, usize),
    Where(usize, usize, usize),
}

fn next() -> impl Strategy<Value = Next> {
    let at = 0usize..64;
    prop_oneof![
        3 => (0u8..12, at.clone()).prop_map(|(kind, a)| Next::Unary(kind, a)),
        4 => (0u8..6, at.clone(), at.clone()).prop_map(|(kind, a, b)| Next::Binary(kind, a, b)),
        1 => (at.clone(), at.clone(), at).prop_map(|(a, b, c)| Next::Where(a, b, c)),
    ]
}

/// Keeps numbers within a few units, so that errors stay what they are.
fn apply(vars: &[Var], next: &Next) -> Result<Var> {
    let var = |i: &usize| &vars[i % vars.len()];
    match next {
        Next::Unary(kind, a) => match kind {
            0 => var(a).relu(),
            1 => var(a).sigmoid(),
            2 => var(a).tanh(),
            3 => var(a).abs(),
            4 => var(a).neg(),
            5 => var(a).clip(Some(-0.5), Some(0.75)),
            6 => var(a).hardswish(),
            7 => var(a).sin(),
            8 => var(a).leaky_relu(0.2),
            9 => var(a).clip(Some(-1.0), None),
            10 => var(a).softsign(),
            _ => var(a).hardsigmoid(0.3, 0.4),
        },
        Next::Binary(kind, a, b) => {
            let (a, b) = (var(a), var(b));
            match kind {
                0 => a.add(b)?.clip(Some(-2.0), Some(2.0)),
                1 => a.sub(b)?.clip(Some(-2.0), Some(2.0)),
                2 => a.mul(b)?.clip(Some(-2.0), Some(2.0)),
                3 => a.maximum(b),
                4 => a.minimum(b),
                _ => a.prelu(b)?.clip(Some(-2.0), Some(2.0)),
            }
        }
        // By an input, which both plans read alike: a leap elsewhere would show any rounding.
        Next::Where(a, b, c) => vars[a % 4].greater(&vars[(a + 1) % 4])?.where_(var(b), var(c)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any graph of element-wise operators gives what its operators give one by one, by kernels and by references.
    #[test]
    fn random_graphs_agree(steps in prop::collection::vec(next(), 3..24), h in 1usize..4, w in 1usize..9, outputs in 1usize..4) {
        let shapes: [Vec<usize>; 4] = [vec![2, 3, h, w], vec![3, 1, 1], vec![1], vec![2, 3, h, w]];
        let inputs: Vec<Array> = shapes.iter().zip(1..).map(|(shape, seed)| random(shape, seed)).collect();
        let types: Vec<TensorType> = inputs.iter().map(Array::ty).collect();
        let mut both = Both::of(gpu(), &types, |_, x| {
            let mut vars = x.to_vec();
            for step in &steps {
                vars.push(apply(&vars, step)?);
            }
            Ok(vars.split_off(vars.len() - outputs))
        });
        let (together, apart) = both.nodes();
        prop_assert!(together <= apart);
        // Slopes of up to 2 for each of a few products on the way.
        both.agree(&inputs, Bound::Near { absolute: 2e-4, relative: 2e-4 });
    }
}

/// A part of a larger tensor is read where it lies: the wanted count of nodes is with fusion.
#[test]
fn parts_are_read_where_they_lie() {
    let f32 = |shape: &[usize]| TensorType::f32(shape);
    let conv = || Conv2d { padding: Pads::all(1), ..Conv2d::default() };
    let twice = ConvTranspose2d { stride: Hw::square(2), ..ConvTranspose2d::default() };
    let (image, weight) = ([2, 3, 6, 8], [4, 3, 3, 3]);
    type Build<'a> = Box<dyn Fn(&Graph, &[Var]) -> Result<Vec<Var>> + 'a>;
    let rows: Vec<(&str, Vec<TensorType>, usize, Build<'_>)> = vec![
        (
            "of a sum",
            vec![f32(&[2, 3, 6, 7]), f32(&[2, 3, 9, 9])],
            1,
            Box::new(|_, v| Ok(vec![v[0].add(&v[1].crop(2, 1, Hw::new(6, 7))?)?])),
        ),
        (
            "of all dimensions, twice, in a chain",
            vec![f32(&[2, 3, 4, 8]), f32(&[4, 5, 6, 12])],
            1,
            Box::new(|_, v| {
                let part = v[1].narrow(0, 1, 2)?.narrow(1, 2, 3)?.crop(1, 4, Hw::new(4, 8))?;
                Ok(vec![v[0].mul(&part)?.relu()?.add(&part)?])
            }),
        ),
        ("a column", vec![f32(&[9, 1]), f32(&[9, 5])], 1, Box::new(|_, v| Ok(vec![v[0].add(&v[1].narrow(1, 3, 1)?)?]))),
        (
            "of whole vectors in a convolution",
            vec![f32(&image), f32(&weight), f32(&[2, 4, 9, 11])],
            1,
            Box::new(|_, v| Ok(vec![v[0].conv2d(&v[1], None, conv())?.add(&v[2].crop(1, 2, Hw::new(6, 8))?)?.relu()?])),
        ),
        (
            "of an upsampling",
            vec![f32(&[1, 4, 3, 5]), f32(&[4, 1, 4, 4]), f32(&[1, 4, 12, 14])],
            1,
            Box::new(|_, v| {
                let up = v[0].conv_transpose2d(&v[1], None, ConvTranspose2d { groups: 4, ..twice })?;
                Ok(vec![up.add(&v[2].crop(3, 2, Hw::new(8, 12))?)?])
            }),
        ),
        (
            "of rows in a product",
            vec![f32(&[5, 9]), f32(&[7, 9]), f32(&[8, 10])],
            1,
            Box::new(|_, v| Ok(vec![v[0].linear(&v[1], None)?.sub(&v[2].crop(3, 2, Hw::new(5, 7))?)?])),
        ),
        (
            "with steps",
            vec![f32(&[3]), f32(&[6])],
            2,
            Box::new(|_, v| Ok(vec![v[0].add(&v[1].slice([AxisRange { step: 2, ..AxisRange::new(0, 0, 6) }])?)?])),
        ),
        (
            "that others read",
            vec![f32(&[3]), f32(&[6])],
            2,
            Box::new(|_, v| {
                let part = v[1].narrow(0, 2, 3)?;
                Ok(vec![v[0].add(&part)?, part])
            }),
        ),
    ];
    for (name, types, nodes, build) in rows {
        let inputs: Vec<Array> = types.iter().enumerate().map(|(i, ty)| random(&ty.shape, 20 + i as u64)).collect();
        let mut both = Both::of(gpu(), &types, &build);
        assert_eq!(both.nodes().0, nodes, "{name}:\n{}", both.together.describe());
        both.agree(&inputs, NEAR);
    }
}

/// What a photo's classes come from: its scores are compared where they are enlarged, and lie nowhere.
#[test]
fn the_labels_of_a_photo_are_one_kernel() {
    let scores = TensorType::f32([1, 21, 24, 32]);
    let mut both = Both::of(gpu(), std::slice::from_ref(&scores), |_, x| Ok(vec![photo::labels(&x[0], Hw::new(75, 100))?]));
    assert_eq!(both.nodes(), (1, 2));
    assert!(both.together.describe().contains("upsample_argmax/tiles "), "{}", both.together.describe());
    let enlarged = 21 * 75 * 100 * 4;
    assert!(both.together.device_bytes() + enlarged <= both.apart.device_bytes());
    both.agree(&[random(&scores.shape, 1)], Bound::Exact);
}

/// Operators that others compute on the way are no nodes of their own: the wanted count of nodes is with fusion.
#[test]
fn operators_absorb_what_they_compute_on_the_way() {
    let f32 = |shape: &[usize]| TensorType::f32(shape);
    let affine = AffineGrid { size: Hw::new(5, 6), align_corners: false };
    let linear = GridSample::default();
    let nearest = GridSample { mode: SampleMode::Nearest, ..linear };
    let (image, theta) = ([2, 3, 8, 7], [2, 2, 3]);
    let deconv = ConvTranspose2d { stride: Hw::square(2), padding: Pads::all(1), ..ConvTranspose2d::default() };
    let conv = Conv2d { padding: Pads::all(1), ..Conv2d::default() };
    let zeros = PadMode::Constant(0.0);
    let (larger, scores) = (Resize::bilinear(Hw::new(20, 27)), [2, 4, 9, 11]);
    let cropped = |x: &Var, w: &Var| x.conv_transpose2d(w, None, deconv)?.crop(3, 1, Hw::new(9, 8));
    type Build<'a> = Box<dyn Fn(&Graph, &[Var]) -> Result<Vec<Var>> + 'a>;
    let rows: Vec<(&str, Vec<TensorType>, usize, Build<'_>)> = vec![
        ("grid", vec![f32(&image), f32(&theta)], 1, Box::new(|_, v| Ok(vec![v[0].grid_sample(&v[1].affine_grid(affine)?, linear)?]))),
        ("nearest", vec![f32(&image), f32(&theta)], 2, Box::new(|_, v| Ok(vec![v[0].grid_sample(&v[1].affine_grid(affine)?, nearest)?]))),
        (
            "grid that is an output",
            vec![f32(&image), f32(&theta)],
            2,
            Box::new(|_, v| {
                let grid = v[1].affine_grid(affine)?;
                Ok(vec![v[0].grid_sample(&grid, linear)?, grid])
            }),
        ),
        ("transposed", vec![f32(&[2, 5, 7]), f32(&[2, 9, 7])], 1, Box::new(|_, v| Ok(vec![v[0].matmul(&v[1].swap_axes(1, 2)?)?]))),
        ("back again", vec![f32(&[5, 7]), f32(&[7, 9])], 1, Box::new(|_, v| Ok(vec![v[0].matmul_transposed(&v[1].swap_axes(0, 1)?)?]))),
        ("batches turned", vec![f32(&[4, 5, 7]), f32(&[7, 4, 9])], 2, Box::new(|_, v| Ok(vec![v[0].matmul(&v[1].transpose([1, 0, 2])?)?]))),
        ("crop", vec![f32(&image), f32(&[3, 4, 4, 4])], 1, Box::new(|_, v| Ok(vec![cropped(&v[0], &v[1])?]))),
        ("crop and relu", vec![f32(&image), f32(&[3, 4, 4, 4])], 1, Box::new(|_, v| Ok(vec![cropped(&v[0], &v[1])?.relu()?]))),
        (
            "crop of channels",
            vec![f32(&image), f32(&[3, 4, 4, 4])],
            2,
            Box::new(|_, v| Ok(vec![v[0].conv_transpose2d(&v[1], None, deconv)?.slice([AxisRange::new(1, 1, 3)])?])),
        ),
        (
            "every other row",
            vec![f32(&image), f32(&[3, 4, 4, 4])],
            2,
            Box::new(|_, v| {
                Ok(vec![v[0].conv_transpose2d(&v[1], None, deconv)?.slice([AxisRange { step: 2, ..AxisRange::new(2, 0, 16) }])?])
            }),
        ),
        (
            "turned over",
            vec![f32(&image), f32(&[3, 4, 4, 4])],
            2,
            Box::new(|_, v| {
                let backwards = AxisRange { step: -1, ..AxisRange::new(2, -1, -100) };
                Ok(vec![v[0].conv_transpose2d(&v[1], None, deconv)?.slice([backwards])?])
            }),
        ),
        (
            "zeros",
            vec![f32(&image), f32(&[4, 3, 3, 3])],
            1,
            Box::new(|_, v| Ok(vec![v[0].pad([0, 0, 1, 2], [0, 0, 3, 0], zeros)?.conv2d(&v[1], None, conv)?])),
        ),
        (
            "ones",
            vec![f32(&image), f32(&[4, 3, 3, 3])],
            2,
            Box::new(|_, v| Ok(vec![v[0].pad([0, 0, 1, 2], [0, 0, 3, 0], PadMode::Constant(1.0))?.conv2d(&v[1], None, conv)?])),
        ),
        (
            "zeros read twice",
            vec![f32(&image), f32(&[4, 3, 3, 3])],
            3,
            Box::new(|_, v| {
                let padded = v[0].pad([0, 0, 1, 1], [0, 0, 1, 1], zeros)?;
                Ok(vec![padded.conv2d(&v[1], None, conv)?, padded.conv2d(&v[1], None, Conv2d::default())?])
            }),
        ),
        ("labels", vec![f32(&scores)], 1, Box::new(|_, v| Ok(vec![v[0].resize(larger)?.argmax(1, true, false)?]))),
        (
            "labels of fewer pixels",
            vec![f32(&scores)],
            2,
            Box::new(|_, v| Ok(vec![v[0].resize(Resize::bilinear(Hw::new(5, 9)))?.argmax(1, true, false)?])),
        ),
        ("the unlikeliest", vec![f32(&scores)], 2, Box::new(|_, v| Ok(vec![v[0].resize(larger)?.argmin(1, true, false)?]))),
        ("along rows", vec![f32(&scores)], 2, Box::new(|_, v| Ok(vec![v[0].resize(larger)?.argmax(-2, false, true)?]))),
        (
            "labels, and their scores",
            vec![f32(&scores)],
            2,
            Box::new(|_, v| {
                let enlarged = v[0].resize(larger)?;
                Ok(vec![enlarged.argmax(-3, false, true)?, enlarged])
            }),
        ),
    ];
    for (name, types, nodes, build) in rows {
        let inputs: Vec<Array> = types.iter().enumerate().map(|(i, ty)| random(&ty.shape, 10 + i as u64)).collect();
        let mut both = Both::of(gpu(), &types, &build);
        assert_eq!(both.nodes().0, nodes, "{name}:\n{}", both.together.describe());
        both.agree(&inputs, NEAR);
    }
}
