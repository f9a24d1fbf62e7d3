//! Images read at places, mapped and resized.

use super::differences::{around, between, check, distinct};
use crate::common::{Bound, check_composed, gpu, random, random_below};
use foveate::array::{Array, Dhw, Hw, Pads};
use foveate::graph::{Graph, Var};
use foveate::models::stn::Transform;
use foveate::ops::{
    AffineGrid, AffineGrid3d, AffineSample, Coordinates, DeformConv2d, GridSample, NearestRounding, PaddingMode, Resize, ResizeMode,
    RoiAlign, RoiMode, SampleMode,
};
use foveate::plan::{Device, Plan};

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

#[test]
fn grid_sample3d() {
    // Of the positions along x and y two thirds, and inside, outside and mirrored ones along z.
    let flat = places(3, 4, false);
    let flat = flat.values::<f32>().unwrap();
    let depth = |p: f32| ((2.0 * p + 1.0) / 3.0 - 1.0) * 4096.0;
    let along_z = [0.3, 1.7, -0.7, 2.7].map(|p| depth(p).round() / 4096.0);
    let grid = Array::from_fn([1, 1, 2, 2, 3], |i| if i % 3 == 2 { along_z[i / 3] } else { flat[2 * (i / 3) + i % 3] });
    let inputs = [around(&[1, 2, 3, 3, 4], 1), grid];
    for mode in [SampleMode::Bilinear, SampleMode::Nearest] {
        for padding in PADDINGS {
            let options = GridSample { mode, padding, align_corners: false };
            check(&format!("{options:?}"), &inputs, |v| v[0].grid_sample3d(&v[1], options));
        }
    }
}

/// The pixel that all places read has the sum.
#[test]
fn deformable_convolutions() {
    // Offsets of -1, 0 or 1 and a quarter to three quarters of a pixel: places are two steps away from pixels, where slopes jump.
    let offsets = |shape: &[usize]| {
        let (whole, part) = (random_below(shape, 7, 3), between(shape, 8, 0.25, 0.75));
        let whole = whole.values::<i32>().unwrap();
        let part = part.values::<f32>().unwrap();
        Array::from_fn(shape, |i| (whole[i] - 1) as f32 + part[i])
    };
    let plain = DeformConv2d::default();
    let inputs = [around(&[2, 2, 3, 4], 1), around(&[3, 2, 2, 2], 2), offsets(&[2, 8, 2, 3])];
    check("plain", &inputs, |v| v[0].deform_conv2d(&v[1], &v[2], None, None, plain));
    let padding = Pads { top: 1, left: 0, bottom: 1, right: 2 };
    let all = DeformConv2d { stride: Hw::new(1, 2), padding, dilation: Hw::new(2, 1), groups: 2, offset_groups: 2 };
    // (3 + 2 - 3) / 1 + 1 rows and (4 + 2 - 2) / 2 + 1 columns.
    let inputs = [around(&[1, 4, 3, 4], 3), around(&[2, 2, 2, 2], 4), offsets(&[1, 16, 3, 3]), around(&[2], 5), around(&[1, 8, 3, 3], 6)];
    check("all", &inputs, |v| v[0].deform_conv2d(&v[1], &v[2], Some(&v[3]), Some(&v[4]), all));
}

#[test]
fn parts_of_images() {
    // Parts inside, over the edges, beside the image, smaller than a pixel; the last of the image before the first.
    let rois = vec![0.3, 0.6, 6.2, 4.4, -3.3, -2.2, 9.1, 3.3, 40.0, 40.0, 50.0, 50.0, 5.2, 3.1, 5.7, 3.4, 1.0, 0.0, 3.0, 5.0];
    let (rois, images) = (Array::new([5, 4], rois).unwrap(), Array::new([5], vec![1, 0, 1, 7, -2]).unwrap());
    for (aligned, sampling_ratio) in [(true, 0), (false, 0), (true, 2), (false, 3)] {
        let align = RoiAlign { size: Hw::new(2, 3), sampling_ratio, spatial_scale: 0.9, aligned, ..RoiAlign::default() };
        let parts = |x: &Var, align| {
            let constant = |array: &Array| x.graph().constant(array.clone());
            x.roi_align(&constant(&rois)?, &constant(&images)?, align)
        };
        check(&format!("{align:?}"), &[around(&[2, 2, 5, 6], 1)], |v| parts(&v[0], align));
        let largest = RoiAlign { mode: RoiMode::Max, ..align };
        // One part, whose largest do not change within two steps of the differences.
        let part = |x: &Var| {
            let constant = |array: &Array| x.graph().constant(array.clone());
            let rois = constant(&rois)?.narrow(0, 0, 1)?;
            x.roi_align(&rois, &constant(&images)?.narrow(0, 3, 1)?, RoiAlign { size: Hw::new(1, 2), ..largest })
        };
        check(&format!("{largest:?}"), &[distinct(&[1, 1, 5, 6], 1)], |v| part(&v[0]));
        // Of the gradient by what it is the gradient of.
        check(&format!("{largest:?}, twice"), &[distinct(&[2, 1, 5, 6], 2), around(&[5, 1, 2, 3], 3)], |v| {
            let x = v[0].graph().constant(distinct(&[2, 1, 5, 6], 2))?;
            let grads = parts(&x, largest)?.mul(&v[1])?.reduce_sum(&[], false)?.gradient(&[&x])?;
            grads[0].mul(&v[0])
        });
    }
}

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

#[test]
fn transforms() {
    // Parameters with which the corners of a small output lie between pixels, away from whole ones.
    let cases = [
        (Transform::Attention, vec![0.25f32, 0.0625, -0.03125]),
        (Transform::Location { scale: 0.25 }, vec![0.0625, -0.03125]),
        (Transform::Affine, vec![0.125, 0.015625, 0.0, -0.015625, 0.125, 0.0]),
        (Transform::Projective, vec![0.125, 0.015625, 0.0, -0.015625, 0.125, 0.0, 0.0625, -0.125]),
    ];
    let image = distinct(&[1, 1, 2, 2], 1);
    for (transform, theta) in cases {
        let theta = Array::new([1, theta.len()], theta).unwrap();
        check(&format!("{transform:?}"), &[image.clone(), theta], |v| transform.warp(&v[0], &v[1], Hw::new(2, 2)));
    }
    // A spline of which every control point lies near the middle: the grid alone.
    check("spline", &[around(&[1, 32], 2)], |v| Transform::ThinPlateSpline.grid(&v[0], Hw::new(2, 3)));
}

/// A smooth picture of three spots.
fn spots() -> Array {
    let spot =
        |x: f32, y: f32, (at_x, at_y, size): (f32, f32, f32)| (-((x - at_x).powi(2) + (y - at_y).powi(2)) / (2.0 * size * size)).exp();
    Array::from_fn([1, 1, 16, 16], |i| {
        let (x, y) = ((i % 16) as f32, (i / 16) as f32);
        spot(x, y, (5.0, 6.0, 2.5)) + 0.7 * spot(x, y, (10.5, 9.0, 2.0)) + 0.5 * spot(x, y, (6.0, 11.0, 1.8))
    })
}

/// From the identity, where every place is a pixel and the slopes have kinks, to the map that made the target. PyTorch 1.13 is within
/// 0.0012 of it after as many steps.
#[test]
fn a_map_is_found_by_descent() {
    const STEPS: usize = 200;
    let (image, map) = (spots(), [0.9f32, -0.2, 0.125, 0.25, 1.05, -0.1]);
    for device in [Device::Cpu, Device::from(gpu())] {
        let graph = Graph::new();
        let picture = graph.input("picture", image.ty()).unwrap();
        let theta = graph.state("theta", Array::new([1, 6], Transform::Affine.identity()).unwrap()).unwrap();
        let warp = |theta: &Var| Transform::Affine.warp(&picture, theta, Hw::square(16)).unwrap();
        let target = warp(&graph.constant(Array::new([1, 6], map.to_vec()).unwrap()).unwrap());
        let error = warp(&theta).sub(&target).unwrap();
        let loss = error.mul(&error).unwrap().reduce_mean(&[], false).unwrap();
        let by_theta = loss.gradient(&[&theta]).unwrap().remove(0);
        graph.update(&theta, &theta.sub(&by_theta).unwrap()).unwrap();
        let mut plan = Plan::compile(&device, &[&loss]).unwrap();
        let losses: Vec<f64> = (0..STEPS).map(|_| plan.run(&[("picture", &image)]).unwrap()[0].to_f64()[0]).collect();
        assert!(losses[STEPS - 1] < 1e-4 * losses[0], "on {}: {} to {}", device.name(), losses[0], losses[STEPS - 1]);
        for (found, wanted) in plan.state("theta").unwrap().to_f64().iter().zip(map) {
            assert!((found - f64::from(wanted)).abs() < 0.002, "on {}: {found}, the target's is {wanted}", device.name());
        }
    }
}
