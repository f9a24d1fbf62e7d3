//! Sums and sweeps that are longer than the 65,535 turns after which Mesa's software adapter ends the loops of an invocation, by every kernel
//! that there is for them. All terms have one sign, so that what is left out is seen.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail where it stands")]

mod common;

use common::{Bound, Case, check, gpu, random};
use foveate::array::{Array, Hw};
use foveate::graph::Graph;
use foveate::ops::{
    ArgKind, ArgReduce, Attention, AvgPool2d, Conv2d, Conv2dWeight, Conv3d, ConvTranspose2d, CumSum, Det, GlobalPool2d, LayerNorm, Linear,
    Matmul, Op, Resize, ResizeMode, RoiAlign, RoiMode, ScatterElements, ScatterReduction, Softmax,
};
use foveate::plan::Plan;

/// Numbers between 1/2 and 3/2.
fn positive(shape: &[usize]) -> Array {
    Array::from_fn(shape.to_vec(), |i| 0.5 + (i * 7 % 11) as f32 / 11.0)
}

/// Much less than what a loop leaves out that ends too early, and more than the roundings of f32 sums of so many numbers, which mostly
/// cancel: a bound for any order would be percents.
const BOUND: Bound = Bound::Near { absolute: 0.0, relative: 3e-3 };

fn case(name: &str, op: impl Op + 'static, inputs: &[&[usize]]) -> Case {
    Case::new(name, op, inputs.iter().map(|shape| positive(shape)).collect(), BOUND)
}

#[test]
fn products_of_matrices() {
    check(vec![
        case("a row", Matmul::default(), &[&[1, 300_000], &[300_000, 8]]),
        case("a row, transposed", Linear, &[&[1, 70_000], &[8, 70_000]]),
        case("rows, sums of a length that some kernels manage", Matmul::default(), &[&[20, 70_000], &[70_000, 33]]),
        case("rows, of an odd length", Linear, &[&[3, 70_001], &[8, 70_001]]),
    ]);
}

#[test]
fn convolutions() {
    let (plain, two) = (Conv2d::default(), Hw::square(2));
    let grouped = Conv2d { groups: 2, ..plain };
    let weight = |size: usize| Conv2dWeight { convolution: plain, kernel: Hw::square(size) };
    let transposed = ConvTranspose2d::default();
    check(vec![
        case("a pixel of many channels", plain, &[&[1, 70_001, 1, 3], &[8, 70_001, 1, 1]]),
        case("3 x 3, one output channel", plain, &[&[1, 10_000, 3, 4], &[1, 10_000, 3, 3]]),
        case("3 x 3, eight", plain, &[&[1, 10_000, 3, 4], &[8, 10_000, 3, 3]]),
        case("a wide kernel", grouped, &[&[1, 2, 301, 310], &[2, 1, 300, 300]]),
        case("gradient of a weight", weight(1), &[&[1, 4, 500, 500], &[1, 4, 500, 500]]),
        case("gradient of a weight of 3 x 3", weight(3), &[&[1, 1, 302, 302], &[1, 8, 300, 300]]),
        case("of 4 x 4", weight(4), &[&[1, 1, 303, 303], &[1, 8, 300, 300]]),
        case("of 5 x 5", weight(5), &[&[1, 1, 204, 204], &[1, 8, 200, 200]]),
        case("of 7 x 7", weight(7), &[&[1, 1, 206, 206], &[1, 8, 200, 200]]),
        case("transposed, disjoint", ConvTranspose2d { stride: two, ..transposed }, &[&[1, 70_000, 2, 4], &[70_000, 4, 2, 2]]),
        case("transposed, 3 x 3", transposed, &[&[1, 10_000, 2, 3], &[10_000, 8, 3, 3]]),
        case("transposed, one output channel", transposed, &[&[1, 10_000, 2, 3], &[10_000, 1, 3, 3]]),
        case("transposed, one pixel", transposed, &[&[1, 70_000, 1, 1], &[70_000, 3, 2, 2]]),
    ]);
}

/// Values rise along the keys, so that a mean over fewer of them is less.
#[test]
fn attention() {
    // Of long rows a tile of a software adapter takes 146 turns for each key.
    let wide = vec![positive(&[1, 1, 64, 256]), positive(&[1, 1, 600, 256]), Array::from_fn([1, 1, 600, 256], |i| i as f32 / 1e5)];
    let keys = 250_000;
    let rising = Array::from_fn([1, 1, keys, 4], |i| i as f32 / 1e6);
    let inputs = |queries: usize| vec![positive(&[1, 1, queries, 4]), positive(&[1, 1, keys, 4]), rising.clone()];
    check(vec![
        Case::new("a query", Attention::default(), inputs(1), BOUND),
        Case::new("two", Attention::default(), inputs(2), BOUND),
        Case::new("eight", Attention::default(), inputs(8), BOUND),
        Case::new("long rows", Attention::default(), wide, BOUND),
    ]);
}

#[test]
fn rows() {
    // Off by what the mean of so many numbers is, which lies in the middle of them.
    let normed = Bound::Near { absolute: 3e-3, relative: 3e-3 };
    let last = ArgReduce { kind: ArgKind::Max, axis: 0, keepdims: false, select_last_index: false };
    let rising = Array::from_fn(vec![700_001], |i| i as f32);
    check(vec![
        Case { bound: normed, ..case("layer_norm", LayerNorm::default(), &[&[1, 1_600_000], &[1_600_000], &[1_600_000]]) },
        Case { bound: normed, ..case("layer_norm of an odd length", LayerNorm::default(), &[&[1, 600_001], &[600_001], &[600_001]]) },
        case("softmax", Softmax::default(), &[&[1, 2_000_000]]),
        case("softmax of an odd length", Softmax::default(), &[&[1, 1_000_001]]),
        case("softmax along columns", Softmax { axis: 0, log: false }, &[&[500_000, 3]]),
        Case::new("argmax", last, vec![rising], Bound::Exact),
    ]);
}

/// Numbers of which determinants are neither large nor small: their variance is e over the rows.
#[test]
fn determinants() {
    let case = |rows: usize| {
        let scale = (3.0 * std::f32::consts::E / rows as f32).sqrt();
        let values = random(&[2, rows, rows], 1);
        let matrices = Array::from_fn([2, rows, rows], |i| scale * values.values::<f32>().unwrap()[i]);
        Case::new(format!("{rows} rows"), Det, vec![matrices], BOUND)
    };
    check(vec![case(40), case(60), case(100), case(256)]);
}

/// All of an image of 300 x 330 pixels, whose largest is its last, as one bin.
fn part(name: &str, mode: RoiMode) -> Case {
    let image = Array::from_fn([1, 1, 300, 330], |i| if i == 98_999 { 2.0 } else { 0.5 + (i * 7 % 11) as f32 / 11.0 });
    let corners = Array::new([1, 4], vec![0.0f32, 0.0, 330.0, 300.0]).unwrap();
    let align = RoiAlign { size: Hw::square(1), mode, ..RoiAlign::default() };
    Case::new(name, align, vec![image, corners, Array::full([1], 0i32)], BOUND)
}

/// A pixel that is a mean of nearly all, a plane that an invocation has to itself if it may.
#[test]
fn images() {
    let few = Resize { mode: ResizeMode::Bilinear, antialias: true, ..Resize::to(Hw::square(2)) };
    check(vec![
        case("antialiased", few, &[&[1, 2, 700, 701]]),
        case("a mean of each plane", GlobalPool2d::Average, &[&[1, 64, 257, 257]]),
        case("of a plane just too long for an invocation", GlobalPool2d::Average, &[&[1, 64, 1, 59_999]]),
        case("a maximum", GlobalPool2d::Max, &[&[1, 64, 257, 257]]),
        part("a part, a sample to a pixel", RoiMode::Average),
        part("the largest of a part", RoiMode::Max),
    ]);
}

#[test]
fn running_sums() {
    let along = |exclusive, reverse| CumSum { axis: 0, exclusive, reverse };
    check(vec![
        case("a line", along(false, false), &[&[200_000]]),
        case("few columns, turned", along(true, true), &[&[70_000, 3]]),
        case("more columns", along(false, true), &[&[70_000, 40]]),
        case("a long line", along(false, false), &[&[1_000_000]]),
    ]);
}

/// Just below 60,000 turns as launches count them, each for the kernel that it names: it counts enough.
#[test]
fn as_long_as_loops_may_be() {
    let (plain, transposed) = (Conv2d::default(), ConvTranspose2d::default());
    let add = ScatterElements { axis: 0, reduction: ScatterReduction::Add };
    let updates = vec![positive(&[3]), Array::from_fn([59_990], |i| i as i32 % 3), positive(&[59_990])];
    let window = Hw::square(240);
    let rising = |keys: usize, size: usize| Array::from_fn([1, 1, keys, size], |i| (i / size) as f32 / 1e5);
    let attended = |queries: usize, keys: usize, size: usize| {
        vec![positive(&[1, 1, queries, size]), positive(&[1, 1, keys, size]), rising(keys, size)]
    };
    check(vec![
        case("matmul/lanes", Matmul::default(), &[&[8, 239_900], &[239_900, 8]]),
        case("matmul/register", Matmul::default(), &[&[8, 59_990], &[59_990, 8]]),
        case("matmul/tile", Matmul::default(), &[&[8, 29_990], &[29_990, 8]]),
        case("conv2d/lanes", plain, &[&[1, 3_990, 3, 4], &[8, 3_990, 3, 3]]),
        case("conv2d/register", plain, &[&[1, 1_240, 3, 4], &[8, 1_240, 3, 3]]),
        case("conv2d/direct", plain, &[&[1, 2_850, 3, 4], &[8, 2_850, 3, 3]]),
        case("conv2d/depthwise", Conv2d { groups: 2, ..plain }, &[&[1, 2, 29_900, 4], &[2, 1, 3, 3]]),
        case("conv3d, by those of images", Conv3d::default(), &[&[1, 1_200, 3, 3, 4], &[4, 1_200, 3, 3, 3]]),
        case("conv_transpose2d/direct", transposed, &[&[1, 2_850, 3, 3], &[2_850, 3, 3, 3]]),
        case("conv_transpose2d/lanes", transposed, &[&[1, 19_990, 3, 3], &[19_990, 8, 3, 3]]),
        case("avg_pool2d", AvgPool2d { kernel: window, stride: window, ..AvgPool2d::default() }, &[&[1, 1, 240, 240]]),
        case("layer_norm", LayerNorm::default(), &[&[1, 479_996], &[479_996], &[479_996]]),
        case("cumsum/lines", CumSum { axis: 0, exclusive: false, reverse: false }, &[&[59_990]]),
        Case::new("attention/lanes", Attention::default(), attended(8, 239_900, 4), BOUND),
        Case::new("attention/query", Attention::default(), attended(1, 87_000, 64), BOUND),
        Case::new("attention/tile", Attention::default(), attended(8, 14_900, 20), BOUND),
        Case::new("attention/tile, long rows", Attention::default(), attended(8, 400, 256), BOUND),
        Case::new("scatter/updates", add, updates, BOUND),
    ]);
}

/// Where no kernel is sure to finish, the plan says so; elsewhere they compute it.
#[test]
fn what_loops_would_cut_is_refused() {
    let window = Hw::square(300);
    let refused = |case: Case| {
        let graph = Graph::new();
        let names: Vec<String> = (0..case.inputs.len()).map(|i| format!("input{i}")).collect();
        let vars: Vec<_> = names.iter().zip(&case.inputs).map(|(name, array)| graph.input(name, array.ty()).unwrap()).collect();
        let outputs = graph.apply_dyn(std::sync::Arc::clone(&case.op), &vars.iter().collect::<Vec<_>>()).unwrap();
        match Plan::compile(gpu(), &outputs.iter().collect::<Vec<_>>()) {
            Ok(_) => check(vec![case]),
            Err(error) => {
                let message = error.to_string();
                assert!(gpu().capabilities().max_turns < usize::MAX, "{message}");
                assert!(message.contains(case.op.name()) && message.contains("may cut off"), "{message}");
            }
        }
    };
    refused(case("a mean", AvgPool2d { kernel: window, stride: window, ..AvgPool2d::default() }, &[&[1, 1, 300, 300]]));
    let updates = vec![positive(&[3]), Array::from_fn(vec![70_000], |i| i as i32 % 3), positive(&[70_000])];
    refused(Case::new("updates", ScatterElements { axis: 0, reduction: ScatterReduction::Add }, updates, BOUND));
}
