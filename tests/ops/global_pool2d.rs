//! `global_avg_pool2d`, `global_max_pool2d`: case table.

use crate::common::{Bound, Case, check, fixture, random};
use foveate::array::Array;
use foveate::ops::GlobalPool2d;
use std::collections::BTreeSet;

fn case(name: &str, op: GlobalPool2d, input: Array) -> Case {
    let bound = match op {
        GlobalPool2d::Average => Bound::Terms(input.shape()[2] * input.shape()[3] + 1),
        GlobalPool2d::Max => Bound::Exact,
    };
    Case::new(format!("{name}, {op:?}"), op, vec![input], bound)
}

#[test]
fn as_pytorch() {
    let arrays = fixture("global_pool2d");
    let names: BTreeSet<&str> = arrays.keys().filter_map(|k| k.split('/').next()).collect();
    assert_eq!(names.len(), 6, "{names:?}");
    let cases = |name: &str| {
        let array = |key: &str| arrays[&format!("{name}/{key}")].clone();
        [
            case(name, GlobalPool2d::Average, array("input")).outputs(vec![array("average")]),
            case(name, GlobalPool2d::Max, array("input")).outputs(vec![array("max")]),
        ]
    };
    check(names.into_iter().flat_map(cases).collect());
}

#[test]
fn as_the_reference() {
    check(vec![
        case("more than 65,535 workgroups", GlobalPool2d::Max, random(&[1025, 4096, 1, 1], 1)),
        case("one workgroup and one more", GlobalPool2d::Average, random(&[5, 13, 2, 3], 1)),
        Case::refused("a matrix", GlobalPool2d::Average, vec![random(&[3, 3], 1)], "(N, C, H, W)"),
    ]);
}
