//! Scenes of two digits with a caption that names what is where: "a seven above a small two".
//!
//! A small digit is scaled by 2.0 to 2.1, another by 3.1 to 3.3. The second lies below the first, or right of it, and in that direction
//! they are at least twice as far apart as across. What is named first is the upper one, or the left one:
//!
//! ```text
//! a [small] <digit> above|beside a [small] <digit> <eos>
//! ```

use super::Scenes;
use super::scenes::{REACH, draw, extent};
use super::texture::texture;
use crate::array::{Array, DType, Hw, TensorType};
use crate::error::{Error, Result};
use crate::models::show_attend_tell::END;
use crate::train::{Dataset, Numbers};
use std::path::Path;

/// The vocabulary: the end of a caption and the word for unknown ones, as [`show_attend_tell`](crate::models::show_attend_tell) numbers them, and what
/// captions are made of. The digit d is word [`FIRST_DIGIT`] + d.
pub const WORDS: [&str; 16] =
    ["<eos>", "UNK", "a", "small", "above", "beside", "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
/// The word for the digit 0.
pub const FIRST_DIGIT: i32 = 6;
/// The words of the longest caption, its end among them.
pub const LONGEST: usize = 8;

const A: i32 = 2;
const SMALL: i32 = 3;
const ABOVE: i32 = 4;
const BESIDE: i32 = 5;
const SCALES: [[f64; 2]; 2] = [[3.1, 3.3], [2.0, 2.1]];
/// How many pixels a place that attention looks at is from the next.
const STRIDE: f64 = 16.0;
/// Two large digits and what is between them.
const LEAST_SIDE: usize = 160;

/// Scenes with the tensors `image`, f32 (3, side, side) of 0..1; `words`, i32 (8), ended and filled up by 0; `mask`, f32 (8), 1 up to the first
/// end; and `boxes`, i32 (2, 4): top, left, bottom and right of either digit's ink in the order they are named, the last row and column within.
#[derive(Clone, Debug)]
pub struct CaptionedScenes {
    scenes: Scenes,
}

impl CaptionedScenes {
    /// Of MNIST's files in a folder, as [`Scenes::open`].
    ///
    /// # Errors
    /// As there; if the side is less than 160, into which two digits do not fit.
    pub fn open(side: usize, folder: &Path, part: &str, most: usize, seed: u64) -> Result<Self> {
        if side < LEAST_SIDE {
            return Err(Error::shape("captions", format!("a canvas of {side} x {side}; two digits need {LEAST_SIDE} x {LEAST_SIDE}")));
        }
        Ok(Self { scenes: Scenes::open(side, folder, part, most, seed)? })
    }
}

impl Dataset for CaptionedScenes {
    fn len(&self) -> usize {
        self.scenes.len()
    }

    fn tensors(&self) -> Vec<(String, TensorType)> {
        let of = |name: &str, ty| (name.to_owned(), ty);
        let image = TensorType::f32([3, self.scenes.side, self.scenes.side]);
        let (words, boxes) = (TensorType::new(DType::I32, [LONGEST]), TensorType::new(DType::I32, [2, 4]));
        vec![of("image", image), of("words", words), of("mask", TensorType::f32([LONGEST])), of("boxes", boxes)]
    }

    fn example(&self, index: usize, visit: u64) -> Result<Vec<Array>> {
        let TwoDigits { image, digits, small, above, boxes } = self.scene(index, visit)?;
        let named = |i: usize| [A].into_iter().chain(small[i].then_some(SMALL)).chain([FIRST_DIGIT + digits[i]]);
        let mut words: Vec<i32> = named(0).chain([if above { ABOVE } else { BESIDE }]).chain(named(1)).collect();
        let said = words.len() + 1;
        words.resize(LONGEST, END);
        let mask = Array::from_fn([LONGEST], |t| if t < said { 1.0f32 } else { 0.0 });
        Ok(vec![image, Array::new([LONGEST], words)?, mask, Array::new([2, 4], boxes)?])
    }
}

/// A scene of two digits, the upper or the left one first.
pub(super) struct TwoDigits {
    /// (3, side, side).
    pub(super) image: Array,
    pub(super) digits: [i32; 2],
    pub(super) small: [bool; 2],
    /// Whether the first is above the second, not beside it.
    pub(super) above: bool,
    /// Top, left, bottom and right of either digit's ink.
    pub(super) boxes: Vec<i32>,
}

impl CaptionedScenes {
    /// Scene `index` as it looks on visit `visit`.
    pub(super) fn scene(&self, index: usize, visit: u64) -> Result<TwoDigits> {
        let (scenes, side) = (&self.scenes, self.scenes.side);
        if index >= self.len() {
            return Err(Error::shape("captions", format!("example {index} of {}", self.len())));
        }
        let mut random = Numbers::new(scenes.seed, &format!("captioned scene {index} visit {visit}"));
        let mut image = texture(side, &mut random);
        let mut label = vec![0; side * side];
        let mut digits = [index, random.below(self.len())];
        let small = [(); 2].map(|()| random.below(2) == 1);
        let above = random.below(2) == 1;
        if random.below(2) == 1 {
            digits.swap(0, 1);
        }
        let scales = small.map(|small| SCALES[usize::from(small)]).map(|[low, high]| random.between(low, high));
        let centres = centres(side, scales.map(|scale| REACH * scale), &mut random);
        let mut boxes = Vec::new();
        for ((digit, scale), [along, across]) in digits.into_iter().zip(scales).zip(centres) {
            let centre = if above { [across, along] } else { [along, across] };
            let ink = scenes.digits.turned(digit, side, 0.0, scale, centre);
            draw(&ink, scenes.digits.labels[digit] + 1, &mut image, &mut label, &mut random);
            let [[top, bottom], [left, right]] = extent(&ink, side);
            boxes.extend([top, left, bottom, right].map(|at| i32::try_from(at).unwrap_or(i32::MAX)));
        }
        let digits = digits.map(|digit| scenes.digits.labels[digit]);
        Ok(TwoDigits { image: Array::new([3, side, side], image)?, digits, small, above, boxes })
    }

    /// What decides about everything that is random.
    pub(super) fn seed(&self) -> u64 {
        self.scenes.seed
    }

    pub(super) fn side(&self) -> usize {
        self.scenes.side
    }
}

/// Where two digits lie that reach so far from their centres: along the line on which one follows the other, and across it.
///
/// What the canvas has left along the line is cut in three at random; across it the second is at most half as far from the first as along.
fn centres(side: usize, reach: [f64; 2], random: &mut Numbers) -> [[f64; 2]; 2] {
    let [first, second] = reach;
    let left = (side as f64 - 2.0 * (first + second)).max(0.0);
    let [a, b] = [(); 2].map(|()| random.between(0.0, left));
    // Pixels are squares around whole numbers: the canvas begins at -1/2.
    let along = [first + a.min(b) - 0.5, 2.0 * first + second + a.max(b) - 0.5];
    let within =
        |low: f64, high: f64, reach: f64, random: &mut Numbers| random.between(low.max(reach - 0.5), high.min(side as f64 - 0.5 - reach));
    let across = within(0.0, side as f64, first, random);
    let far = (along[1] - along[0]) / 2.0;
    [[along[0], across], [along[1], within(across - far, across + far, second, random)]]
}

/// A caption in words, up to its end.
pub fn caption(words: &[i32]) -> String {
    let said = words.iter().take_while(|word| **word != END);
    said.map(|word| usize::try_from(*word).ok().and_then(|word| WORDS.get(word)).map_or("?", |word| *word)).collect::<Vec<_>>().join(" ")
}

/// What of alpha, (words, places) on a grid of 16 pixels, lies in the box of the digit that a word names, what would if all places were alike,
/// and 1: added up over the digits that a caption names. `boxes` are those of a scene's two digits, in the order of the caption that is right.
pub fn looks(words: &[i32], alphas: &[f32], grid: Hw, boxes: &[i32]) -> [f64; 3] {
    let mut sums = [0.0; 3];
    if grid.area() == 0 {
        return sums;
    }
    let named = words.iter().take_while(|word| **word != END).zip(alphas.chunks_exact(grid.area()));
    for ((_, alpha), bounds) in named.filter(|(word, _)| **word >= FIRST_DIGIT).zip(boxes.chunks_exact(4)) {
        let covered = |place: usize, low: i32, high: i32| {
            let (from, to) = (STRIDE * place as f64, STRIDE * (place + 1) as f64);
            (to.min(f64::from(high) + 1.0) - from.max(f64::from(low))).max(0.0) / STRIDE
        };
        for (i, v) in alpha.iter().enumerate() {
            let share = covered(i / grid.w, bounds[0], bounds[2]) * covered(i % grid.w, bounds[1], bounds[3]);
            sums[0] += f64::from(*v) * share;
            sums[1] += share / grid.area() as f64;
        }
        sums[2] += 1.0;
    }
    sums
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Blocks of 10 x 10 full of ink, labelled 3 and 4.
    pub(in crate::models::digit_scenes) fn scenes() -> CaptionedScenes {
        let inside = |i: usize| (9..19).contains(&(i / 28 % 28)) && (9..19).contains(&(i % 28));
        let images = Array::from_fn([2, 28, 28], |i| if inside(i) { 255i32 } else { 0 });
        CaptionedScenes { scenes: Scenes::new(160, &images, &Array::from_fn([2], |i| i as i32 + 3), 9, 7).unwrap() }
    }

    #[test]
    fn captions_say_what_is_where() {
        let scenes = scenes();
        let mut heard = std::collections::BTreeSet::new();
        for visit in 0..40 {
            let example = scenes.example(0, visit).unwrap();
            assert!(example.iter().zip(scenes.tensors()).all(|(a, (_, ty))| a.ty() == ty));
            let (words, mask, boxes) = (example[1].values::<i32>().unwrap(), example[2].to_f64(), example[3].to_f64());
            let text = caption(words);
            let said = text.split(' ').count() + 1;
            assert_eq!(mask.iter().sum::<f64>(), said as f64);
            assert!(text.contains("three"), "its own digit is in it: {text}");
            let (first, second) = text.split_once(if text.contains("above") { " above " } else { " beside " }).unwrap();
            for (part, digit) in [(first, &boxes[..4]), (second, &boxes[4..])] {
                let height = digit[2] - digit[0] + 1.0;
                assert_eq!(part.contains("small"), height < 25.0, "{part} is {height} pixels high");
                assert!(digit.iter().all(|at| (0.0..160.0).contains(at)));
            }
            let axis = usize::from(!text.contains("above"));
            assert!(boxes[axis + 2] < boxes[axis + 4], "the first one ends before the second begins: {text}, {boxes:?}");
            heard.insert(text);
        }
        assert!(heard.len() > 8, "{heard:?}");
        assert_eq!(caption(&[2, 3, 13, 4, 2, 8, 0, 5]), "a small seven above a two");
    }

    #[test]
    fn looks_are_what_lies_in_boxes() {
        // Places of 16 x 16 on 32 x 32: the first digit fills the left upper one, the second a quarter of the right lower one.
        let boxes = [0, 0, 15, 15, 16, 16, 23, 23];
        let (first, second) = ([0.5f32, 0.5, 0.0, 0.0], [0.0f32, 0.2, 0.0, 0.8]);
        let alphas = [[0.25; 4], first, [0.25; 4], [0.25; 4], second, [1.0; 4], [1.0; 4], [1.0; 4]].concat();
        let found = looks(&[2, 13, 4, 2, 8, 0, 8, 0], &alphas, Hw::square(2), &boxes);
        let expected = [0.5 + 0.25 * 0.8, 0.25 + 0.0625, 2.0];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-7), "{found:?}");
        assert_eq!(looks(&[13], &[1.0], Hw::new(1, 0), &boxes), [0.0; 3]);
    }

    #[test]
    fn a_canvas_too_small_is_refused() {
        let error = CaptionedScenes::open(159, Path::new("nowhere"), "train", 1, 1).unwrap_err().to_string();
        assert!(error.contains("159 x 159"), "{error}");
    }
}
