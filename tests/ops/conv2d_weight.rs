//! `conv2d_weight`: case tables, cuts, and the kernels of other devices. Outside numbers: PyTorch in f64.

use crate::common::{Bound, Case, Elsewhere, check, check_on, fixture, gpu, narrow_gpu, random, small_bindings};
use crate::conv2d::{PLAIN, padded, pads, strided};
use foveate::array::{Array, Hw};
use foveate::ops::{Conv2d, Conv2dWeight, Op};

fn grouped(groups: usize, convolution: Conv2d) -> Conv2d {
    Conv2d { groups, ..convolution }
}

/// The attributes of the fixture's cases, in its order.
fn table() -> Vec<(&'static str, Conv2d)> {
    vec![
        ("one pixel", PLAIN),
        ("three", padded(1)),
        ("whole vectors", padded(1)),
        ("odd sizes", padded(1)),
        ("without padding", PLAIN),
        ("points", PLAIN),
        ("points of odd maps", PLAIN),
        ("points with stride 2", strided(2)),
        ("two taps", PLAIN),
        ("seven taps", padded(3)),
        ("eight taps", pads(3, 4, 3, 4)),
        ("stride 2", Conv2d { stride: Hw::square(2), ..pads(0, 1, 0, 1) }),
        ("stride along y only", Conv2d { stride: Hw::new(2, 1), ..padded(1) }),
        ("stride above the kernel", Conv2d { stride: Hw::new(5, 4), ..PLAIN }),
        ("dilation", Conv2d { dilation: Hw::new(1, 2), ..pads(2, 4, 1, 2) }),
        ("dilation 12", Conv2d { dilation: Hw::square(12), ..padded(12) }),
        ("padding above the input", pads(5, 4, 3, 6)),
        ("rows and columns missing", Conv2d { stride: Hw::square(2), ..padded(1) }),
        ("as large as the map", PLAIN),
        ("depthwise", grouped(5, padded(1))),
        ("depthwise, whole vectors", grouped(4, padded(1))),
        ("depthwise 5 x 5, stride 2", grouped(3, Conv2d { stride: Hw::square(2), ..pads(2, 1, 1, 2) })),
        ("depthwise 7 x 7", grouped(2, padded(3))),
        ("depthwise 8 x 1", grouped(3, pads(0, 0, 2, 2))),
        ("depthwise 2 x 11", grouped(3, PLAIN)),
        ("depthwise, dilation", grouped(3, Conv2d { dilation: Hw::new(1, 2), ..pads(2, 4, 1, 2) })),
        ("depthwise, several outputs", grouped(2, padded(1))),
        ("depthwise points", grouped(3, PLAIN)),
        ("groups", grouped(3, padded(1))),
        ("groups of many", grouped(2, padded(1))),
        ("groups with rows missing", grouped(2, Conv2d { stride: Hw::square(2), ..padded(1) })),
        ("groups of points", grouped(3, PLAIN)),
    ]
}

fn rows<O: Op + 'static>(names: &[&str], on: impl Fn(Conv2dWeight) -> O) -> Vec<Case> {
    let arrays = fixture("conv2d_weight");
    let row = |(name, convolution): (&'static str, Conv2d)| {
        let [input, grad, output] = ["input", "grad", "output"].map(|tensor| arrays[&format!("{name}/{tensor}")].clone());
        let kernel = Hw::new(output.shape()[2], output.shape()[3]);
        let terms = grad.shape()[0] * grad.shape()[2] * grad.shape()[3];
        let op = on(Conv2dWeight { convolution, kernel });
        Case::new(name, op, vec![input, grad], Bound::Terms(terms)).outputs(vec![output])
    };
    table().into_iter().filter(|(name, _)| names.is_empty() || names.contains(name)).map(row).collect()
}

fn same(name: &str, images: [usize; 4], outputs: usize) -> Case {
    let [n, _, h, w] = images;
    let op = Conv2dWeight { convolution: padded(1), kernel: Hw::square(3) };
    Case::new(name, op, vec![random(&images, 1), random(&[n, outputs, h, w], 2)], Bound::Terms(n * h * w))
}

#[test]
fn cases() {
    check(rows(&[], |op| op));
}

#[test]
fn as_a_gpu_computes_it() {
    check(rows(&[], |op| Elsewhere::gpu(op).only("conv2d_weight/tile")));
    let of_groups: Vec<&str> = table().into_iter().filter(|(_, convolution)| convolution.groups > 1).map(|(name, _)| name).collect();
    check(rows(&of_groups, |op| Elsewhere::gpu(op).only("conv2d_weight/grouped")));
    // What a software adapter with lanes takes first, and a GPU.
    let lanes = gpu().capabilities().has_lanes();
    let first = |name: &'static str, here: &'static str, there: &'static str| {
        check(rows(&[name], |op| op).into_iter().map(|case| case.kernel(if lanes { here } else { there })).collect());
        check(rows(&[name], Elsewhere::gpu).into_iter().map(|case| case.kernel(there)).collect());
    };
    first("depthwise", "conv2d_weight/grouped_lanes", "conv2d_weight/grouped");
    first("groups", "conv2d_weight/grouped_lanes", "conv2d_weight/grouped");
    first("groups of many", "conv2d_weight/lanes", "conv2d_weight/tile");
}

#[test]
fn long_sums_are_cut() {
    check(vec![
        same("a row of slices", [1, 3, 64, 64], 8).kernel("sum_slices"),
        same("over images", [3, 2, 24, 40], 18).kernel("sum_slices"),
        same("slices that end early", [5, 2, 33, 33], 3).kernel("sum_slices"),
    ]);
}

/// An infinity spoils the taps that see it, and no others; on matrices, where it is NaN, too (`tests/matrices.rs`).
#[test]
fn pixels_past_the_end_see_nothing() {
    let mut values = vec![1.0f32; 2 * 5 * 9];
    values[8] = f32::INFINITY;
    let op = Elsewhere::new(Conv2dWeight { convolution: PLAIN, kernel: Hw::square(3) }, |device| device.matrices = None);
    let inputs = vec![Array::new([1, 2, 5, 9], values).unwrap(), Array::full([1, 3, 3, 7], 1.0f32)];
    check(vec![Case::new("at the end of a row", op, inputs, Bound::Near { absolute: 0.0, relative: 1e-6 })]);
    // Gradients that are infinite where taps see padding alone.
    let mut grads = vec![1.0f32; 2 * 5 * 9];
    grads[0] = f32::INFINITY;
    let op = Conv2dWeight { convolution: grouped(2, padded(1)), kernel: Hw::square(3) };
    let inputs = || vec![Array::full([1, 2, 5, 9], 1.0f32), Array::new([1, 2, 5, 9], grads.clone()).unwrap()];
    let near = Bound::Near { absolute: 0.0, relative: 1e-6 };
    check(vec![Case::new("in a corner", Elsewhere::gpu(op).only("conv2d_weight/grouped"), inputs(), near)]);
}

#[test]
fn cut_to_fit_bindings() {
    let images = same("images", [4, 3, 6, 24], 5).dispatches(4);
    let outputs = |kernel: usize| {
        let op = Conv2dWeight { convolution: padded(1), kernel: Hw::square(kernel) };
        Case::new("output channels", op, vec![random(&[1, 16, 4, 4], 1), random(&[1, 20, 4, 4], 2)], Bound::Terms(16)).dispatches(3)
    };
    check_on(&narrow_gpu(4096), vec![images, outputs(3)]);
    let on_gpu = |device: &mut foveate::gpu::Capabilities| {
        small_bindings(device);
        device.software = false;
    };
    let op = Conv2dWeight { convolution: padded(1), kernel: Hw::square(3) };
    let inputs = || vec![random(&[4, 3, 6, 24], 1), random(&[4, 5, 6, 24], 2)];
    check(vec![Case::new("images, on a GPU", Elsewhere::new(op, on_gpu), inputs(), Bound::Terms(576)).dispatches(4)]);
}

#[test]
fn refused() {
    let refused = |convolution: Conv2d, grad: &[usize], text: &'static str| {
        let op = Conv2dWeight { convolution, kernel: Hw::square(3) };
        Case::refused(text, op, vec![random(&[2, 4, 6, 6], 1), random(grad, 2)], text)
    };
    check(vec![
        refused(PLAIN, &[2, 3, 5, 4], "images of at most 4 x 4 outputs"),
        refused(PLAIN, &[1, 3, 4, 4], "has 2 images"),
        refused(grouped(3, PLAIN), &[2, 3, 4, 4], "3 groups do not divide 4 input"),
        refused(grouped(2, PLAIN), &[2, 3, 4, 4], "2 groups do not divide 4 input and 3 output"),
        refused(grouped(0, PLAIN), &[2, 3, 4, 4], "at least 1"),
        refused(strided(0), &[2, 3, 4, 4], "at least 1"),
        refused(PLAIN, &[2, 3, 4], "(n, O, oh, ow)"),
        refused(Conv2d { dilation: Hw::square(4), ..PLAIN }, &[2, 3, 4, 4], "does not fit"),
    ]);
}
