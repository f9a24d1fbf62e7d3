//! `grid_sample`: case table.

use crate::common::{Bound, Case, Elsewhere, check, fixture, random};
use foveate::array::{Array, Hw, TensorType};
use foveate::ops::{AffineSample, GridSample, Op, PaddingMode, SampleMode};
use std::collections::HashMap;

const MODES: [(&str, SampleMode); 3] =
    [("bilinear", SampleMode::Bilinear), ("nearest", SampleMode::Nearest), ("bicubic", SampleMode::Bicubic)];
const PADDINGS: [(&str, PaddingMode); 3] =
    [("zeros", PaddingMode::Zeros), ("border", PaddingMode::Border), ("reflection", PaddingMode::Reflection)];

/// A position of up to `pixels` is rounded three times on its way, by 2^-24 of itself each, here and in PyTorch. Values between
/// -1 and 1 change by at most 4 a pixel (bicubic; 2 otherwise) in each of two directions. Nearest copies, and no position lies
/// halfway but by intent.
pub fn near(mode: SampleMode, pixels: f64) -> Bound {
    let absolute = 2.0 * 4.0 * 2.0 * 3.0 * pixels / f64::from(1 << 24) + 8.0 * f64::from(f32::EPSILON);
    if mode == SampleMode::Nearest { Bound::Exact } else { Bound::Near { absolute, relative: 0.0 } }
}

/// The options that an array of the fixture is named after, `mode-padding-corners` or `-edges`.
pub fn options(name: &str) -> GridSample {
    let parts: Vec<&str> = name.split('-').collect();
    GridSample {
        mode: MODES.iter().find(|(n, _)| *n == parts[0]).unwrap().1,
        padding: PADDINGS.iter().find(|(n, _)| *n == parts[1]).unwrap().1,
        align_corners: parts[2] == "corners",
    }
}

/// A row for every output that the fixture has for `case`.
fn rows(numbers: &HashMap<String, Array>, case: &str, pixels: f64) -> Vec<Case> {
    let inputs = vec![numbers[&format!("{case}/input")].clone(), numbers[&format!("{case}/grid")].clone()];
    let outputs = numbers.iter().filter_map(|(key, output)| Some((key.strip_prefix(case)?.strip_prefix('/')?, output)));
    let outputs = outputs.filter(|(name, _)| !["input", "grid"].contains(name));
    outputs
        .map(|(name, output)| {
            let op = options(name);
            Case::new(format!("{case} {name}"), op, inputs.clone(), near(op.mode, pixels)).outputs(vec![output.clone()])
        })
        .collect()
}

#[test]
fn pytorch() {
    let numbers = fixture("grid_sample");
    // The largest position of each case in pixels: (|g| + 1) / 2 times the longer side.
    let table = [("random", 16.0), ("channels", 6.0), ("pixel", 2.0), ("row", 8.0), ("halves", 5.0)];
    let cases: Vec<Case> = table.iter().flat_map(|(case, pixels)| rows(&numbers, case, *pixels)).collect();
    assert_eq!(cases.len(), 18 + 6 + 18 + 18 + 3);
    check(cases);
}

/// Coordinates that are none read nothing (zeros) or pixels inside; PyTorch's numbers where it has any.
#[test]
fn strange_coordinates() {
    let numbers = fixture("grid_sample");
    let mut cases = rows(&numbers, "strange", 5.0);
    assert_eq!(cases.len(), 5);
    let ones = Array::full([1, 1, 3, 5], 1.0f32);
    let grid = &numbers["strange/grid"];
    let places = grid.len() / 2;
    for (mode_name, mode) in MODES {
        for (padding_name, padding) in PADDINGS {
            // Of an image of ones, every sample inside it is 1 and all that zeros give is 0, whatever is read.
            let expected = if padding == PaddingMode::Zeros { 0.0f32 } else { 1.0 };
            let op = GridSample { mode, padding, align_corners: true };
            let case = Case::new(format!("{mode_name} {padding_name}"), op, vec![ones.clone(), grid.clone()], near(mode, 5.0));
            cases.push(case.outputs(vec![Array::full([1, 1, 1, places], expected)]));
        }
    }
    check(cases);
}

/// Images of which one alone is more than a binding shows are read and written some planes at a time; smaller ones some images at a time.
#[test]
fn more_than_a_binding() {
    let (grid, near) = (random(&[2, 5, 6, 2], 2), near(SampleMode::Bilinear, 7.0));
    let large = vec![random(&[2, 43, 6, 7], 1), grid.clone()];
    let theta = vec![random(&[2, 43, 6, 7], 1), random(&[2, 2, 3], 3)];
    let affine = AffineSample { size: Hw::new(5, 6), sample: GridSample::default() };
    check(vec![
        Case::new("planes", Elsewhere::windows(GridSample::default()), large, near).dispatches(4),
        Case::new("planes of an affine map", Elsewhere::windows(affine), theta, near).dispatches(4),
        Case::new("images", Elsewhere::windows(GridSample::default()), vec![random(&[2, 20, 6, 7], 1), grid], near).dispatches(2),
    ]);
}

#[test]
fn refusals() {
    let image = random(&[2, 3, 4, 5], 1);
    let grid = |shape: &[usize]| random(shape, 2);
    let op = GridSample::default();
    check(vec![
        Case::refused("another batch", op, vec![image.clone(), grid(&[3, 2, 2, 2])], "is for 3 images, input f32[2, 3, 4, 5] has 2"),
        Case::refused("triples", op, vec![image.clone(), grid(&[2, 2, 2, 3])], "must end in 2"),
        Case::refused("rank of the grid", op, vec![image.clone(), grid(&[2, 2, 2])], "grid must be (N, OH, OW, 2)"),
        Case::refused("rank of the input", op, vec![random(&[3, 4, 5], 1), grid(&[3, 2, 2, 2])], "input must be (N, C, H, W)"),
        Case::refused("integers", op, vec![Array::full([1, 1, 2, 2], 1i32), grid(&[1, 2, 2, 2])], "must be f32"),
        Case::refused("one input", op, vec![image], "takes 2 inputs"),
    ]);
    let empty = op.infer(&[&TensorType::f32([1, 1, 0, 2]), &TensorType::f32([1, 2, 2, 2])]).unwrap_err().to_string();
    assert!(empty.contains("no pixels to sample"), "{empty}");
}
