//! detach: case table, and a gradient that does not flow.

use crate::common::{Bound, Case, check, check_composed, random, random_below};
use foveate::array::Array;
use foveate::ops::Detach;

#[test]
fn cases() {
    check(vec![
        Case::new("f32", Detach, vec![random(&[3, 4], 1)], Bound::Exact),
        Case::new("i32", Detach, vec![random_below(&[5], 2, 9)], Bound::Exact),
        Case::refused("two inputs", Detach, vec![random(&[2], 1), random(&[2], 2)], "takes 1 inputs"),
    ]);
}

#[test]
fn a_product_with_itself_has_half_its_gradient() {
    let x = Array::new([3], vec![1.0f32, -2.0, 0.5]).unwrap();
    check_composed(
        "x times x detached",
        std::slice::from_ref(&x),
        |v| v[0].mul(&v[0].detach()?)?.reduce_sum(&[], false)?.gradient(&[&v[0]]),
        &[&x],
        Bound::Exact,
    );
}
