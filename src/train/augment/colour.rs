//! What changes values where they are.
//!
//! ```text
//! brightness f    v f
//! contrast f      m + f (v - m)     m the mean of the image's luma
//! saturation f    l + f (v - l)     l the pixel's luma
//! ```
//!
//! Each is brought back into 0..1, as torchvision does.

use super::super::Numbers;
use super::super::frame::luma;

/// Changes (channels, pixels), 1 or 3 channels, by a factor for brightness, contrast and saturation each, in an order that is drawn.
pub(super) fn jittered(image: &mut [f32], channels: usize, most: [f64; 3], random: &mut Numbers) {
    #[expect(clippy::cast_possible_truncation, reason = "rounded to f32 once")]
    let factors = most.map(|most| random.between((1.0 - most).max(0.0), 1.0 + most) as f32);
    let mut order = [0, 1, 2];
    (1..3).rev().for_each(|i| order.swap(i, random.below(i + 1)));
    for kind in order {
        let (factor, pixels) = (factors[kind], image.len() / channels);
        let grey = |image: &[f32], at: usize| match channels {
            3 => luma(image[at], image[pixels + at], image[2 * pixels + at]),
            _ => image[at],
        };
        match kind {
            0 => image.iter_mut().for_each(|v| *v = (*v * factor).clamp(0.0, 1.0)),
            1 => {
                let sum: f64 = (0..pixels).map(|at| f64::from(grey(image, at))).sum();
                #[expect(clippy::cast_possible_truncation, reason = "rounded to f32 once")]
                let mean = (sum / pixels as f64) as f32;
                image.iter_mut().for_each(|v| *v = (mean + factor * (*v - mean)).clamp(0.0, 1.0));
            }
            _ => {
                for at in 0..pixels {
                    let grey = grey(image, at);
                    image[at..].iter_mut().step_by(pixels).for_each(|v| *v = (grey + factor * (*v - grey)).clamp(0.0, 1.0));
                }
            }
        }
    }
}

/// Adds normal numbers.
pub(super) fn noisy(image: &mut [f32], mean: f64, sigma: f64, clip: bool, random: &mut Numbers) {
    for value in image {
        #[expect(clippy::cast_possible_truncation, reason = "rounded to f32 once")]
        let sum = (f64::from(*value) + mean + sigma * random.normal()) as f32;
        *value = if clip { sum.clamp(0.0, 1.0) } else { sum };
    }
}
