//! Additive attention, by both of its outputs.

use super::differences::{around, check};
use foveate::array::Array;
use foveate::ops::concat;

#[test]
fn additive_attention() {
    let tensors = [around(&[2, 3, 2], 1), around(&[2, 3, 4], 2), around(&[2, 4], 3), around(&[4], 4)];
    check("both outputs", &tensors, |v| {
        let (context, weights) = v[0].additive_attention(&v[1], &v[2], &v[3], None)?;
        concat(&[&context, &weights], 1)
    });
    check("the context", &tensors, |v| Ok(v[0].additive_attention(&v[1], &v[2], &v[3], None)?.0));
    check("the weights", &tensors, |v| Ok(v[0].additive_attention(&v[1], &v[2], &v[3], None)?.1));
    let masked = |mask: Array| [tensors.to_vec(), vec![mask]].concat();
    let allowed = Array::new([2, 3], vec![true, false, true, true, true, false]).unwrap();
    for (name, mask) in [("allowed", allowed), ("added", around(&[2, 3], 5))] {
        check(name, &masked(mask), |v| Ok(v[0].additive_attention(&v[1], &v[2], &v[3], Some(&v[4]))?.0));
    }
}
