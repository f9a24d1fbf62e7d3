//! The gradients of `grid_sample`, by input and by grid: case tables.

use super::grid_sample::options;
use crate::common::{Bound, Case, Elsewhere, Expect, check, check_on, fixture, narrow_gpu, random};
use foveate::array::{Array, Dhw, Hw};
use foveate::ops::{GridSample, GridSample3dByGrid, GridSample3dByInput, GridSampleByGrid, GridSampleByInput, Op, PaddingMode, SampleMode};
use std::collections::HashMap;
use std::sync::Arc;

/// What a case has for both of its gradients.
struct Given {
    /// Places.
    places: usize,
    /// The largest position in pixels: (|g| + 1) / 2 times the longer side.
    pixels: f64,
    /// The longer side.
    side: f64,
    channels: usize,
}

impl Given {
    /// A position is off by 3 * 2^-24 of `pixels`, here and in PyTorch, a weight by at most 1.5 times that along each side, and
    /// products are rounded a few times. Each gradient of up to 1 reaches a pixel with a weight of at most 1.4^2 in all. No pixel is
    /// met by more than a quarter of the places where these may be off: the others are held at a border, and exact.
    fn by_input(&self, mode: SampleMode) -> Bound {
        let each = 2.0 * (2.0 * 1.5 * 1.4 * 3.0 * self.pixels + 8.0) / f64::from(1 << 24);
        let several = (self.places as f64 / 4.0).max(1.0);
        if mode == SampleMode::Nearest {
            Bound::Near { absolute: 4e-7, relative: 4e-7 }
        } else {
            Bound::Near { absolute: each * several, relative: 0.0 }
        }
    }

    /// The slope changes by at most 4 * 2.5 a pixel where it is smooth, for pixels of up to 1, along each side, times half the side.
    fn by_grid(&self) -> Bound {
        let each = 2.0 * (2.0 * 10.0 * 3.0 * self.pixels + 8.0) / f64::from(1 << 24);
        Bound::Near { absolute: each * self.side / 2.0 * self.channels as f64, relative: 0.0 }
    }
}

/// Rows for every gradient that the fixture has for `case`.
fn rows(numbers: &HashMap<String, Array>, case: &str, pixels: f64) -> Vec<Case> {
    let [input, grid, grad] = ["input", "grid", "grad"].map(|name| numbers[&format!("{case}/{name}")].clone());
    let (sides, channels) = (input.shape()[2..].to_vec(), input.shape()[1]);
    let longest = sides.iter().copied().max().unwrap_or(1) as f64;
    let given = Given { places: grad.len() / channels / grad.shape()[0], pixels, side: longest, channels };
    let mut found = Vec::new();
    for (key, output) in numbers {
        let parts: Vec<&str> = key.split('/').collect();
        let &[of, name, by] = parts.as_slice() else { continue };
        if of != case {
            continue;
        }
        let options = options(name);
        let op: Arc<dyn Op> = match (by, sides.as_slice()) {
            ("by_input", &[h, w]) => Arc::new(GridSampleByInput { size: Hw::new(h, w), options }),
            ("by_input", &[d, h, w]) => Arc::new(GridSample3dByInput { size: Dhw::new(d, h, w), options }),
            (_, &[_, _]) => Arc::new(GridSampleByGrid { options }),
            _ => Arc::new(GridSample3dByGrid { options }),
        };
        let (inputs, bound) = match by {
            "by_input" => (vec![grid.clone(), grad.clone()], given.by_input(options.mode)),
            _ => (vec![input.clone(), grid.clone(), grad.clone()], given.by_grid()),
        };
        let expect = Expect::Outputs(vec![output.clone()]);
        found.push(Case { name: key.clone(), op, inputs, expect, bound, dispatches: 0, kernel: None });
    }
    found
}

#[test]
fn pytorch() {
    let numbers = fixture("grid_sample_gradient");
    let table = [("random", 16.0), ("channels", 6.0), ("pixel", 2.0), ("row", 8.0), ("quarters of 4", 7.0), ("quarters of 5", 7.0)];
    let cases: Vec<Case> = table.iter().flat_map(|(case, pixels)| rows(&numbers, case, *pixels)).collect();
    assert_eq!(cases.len(), 18 + 12 + 6 + 4 + 2 * (18 + 12) + 2 * (9 + 6));
    check(cases);
}

#[test]
fn pytorch_of_volumes() {
    let numbers = fixture("grid_sample_gradient");
    let table = [("volume", 9.0), ("volume by quarters of 4", 7.0), ("volume by quarters of 5", 7.0)];
    let cases: Vec<Case> = table.iter().flat_map(|(case, pixels)| rows(&numbers, case, *pixels)).collect();
    assert_eq!(cases.len(), 12 + 6 + 2 * (6 + 3));
    check(cases);
}

/// Many channels on a GPU, and cut along volumes.
#[test]
fn volumes() {
    let (grid, grads) = (places(&[2, 2, 3, 5, 3], 2), random(&[2, 37, 2, 3, 5], 3));
    let given = Given { places: 30, pixels: 6.0, side: 5.0, channels: 37 };
    let options = GridSample { padding: PaddingMode::Border, ..Default::default() };
    let by_input = GridSample3dByInput { size: Dhw::new(3, 4, 5), options };
    let by_grid = vec![random(&[2, 37, 3, 4, 5], 1), grid.clone(), grads.clone()];
    check(vec![Case::new("teams", Elsewhere::gpu(GridSample3dByGrid { options }), by_grid.clone(), given.by_grid())]);
    check_on(
        &narrow_gpu(16 << 10),
        vec![
            Case::new("by input", by_input, vec![grid, grads], given.by_input(SampleMode::Bilinear)).dispatches(12),
            Case::new("by grid", GridSample3dByGrid { options }, by_grid, given.by_grid()).dispatches(2),
        ],
    );
}

fn places(shape: &[usize], seed: u64) -> Array {
    let values = random(shape, seed);
    let values = values.values::<f32>().unwrap();
    Array::from_fn(shape, |i| 1.4 * values[i])
}

/// Many channels on a GPU are shared by a team.
#[test]
fn teams() {
    let inputs = vec![random(&[2, 67, 5, 4], 1), places(&[2, 3, 11, 2], 2), random(&[2, 67, 3, 11], 3)];
    let given = Given { places: 33, pixels: 6.0, side: 5.0, channels: 67 };
    let cases = [SampleMode::Bilinear, SampleMode::Bicubic].map(|mode| {
        let op = GridSampleByGrid { options: GridSample { mode, ..Default::default() } };
        Case::new(format!("{mode:?}"), Elsewhere::gpu(op), inputs.clone(), given.by_grid())
    });
    check(cases.into());
}

/// Sums of very large, very small and very different numbers, of numbers that cancel, and of all places in one pixel.
#[test]
fn fixed_point() {
    let op = GridSampleByInput { size: Hw::new(2, 3), options: GridSample { padding: PaddingMode::Border, ..Default::default() } };
    let corner = Array::full([1, 40, 50, 2], -1.5f32);
    let scaled = |factor: f32| {
        let values = random(&[1, 2, 40, 50], 3);
        let values = values.values::<f32>().unwrap();
        Array::from_fn([1, 2, 40, 50], |i| values[i] * factor)
    };
    // Whole weights: a term is cut off below 2^-50 of the largest, and there are 2000; then the sum is rounded twice.
    let near = |largest: f64| Bound::Near { absolute: 2000.0 * largest * 2f64.powi(-50), relative: 2f64.powi(-22) };
    // An adapter may take numbers below the normal ones for 0.
    let normal = |array: &Array| {
        let values = array.values::<f32>().unwrap();
        Array::from_fn(array.shape(), |i| if values[i].is_subnormal() { 0.0 } else { values[i] })
    };
    let case = |name: &str, grads: Array, largest: f64| Case::new(name, op, vec![corner.clone(), grads], near(largest));
    let cancelling = Array::from_fn([1, 1, 40, 50], |i| {
        if i == 0 {
            1e-3
        } else if i % 2 == 0 {
            1e10
        } else {
            -1e10
        }
    });
    // One more of the positive ones than of the negative ones, but for the first.
    let exact = Array::from_fn([1, 1, 2, 3], |i| if i == 0 { -1e10f32 } else { 0.0 });
    let unlike = Array::from_fn([1, 1, 40, 50], |i| if i == 7 { 1e30 } else { 1e-30 });
    let nothing = Array::full([1, 2, 40, 50], 0.0f32);
    let not = Array::from_fn([1, 3, 40, 50], |i| match i {
        5 => f32::NAN,
        4100 => f32::INFINITY,
        _ => 1.0,
    });
    check(vec![
        case("ones", scaled(1.0), 1.0),
        case("large", scaled(1e34), 1e34),
        case("small", scaled(1e-30), 1e-30),
        case("tiny", normal(&scaled(1e-36)), 1e-36),
        case("unlike", unlike, 1e30),
        case("cancelling", cancelling, 1e10).outputs(vec![exact]),
        Case::new("nothing", op, vec![corner.clone(), nothing], Bound::Exact).outputs(vec![Array::full([1, 2, 2, 3], 0.0f32)]),
        case("NaN", not, 1.0),
    ]);
}

/// Cut along planes, where a binding shows 16 KiB.
#[test]
fn windows() {
    let (grid, grads) = (places(&[3, 15, 21, 2], 2), random(&[3, 5, 15, 21], 3));
    let given = Given { places: 315, pixels: 20.0, side: 17.0, channels: 5 };
    let options = GridSample::default();
    let by_input = GridSampleByInput { size: Hw::new(13, 17), options };
    let by_grid = vec![random(&[3, 5, 13, 17], 1), grid.clone(), grads.clone()];
    check_on(
        &narrow_gpu(16 << 10),
        vec![
            Case::new("by input", by_input, vec![grid, grads], given.by_input(SampleMode::Bilinear)).dispatches(12),
            Case::new("by grid", GridSampleByGrid { options }, by_grid, given.by_grid()).dispatches(2),
        ],
    );
}

/// More than 65,535 workgroups.
#[test]
fn many() {
    let (grid, grads) = (places(&[1, 2049, 2050, 2], 2), random(&[1, 1, 2049, 2050], 3));
    let op = GridSampleByInput { size: Hw::new(1, 2), options: GridSample { mode: SampleMode::Nearest, ..Default::default() } };
    // A million terms and more for each pixel, of both signs: the sum is rounded twice.
    let near = Bound::Near { absolute: 1e-6, relative: 3e-7 };
    check(vec![Case::new("workgroups", op, vec![grid, grads], near)]);
}

#[test]
fn refusals() {
    let (image, grid, grads) = (random(&[2, 3, 4, 5], 1), random(&[2, 6, 7, 2], 2), random(&[2, 3, 6, 7], 3));
    let by_input = GridSampleByInput { size: Hw::new(4, 5), options: GridSample::default() };
    let by_grid = |mode| GridSampleByGrid { options: GridSample { mode, ..Default::default() } };
    let other = random(&[2, 3, 7, 6], 3);
    check(vec![
        Case::refused("another gradient", by_input, vec![grid.clone(), other.clone()], "output_grad is f32[2, 3, 7, 6]"),
        Case::refused("another grid", by_input, vec![image.clone(), grads.clone()], "must end in 2"),
        Case::refused("one input", by_input, vec![grid.clone()], "takes 2 inputs"),
        Case::refused(
            "of the grid",
            by_grid(SampleMode::Bilinear),
            vec![image.clone(), grid.clone(), other],
            "output_grad is f32[2, 3, 7, 6]",
        ),
        Case::refused("nearest", by_grid(SampleMode::Nearest), vec![image, grid, grads], "has no slope"),
    ]);
}
