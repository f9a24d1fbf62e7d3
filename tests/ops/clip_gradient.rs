//! `clip_gradient`: case table, and a gradient that is clipped.

use crate::common::{Bound, Case, check, check_composed, random, random_below};
use foveate::array::Array;
use foveate::ops::ClipGradient;

#[test]
fn cases() {
    let op = |bound: f32| ClipGradient { bound };
    check(vec![
        Case::new("f32", op(1.0), vec![random(&[3, 4], 1)], Bound::Exact),
        Case::refused("i32", op(1.0), vec![random_below(&[5], 2, 9)], "must be f32"),
        Case::refused("0", op(0.0), vec![random(&[2], 1)], "a bound of 0; it must be positive"),
        Case::refused("NaN", op(f32::NAN), vec![random(&[2], 1)], "a bound of NaN"),
    ]);
}

/// Of x^3 the gradient is 3 x^2, brought to 2 at most; between others and alone.
#[test]
fn a_gradient_is_clipped_where_it_stands() {
    let x = Array::new([4], vec![1.0f32, -2.0, 0.5, f32::NAN]).unwrap();
    let cube = Array::new([4], vec![1.0f32, -8.0, 0.125, f32::NAN]).unwrap();
    let expected = Array::new([4], vec![2.0f32, 2.0, 0.75, f32::NAN]).unwrap();
    check_composed(
        "a cube",
        std::slice::from_ref(&x),
        |v| {
            let clipped = v[0].clip_gradient(2.0)?;
            let cube = clipped.mul(&clipped)?.mul(&clipped)?;
            Ok([vec![cube.clone()], cube.reduce_sum(&[], false)?.gradient(&[&v[0]])?].concat())
        },
        &[&cube, &expected],
        Bound::Exact,
    );
}
