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
    /// Of the files `<part>-images-idx3-ubyte` and `<part>-labels-idx1-ubyte` of a folder, at most `most` digits of them: on `side` x `side`
    /// pixels among `pieces`, each of `piece` x `piece`. The paper has 100, 8 and 8.
    ///
    /// # Errors
    /// If a file cannot be read or holds something else, a side is below a digit's 28, or a piece is not of 1 to 28.
    pub fn open(folder: &Path, part: &str, most: usize, [side, pieces, piece]: [usize; 3], seed: u64) -> Result<Self> {
        if side < DIGIT || !(1..=DIGIT).contains(&piece) {
            let reason = format!("pieces of {piece} x {piece} on {side} x {side}; digits and what is cut of them are {DIGIT} x {DIGIT}");
            return Err(Error::shape("cluttered digits", reason));
        }
        TensorType::f32([side, side]).checked_elements()?;
        Ok(Self { digits: Digits::open(folder, part, most)?, side, pieces, piece, seed })
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
