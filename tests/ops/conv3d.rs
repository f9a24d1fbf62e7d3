//! conv3d: case table. Outside numbers: PyTorch in f64.

use crate::common::{Bound, Case, Elsewhere, check, check_composed, check_on, fixture, narrow_gpu, random};
use foveate::array::{Array, Dhw, Pads3};
use foveate::ops::{Conv3d, Op};

const PLAIN: Conv3d = Conv3d { stride: Dhw::cube(1), padding: Pads3::all(0), dilation: Dhw::cube(1), groups: 1 };

fn pads(front: usize, top: usize, left: usize, back: usize, bottom: usize, right: usize) -> Pads3 {
    Pads3 { front, top, left, back, bottom, right }
}

/// The attributes of the fixture's cases.
fn table() -> Vec<(&'static str, Conv3d)> {
    let size = Dhw::new;
    vec![
        ("one voxel", PLAIN),
        ("cubes", Conv3d { padding: Pads3::all(1), ..PLAIN }),
        ("strides", Conv3d { stride: size(2, 1, 3), padding: pads(0, 2, 1, 1, 0, 2), ..PLAIN }),
        ("dilation", Conv3d { stride: size(1, 2, 1), padding: pads(2, 0, 1, 0, 3, 1), dilation: size(3, 2, 5), ..PLAIN }),
        ("groups", Conv3d { padding: pads(1, 0, 1, 1, 1, 1), groups: 2, ..PLAIN }),
        ("depthwise", Conv3d { stride: size(1, 2, 2), padding: Pads3::all(1), groups: 3, ..PLAIN }),
        ("columns", Conv3d { stride: size(2, 1, 1), padding: pads(1, 0, 0, 2, 0, 0), dilation: size(2, 1, 1), groups: 1 }),
        ("points", PLAIN),
    ]
}

/// The products in an output element, and its bias.
fn terms(weight: &[usize]) -> Bound {
    Bound::Terms(weight[1..].iter().product::<usize>() + 1)
}

/// Inputs and output of every case.
fn numbers() -> Vec<(&'static str, Conv3d, Vec<Array>, Array)> {
    let arrays = fixture("volume");
    let named = |name: &str, what: &str| arrays[&format!("conv3d/{name}/{what}")].clone();
    let row = |(name, op)| (name, op, ["input", "weight", "bias"].map(|what| named(name, what)).to_vec(), named(name, "output"));
    table().into_iter().map(row).collect()
}

#[test]
fn pytorch() {
    let mut cases = Vec::new();
    for (name, op, inputs, output) in numbers() {
        let bound = terms(inputs[1].shape());
        cases.push(Case::new(name, op, inputs, bound).outputs(vec![output]));
    }
    let large = |name: &str, op: Conv3d, input: &[usize], weight: &[usize]| {
        Case::new(name, op, vec![random(input, 1), random(weight, 2)], terms(weight))
    };
    cases.push(large("without bias, one workgroup and one more", PLAIN, &[1, 2, 3, 5, 13], &[7, 2, 1, 1, 1]));
    let many = Conv3d { groups: 131_075, ..PLAIN };
    cases.push(large("65,538 workgroups", many, &[1, 131_075, 2, 2, 8], &[524_300, 1, 1, 1, 2]));
    check(cases);
}

/// The method, which leaves kernels of one row and column to `conv2d`.
#[test]
fn method() {
    for (name, op, inputs, output) in numbers() {
        // At most 81 products of normal numbers.
        let bound = Bound::Near { absolute: 1e-4, relative: 0.0 };
        check_composed(name, &inputs, |v| Ok(vec![v[0].conv3d(&v[1], Some(&v[2]), op)?]), &[&output], bound);
    }
}

#[test]
fn windows() {
    let case = |name: &str, op: Conv3d, input: &[usize], weight: &[usize], dispatches| {
        let inputs = vec![random(input, 1), random(weight, 2), random(&weight[..1], 3)];
        Case::new(name, op, inputs, terms(weight)).dispatches(dispatches)
    };
    let padded = Conv3d { padding: Pads3::all(1), ..PLAIN };
    check_on(
        &narrow_gpu(4096),
        vec![
            case("images", padded, &[5, 3, 4, 5, 7], &[3, 3, 3, 3, 3], 2),
            case("channels", padded, &[1, 2, 5, 9, 9], &[7, 2, 3, 3, 3], 3),
            case("groups", Conv3d { groups: 6, ..padded }, &[2, 6, 5, 6, 6], &[12, 1, 3, 3, 3], 6),
            case("planes", padded, &[1, 4, 6, 4, 5], &[4, 4, 3, 3, 3], 6),
            case("strides", Conv3d { stride: Dhw::new(2, 1, 1), ..padded }, &[2, 4, 9, 5, 5], &[5, 4, 3, 3, 3], 12),
        ],
    );
    let whole = vec![random(&[2, 6, 3, 4, 9], 1), random(&[24, 3, 2, 2, 2], 2)];
    check(vec![Case::new("whole groups", Elsewhere::windows(Conv3d { groups: 2, ..PLAIN }), whole, Bound::Terms(24))]);
}

#[test]
fn refusals() {
    let case = |name: &str, op: Conv3d, input: &[usize], weight: &[usize], text| {
        Case::refused(name, op, vec![random(input, 1), random(weight, 2)], text)
    };
    let (input, weight): (&[usize], &[usize]) = (&[1, 4, 5, 5, 5], &[8, 4, 3, 3, 3]);
    let huge = Dhw::cube(usize::MAX / 2);
    check(vec![
        case("channels", PLAIN, input, &[8, 3, 3, 3, 3], "wants 3 input channels per group, input f32[1, 4, 5, 5, 5] has 4"),
        case("groups", Conv3d { groups: 3, ..PLAIN }, input, weight, "3 groups do not divide 4 input and 8 output channels"),
        case("no stride", Conv3d { stride: Dhw::new(1, 0, 1), ..PLAIN }, input, weight, "must be at least 1"),
        case("large kernel", PLAIN, input, &[8, 4, 6, 3, 3], "a kernel of 6 x 3 x 3 with dilation 1 x 1 x 1 does not fit in 5 x 5 x 5"),
        case("huge dilation", Conv3d { dilation: huge, ..PLAIN }, input, weight, "does not fit"),
        case("huge padding", Conv3d { padding: Pads3::all(usize::MAX), ..PLAIN }, input, weight, "does not fit"),
        case("rank", PLAIN, &[4, 5, 5, 5], weight, "input must be (n, channels, d, h, w)"),
        Case::refused("bias", PLAIN, vec![random(input, 1), random(weight, 2), random(&[4], 3)], "bias must be f32[8]"),
    ]);
    assert_eq!(PLAIN.name(), "conv3d");
}
