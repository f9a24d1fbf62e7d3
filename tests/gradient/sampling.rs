//! Images read at places, mapped and resized.

use super::differences::{around, check, distinct};
use crate::common::{Bound, check_composed, random};
use foveate::array::{Array, Dhw, Hw};
use foveate::graph::Var;
use foveate::ops::{
    AffineGrid, AffineGrid3d, AffineSample, Coordinates, GridSample, NearestRounding, PaddingMode, Resize, ResizeMode, SampleMode,
};

const PADDINGS: [PaddingMode; 3] = [PaddingMode::Zeros, PaddingMode::Border, PaddingMode::Reflection];

/// Places (1, 2, 3, 2) whose positions along sides of `w` and `h` pixels lie inside and outside, at 0.2 of a pixel and more from
/// every pixel and from the middle between two, where modes and borders have kinks and jumps; two steps are 2 / 32 of half the side.
fn places(h: usize, w: usize, align_corners: bool) -> Array {
    let positions = [(0.3, 1.3), (1.7, -0.7), (-0.3, 0.7), (3.3, 1.3), (-1.7, 3.3), (w as f32 + 0.7, 0.3)];
    let place = |p: f32, side: usize| {
        let g = if align_corners { 2.0 * p / (side as f32 - 1.0) - 1.0 } else { (2.0 * p + 1.0) / side as f32 - 1.0 };
        (g * 4096.0).round() / 4096.0
    };
    Array::from_fn([1, 2, 3, 2], |i| {
        let (x, y) = positions[i / 2];
        if i % 2 == 0 { place(x, w) } else { place(y, h) }
    })
}

#[test]
fn grid_sample() {
    for align_corners in [false, true] {
        let inputs = [around(&[1, 2, 3, 4], 1), places(3, 4, align_corners)];
        for mode in [SampleMode::Bilinear, SampleMode::Bicubic, SampleMode::Nearest] {
            for padding in PADDINGS {
                let options = GridSample { mode, padding, align_corners };
                check(&format!("{options:?}"), &inputs, |v| v[0].grid_sample(&v[1], options));
            }
        }
    }
    // The grid is computed from what is asked for, too.
    let inputs = [around(&[2, 1, 3, 3], 2), Array::full([2, 1, 1, 2], 0.125f32), around(&[2, 2, 2, 2], 3)];
    check("a moved grid", &inputs, |v| {
        v[0].grid_sample(&v[1].tanh()?.expand([2, 2, 2, 2])?, GridSample::default())?.mul(&v[2].narrow(1, 0, 1)?)
    });
}

/// The pixel that all places read has the sum.
#[test]
fn places_that_meet_add_up() {
    let grid = Array::full([1, 5, 7, 2], -1.0f32);
    let options = GridSample { align_corners: true, ..Default::default() };
    let build = |v: &[Var]| {
        let image = v[0].graph().constant(random(&[1, 2, 3, 4], 1))?;
        image.grid_sample(&v[0], options)?.reduce_sum(&[], false)?.gradient(&[&image])
    };
    let expected = Array::from_fn([1, 2, 3, 4], |i| if i % 12 == 0 { 35.0f32 } else { 0.0 });
    check_composed("one pixel", &[grid], build, &[&expected], Bound::Exact);
}

#[test]
fn affine() {
    for align_corners in [false, true] {
        let theta = around(&[2, 2, 3], 1);
        check("affine_grid", std::slice::from_ref(&theta), |v| v[0].affine_grid(AffineGrid { size: Hw::new(2, 3), align_corners }));
        let size = Dhw::new(2, 1, 3);
        check("affine_grid3d", &[around(&[2, 3, 4], 2)], |v| v[0].affine_grid3d(AffineGrid3d { size, align_corners }));
    }
    // Of 8 pixels a side the middle four are read, away from whole ones by at least a third.
    let theta = Array::new([1, 2, 3], vec![0.125f32, 0.015625, 0.0, -0.015625, 0.125, 0.0]).unwrap();
    let image = distinct(&[1, 2, 2, 2], 3);
    for mode in [SampleMode::Bilinear, SampleMode::Bicubic] {
        let options = AffineSample { size: Hw::new(2, 2), sample: GridSample { mode, ..Default::default() } };
        check(&format!("affine_sample {mode:?}"), &[image.clone(), theta.clone()], |v| v[0].affine_sample(&v[1], options));
    }
}

#[test]
fn resize() {
    let to = |h, w| Resize::to(Hw::new(h, w));
    let bilinear = |h, w| Resize { mode: ResizeMode::Bilinear, ..to(h, w) };
    let bicubic = |h, w| Resize { mode: ResizeMode::Bicubic, ..to(h, w) };
    let part = Coordinates::TfCropAndResize { start: (0.1, -0.4), end: (0.8, 1.3), extrapolation: 3.0 };
    let cases = [
        ("nearest up", Resize { mode: ResizeMode::Nearest, ..to(5, 7) }),
        ("nearest down", Resize { mode: ResizeMode::Nearest, rounding: NearestRounding::Floor, ..to(2, 3) }),
        ("bilinear up", bilinear(7, 9)),
        ("bilinear down", bilinear(2, 3)),
        ("corners", Resize { coordinates: Coordinates::AlignCorners, ..bilinear(6, 5) }),
        ("width alone", bilinear(3, 7)),
        ("to one pixel", bilinear(1, 1)),
        ("bicubic", bicubic(5, 9)),
        ("bicubic inside", Resize { exclude_outside: true, ..bicubic(5, 9) }),
        ("smooth", Resize { antialias: true, ..bilinear(2, 2) }),
        ("smooth bicubic", Resize { antialias: true, exclude_outside: true, ..bicubic(2, 2) }),
        ("a part", Resize { coordinates: part, ..bilinear(4, 6) }),
        ("a scale", Resize { scales: Some((2.5, 1.75)), ..bilinear(7, 7) }),
    ];
    for (name, options) in cases {
        check(name, &[around(&[1, 2, 3, 4], 1)], |v| v[0].resize(options));
    }
    // From one pixel all: a matrix, since one input has every use.
    check("from a point", &[around(&[2, 1, 1, 2], 2)], |v| v[0].resize(bilinear(9, 30)));
}
