//! Where the network looked for each word, as in figure 3 of the paper.

use crate::array::text::{BLACK, Canvas, Letters, WHITE};
use crate::array::{Array, Hw};
use crate::error::{Error, Result};

/// Pixels of a cell's side, of the letters, and around all.
const CELL: usize = 28;
const TEXT: usize = 22;
const MARGIN: usize = 10;

/// A matrix (1, 3, h, w), RGB in 0..1: a column for each word of the sentence, a row for each of its translation, the whiter the cell the
/// more of `alphas` (words of the translation, words of the sentence) there is. The sentence's words are written downwards.
///
/// # Errors
/// If the numbers of words are others than those of `alphas`.
pub fn alignment<T: AsRef<str>>(source: &[T], target: &[T], alphas: &Array) -> Result<Array> {
    if alphas.shape() != [target.len(), source.len()] || alphas.is_empty() {
        let reason = format!("{} words and {} of the translation with weights {}", source.len(), target.len(), alphas.ty());
        return Err(Error::shape("alignment", reason));
    }
    let letters = Letters::new(TEXT)?;
    let top = MARGIN + TEXT * source.iter().map(|word| word.as_ref().chars().count()).max().unwrap_or(1);
    let left = MARGIN * 2 + target.iter().map(|word| letters.width(word.as_ref())).max().unwrap_or(0);
    let size = Hw::new(top + CELL * target.len() + MARGIN, left + CELL * source.len() + MARGIN);
    let mut canvas = Canvas::new(size, WHITE)?;
    for (column, word) in source.iter().map(AsRef::as_ref).enumerate() {
        let x = left + column * CELL;
        let first = top - TEXT * word.chars().count();
        for (row, letter) in word.chars().enumerate() {
            let letter = letter.to_string();
            canvas.write(first + row * TEXT, x + CELL.saturating_sub(letters.width(&letter)) / 2, &letter, &letters, BLACK)?;
        }
    }
    let weights = alphas.values::<f32>()?;
    for (row, (word, weights)) in target.iter().map(AsRef::as_ref).zip(weights.chunks(source.len())).enumerate() {
        let y = top + row * CELL;
        canvas.write(y + (CELL - TEXT) / 2, left - MARGIN - letters.width(word), word, &letters, BLACK)?;
        for (column, weight) in weights.iter().enumerate() {
            canvas.fill(y, left + column * CELL, Hw::square(CELL), [weight.clamp(0.0, 1.0); 3])?;
        }
    }
    Ok(canvas.into_picture())
}
