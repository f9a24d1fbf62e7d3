//! Digits somewhere on a large canvas, among pieces of others: what [`Glimpses`](super::Glimpses) learn from (section 4.1 of the paper).
//!
//! As the generator that was published with the paper has it: pieces are cut out of other digits and put anywhere, the digit comes last,
//! and where they overlap they add up, to 1 at most.

use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::models::digits::{DIGIT, Digits};
use crate::train::{Dataset, Numbers};
use std::path::Path;

/// MNIST's digits in clutter, with the tensors `image`, f32 (1, side, side) of 0..1, and `label`, one i32. Each visit of a digit has
/// another place and other pieces.
#[derive(Clone, Debug)]
pub struct Cluttered {
    digits: Digits,
    side: usize,
    pieces: usize,
    piece: usize,
    seed: u64,
}

impl Cluttered {
    /// Of the files `<part>-images-idx3-ubyte` and `<part>-labels-idx1-ubyte` of a folder, at most `most` digits of them. `sizes` are the
    /// pixels of a canvas' side, how many pieces there are, and the pixels of a piece's side; the paper has 100, 8 and 8.
    ///
    /// # Errors
    /// If a file cannot be read or holds something else, a side is below a digit's 28, or a piece is not of 1 to 28.
    pub fn open(folder: &Path, part: &str, most: usize, sizes: [usize; 3], seed: u64) -> Result<Self> {
        Self::of(Digits::open(folder, part, most)?, sizes, seed)
    }

    fn of(digits: Digits, [side, pieces, piece]: [usize; 3], seed: u64) -> Result<Self> {
        if side < DIGIT || !(1..=DIGIT).contains(&piece) {
            let reason = format!("pieces of {piece} x {piece} on {side} x {side}; digits and what is cut of them are {DIGIT} x {DIGIT}");
            return Err(Error::shape("cluttered digits", reason));
        }
        TensorType::f32([side, side]).checked_elements()?;
        Ok(Self { digits, side, pieces, piece, seed })
    }
}

impl Dataset for Cluttered {
    fn len(&self) -> usize {
        self.digits.labels.len()
    }

    fn tensors(&self) -> Vec<(String, TensorType)> {
        let image = TensorType::f32([1, self.side, self.side]);
        vec![("image".to_owned(), image), ("label".to_owned(), TensorType::new(DType::I32, []))]
    }

    fn example(&self, index: usize, visit: u64) -> Result<Vec<Array>> {
        let Self { digits, side, piece, .. } = self;
        let Some(&label) = digits.labels.get(index) else {
            return Err(Error::shape("cluttered digits", format!("example {index} of {}", digits.labels.len())));
        };
        let mut random = Numbers::new(self.seed, &format!("digit {index} visit {visit}"));
        let mut canvas = vec![0.0f32; side * side];
        // A part of digit `of`, from (y, x) of it, goes to anywhere.
        let mut put = |of: usize, from: [usize; 2], part: usize, random: &mut Numbers| {
            let [to_y, to_x] = [(); 2].map(|()| random.below(side - part + 1));
            for (y, x) in (0..part * part).map(|i| (i / part, i % part)) {
                let slot = &mut canvas[(to_y + y) * side + to_x + x];
                *slot = (*slot + digits.pixels[(of * DIGIT + from[0] + y) * DIGIT + from[1] + x]).min(1.0);
            }
        };
        for _ in 0..self.pieces {
            let (of, from) = (random.below(digits.labels.len()), [(); 2].map(|()| random.below(DIGIT - piece + 1)));
            put(of, from, *piece, &mut random);
        }
        put(index, [0, 0], DIGIT, &mut random);
        Ok(vec![Array::new([1, *side, *side], canvas)?, Array::scalar(label)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three digits, all of their pixels of 0.4, 0.6 and 1.
    fn cluttered(sizes: [usize; 3]) -> Result<Cluttered> {
        let images = Array::from_fn([3, DIGIT, DIGIT], |i| [102, 153, 255i32][i / (DIGIT * DIGIT)]);
        Cluttered::of(Digits::new(&images, &Array::from_fn([3], |i| i as i32 + 4), 9)?, sizes, 7)
    }

    #[test]
    fn a_digit_is_whole_and_pieces_add_up_to_1_at_most() {
        let data = cluttered([50, 8, 8]).unwrap();
        let pixels = |index, visit| data.example(index, visit).unwrap()[0].to_f64();
        assert_eq!(data.example(1, 0).unwrap()[1].to_f64(), [5.0]);
        for visit in 0..4 {
            let seen = pixels(1, visit);
            // Somewhere 28 rows of 28 pixels have 0.6 at least.
            let ink = |top: usize, left: usize| (0..DIGIT * DIGIT).all(|i| seen[(top + i / DIGIT) * 50 + left + i % DIGIT] > 0.599);
            assert!((0..=22 * 23 + 22).any(|at| ink(at / 23, at % 23)), "visit {visit}");
            assert!(seen.iter().all(|v| (0.0..=1.0).contains(v)) && seen.iter().filter(|&&v| v > 0.0).count() <= 784 + 8 * 64);
        }
        assert_eq!(pixels(0, 0), pixels(0, 0));
        assert_ne!(pixels(0, 0), pixels(0, 1), "each visit has another place");
        let alone = cluttered([28, 0, 8]).unwrap().example(2, 0).unwrap()[0].to_f64();
        assert!(alone.iter().all(|&v| v == 1.0), "without pieces and room there is the digit alone");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for sizes in [[27, 8, 8], [100, 8, 0], [100, 8, 29]] {
            assert!(cluttered(sizes).unwrap_err().to_string().contains("28 x 28"));
        }
        assert!(cluttered([100, 8, 8]).unwrap().example(3, 0).unwrap_err().to_string().contains("example 3 of 3"));
    }
}
