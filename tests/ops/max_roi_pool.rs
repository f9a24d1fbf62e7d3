//! `max_roi_pool` and its gradient: case tables, all exact.

use crate::common::{Bound, Case, Elsewhere, check, fixture, random, random_below};
use foveate::array::{Array, Hw};
use foveate::ops::{MaxRoiPool, MaxRoiPoolGradient};

fn op(h: usize, w: usize, spatial_scale: f32) -> MaxRoiPool {
    MaxRoiPool { size: Hw::new(h, w), spatial_scale }
}

/// Which map each part is of, and its corners, of parts that begin with the map's number.
fn taken_apart(rois: &Array) -> [Array; 2] {
    let values = rois.values::<f32>().unwrap();
    let parts = values.len() / 5;
    let corners = Array::from_fn([parts, 4], |i| values[i / 4 * 5 + 1 + i % 4]);
    #[expect(clippy::cast_possible_truncation, reason = "whole numbers")]
    let maps = Array::from_fn([parts], |k| values[k * 5] as i32);
    [corners, maps]
}

#[test]
fn agrees_with_onnx_runtime() {
    let numbers = fixture("max_roi_pool");
    let mut cases = Vec::new();
    for (name, h, w, scale) in
        [("fast r-cnn", 7, 7, 1.0 / 16.0), ("two maps", 2, 3, 0.5), ("larger than parts", 9, 8, 1.0), ("all", 1, 1, 0.25)]
    {
        let of = |part: &str| numbers[&format!("{name}/{part}")].clone();
        let [corners, maps] = taken_apart(&of("rois"));
        let inputs = vec![of("input"), corners, maps];
        cases.push(Case::new(format!("{name}, in windows"), Elsewhere::windows(op(h, w, scale)), inputs.clone(), Bound::Exact));
        cases.push(Case::new(name, op(h, w, scale), inputs, Bound::Exact).outputs(vec![of("output"), of("indices")]));
    }
    check(cases);
}

#[test]
fn places_and_ends() {
    let (nan, map) = (f32::NAN, Array::from_fn([1, 1, 3, 4], |i| i as f32));
    // Halves go away from 0: from 0.5 that is place 1, from -0.5 place -1; a part that ends before it begins is one place.
    let corners =
        vec![0.5, 0.0, 2.4, 1.0, -0.5, 0.0, 0.49999997, 0.0, 3.0, 2.0, 0.0, 0.0, 9.0, 9.0, 12.0, 12.0, nan, 0.0, 1.0, 1.0, 40000.0];
    let corners = Array::new([6, 4], [corners, vec![0.0, 1.0, 1.0]].concat()).unwrap();
    let maps = Array::new([6], vec![0i32, -1, 7, 0, 0, 0]).unwrap();
    let output = Array::new([6, 1, 1, 2], vec![5.0f32, 6.0, 0.0, 0.0, 11.0, 11.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]).unwrap();
    let indices = Array::new([6, 1, 1, 2], vec![5i32, 6, -1, 0, 11, 11, -1, -1, -1, -1, -1, -1]).unwrap();
    check(vec![Case::new("by hand", op(1, 2, 1.0), vec![map, corners, maps], Bound::Exact).outputs(vec![output, indices])]);
    let odd = Array::new([1, 1, 1, 4], vec![nan, 1.0, f32::INFINITY, f32::NEG_INFINITY]).unwrap();
    let corners = Array::new([2, 4], vec![0.0, 0.0, 3.0, 0.0, 1.0, 0.0, 3.0, 0.0]).unwrap();
    let indices = Array::new([2, 1, 1, 1], vec![0i32, 2]).unwrap();
    let output = Array::new([2, 1, 1, 1], vec![nan, f32::INFINITY]).unwrap();
    check(vec![
        Case::new("NaN wins", op(1, 1, 1.0), vec![odd, corners, Array::full([2], 0i32)], Bound::Exact).outputs(vec![output, indices]),
    ]);
}

#[test]
fn gradient_of_what_won() {
    let numbers = fixture("max_roi_pool");
    let mut cases = Vec::new();
    for (name, h, w, scale) in
        [("fast r-cnn", 7, 7, 1.0 / 16.0), ("two maps", 2, 3, 0.5), ("larger than parts", 9, 8, 1.0), ("all", 1, 1, 0.25)]
    {
        let of = |part: &str| numbers[&format!("{name}/{part}")].clone();
        let ([corners, maps], shape) = (taken_apart(&of("rois")), of("output").shape().to_vec());
        let &[n, _, map_h, map_w] = of("input").shape() else { panic!("{name}") };
        let pooling = MaxRoiPoolGradient { pooling: op(h, w, scale), maps: n, map: Hw::new(map_h, map_w) };
        // Any places: those outside of their bins are dropped.
        let anywhere = random_below(&shape, 3, u32::try_from(map_h * map_w).unwrap());
        let inputs = vec![corners, maps, anywhere, random(&shape, 4)];
        cases.push(Case::new(format!("{name}, in windows"), Elsewhere::windows(pooling), inputs.clone(), Bound::Exact));
        cases.push(Case::new(name, pooling, inputs, Bound::Exact));
    }
    check(cases);
}

#[test]
fn refusals() {
    let given =
        |map: &[usize], rois: &[usize], count: usize| vec![Array::full(map, 0.0f32), Array::full(rois, 0.0f32), Array::full([count], 0i32)];
    let gradient = |maps| MaxRoiPoolGradient { pooling: op(1, 1, 1.0), maps, map: Hw::square(2) };
    let grads = |shape: &[usize]| {
        vec![Array::full([2, 4], 0.0f32), Array::full([2], 0i32), Array::full(shape, 0i32), Array::full([2, 1, 1, 1], 0.0f32)]
    };
    check(vec![
        Case::refused("no map", op(1, 1, 1.0), given(&[1, 4, 4], &[1, 4], 1), "(N, C, H, W)"),
        Case::refused("no places", op(1, 1, 1.0), given(&[1, 1, 0, 4], &[1, 4], 1), "no elements"),
        Case::refused("none at all", op(1, 1, 1.0), given(&[0, 1, 4, 4], &[1, 4], 1), "no elements"),
        Case::refused("corners", op(1, 1, 1.0), given(&[1, 1, 4, 4], &[1, 5], 1), "(K, 4) and (K)"),
        Case::refused("counts", op(1, 1, 1.0), given(&[1, 1, 4, 4], &[2, 4], 1), "2 rois and 1 batch_indices"),
        Case::refused("size", op(0, 1, 1.0), given(&[1, 1, 4, 4], &[1, 4], 1), "at most 16384"),
        Case::refused("scale", op(1, 1, f32::NAN), given(&[1, 1, 4, 4], &[1, 4], 1), "spatial_scale finite"),
        Case::refused("shapes", gradient(1), grads(&[2, 1, 1, 2]), "must be (2, C, 1, 1)"),
        Case::refused("maps", gradient(0), grads(&[2, 1, 1, 1]), "of 0 maps"),
    ]);
}
