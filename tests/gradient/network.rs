//! A small network's gradients against PyTorch's.

use crate::common::{Bound, check_composed, fixture};
use foveate::array::{Array, Hw, Pads};
use foveate::graph::Var;
use foveate::nn::init;
use foveate::ops::{Conv2d, ConvTranspose2d, MaxPool2d};

const SHAPES: [(&str, &[usize]); 9] = [
    ("data", &[3, 2, 9, 8]),
    ("conv1.weight", &[4, 2, 3, 3]),
    ("conv1.bias", &[4]),
    ("conv2.weight", &[4, 2, 3, 3]),
    ("conv2.bias", &[4]),
    ("up.weight", &[4, 2, 4, 4]),
    ("up.bias", &[2]),
    ("fc.weight", &[5, 16]),
    ("fc.bias", &[5]),
];
const LABELS: [i32; 3] = [4, 0, 2];

fn loss(v: &[Var]) -> foveate::Result<Var> {
    let two = Hw::square(2);
    let x = v[0].conv2d(&v[1], Some(&v[2]), Conv2d { padding: Pads::all(1), ..Default::default() })?.relu()?;
    let x = x.max_pool2d(MaxPool2d { kernel: Hw::square(3), stride: two, padding: Pads::all(1), ..Default::default() })?;
    let x = x.conv2d(&v[3], Some(&v[4]), Conv2d { stride: two, padding: Pads::all(1), groups: 2, ..Default::default() })?.tanh()?;
    let x = x.conv_transpose2d(&v[5], Some(&v[6]), ConvTranspose2d { stride: two, padding: Pads::all(2), ..Default::default() })?;
    let x = x.flatten(1)?.linear(&v[7], Some(&v[8]))?.log_softmax(1)?;
    // The logarithm of each label's probability, picked from all rows in one.
    let places = Array::from_fn([3], |i| 5 * i as i32 + LABELS[i]);
    x.flatten(0)?.gather(0, &x.graph().constant(places)?)?.reduce_mean(&[], false)?.neg()
}

#[test]
fn a_network_has_the_gradients_of_pytorch() {
    let expected = fixture("gradient");
    let inputs: Vec<Array> = SHAPES.iter().map(|(name, shape)| init::normal(shape, 0.5, name, 1)).collect();
    let outputs: Vec<&Array> = std::iter::once("loss").chain(SHAPES.map(|s| s.0)).map(|name| &expected[name]).collect();
    let build = |v: &[Var]| {
        let loss = loss(v)?;
        let gradients = loss.gradient(&v.iter().collect::<Vec<_>>())?;
        Ok([vec![loss], gradients].concat())
    };
    // Gradients up to 3 of sums of at most 3 * 9 * 8 products up to 1, through six layers: 2^-24 * 216 * 6 / 10 for signs that alternate.
    check_composed("network", &inputs, build, &outputs, Bound::Near { absolute: 8e-6, relative: 8e-6 });
}
