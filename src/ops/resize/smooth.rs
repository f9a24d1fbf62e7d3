//! resize with antialias: weights as wide as the step from one output pixel to the next.

use super::line::ShaderLine;
use super::{Resize, ResizeMode};
use crate::array::Hw;
use crate::error::Result;
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::ops::grid_sample::cubic_weights;
use crate::ops::{Candidate, Op, Site, WORKGROUP, groups, launch_rows, u32_of};

params! {
    struct Params {
        x_whole: [u32; 4],
        x_real: [f32; 4],
        y_whole: [u32; 4],
        y_real: [f32; 4],
        input_size: [u32; 2],
        output_size: [u32; 2],
        count: u32,
        input_skip: u32,
        output_skip: u32,
        cubic_coefficient: f32,
        extrapolate: u32,
        extrapolation: f32,
    }
}

pub(super) static ANTIALIAS: Kernel = kernel!("resize/antialias", Params);

impl Resize {
    /// All pixels that weights widened by `wide` reach; one outside is left out, or the nearest one inside.
    pub(super) fn smooth_taps(&self, position: f64, wide: f64, size: usize) -> Vec<(usize, f64)> {
        let a = f64::from(self.cubic_coefficient);
        let weight = |i: isize| match ((i as f64 - position) / wide).abs() {
            d if self.mode == ResizeMode::Bilinear => (1.0 - d).max(0.0),
            d if d <= 1.0 => cubic_weights(d, a)[1],
            d if d < 2.0 => cubic_weights(d - 1.0, a)[0],
            _ => 0.0,
        };
        let radius = wide * if self.mode == ResizeMode::Bilinear { 1.0 } else { 2.0 };
        let last = size.cast_signed() - 1;
        #[expect(clippy::cast_possible_truncation, reason = "sides have at most 2^24 pixels, and weights are not much wider")]
        let reach = (position - radius).ceil() as isize..=(position + radius).floor() as isize;
        let reach = reach.filter(|i| !self.exclude_outside || (0..=last).contains(i));
        let taps: Vec<(usize, f64)> = reach.map(|i| (i.clamp(0, last).unsigned_abs(), weight(i))).filter(|(_, w)| *w != 0.0).collect();
        let sum: f64 = taps.iter().map(|(_, w)| w).sum();
        taps.into_iter().map(|(i, w)| (i, w / sum)).collect()
    }

    pub(super) fn launch_smooth(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let [n, c, h, w] = [0, 1, 2, 3].map(|i| site.inputs[0].shape[i]);
        let [y, x] = self.lines(Hw::new(h, w));
        #[expect(clippy::cast_possible_truncation, reason = "a factor for weights in f32")]
        let real = |shader: ShaderLine, wide: f64| [shader.real[0], shader.real[1], shader.real[2], (1.0 / wide) as f32];
        let [tall, wide] = self.widenings(Hw::new(h, w));
        let (rows, columns) = (y.for_shader(self.size.h), x.for_shader(self.size.w));
        let row = [(h * w) as u64, self.size.area() as u64];
        let launches = launch_rows(self.name(), site.device, n * c, &row.map(|r| r * 4), |part| {
            let [from, to] = row.map(|r| site.device.window(part.start as u64 * r..part.end as u64 * r, 4));
            let count = self.size.area() * part.len();
            let params = Params {
                x_whole: columns.whole,
                x_real: real(columns, wide),
                y_whole: rows.whole,
                y_real: real(rows, tall),
                input_size: [u32_of(w), u32_of(h)],
                output_size: [u32_of(self.size.w), u32_of(self.size.h)],
                count: u32_of(count),
                input_skip: from.skip,
                output_skip: to.skip,
                cubic_coefficient: self.cubic_coefficient,
                extrapolate: u32::from(self.extrapolation().is_some()),
                extrapolation: self.extrapolation().unwrap_or(0.0),
            };
            let launch = Launch::new(&ANTIALIAS, &params, groups(count, WORKGROUP)).notes(true);
            let launch = launch.constant("CUBIC", self.mode == ResizeMode::Bicubic).constant("EXCLUDE", self.exclude_outside);
            launch.input_window(0, &from).output_window(0, &to)
        })?;
        Ok(vec![Candidate::of(launches)])
    }
}
