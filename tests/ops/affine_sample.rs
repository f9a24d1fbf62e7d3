//! `affine_sample`: case table.

use super::grid_sample::{near, options};
use crate::common::{Case, check, fixture, gpu, random};
use foveate::array::{Array, Hw};
use foveate::graph::Graph;
use foveate::ops::{AffineGrid, AffineSample, GridSample, SampleMode};
use foveate::plan::Plan;

#[test]
fn pytorch() {
    let numbers = fixture("grid_sample");
    let inputs = vec![numbers["affine_sample/input"].clone(), numbers["affine_sample/theta"].clone()];
    let outputs = numbers.iter().filter_map(|(key, output)| Some((key.strip_prefix("affine_sample/")?, output)));
    let mut cases = Vec::new();
    for (name, output) in outputs.filter(|(name, _)| !["input", "theta"].contains(name)) {
        let op = AffineSample { size: Hw::new(5, 13), sample: options(name) };
        // The grid reaches 1 + 0.8 * 3: positions up to 2.2 times the longer side, with twice the roundings.
        cases.push(Case::new(name, op, inputs.clone(), near(op.sample.mode, 40.0)).outputs(vec![output.clone()]));
    }
    assert_eq!(cases.len(), 14);
    check(cases);
}

/// The identity gives back the image, and half a turn the image backwards.
#[test]
fn known_maps() {
    let image = random(&[1, 2, 8, 16], 3);
    let values = image.values::<f32>().unwrap();
    let turned = Array::from_fn([1, 2, 8, 16], |i| values[i / 128 * 128 + 127 - i % 128]);
    let theta = |sign: f32| Array::new([1, 2, 3], vec![sign, 0.0, 0.0, 0.0, sign, 0.0]).unwrap();
    let op = AffineSample { size: Hw::new(8, 16), sample: GridSample::default() };
    let bound = near(SampleMode::Bilinear, 16.0);
    check(vec![
        Case::new("identity", op, vec![image.clone(), theta(1.0)], bound).outputs(vec![image.clone()]),
        Case::new("half a turn", op, vec![image.clone(), theta(-1.0)], bound).outputs(vec![turned]),
    ]);
}

/// On the GPU, fused and in two steps are the same to the bit or nearly so.
#[test]
fn equals_its_two_steps() {
    let graph = Graph::new();
    let (image, theta) = (random(&[2, 7, 9, 5], 1), random(&[2, 2, 3], 2));
    let (x, t) = (graph.input("x", image.ty()).unwrap(), graph.input("t", theta.ty()).unwrap());
    let (size, sample) = (Hw::new(4, 17), GridSample { align_corners: true, ..GridSample::default() });
    let fused = x.affine_sample(&t, AffineSample { size, sample }).unwrap();
    let stepwise = x.grid_sample(&t.affine_grid(AffineGrid { size, align_corners: true }).unwrap(), sample).unwrap();
    let outputs = Plan::compile(gpu(), &[&fused, &stepwise]).unwrap().run(&[("x", &image), ("t", &theta)]).unwrap();
    crate::common::compare(&outputs[0], &outputs[1], None, near(SampleMode::Bilinear, 9.0)).unwrap();
}

#[test]
fn refusals() {
    let op = AffineSample { size: Hw::square(2), sample: GridSample::default() };
    let image = random(&[2, 1, 3, 3], 1);
    check(vec![
        Case::refused("another batch", op, vec![image.clone(), random(&[1, 2, 3], 1)], "is for 1 images, input f32[2, 1, 3, 3] has 2"),
        Case::refused("a grid", op, vec![image, random(&[2, 2, 2, 2], 1)], "theta must be (N, 2, 3)"),
    ]);
}
