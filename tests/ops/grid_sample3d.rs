//! `grid_sample3d`: case table.

use super::grid_sample::{near, options};
use crate::common::{Bound, Case, check, check_on, fixture, narrow_gpu, random};
use foveate::array::Array;
use foveate::ops::{GridSample, GridSample3d, PaddingMode, SampleMode};

#[test]
fn pytorch() {
    let arrays = fixture("volume");
    let inputs = ["input", "grid"].map(|what| arrays[&format!("grid_sample3d/{what}")].clone());
    let mut cases = Vec::new();
    for (key, output) in &arrays {
        if let Some(name) = key.strip_prefix("grid_sample3d/").filter(|n| n.contains('-')) {
            let op = GridSample3d(options(name));
            // Places up to (2.5 + 1) / 2 * 6 voxels away, normal numbers up to 4, and one direction more than in an image.
            let bound = match near(op.0.mode, 6.0 * 10.5) {
                Bound::Near { absolute, .. } => Bound::Near { absolute, relative: 1e-6 },
                bound => bound,
            };
            cases.push(Case::new(name, op, inputs.to_vec(), bound).outputs(vec![output.clone()]));
        }
    }
    assert_eq!(cases.len(), 12);
    check(cases);
}

/// Coordinates that are none read nothing (zeros) or voxels inside.
#[test]
fn strange_coordinates() {
    let strange = [f32::NAN, f32::INFINITY, -1e20, 3e38];
    let grid = Array::from_fn([1, 1, 1, 12, 3], |i| if i % 3 == i / 3 % 3 { strange[i / 9 % 4] } else { 0.1 });
    let ones = Array::full([1, 1, 2, 3, 2], 1.0f32);
    let mut cases = Vec::new();
    for mode in [SampleMode::Bilinear, SampleMode::Nearest] {
        for padding in [PaddingMode::Zeros, PaddingMode::Border, PaddingMode::Reflection] {
            let expected = if padding == PaddingMode::Zeros { 0.0f32 } else { 1.0 };
            let op = GridSample3d(GridSample { mode, padding, align_corners: false });
            let case = Case::new(format!("{mode:?} {padding:?}"), op, vec![ones.clone(), grid.clone()], near(mode, 5.0));
            cases.push(case.outputs(vec![Array::full([1, 1, 1, 1, 12], expected)]));
        }
    }
    check(cases);
}

#[test]
fn sizes_and_windows() {
    let near = Bound::Near { absolute: 1e-4, relative: 0.0 };
    let case = |name: &str, image: &[usize], grid: &[usize]| {
        Case::new(name, GridSample3d::default(), vec![random(image, 1), random(grid, 2)], near)
    };
    check(vec![case("many workgroups", &[1, 1, 3, 3, 3], &[1, 41, 320, 320, 3]), case("channels", &[2, 7, 3, 2, 4], &[2, 1, 5, 13, 3])]);
    check_on(&narrow_gpu(4096), vec![case("images", &[5, 3, 4, 5, 6], &[5, 3, 4, 5, 3]).dispatches(2)]);
}

#[test]
fn refusals() {
    let volume = random(&[2, 3, 4, 5, 2], 1);
    let op = GridSample3d::default();
    let cubic = GridSample3d(GridSample { mode: SampleMode::Bicubic, ..GridSample::default() });
    let grid = |shape: &[usize]| vec![volume.clone(), random(shape, 2)];
    check(vec![
        Case::refused("another batch", op, grid(&[3, 2, 2, 2, 3]), "is for 3 images, input f32[2, 3, 4, 5, 2] has 2"),
        Case::refused("pairs", op, grid(&[2, 2, 2, 2, 2]), "must end in 3"),
        Case::refused("rank of the grid", op, grid(&[2, 2, 2, 3]), "grid must be (N, OD, OH, OW, 3)"),
        Case::refused("cubic", cubic, grid(&[2, 2, 2, 2, 3]), "cubic sampling of volumes"),
    ]);
}
