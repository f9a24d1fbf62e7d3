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
