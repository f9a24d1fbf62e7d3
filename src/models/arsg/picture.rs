//! What was heard, and where the network listened for each phone.

use crate::array::text::{BLACK, Canvas, Letters, WHITE};
use crate::array::{Array, Hw};
use crate::error::{Error, Result};

/// Pixels of a band's height, of a frame's width at most, of a row of phones, of its letters, and around all.
const BAND: usize = 3;
const FRAME: usize = 3;
const ROW: usize = 16;
const TEXT: usize = 14;
const MARGIN: usize = 10;
/// Pixels that long recordings are no wider than, if a frame has one.
const WIDEST: usize = 2400;

/// A picture (1, 3, h, w), RGB in 0..1: above the bands of features (frames, 3 (bands + 1)), see [`Filterbank`](super::Filterbank), low ones
/// below, the darker the louder; under them a row for each phone, the darker the more of its `alphas` (phones, frames) there is.
///
/// # Errors
/// If the numbers of phones and frames are others than those of `alphas`, or there are more than a picture can show.
pub fn listened<T: AsRef<str>>(features: &Array, phones: &[T], alphas: &Array) -> Result<Array> {
    let (&[frames, numbers], &[rows, looked]) = (features.shape(), alphas.shape()) else {
        return Err(Error::shape("listened", format!("features {} and weights {}", features.ty(), alphas.ty())));
    };
    let bands = (numbers / 3).saturating_sub(1);
    if looked != frames || rows != phones.len() || frames == 0 || bands == 0 {
        let reason = format!("features {} and {} phones with weights {}", features.ty(), phones.len(), alphas.ty());
        return Err(Error::shape("listened", reason));
    }
    let letters = Letters::new(TEXT)?;
    let across = (WIDEST / frames).clamp(1, FRAME);
    let left = MARGIN * 2 + phones.iter().map(|phone| letters.width(phone.as_ref())).max().unwrap_or(0);
    let top = MARGIN + bands * BAND + MARGIN;
    let mut canvas = Canvas::new(Hw::new(top + rows * ROW + MARGIN, left + frames * across + MARGIN), WHITE)?;
    let values = features.values::<f32>()?;
    let loud = |frame: usize, band: usize| values[frame * numbers + 1 + band];
    let all = (0..frames).flat_map(|frame| (0..bands).map(move |band| loud(frame, band)));
    let (low, high) = all.fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(value), high.max(value)));
    for frame in 0..frames {
        for band in 0..bands {
            let share = (loud(frame, band) - low) / (high - low).max(f32::MIN_POSITIVE);
            let (y, x) = (MARGIN + (bands - 1 - band) * BAND, left + frame * across);
            canvas.fill(y, x, Hw::new(BAND, across), [1.0 - share; 3])?;
        }
    }
    for (row, (phone, weights)) in phones.iter().map(AsRef::as_ref).zip(alphas.values::<f32>()?.chunks(frames)).enumerate() {
        let y = top + row * ROW;
        canvas.write(y, left - MARGIN - letters.width(phone), phone, &letters, BLACK)?;
        let most = weights.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
        for (frame, weight) in weights.iter().enumerate() {
            canvas.fill(y, left + frame * across, Hw::new(ROW, across), [1.0 - (weight / most).clamp(0.0, 1.0); 3])?;
        }
    }
    Ok(canvas.into_picture())
}
