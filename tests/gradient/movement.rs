//! Operators that move elements.

use super::differences::{around, check};
use foveate::array::Array;
use foveate::ops::{AxisRange, PadMode, concat};

#[test]
fn shapes_and_orders() {
    check("reshape", &[around(&[2, 3], 1)], |v| v[0].reshape([3, 2])?.flatten(0)?.unsqueeze(1)?.squeeze(1));
    check("transpose", &[around(&[2, 3, 4], 2)], |v| v[0].transpose([2, 0, 1]));
    check("expand", &[around(&[2, 1], 3)], |v| v[0].expand([3, 2, 4]));
    check("tile", &[around(&[2, 3], 4)], |v| v[0].tile(&[2, 2]));
    check("triangle", &[around(&[3, 3], 5)], |v| v[0].tril(0));
}

#[test]
fn parts() {
    let range = |axis, start, end, step| AxisRange { axis, start, end, step };
    let cases = [
        ("a part", vec![range(1, 1, 3, 1)]),
        ("every second", vec![range(1, 1, 5, 2)]),
        ("every third of all", vec![range(0, 0, 9, 2), range(1, 0, 9, 3)]),
        ("backwards", vec![range(1, -1, isize::MIN, -1)]),
        ("every second backwards", vec![range(0, -1, isize::MIN, -2), range(1, 3, 0, -2)]),
    ];
    for (name, ranges) in cases {
        check(name, &[around(&[3, 5], 1)], |v| v[0].slice(ranges.clone()));
    }
    check("concat", &[around(&[2, 1], 2), around(&[2, 3], 3)], |v| concat(&[&v[0], &v[1], &v[0]], -1));
    check("split", &[around(&[2, 6], 4)], |v| {
        let parts = v[0].split(1, &[1, 3, 2])?;
        // The second part is not used.
        parts[0].mul(&parts[2])
    });
    check("pad", &[around(&[2, 4], 5)], |v| v[0].pad([1, -1], [0, 2], PadMode::Constant(3.0)));
}

#[test]
fn picks() {
    let picks = |shape: &[usize], values: &[i32]| Array::new(shape, values.to_vec()).unwrap();
    // Twice the same, from the end, and out of range.
    check("gather", &[around(&[4, 3], 1), picks(&[2, 3], &[1, 1, 0, -1, 9, 1])], |v| v[0].gather(0, &v[1]));
    check("gather inside", &[around(&[2, 3, 2], 2), picks(&[4], &[2, 0, 2, 2])], |v| v[0].gather(1, &v[1]));
    check("one of each row", &[around(&[3, 4], 3), picks(&[3, 2], &[1, 1, 3, 0, -1, 2])], |v| v[0].gather_elements(1, &v[1]));
}
