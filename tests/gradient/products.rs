//! Matrix products and convolutions.

use super::differences::{around, check};
use crate::common::{Bound, check_composed};
use foveate::array::{Array, Dhw, Hw, Pads, Pads3};
use foveate::ops::{Conv1d, Conv2d, Conv2dWeight, Conv3d, ConvTranspose2d, ConvTranspose3d};

#[test]
fn products_of_matrices() {
    for (a, b) in [
        (vec![2, 3], vec![3, 4]),
        (vec![3], vec![3]),
        (vec![3], vec![3, 2]),
        (vec![2, 3], vec![3]),
        (vec![2, 2, 3], vec![3, 2]),
        (vec![2, 3], vec![2, 3, 2]),
        (vec![2, 1, 2, 3], vec![3, 3, 2]),
        (vec![3], vec![2, 3, 2]),
        (vec![2, 2, 3], vec![3]),
    ] {
        check(&format!("{a:?} by {b:?}"), &[around(&a, 1), around(&b, 2)], |v| v[0].matmul(&v[1]));
    }
    for (a, b) in [(vec![2, 3], vec![4, 3]), (vec![3], vec![2, 3]), (vec![2, 2, 3], vec![2, 3]), (vec![2, 1, 2, 3], vec![3, 2, 3])] {
        check(&format!("{a:?} by the transpose of {b:?}"), &[around(&a, 1), around(&b, 2)], |v| v[0].matmul_transposed(&v[1]));
    }
    check("linear", &[around(&[2, 3], 3), around(&[4, 3], 4), around(&[4], 5)], |v| v[0].linear(&v[1], Some(&v[2])));
    check("linear without a bias", &[around(&[2, 2, 3], 6), around(&[4, 3], 7)], |v| v[0].linear(&v[1], None));
    check("linear of a vector", &[around(&[3], 8), around(&[4, 3], 9)], |v| v[0].linear(&v[1], None));
}

#[test]
fn convolutions() {
    let uneven = Pads { top: 1, left: 0, bottom: 2, right: 1 };
    let default = Conv2d::default();
    let cases = [
        ("plain", default, [2, 2, 4, 5], [3, 2, 3, 2]),
        ("points", default, [2, 3, 2, 3], [2, 3, 1, 1]),
        ("stride", Conv2d { stride: Hw::new(2, 3), padding: Pads::all(1), ..default }, [1, 2, 6, 7], [2, 2, 3, 3]),
        ("a stride that leaves pixels over", Conv2d { stride: Hw::new(3, 2), ..default }, [1, 1, 7, 6], [2, 1, 2, 3]),
        ("dilation", Conv2d { dilation: Hw::new(2, 1), padding: uneven, ..default }, [1, 2, 5, 4], [2, 2, 2, 3]),
        ("everything", Conv2d { stride: Hw::new(3, 2), dilation: Hw::square(2), padding: uneven, groups: 2 }, [2, 4, 6, 7], [4, 2, 3, 2]),
        ("depthwise", Conv2d { padding: Pads::all(1), groups: 3, ..default }, [2, 3, 4, 4], [3, 1, 3, 3]),
        ("the whole image", default, [2, 2, 3, 3], [4, 2, 3, 3]),
    ];
    for (name, attributes, input, weight) in cases {
        let inputs = [around(&input, 1), around(&weight, 2), around(&weight[..1], 3)];
        check(name, &inputs, |v| v[0].conv2d(&v[1], Some(&v[2]), attributes));
    }
    let missing = Conv2dWeight { convolution: Conv2d { stride: Hw::square(2), padding: Pads::all(1), ..default }, kernel: Hw::new(2, 3) };
    for (name, grad) in [("all pixels", [2, 2, 3, 3]), ("a row and a column less", [2, 2, 2, 2])] {
        check(name, &[around(&[2, 1, 4, 5], 6), around(&grad, 7)], |v| v[0].conv2d_weight(&v[1], missing));
    }
    let line = [around(&[2, 2, 6], 4), around(&[3, 2, 3], 5)];
    check("conv1d", &line, |v| v[0].conv1d(&v[1], None, Conv1d { stride: 2, padding: (1, 1), ..Default::default() }));
}

#[test]
fn transposed_convolutions() {
    let uneven = Pads { top: 1, left: 0, bottom: 2, right: 1 };
    let default = ConvTranspose2d::default();
    let everything =
        ConvTranspose2d { stride: Hw::new(3, 2), dilation: Hw::new(2, 1), padding: uneven, output_padding: Hw::new(2, 1), groups: 2 };
    let cases = [
        ("plain", default, [2, 2, 3, 2], [2, 3, 2, 3]),
        ("twice as large", ConvTranspose2d { stride: Hw::square(2), padding: Pads::all(1), ..default }, [1, 2, 3, 3], [2, 1, 4, 4]),
        ("everything", everything, [2, 4, 3, 3], [4, 2, 3, 2]),
        // A dilation above the stride allows an output padding above it.
        ("wide", ConvTranspose2d { dilation: Hw::square(3), output_padding: Hw::new(2, 1), ..default }, [1, 1, 2, 3], [1, 2, 2, 2]),
    ];
    for (name, attributes, input, weight) in cases {
        let inputs = [around(&input, 1), around(&weight, 2), around(&[weight[1] * attributes.groups], 3)];
        check(name, &inputs, |v| v[0].conv_transpose2d(&v[1], Some(&v[2]), attributes));
    }
}

#[test]
fn convolutions_of_volumes() {
    let uneven = Pads3 { front: 1, top: 0, left: 1, back: 0, bottom: 2, right: 0 };
    let default = Conv3d::default();
    let everything = Conv3d { stride: Dhw::new(2, 3, 1), dilation: Dhw::new(1, 2, 2), padding: uneven, groups: 2 };
    let cases = [
        ("plain", default, [1, 2, 3, 3, 2], [2, 2, 2, 2, 1]),
        ("strides that leave voxels over", Conv3d { stride: Dhw::new(3, 2, 2), ..default }, [2, 1, 4, 4, 5], [1, 1, 1, 3, 2]),
        ("everything", everything, [1, 4, 3, 6, 4], [2, 2, 2, 3, 2]),
        ("depthwise", Conv3d { padding: Pads3::all(1), groups: 2, ..default }, [1, 2, 2, 2, 2], [2, 1, 3, 3, 3]),
    ];
    for (name, attributes, input, weight) in cases {
        let inputs = [around(&input, 1), around(&weight, 2), around(&weight[..1], 3)];
        check(name, &inputs, |v| v[0].conv3d(&v[1], Some(&v[2]), attributes));
    }
    let default = ConvTranspose3d::default();
    let everything = ConvTranspose3d {
        stride: Dhw::new(2, 1, 3),
        dilation: Dhw::new(1, 2, 1),
        padding: uneven,
        output_padding: Dhw::new(1, 0, 2),
        groups: 2,
    };
    let cases = [("plain", default, [1, 2, 2, 2, 2], [2, 1, 2, 1, 2]), ("everything", everything, [1, 4, 2, 3, 2], [4, 1, 2, 2, 2])];
    for (name, attributes, input, weight) in cases {
        let inputs = [around(&input, 4), around(&weight, 5), around(&[weight[1] * attributes.groups], 6)];
        check(name, &inputs, |v| v[0].conv_transpose3d(&v[1], Some(&v[2]), attributes));
    }
}

#[test]
fn determinants() {
    for size in [1, 2, 4, 5, 7] {
        check(&format!("{size} rows"), &[around(&[2, size, size], 1)], |v| v[0].det());
        check(&format!("cofactors of {size} rows"), &[around(&[2, size, size], 2)], |v| v[0].cofactors());
    }
    // Of a matrix whose second row is twice its first the determinant is 0, and its cofactors are not.
    let singular = Array::new([3, 3], vec![1.0f32, 2.0, 3.0, 2.0, 4.0, 6.0, 1.0, 0.0, 1.0]).unwrap();
    let cofactors = Array::new([3, 3], vec![4.0f32, 4.0, -4.0, -2.0, -2.0, 2.0, 0.0, 0.0, 0.0]).unwrap();
    check_composed(
        "singular",
        &[singular],
        |v| v[0].det()?.gradient(&[&v[0]]),
        &[&cofactors],
        Bound::Near { absolute: 1e-6, relative: 1e-6 },
    );
}
