//! `max_pool2d`: case table.

use crate::common::{Bound, Case, check, fixture, random};
use foveate::array::{Array, Hw, Pads};
use foveate::ops::{MaxPool2d, MaxPool2dWithIndices};
use std::collections::BTreeSet;

/// A case with indices and one without, both exact: nothing is computed, only chosen.
fn both(name: &str, attributes: MaxPool2d, input: &Array, outputs: Option<[Array; 2]>) -> [Case; 2] {
    let values = Case::new(name, attributes, vec![input.clone()], Bound::Exact);
    let indices = Case::new(format!("{name}, with indices"), MaxPool2dWithIndices(attributes), vec![input.clone()], Bound::Exact);
    match outputs {
        Some(outputs) => [values.outputs(vec![outputs[0].clone()]), indices.outputs(outputs.to_vec())],
        None => [values, indices],
    }
}

#[test]
fn as_pytorch() {
    let arrays = fixture("max_pool2d");
    let names: BTreeSet<&str> = arrays.keys().filter_map(|k| k.split('/').next()).collect();
    assert_eq!(names.len(), 15, "{names:?}");
    let cases = |name: &str| {
        let array = |key: &str| arrays[&format!("{name}/{key}")].clone();
        let a: Vec<usize> = array("attributes").values::<i32>().unwrap().iter().map(|&v| v as usize).collect();
        let attributes = MaxPool2d {
            kernel: Hw::new(a[0], a[1]),
            stride: Hw::new(a[2], a[3]),
            padding: Pads { top: a[4], left: a[5], bottom: a[6], right: a[7] },
            dilation: Hw::new(a[8], a[9]),
            ceil_mode: a[10] == 1,
        };
        both(name, attributes, &array("input"), Some([array("output"), array("indices")]))
    };
    check(names.into_iter().flat_map(cases).collect());
}

#[test]
fn as_the_reference() {
    let (plain, three) = (MaxPool2d::default(), MaxPool2d { kernel: Hw::square(3), stride: Hw::square(1), ..Default::default() });
    let mut cases = Vec::new();
    cases.extend(both("one workgroup and one more", three, &random(&[1, 5, 3, 15], 1), None));
    cases.extend(both("one workgroup of fours and one more", plain, &random(&[1, 13, 2, 40], 1), None));
    cases.extend(both(
        "more than 65,535 workgroups",
        MaxPool2d { kernel: Hw::square(1), stride: Hw::square(1), ..plain },
        &random(&[1, 3, 1200, 1201], 1),
        None,
    ));
    cases.extend(both(
        "wide padding",
        MaxPool2d { kernel: Hw::square(9), padding: Pads::all(8), ..plain },
        &random(&[1, 2, 3, 2], 1),
        None,
    ));
    check(cases);
}

#[test]
fn refusals() {
    let plain = MaxPool2d::default();
    let refused = |name: &str, attributes: MaxPool2d, shape: &[usize], text| Case::refused(name, attributes, vec![random(shape, 1)], text);
    let padded = |padding| MaxPool2d { padding, ..plain };
    check(vec![
        refused("three dimensions", plain, &[2, 4, 4], "(N, C, H, W)"),
        refused("stride 0", MaxPool2d { stride: Hw::new(1, 0), ..plain }, &[1, 1, 4, 4], "width: input 4, kernel 2, stride 0"),
        refused("kernel too large", plain, &[1, 1, 4, 1], "width: a window of 2 does not fit input 1"),
        refused("padding as wide as the window", padded(Pads::symmetric(2, 0)), &[1, 1, 4, 4], "height: window 0 of 4 meets no input"),
        refused("padding below", padded(Pads { bottom: 3, ..Pads::default() }), &[1, 1, 4, 4], "window 2 of 3 meets no input"),
        refused(
            "taps on both sides",
            MaxPool2d { dilation: Hw::square(3), padding: Pads::all(1), ..plain },
            &[1, 1, 2, 2],
            "window 0 of 1 meets no input: input 2, kernel 2, dilation 3, padding 1 + 1",
        ),
        refused("overflow", padded(Pads::all(usize::MAX)), &[1, 1, 4, 4], "beyond 2^31"),
        Case::refused("bool", MaxPool2dWithIndices(plain), vec![Array::full([1, 1, 4, 4], true)], "cast it first"),
    ]);
}
