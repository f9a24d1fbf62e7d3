//! slice: case tables.

use crate::common::{Bound, Case, check, fixture, gpu, random, random_below};
use foveate::array::{Array, Hw, f16};
use foveate::graph::Graph;
use foveate::ops::{AxisRange, Slice};
use foveate::plan::Plan;

fn range(axis: usize, start: isize, end: isize, step: isize) -> AxisRange {
    AxisRange { axis, start, end, step }
}

fn slice(ranges: &[AxisRange]) -> Slice {
    Slice { ranges: ranges.to_vec() }
}

#[test]
fn cases() {
    let numbers = fixture("movement");
    let case = |name: &str, op: Slice| {
        let [input, output] = ["input", "output"].map(|part| numbers[&format!("{name}/{part}")].clone());
        Case::new(name, op, vec![input], Bound::Exact).outputs(vec![output])
    };
    let last = isize::MAX;
    let back = isize::MIN;
    check(vec![
        case("slice_front", slice(&[AxisRange::new(0, 1, 4)])),
        case("slice_negative", slice(&[AxisRange::new(1, -5, -1)])),
        case("slice_steps", slice(&[range(0, 0, last, 2), range(1, 1, last, 3), range(2, 5, 0, -2)])),
        case("slice_reversed", slice(&[range(2, -1, back, -1), range(0, last, back, -1), range(1, -1, -100, -1)])),
        case("slice_beyond", slice(&[AxisRange::new(0, -100, 100), AxisRange::new(1, 4, 100)])),
        case("slice_to_the_front", slice(&[range(2, 3, back, -1)])),
        case("crop", slice(&[AxisRange::new(2, 3, 7), AxisRange::new(3, 4, 12)])),
        case("crop_odd", slice(&[AxisRange::new(2, 1, 8), AxisRange::new(3, 3, 10)])),
        Case::new("everything", Slice::default(), vec![random(&[2, 3], 1)], Bound::Exact),
        Case::new("one of a huge step", slice(&[range(0, 1, last, last)]), vec![random(&[5], 1)], Bound::Exact),
        Case::new("i32", slice(&[range(0, -1, back, -2)]), vec![random_below(&[9], 1, 100)], Bound::Exact),
        Case::new("bool", slice(&[AxisRange::new(0, 1, 3)]), vec![Array::from_fn([4], |i| i % 3 == 0)], Bound::Exact),
        Case::new(
            "f16 in pairs",
            slice(&[AxisRange::new(0, 1, 3)]),
            vec![Array::from_fn([4, 6], |i| f16::from_f32(i as f32))],
            Bound::Exact,
        ),
        Case::refused("f16 alone", slice(&[AxisRange::new(0, 1, 3)]), vec![Array::full([4], f16::ONE)], "cast it first"),
        Case::refused("nothing left", slice(&[AxisRange::new(0, 3, 3)]), vec![random(&[4], 1)], "no elements"),
        Case::refused("no step", slice(&[range(0, 0, 3, 0)]), vec![random(&[4], 1)], "step in dimension 0 is 0"),
        Case::refused("no such dimension", slice(&[AxisRange::new(1, 0, 3)]), vec![random(&[4], 1)], "no dimension 1"),
        Case::refused("twice", slice(&[AxisRange::new(0, 0, 3); 2]), vec![random(&[4], 1)], "two ranges"),
        // Three words in a row: one invocation each.
        Case::new("more than 65,535 workgroups", slice(&[AxisRange::new(1, 1, 4)]), vec![random(&[1_400_000, 5], 1)], Bound::Exact),
    ]);
}

/// A signalling NaN with a payload is moved as it is.
#[test]
fn bits_survive() {
    let patterns = [0x7f80_0001u32, 0xffc1_2345, 0x7fa5_5aa5, 1, 0x8000_0000];
    let graph = Graph::new();
    let array = Array::from_fn([5], |i| f32::from_bits(patterns[i]));
    let reversed = graph.input("x", array.ty()).unwrap().slice([range(0, -1, isize::MIN, -1)]).unwrap();
    let output = Plan::compile(gpu(), &[&reversed]).unwrap().run(&[("x", &array)]).unwrap();
    let bits: Vec<u32> = output[0].values::<f32>().unwrap().iter().rev().map(|x| x.to_bits()).collect();
    assert_eq!(bits, patterns);
}

#[test]
fn crop_is_two_ranges() {
    let numbers = fixture("movement");
    let graph = Graph::new();
    let input = graph.input("x", numbers["crop/input"].ty()).unwrap();
    let output = Plan::compile(gpu(), &[&input.crop(3, 4, Hw::new(4, 8)).unwrap()]).unwrap().run(&[("x", &numbers["crop/input"])]).unwrap();
    assert_eq!(output[0], numbers["crop/output"]);
    let refusal = input.crop(5, 4, Hw::new(4, 8)).unwrap_err().to_string();
    assert!(refusal.contains("4 elements from 5 on do not fit"), "{refusal}");
}
