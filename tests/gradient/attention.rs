//! Attention: by heads, and additive by both of its outputs.

use super::differences::{around, check};
use foveate::array::Array;
use foveate::ops::{Attention, concat};

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

#[test]
fn attention() {
    // Two query heads share a key head.
    let tensors = [around(&[1, 4, 3, 2], 1), around(&[1, 2, 3, 2], 2), around(&[1, 2, 3, 3], 3)];
    let default = Attention::default();
    for (name, attributes) in
        [("plain", default), ("a scale", Attention { scale: Some(-1.5), ..default }), ("causal", Attention { causal: true, ..default })]
    {
        check(name, &tensors, |v| v[0].attention(&v[1], &v[2], None, attributes));
    }
    let few = [around(&[2, 1, 2, 2], 4), around(&[2, 1, 4, 2], 5), around(&[2, 1, 4, 1], 6)];
    check("more keys than queries", &few, |v| v[0].attention(&v[1], &v[2], None, Attention { causal: true, ..default }));
    // The second query of the first image sees nothing.
    let allowed = Array::new(
        [2, 1, 2, 4],
        vec![
            true, false, true, true, false, false, false, false, //
            true, true, true, false, false, true, false, false,
        ],
    );
    let forbidding = |i: usize| match i {
        1 => f32::NEG_INFINITY,
        5 => -1e30,
        _ => i as f32 / 8.0 - 0.5,
    };
    let added = Array::from_fn([2, 4], forbidding);
    for (name, mask) in [("allowed", allowed.unwrap()), ("added", added)] {
        let inputs = [few.to_vec(), vec![mask]].concat();
        for causal in [false, true] {
            check(name, &inputs, |v| v[0].attention(&v[1], &v[2], Some(&v[3]), Attention { causal, ..default }));
        }
    }
}
