//! resize with antialias: weights as wide as the step from one output pixel to the next.

use super::line::{Line, ShaderLine};
use super::{Resize, ResizeMode};
use crate::array::Hw;
use crate::error::Result;
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::ops::grid_sample::cubic_weights;
use crate::ops::slices::nested;
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
        let input = Hw::new(h, w);
        let [y, x] = self.lines(input);
        let [tall, wide] = self.widenings(input);
        let (rows, columns) = ((y.for_shader(self.size.h), tall), (x.for_shader(self.size.w), wide));
        // Two passes read no less: the first makes each of the input's columns, of which one pass reads few more than twice as many pixels.
        // They are for loops that a device would cut, if it can hold what is between them.
        let of = (n * c, input, rows, columns);
        Ok([self.in_one_pass(site, of)?].into_iter().chain(self.in_two_passes(site, of).ok()).collect())
    }

    /// All pixels that a weight reaches, down and across.
    fn in_one_pass(&self, site: &Site<'_>, (planes, input, rows, columns): (usize, Hw, Widened, Widened)) -> Result<Candidate> {
        let row = [input.area() as u64, self.size.area() as u64];
        let launches = launch_rows(self.name(), site.device, planes, &row.map(|r| r * 4), |part| {
            let [from, to] = row.map(|r| site.device.window(part.start as u64 * r..part.end as u64 * r, 4));
            let skips = [from.skip, to.skip];
            self.pass(part.len(), [input, self.size], skips, rows, columns).notes(true).input_window(0, &from).output_window(0, &to)
        })?;
        Ok(Candidate::of(launches))
    }

    /// Those down, whose sums go to scratch memory, and of these those across: the sum of both numbers rather than their product.
    fn in_two_passes(&self, site: &Site<'_>, (planes, input, rows, columns): (usize, Hw, Widened, Widened)) -> Result<Candidate> {
        let between = Hw::new(self.size.h, input.w);
        let as_it_is = |size: usize| (Line { a: 1.0, b: 0.0, d: 1.0 }.for_shader(size), 1.0);
        let row = [input, self.size, between].map(|side| side.area() as u64);
        let (mut first, mut most) = (Vec::new(), 0);
        let last = launch_rows(self.name(), site.device, planes, &row.map(|r| r * 4), |part| {
            let [from, to, _] = row.map(|r| site.device.window(part.start as u64 * r..part.end as u64 * r, 4));
            most = most.max(part.len());
            let down = self.pass(part.len(), [input, between], [from.skip, 0], rows, as_it_is(input.w));
            first.push(down.input_window(0, &from).scratch_mut(0));
            let across = self.pass(part.len(), [between, self.size], [0, to.skip], as_it_is(between.h), columns);
            across.notes(true).scratch(0).output_window(0, &to)
        })?;
        let launches = first.into_iter().zip(last).flat_map(|(down, across)| [down, across]).collect();
        let bytes = (4 * most as u64 * row[2]).next_multiple_of(16);
        Ok(Candidate { launches, scratch: vec![bytes], ..Candidate::default() })
    }

    /// A launch for so many planes, before what it reads and writes is bound; `sides` and `skips` are those of input and output.
    fn pass(&self, planes: usize, sides: [Hw; 2], skips: [u32; 2], rows: Widened, columns: Widened) -> Launch {
        #[expect(clippy::cast_possible_truncation, reason = "a factor for weights in f32")]
        let real = |(shader, wide): Widened| [shader.real[0], shader.real[1], shader.real[2], (1.0 / wide) as f32];
        let count = sides[1].area() * planes;
        let params = Params {
            x_whole: columns.0.whole,
            x_real: real(columns),
            y_whole: rows.0.whole,
            y_real: real(rows),
            input_size: [u32_of(sides[0].w), u32_of(sides[0].h)],
            output_size: [u32_of(sides[1].w), u32_of(sides[1].h)],
            count: u32_of(count),
            input_skip: skips[0],
            output_skip: skips[1],
            cubic_coefficient: self.cubic_coefficient,
            extrapolate: u32::from(self.extrapolation().is_some()),
            extrapolation: self.extrapolation().unwrap_or(0.0),
        };
        let launch = Launch::new(&ANTIALIAS, &params, groups(count, WORKGROUP));
        let launch = launch.turns(nested(&[self.reached(rows.1), self.reached(columns.1)]));
        launch.constant("CUBIC", self.mode == ResizeMode::Bicubic).constant("EXCLUDE", self.exclude_outside)
    }

    /// The most pixels along a side that a weight widened by `wide` reaches.
    fn reached(&self, wide: f64) -> usize {
        let radius = wide * if self.mode == ResizeMode::Bilinear { 1.0 } else { 2.0 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and not much wider than a side")]
        let either_side = radius.ceil() as usize;
        either_side.saturating_mul(2).saturating_add(1)
    }
}

/// Positions along a side, and how much wider than a pixel their weights are.
type Widened = (ShaderLine, f64);
