//! expand: case table. NumPy's rule is that of binary's fixture, so the reference is held to that one here.

use crate::common::{Bound, Case, check, random};
use foveate::array::{Array, f16};
use foveate::ops::Expand;

#[test]
fn cases() {
    let expand = |shape: &[usize]| Expand { shape: shape.to_vec() };
    let columns = Array::new([2, 3], vec![1.0f32, 1.0, 1.0, 2.0, 2.0, 2.0]).unwrap();
    let rows = Array::new([2, 2], vec![1.0f32, 2.0, 1.0, 2.0]).unwrap();
    check(vec![
        Case::new("columns", expand(&[2, 3]), vec![Array::new([2, 1], vec![1.0f32, 2.0]).unwrap()], Bound::Exact).outputs(vec![columns]),
        Case::new("rows", expand(&[2, 1]), vec![Array::new([2], vec![1.0f32, 2.0]).unwrap()], Bound::Exact).outputs(vec![rows]),
        Case::new("vec4 from one", expand(&[3, 2, 8]), vec![random(&[2, 1], 1)], Bound::Exact),
        Case::new("vec4 from vec4", expand(&[3, 2, 8]), vec![random(&[2, 8], 1)], Bound::Exact),
        Case::new("a scalar", expand(&[5, 3]), vec![random(&[], 1)], Bound::Exact),
        Case::new("nothing to do", expand(&[1, 3]), vec![random(&[2, 3], 1)], Bound::Exact),
        Case::new("bool", expand(&[3, 3]), vec![Array::new([3], vec![true, false, true]).unwrap()], Bound::Exact),
        Case::new("f16 in pairs", expand(&[3, 4]), vec![Array::from_fn([4], |i| f16::from_f32(i as f32))], Bound::Exact),
        Case::refused("f16 alone", expand(&[3]), vec![Array::full([1], f16::ONE)], "cast it first"),
        Case::refused("2 against 3", expand(&[3]), vec![random(&[2], 1)], "do not broadcast"),
        Case::refused("too many", expand(&[1 << 20, 1 << 20]), vec![random(&[1], 1)], "more than 2^32"),
    ]);
}
