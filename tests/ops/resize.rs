//! resize: case table.

use crate::common::{Bound, Case, check, fixture, random};
use foveate::array::{Array, Hw, TensorType};
use foveate::ops::{Coordinates, NearestRounding, Op, Resize, ResizeMode};

/// Positions of kernel and reference agree to 2^-23, and values between -1 and 1 change by at most 4 a pixel in each of two
/// directions; PyTorch and ONNX Runtime compute positions (here below 64) in f32, three roundings of 2^-24 of themselves.
fn near(mode: ResizeMode) -> Bound {
    let absolute = 2.0 * 4.0 * 3.0 * 64.0 / f64::from(1 << 24);
    if mode == ResizeMode::Nearest { Bound::Exact } else { Bound::Near { absolute, relative: 0.0 } }
}

/// Kernel and reference alone: positions to 2^-23 and four roundings of the value, whatever the size.
const EXACT_POSITIONS: Bound = Bound::Near { absolute: 1.5e-6, relative: 0.0 };

fn torch(name: &str) -> (ResizeMode, Coordinates, NearestRounding) {
    let floor = NearestRounding::Floor;
    match name {
        "bilinear-half" => (ResizeMode::Bilinear, Coordinates::HalfPixel, floor),
        "bilinear-corners" => (ResizeMode::Bilinear, Coordinates::AlignCorners, floor),
        "bicubic-half" => (ResizeMode::Bicubic, Coordinates::HalfPixel, floor),
        "bicubic-corners" => (ResizeMode::Bicubic, Coordinates::AlignCorners, floor),
        "nearest" => (ResizeMode::Nearest, Coordinates::Asymmetric, floor),
        "nearest-exact" => (ResizeMode::Nearest, Coordinates::HalfPixel, NearestRounding::RoundPreferCeil),
        _ => panic!("{name}"),
    }
}

#[test]
fn pytorch() {
    let numbers = fixture("resize");
    let mut cases = Vec::new();
    for (key, output) in &numbers {
        let (group, name) = key.split_once('/').unwrap();
        if name == "input" || group.starts_with("smooth") {
            continue;
        }
        let (name, scales) = match name.rsplit_once('-').and_then(|(name, scale)| Some((name, scale.parse::<f32>().ok()?))) {
            Some((name, scale)) => (name, Some((scale, scale))),
            None => (name, None),
        };
        let (mode, coordinates, rounding) = torch(name);
        let size = Hw::new(output.shape()[2], output.shape()[3]);
        let op = Resize { mode, coordinates, rounding, scales, ..Resize::to(size) };
        let bound = if group == "long" { EXACT_POSITIONS } else { near(mode) };
        cases.push(Case::new(key, op, vec![numbers[&format!("{group}/input")].clone()], bound).outputs(vec![output.clone()]));
    }
    assert_eq!(cases.len(), 8 * 6 + 3 * 4 + 1);
    check(cases);
}

#[test]
fn pytorch_antialiased() {
    let numbers = fixture("resize");
    let mut cases = Vec::new();
    for (key, output) in numbers.iter().filter(|(key, _)| key.starts_with("smooth") && !key.ends_with("input")) {
        let (group, name) = key.split_once('/').unwrap();
        let size = Hw::new(output.shape()[2], output.shape()[3]);
        let op = match name {
            "bicubic" => Resize { mode: ResizeMode::Bicubic, cubic_coefficient: -0.5, ..Resize::smooth(size) },
            _ => Resize::smooth(size),
        };
        cases.push(Case::new(key, op, vec![numbers[&format!("{group}/input")].clone()], near(op.mode)).outputs(vec![output.clone()]));
    }
    assert_eq!(cases.len(), 8);
    check(cases);
    let image = vec![random(&[1, 1, 4, 4], 1)];
    let crop = Coordinates::TfCropAndResize { start: (-0.25, 0.1), end: (0.75, 1.0), extrapolation: 5.0 };
    let smooth = Resize::smooth(Hw::square(2));
    check(vec![
        Case::refused("nearest", Resize { mode: ResizeMode::Nearest, ..smooth }, image.clone(), "no meaning for Nearest"),
        Case::refused("wide", Resize { scales: Some((0.1, 0.5)), ..smooth }, image.clone(), "the mean of 10 pixels of a side of 4"),
        Case::new("crop", Resize { coordinates: crop, ..smooth }, image, near(ResizeMode::Bilinear)),
    ]);
}

fn onnx_mode(name: &str) -> ResizeMode {
    match name {
        "nearest" => ResizeMode::Nearest,
        "linear" => ResizeMode::Bilinear,
        "cubic" => ResizeMode::Bicubic,
        _ => panic!("{name}"),
    }
}

fn onnx_coordinates(name: &str) -> Coordinates {
    match name {
        "half_pixel" => Coordinates::HalfPixel,
        "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
        "half_pixel_symmetric" => Coordinates::HalfPixelSymmetric,
        "align_corners" => Coordinates::AlignCorners,
        "asymmetric" => Coordinates::Asymmetric,
        "tf_half_pixel_for_nn" => Coordinates::TfHalfPixelForNn,
        "tf_crop_and_resize" => Coordinates::TfCropAndResize { start: (0.25, -0.125), end: (0.75, 1.25), extrapolation: 10.0 },
        _ => panic!("{name}"),
    }
}

#[test]
fn onnx_runtime() {
    let numbers = fixture("resize_onnx");
    let roundings = [
        ("round_prefer_floor", NearestRounding::RoundPreferFloor),
        ("round_prefer_ceil", NearestRounding::RoundPreferCeil),
        ("floor", NearestRounding::Floor),
        ("ceil", NearestRounding::Ceil),
    ];
    let mut cases = Vec::new();
    for (key, output) in numbers.iter().filter(|(key, _)| *key != "input") {
        let mut op = Resize::to(Hw::new(output.shape()[2], output.shape()[3]));
        // A minus sign in a name belongs to the coefficient.
        let name = key.replace("cubic-0.", "cubic=0.");
        match name.split('-').collect::<Vec<_>>()[..] {
            ["scales", mode, coordinates, scales] => {
                let (y, x) = scales.split_once('x').unwrap();
                op.scales = Some((y.parse().unwrap(), x.parse().unwrap()));
                (op.mode, op.coordinates) = (onnx_mode(mode), onnx_coordinates(coordinates));
            }
            [mode, exclude, _] if mode.starts_with("cubic=") => {
                op.mode = ResizeMode::Bicubic;
                op.cubic_coefficient = -mode["cubic=".len()..].parse::<f32>().unwrap();
                op.exclude_outside = exclude == "1";
            }
            [first, coordinates, _] => {
                op.coordinates = onnx_coordinates(coordinates);
                match roundings.iter().find(|(name, _)| *name == first) {
                    Some(&(_, rounding)) => op.rounding = rounding,
                    None => op.mode = onnx_mode(first),
                }
            }
            _ => panic!("{key}"),
        }
        cases.push(Case::new(key, op, vec![numbers["input"].clone()], near(op.mode)).outputs(vec![output.clone()]));
    }
    assert_eq!(cases.len(), 3 * 7 * 4 + 4 * 2 * 3 + 2 * 2 * 2 + 2 * 3 * 2);
    check(cases);
}

/// What the fixtures are too small for: photographs, many planes, more workgroups than one dimension holds.
#[test]
fn sizes() {
    let bilinear = |h, w| Resize { mode: ResizeMode::Bilinear, ..Resize::to(Hw::new(h, w)) };
    check(vec![
        Case::new("photo to 256", bilinear(256, 256), vec![random(&[1, 3, 1500, 2000], 1)], EXACT_POSITIONS),
        Case::new("mask to photo", bilinear(1500, 2000), vec![random(&[1, 1, 256, 256], 2)], EXACT_POSITIONS),
        Case::new("mask to an odd photo", bilinear(601, 799), vec![random(&[1, 1, 256, 256], 2)], EXACT_POSITIONS),
        Case::new("67 planes, tiles", bilinear(10, 12), vec![random(&[1, 67, 5, 6], 3)], EXACT_POSITIONS),
        Case::new("67 planes", bilinear(3, 5), vec![random(&[1, 67, 5, 6], 3)], EXACT_POSITIONS),
        Case::new("67 planes, pixels", Resize::to(Hw::new(130, 66)), vec![random(&[67, 1, 65, 33], 3)], Bound::Exact),
        Case::new("a long line", bilinear(1, 40_001), vec![random(&[1, 1, 1, 30_000], 4)], EXACT_POSITIONS),
        Case::new("4,196,352 pixels", Resize::to(Hw::new(2049, 2048)), vec![random(&[1, 1, 3, 5], 5)], Bound::Exact),
    ]);
}

/// The part of an image that no whole numbers describe: positions in f32.
#[test]
fn part_of_an_image() {
    let part = |start, end| Coordinates::TfCropAndResize { start, end, extrapolation: -3.0 };
    let op = |start, end| Resize { mode: ResizeMode::Bilinear, coordinates: part(start, end), ..Resize::to(Hw::new(9, 65)) };
    let image = random(&[1, 2, 17, 33], 1);
    let bound = near(ResizeMode::Bilinear);
    check(vec![
        Case::new("inside", op((0.1, 0.2), (0.7, 0.9)), vec![image.clone()], bound),
        Case::new("backwards", op((0.9, 0.2), (0.3, 0.1)), vec![image.clone()], bound),
        Case::new("beyond", op((-0.33, 0.2), (0.77, 1.91)), vec![image.clone()], bound),
        Case::new("far away", op((1e7, 0.2), (-1e7, 0.2)), vec![Array::full([1, 2, 17, 33], 1.0f32)], bound),
    ]);
}

/// An infinite pixel reaches only the pixels that the formula makes from it, with the formula's sign or NaN.
#[test]
fn infinity_stays_where_it_is() {
    let image = Array::from_fn([1, 1, 4, 6], |i| if i == 8 { f32::INFINITY } else { i as f32 });
    let op = |coordinates| Resize { mode: ResizeMode::Bilinear, coordinates, ..Resize::to(Hw::new(8, 12)) };
    check(vec![
        Case::new("between", op(Coordinates::HalfPixel), vec![image.clone()], near(ResizeMode::Bilinear)),
        Case::new("on", op(Coordinates::Asymmetric), vec![image], near(ResizeMode::Bilinear)),
    ]);
}

#[test]
fn refusals() {
    let image = || vec![random(&[1, 1, 4, 4], 1)];
    let to = || Resize::to(Hw::square(8));
    let scales = |y, x| Resize { scales: Some((y, x)), ..to() };
    let cubic = Resize { mode: ResizeMode::Bicubic, ..to() };
    let part = |start| Coordinates::TfCropAndResize { start: (start, 0.0), end: (1.0, 1.0), extrapolation: 0.0 };
    check(vec![
        Case::refused("rank", to(), vec![random(&[1, 4, 4], 1)], "input must be (N, C, H, W)"),
        Case::refused("integers", to(), vec![Array::full([1, 1, 2, 2], 1i32)], "must be f32"),
        Case::refused("too large", Resize::to(Hw::square(1 << 20)), image(), "more than 2^32 - 1 elements"),
        Case::refused("a long side", Resize::to(Hw::new(1, 1 << 25)), image(), "a side of 33554432 pixels"),
        Case::refused("scale 0", scales(0.0, 1.0), image(), "scales 0 x 1"),
        Case::refused("scale -2", scales(1.0, -2.0), image(), "scales 1 x -2"),
        Case::refused("scale NaN", scales(f32::NAN, 1.0), image(), "scales NaN"),
        Case::refused("coefficient", Resize { cubic_coefficient: f32::INFINITY, ..cubic }, image(), "cubic_coefficient is inf"),
        Case::refused("part NaN", Resize { coordinates: part(f32::NAN), ..to() }, image(), "must lie between"),
        Case::refused(
            "nothing inside",
            Resize { exclude_outside: true, scales: Some((0.5, 0.5)), ..cubic },
            image(),
            "has no neighbour inside",
        ),
    ]);
    let empty = to().infer(&[&TensorType::f32([1, 1, 0, 2])]).unwrap_err().to_string();
    assert!(empty.contains("no pixels to resize"), "{empty}");
}
