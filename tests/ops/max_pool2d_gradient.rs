//! `max_pool2d_gradient`: case table, by switches and by the map itself. Outside numbers: PyTorch's autograd.

use crate::common::{Bound, Case, Elsewhere, check, check_on, fixture, narrow_gpu, random, random_below};
use foveate::array::{Array, Hw, Pads};
use foveate::ops::{MaxPool2d, MaxPool2dGradient, MaxPool2dHalvesGradient};
use std::collections::BTreeSet;

fn by_switches(pooling: MaxPool2d, h: usize, w: usize) -> MaxPool2dGradient {
    MaxPool2dGradient { pooling, size: Hw::new(h, w) }
}

#[test]
fn as_pytorch() {
    let (pooled, arrays) = (fixture("max_pool2d"), fixture("max_pool2d_gradient"));
    let names: BTreeSet<&str> = arrays.keys().filter_map(|k| k.split('/').next()).collect();
    assert_eq!(names.len(), 15, "{names:?}");
    let (mut cases, mut halves) = (Vec::new(), 0);
    for name in names {
        let of = |key: &str| pooled[&format!("{name}/{key}")].clone();
        let [grad, output] = ["grad", "output"].map(|key| arrays[&format!("{name}/{key}")].clone());
        let a: Vec<usize> = of("attributes").values::<i32>().unwrap().iter().map(|&v| v as usize).collect();
        let pooling = MaxPool2d {
            kernel: Hw::new(a[0], a[1]),
            stride: Hw::new(a[2], a[3]),
            padding: Pads { top: a[4], left: a[5], bottom: a[6], right: a[7] },
            dilation: Hw::new(a[8], a[9]),
            ceil_mode: a[10] == 1,
        };
        let &[_, _, h, w] = output.shape() else { panic!("{name}") };
        if pooling == MaxPool2d::default() && h % 2 == 0 && w % 8 == 0 {
            halves += 1;
            let inputs = vec![of("input"), grad.clone()];
            cases.push(Case::new(format!("{name}, halves"), MaxPool2dHalvesGradient, inputs, Bound::Exact).outputs(vec![output.clone()]));
        }
        cases.push(Case::new(name, by_switches(pooling, h, w), vec![of("indices"), grad], Bound::Exact).outputs(vec![output]));
    }
    assert_eq!(halves, 2, "with ties, and with NaN");
    check(cases);
}

#[test]
fn as_the_reference() {
    let three = MaxPool2d { kernel: Hw::square(3), stride: Hw::square(2), padding: Pads::all(1), ..Default::default() };
    let halved = |shape: [usize; 4]| {
        let [n, c, h, w] = shape;
        vec![random(&shape, 1), random(&[n, c, h / 2, w / 2], 2)]
    };
    // Any indices: many that lie outside of their window, and below 0.
    let anywhere = || vec![random_below(&[2, 3, 5, 6], 1, 99), random(&[2, 3, 5, 6], 2)];
    // An invocation for each row of one number: 65,625 workgroups. Each second window has its first row, the others their second.
    let rows = MaxPool2d { kernel: Hw::new(2, 1), stride: Hw::new(40, 1), ..Default::default() };
    let in_window = Array::from_fn([1, 1, 105_000, 1], |i| (40 * i + i % 2) as i32);
    let below = Array::new([1, 1, 1, 2], vec![-1, i32::MIN]).unwrap();
    check(vec![
        Case::new("one workgroup of fours and one more", MaxPool2dHalvesGradient, halved([1, 13, 2, 40]), Bound::Exact),
        Case::new("any indices", by_switches(three, 9, 11), anywhere(), Bound::Exact),
        Case::new("negative indices", by_switches(MaxPool2d::default(), 2, 4), vec![below, random(&[1, 1, 1, 2], 1)], Bound::Exact),
        Case::new(
            "more than 65,535 workgroups",
            by_switches(rows, 4_200_000, 1),
            vec![in_window, random(&[1, 1, 105_000, 1], 2)],
            Bound::Exact,
        ),
    ]);
    let cut = |name: &str, dispatches: usize| {
        Case::new(name, MaxPool2dHalvesGradient, halved([3, 5, 16, 24]), Bound::Exact).dispatches(dispatches)
    };
    check_on(&narrow_gpu(16 << 10), vec![cut("planes", 2)]);
    check(vec![
        Case::new("windows of 4 KiB", Elsewhere::windows(MaxPool2dHalvesGradient), halved([3, 5, 16, 24]), Bound::Exact),
        Case::new("switches in windows of 4 KiB", Elsewhere::windows(by_switches(three, 9, 11)), anywhere(), Bound::Exact),
    ]);
}

#[test]
fn refusals() {
    let plain = by_switches(MaxPool2d::default(), 4, 6);
    let refused = |name: &str, op: MaxPool2dGradient, inputs: [Array; 2], text| Case::refused(name, op, inputs.to_vec(), text);
    let indices = |h: usize| random_below(&[1, 2, h, 3], 1, 9);
    let grad = |h: usize| random(&[1, 2, h, 3], 1);
    let halves = |name: &str, h: usize, w: usize, text| {
        Case::refused(name, MaxPool2dHalvesGradient, vec![random(&[1, 1, h, w], 1), random(&[1, 1, h / 2, w / 2], 1)], text)
    };
    check(vec![
        refused("float indices", plain, [grad(2), grad(2)], "indices must be i32"),
        refused("another size", plain, [indices(3), grad(3)], "4 x 6 are pooled to 2 x 3"),
        refused("fewer indices", plain, [indices(1), grad(2)], "indices are i32[1, 2, 1, 3], grad is f32[1, 2, 2, 3]"),
        refused("no map", by_switches(MaxPool2d::default(), 0, 6), [indices(2), grad(2)], "height"),
        halves("odd height", 3, 8, "H is even"),
        halves("width 4", 2, 4, "W a multiple of 8"),
    ]);
}
