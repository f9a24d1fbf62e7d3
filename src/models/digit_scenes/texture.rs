//! Textures: smooth noise of several sizes and gratings, between two colours.

use crate::train::Numbers;
use std::f64::consts::TAU;

/// Pixels between the numbers that noise is interpolated from, the coarsest first.
const PERIODS: [f64; 4] = [32.0, 16.0, 8.0, 4.0];

/// A texture (3, side, side) of 0..1.
///
/// ```text
/// t = sum over octaves of a noise + sum over up to two gratings of a sin(2 pi (x cos + y sin) / period + phase), brought to 0..1
/// colour = first + t (second - first)
/// ```
///
/// Finer octaves are weaker, by how much is drawn; gratings have periods of 4 to 24 pixels.
pub(super) fn texture(side: usize, random: &mut Numbers) -> Vec<f32> {
    let mut heights = vec![0.0; side * side];
    let rough = random.between(0.0, 1.0);
    for period in PERIODS {
        let amplitude = random.between(0.2, 1.0) * (period / PERIODS[0]).powf(rough);
        add_noise(&mut heights, side, period, amplitude, random);
    }
    for _ in 0..random.below(3) {
        add_grating(&mut heights, side, random);
    }
    let (low, high) = heights.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)));
    let span = (high - low).max(f64::MIN_POSITIVE);
    let colours: [[f64; 2]; 3] = [(); 3].map(|()| [(); 2].map(|()| random.between(0.0, 1.0)));
    #[expect(clippy::cast_possible_truncation, reason = "rounded to f32 once")]
    let plane = |[first, second]: [f64; 2]| heights.iter().map(move |v| (first + (v - low) / span * (second - first)) as f32);
    colours.into_iter().flat_map(|colour| plane(colour).collect::<Vec<_>>()).collect()
}

/// Numbers of -1 to 1 that lie `period` pixels apart, between them a cubic that is flat at each.
fn add_noise(heights: &mut [f64], side: usize, period: f64, amplitude: f64, random: &mut Numbers) {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels of the canvas")]
    let nodes = (side as f64 / period) as usize + 3;
    let shift = [(); 2].map(|()| random.between(0.0, 1.0));
    let numbers: Vec<f64> = (0..nodes * nodes).map(|_| random.between(-1.0, 1.0)).collect();
    // The node before each pixel and how far behind it the pixel lies.
    let along = |shift: f64| -> Vec<(usize, f64)> {
        let place = |i: usize| {
            let at = i as f64 / period + shift;
            let f = at.fract();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is not negative, and less than the nodes")]
            (at as usize, f * f * (3.0 - 2.0 * f))
        };
        (0..side).map(place).collect()
    };
    let (columns, rows) = (along(shift[0]), along(shift[1]));
    for (i, height) in heights.iter_mut().enumerate() {
        let ((x, fx), (y, fy)) = (columns[i % side], rows[i / side]);
        let row = |y: usize| (1.0 - fx) * numbers[y * nodes + x] + fx * numbers[y * nodes + x + 1];
        *height += amplitude * ((1.0 - fy) * row(y) + fy * row(y + 1));
    }
}

fn add_grating(heights: &mut [f64], side: usize, random: &mut Numbers) {
    let (sin, cos) = random.between(0.0, TAU).sin_cos();
    let (amplitude, period, phase) = (random.between(0.1, 0.7), random.between(4.0, 24.0), random.between(0.0, TAU));
    for (i, height) in heights.iter_mut().enumerate() {
        let along = (i % side) as f64 * cos + (i / side) as f64 * sin;
        *height += amplitude * (TAU * along / period + phase).sin();
    }
}
