//! Pictures with the windows through which they were drawn, or read.

use crate::array::text::{Canvas, Colour};
use crate::array::{Array, Hw};
use crate::error::{Error, Result};

/// Of windows, as in the paper's figures.
const RED: Colour = [0.9, 0.1, 0.1];

/// A picture (1, 1 or 3, h, w) of 0..1, each pixel `factor` wide and high, with a red frame around a window of `side` x `side` filters at
/// `place`, 4 numbers as [`Moment::written`](super::Moment::written) has them; the frame is as thick as the filters are wide, at most a
/// tenth of the picture. (1, 3, factor h, factor w).
///
/// # Errors
/// If the picture has another shape or dtype, `factor` is 0, or there are not 4 numbers.
pub fn framed(picture: &Array, factor: usize, window: Option<(&[f32], usize)>) -> Result<Array> {
    let &[1, channels @ (1 | 3), h, w] = picture.shape() else {
        return Err(Error::shape("framed", format!("a picture is (1, 1 or 3, h, w), not {}", picture.ty())));
    };
    let (values, size) = (picture.values::<f32>()?, Hw::new(h.saturating_mul(factor), w.saturating_mul(factor)));
    if size.h == 0 || size.w == 0 {
        return Err(Error::shape("framed", format!("{} enlarged {factor} times", picture.ty())));
    }
    let large = Array::from_fn([1, 3, size.h, size.w], |i| {
        let (channel, y, x) = (i / size.area() % channels, i / size.w % size.h / factor, i % size.w / factor);
        values[(channel * h + y) * w + x]
    });
    let mut canvas = Canvas::over(large)?;
    let Some((place, side)) = window else { return Ok(canvas.into_picture()) };
    let &[x, y, stride, deviation] = place else {
        return Err(Error::shape("framed", format!("a window is at 4 numbers, not {}", place.len())));
    };
    let (half, scale) = ((stride * side as f32 / 2.0).max(deviation), factor as f32);
    let thick = (deviation * scale / 2.0).clamp(1.0, (size.h.min(size.w) as f32 / 10.0).max(1.0)) as usize;
    // The centre of pixel 0 is half a pixel from the border. Bounds that are no numbers become 0.
    let edge = |at: f32, most: usize| ((at + 0.5) * scale).clamp(0.0, most as f32) as usize;
    let [left, right] = [x - half, x + half].map(|at| edge(at, size.w));
    let [top, bottom] = [y - half, y + half].map(|at| edge(at, size.h));
    let (height, width) = (bottom.saturating_sub(top), right.saturating_sub(left));
    canvas.outline(top, left, Hw::new(height, width), thick, RED)?;
    Ok(canvas.into_picture())
}
