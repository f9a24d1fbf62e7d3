//! `max_unpool2d`: case table.

use crate::common::{Bound, Case, check, fixture, random, random_below};
use foveate::array::{Array, Hw, Pads};
use foveate::ops::MaxUnpool2d;
use std::collections::BTreeSet;

fn sized(h: usize, w: usize) -> MaxUnpool2d {
    MaxUnpool2d { output_size: Some(Hw::new(h, w)), ..Default::default() }
}

#[test]
fn as_pytorch() {
    let arrays = fixture("max_unpool2d");
    let names: BTreeSet<&str> = arrays.keys().filter_map(|k| k.split('/').next()).collect();
    assert_eq!(names.len(), 7, "{names:?}");
    let case = |name: &str| {
        let array = |key: &str| arrays[&format!("{name}/{key}")].clone();
        let a: Vec<usize> = array("attributes").values::<i32>().unwrap().iter().map(|&v| v as usize).collect();
        let attributes = MaxUnpool2d {
            kernel: Hw::new(a[0], a[1]),
            stride: Hw::new(a[2], a[3]),
            padding: Pads::symmetric(a[4], a[5]),
            output_size: (a[6] > 0).then_some(Hw::new(a[6], a[7])),
        };
        Case::new(name, attributes, vec![array("input"), array("indices")], Bound::Exact).outputs(vec![array("output")])
    };
    check(names.into_iter().map(case).collect());
}

#[test]
fn the_last_of_several_wins_and_what_lies_outside_is_dropped() {
    let input = Array::new([1, 2, 2, 3], (1..=12).map(|v| v as f32).collect()).unwrap();
    let indices = Array::new([1, 2, 2, 3], vec![3, 0, 3, 4, -1, i32::MIN, 0, 0, 0, i32::MAX, 3, 2]).unwrap();
    let output = Array::new([1, 2, 2, 2], vec![2.0f32, 0.0, 0.0, 3.0, 9.0, 0.0, 12.0, 11.0]).unwrap();
    let zeros = |n: usize| Array::from_fn([1, 1, 1, n], |_| 0i32);
    check(vec![
        Case::new("by hand", sized(2, 2), vec![input, indices], Bound::Exact).outputs(vec![output]),
        Case::new("all on one", sized(1, 1), vec![random(&[1, 1, 1, 999], 1), zeros(999)], Bound::Exact),
        Case::new("crowded", sized(7, 5), vec![random(&[3, 5, 20, 21], 1), random_below(&[3, 5, 20, 21], 2, 40)], Bound::Exact),
        Case::new(
            "more than 65,535 workgroups",
            sized(1999, 2101),
            vec![random(&[1, 1, 30, 31], 1), random_below(&[1, 1, 30, 31], 2, 4_200_000)],
            Bound::Exact,
        ),
    ]);
}

/// One index for each window, a place in it of those that there are, `nth` by `nth`.
fn within(attributes: MaxUnpool2d, [n, c, h, w]: [usize; 4], [oh, ow]: [usize; 2], nth: usize) -> Array {
    let MaxUnpool2d { kernel, stride, padding, .. } = attributes;
    let places = |i: usize, stride: usize, kernel: usize, low: usize, out: usize| -> Vec<usize> {
        (0..kernel).filter_map(|k| (i * stride + k).checked_sub(low)).filter(|&at| at < out).collect()
    };
    Array::from_fn([n, c, h, w], |i| {
        let (ys, xs) = (places(i / w % h, stride.h, kernel.h, padding.top, oh), places(i % w, stride.w, kernel.w, padding.left, ow));
        let at = i * nth % (ys.len() * xs.len());
        (ys[at / xs.len()] * ow + xs[at % xs.len()]) as i32
    })
}

#[test]
fn windows_that_have_their_own() {
    let case = |name: &str, kernel: [usize; 2], stride: [usize; 2], padding: Pads, input: [usize; 4], size: [usize; 2]| {
        let output_size = Some(Hw::new(size[0], size[1]));
        let attributes = MaxUnpool2d { kernel: Hw::new(kernel[0], kernel[1]), stride: Hw::new(stride[0], stride[1]), padding, output_size };
        let indices = within(attributes, input, size, 7);
        (name.to_owned(), attributes, random(&input, 1), indices)
    };
    let none = Pads::default();
    let cases = [
        case("fours of outputs", [2, 2], [2, 2], none, [3, 4, 6, 10], [12, 20]),
        case("an output wider than its windows", [2, 2], [2, 2], none, [2, 3, 5, 7], [11, 16]),
        case("windows cut short", [2, 2], [2, 2], none, [2, 3, 5, 7], [9, 13]),
        case("gaps between windows", [2, 1], [3, 2], none, [2, 3, 4, 5], [13, 11]),
        case("padding", [3, 3], [3, 3], Pads { top: 1, left: 2, bottom: 1, right: 1 }, [2, 3, 4, 5], [10, 12]),
        case("windows of 8", [8, 8], [8, 8], none, [1, 2, 3, 4], [24, 32]),
    ];
    // As they are; one index in the neighbour's window, or past its row's end in the next row; any indices in one plane of several.
    let planes: [&[usize]; 3] = [&[], &[0], &[1, 5]];
    let mut all = Vec::new();
    for (name, attributes, input, indices) in cases {
        let plane = input.shape()[2] * input.shape()[3];
        let strays = |at: &[usize], step: i32| {
            let mut values = indices.values::<i32>().unwrap().to_vec();
            for place in at.iter().map(|at| at * plane + 3) {
                if let Some(value) = values.get_mut(place) {
                    *value += step;
                }
            }
            Array::new(indices.shape(), values).unwrap()
        };
        for at in planes {
            for step in [1, 2, 5, attributes.output_size.unwrap().w as i32, -3] {
                let name = format!("{name}, {at:?} by {step}");
                all.push(Case::new(&name, attributes, vec![input.clone(), strays(at, step)], Bound::Exact));
            }
        }
        let any =
            Array::from_fn(
                indices.shape(),
                |i| if i / plane % 2 == 1 { (i * 31 % 97) as i32 } else { indices.values::<i32>().unwrap()[i] },
            );
        all.push(Case::new(format!("{name}, any in every other plane"), attributes, vec![input.clone(), any], Bound::Exact));
    }
    check(all);
}

#[test]
fn refusals() {
    let plain = MaxUnpool2d::default();
    let refused = |name: &str, attributes: MaxUnpool2d, indices: Array, text| {
        Case::refused(name, attributes, vec![random(&[1, 2, 3, 3], 1), indices], text)
    };
    let indices = || random_below(&[1, 2, 3, 3], 2, 9);
    check(vec![
        refused("float indices", plain, random(&[1, 2, 3, 3], 2), "indices must be i32"),
        refused("other indices", plain, random_below(&[1, 2, 3, 4], 2, 9), "one index for each value"),
        refused("padding", MaxUnpool2d { padding: Pads::all(3), ..plain }, indices(), "height: input 3, kernel 2, stride 2, padding 3 + 3"),
        refused("no output", sized(0, 3), indices(), "max_unpool2d"),
        refused("too large for i32", sized(1 << 16, 1 << 15), indices(), "indices do not reach"),
    ]);
}
