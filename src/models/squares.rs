//! Made scenes with a question that is about where: "is there a red square on the left of the digit", by which Xu and Saenko (ECCV 2016,
//! section 4.1) show what attention is for.
//!
//! | scene, white | question | answer |
//! |---|---|---|
//! | a red square | is there a red square on the top \| bottom \| left \| right | yes in a quarter of the cases, no |
//! | a red square beside a digit of MNIST | .. of the digit | the same |
//!
//! All four questions are asked about every scene, so that neither the scene nor the question alone tells the answer: who always says no is
//! right in 75 % of the cases. The paper's other thing is a cat. Its sizes and distances are not known; here a square's side is a
//! fourteenth to an eighth of the scene's, on the top is what is farther up from the middle than it is to its side, and a digit is at most
//! a tenth of the scene away from its square.

use super::digits::Digits;
use super::sentences::{END, Language};
use super::smem_vqa::examples::{Numbered, example, tensors};
use crate::array::{Array, TensorType};
use crate::error::{Error, Result};
use crate::train::{Dataset, Numbers};
use std::path::Path;

/// The words of questions, the first two standing for the end and for unknown words.
pub const QUESTION_WORDS: [&str; 15] =
    ["</s>", "<unk>", "is", "there", "a", "red", "square", "on", "the", "top", "bottom", "left", "right", "of", "digit"];
/// What is answered.
pub const ANSWERS: [&str; 2] = ["no", "yes"];
/// Words of the longest question.
pub const SLOTS: usize = 12;

const NAME: &str = "squares";
const PLACES: [&str; 4] = ["top", "bottom", "left", "right"];
/// The colour of squares.
const RED: [f32; 3] = [0.85, 0.1, 0.1];
/// How far from a digit's centre there may be ink, at a scale of 1, and the scale in a scene of 160.
const REACH: f64 = 12.0;
const SCALE: f64 = 1.9;
/// A scene for which digits are scaled so.
const USUAL: f64 = 160.0;
/// The least scene: a square of four pixels; and the largest, which is more than a network sees.
const LEAST: usize = 64;
const MOST: usize = 4096;

/// Scenes with all four questions each and the tensors of [`AskedPhotos`](super::smem_vqa::AskedPhotos): [`SLOTS`] words, of [`QUESTION_WORDS`],
/// and one answer, of [`ANSWERS`].
#[derive(Clone, Debug)]
pub struct Squares {
    side: usize,
    examples: usize,
    seed: u64,
    digits: Option<Digits>,
    language: Language,
}

/// The first row and column of a square, and its side.
type Square = [usize; 3];

impl Squares {
    /// So many scenes of side x side with a square alone.
    ///
    /// # Errors
    /// If there are no scenes, or they are smaller than 64 x 64 or larger than 4096 x 4096.
    pub fn alone(side: usize, examples: usize, seed: u64) -> Result<Self> {
        Self::of(side, examples, seed, None)
    }

    /// The same with a digit, of MNIST's files in a folder: `part` is `train` or `t10k`.
    ///
    /// # Errors
    /// As [`Squares::alone`]; if a file cannot be read or holds something else.
    pub fn beside_digits(side: usize, examples: usize, seed: u64, folder: &Path, part: &str) -> Result<Self> {
        Self::of(side, examples, seed, Some(Digits::open(folder, part, usize::MAX)?))
    }

    fn of(side: usize, examples: usize, seed: u64, digits: Option<Digits>) -> Result<Self> {
        if !(LEAST..=MOST).contains(&side) || examples == 0 {
            let reason = format!("{examples} scenes of {side} x {side}; they are {LEAST} x {LEAST} at least and {MOST} x {MOST} at most");
            return Err(Error::shape(NAME, reason));
        }
        let language = Language::fixed(&QUESTION_WORDS)?;
        Ok(Self { side, examples, seed, digits, language })
    }

    /// Where in a scene a square lies alone, at the top, bottom, left or right: farther from the middle in that direction than across.
    fn alone_at(&self, place: usize, random: &mut Numbers) -> Square {
        let size = self.size(random);
        let middle = self.side as f64 / 2.0;
        let farthest = middle - size / 2.0;
        let along = random.between(size.max(0.2 * middle), farthest);
        let across = 0.8 * along.min(farthest) * random.between(-1.0, 1.0);
        self.square([middle, middle], place, along, across, size)
    }

    fn size(&self, random: &mut Numbers) -> f64 {
        random.between(self.side as f64 / 14.0, self.side as f64 / 8.0)
    }

    /// The square whose centre is so far away from `from` (y, x), in the direction of `place` and across.
    fn square(&self, from: [f64; 2], place: usize, along: f64, across: f64, size: f64) -> Square {
        let along = if place.is_multiple_of(2) { -along } else { along };
        let [y, x] = if place < 2 { [along, across] } else { [across, along] };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels of the scene")]
        let pixel = |at: f64| at.round().clamp(0.0, self.side as f64 - size.round()) as usize;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels of the scene")]
        let side = size.round() as usize;
        [pixel(from[0] + y - size / 2.0), pixel(from[1] + x - size / 2.0), side]
    }

    /// A digit's ink, and a square at its top, bottom, left or right.
    fn beside(&self, digits: &Digits, number: usize, place: usize, random: &mut Numbers) -> (Vec<f32>, Square) {
        let (side, size) = (self.side as f64, self.size(random));
        let scale = SCALE * side / USUAL;
        // A digit of 20 pixels.
        let half = 10.0 * scale;
        let along = half + size / 2.0 + random.between(0.02, 0.1) * side;
        let across = random.between(-0.6, 0.6) * half;
        let reach = REACH * scale;
        // What the digit needs on either side of its centre, and on one of them the square.
        let mut room = [[reach; 2]; 2];
        room[usize::from(place >= 2)][place % 2] = reach.max(along + size / 2.0);
        let [y, x] = room.map(|[before, behind]| random.between(before, side - behind));
        let ink = digits.turned(number, self.side, 0.0, scale, [x - 0.5, y - 0.5]);
        (ink, self.square([y, x], place, along, across, size))
    }

    /// The scene (3, side, side), and where its square is, of [`PLACES`].
    fn scene(&self, index: usize, visit: u64) -> Result<(Vec<f32>, usize)> {
        if index >= self.examples {
            return Err(Error::shape(NAME, format!("example {index} of {}", self.examples)));
        }
        let mut random = Numbers::new(self.seed, &format!("square {index} visit {visit}"));
        let place = random.below(PLACES.len());
        let (side, area) = (self.side, self.side * self.side);
        let mut image = vec![1.0; 3 * area];
        let [top, left, size] = match &self.digits {
            None => self.alone_at(place, &mut random),
            Some(digits) => {
                let (ink, square) = self.beside(digits, random.below(digits.labels.len()), place, &mut random);
                image.iter_mut().enumerate().for_each(|(i, pixel)| *pixel -= ink[i % area]);
                square
            }
        };
        for (channel, value) in RED.into_iter().enumerate() {
            for y in top..top + size {
                image[channel * area + y * side + left..][..size].fill(value);
            }
        }
        Ok((image, place))
    }

    fn question(&self, asked: usize) -> String {
        let of = if self.digits.is_some() { " of the digit" } else { "" };
        format!("is there a red square on the {}{of}", PLACES[asked])
    }
}

impl Dataset for Squares {
    fn len(&self) -> usize {
        self.examples
    }

    fn tensors(&self) -> Vec<(String, TensorType)> {
        tensors(TensorType::f32([3, self.side, self.side]), PLACES.len(), SLOTS, 1)
    }

    fn example(&self, index: usize, visit: u64) -> Result<Vec<Array>> {
        let (image, place) = self.scene(index, visit)?;
        let question = |asked: usize| -> Numbered {
            let words = self.language.read(&self.question(asked)).into_iter().take_while(|word| *word != END).collect();
            (words, vec![i32::from(place == asked)], 0)
        };
        let questions: Vec<Numbered> = (0..PLACES.len()).map(question).collect();
        Ok(example(Array::new([3, self.side, self.side], image)?, &questions, SLOTS, 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::sentences::UNKNOWN;

    /// The mean row and column of what is red, and of what is black, about the middle.
    fn means(image: &[f32], side: usize) -> [Option<[f64; 2]>; 2] {
        let area = side * side;
        let mean = |is: &dyn Fn(usize) -> bool| {
            let all: Vec<usize> = (0..area).filter(|i| is(*i)).collect();
            let mean = |at: &dyn Fn(usize) -> usize| all.iter().map(|i| at(*i) as f64).sum::<f64>() / all.len() as f64;
            (!all.is_empty()).then(|| [mean(&|i| i / side) - side as f64 / 2.0 + 0.5, mean(&|i| i % side) - side as f64 / 2.0 + 0.5])
        };
        [mean(&|i| image[i] > 0.5 && image[area + i] < 0.5), mean(&|i| image[i] < 0.5)]
    }

    /// Which place it is to go from one to the other.
    fn place([y, x]: [f64; 2]) -> usize {
        if y.abs() > x.abs() { usize::from(y > 0.0) } else { 2 + usize::from(x > 0.0) }
    }

    fn digits() -> Digits {
        let inside = |i: usize| (4..24).contains(&(i / 28 % 28)) && (9..19).contains(&(i % 28));
        Digits::new(&Array::from_fn([2, 28, 28], |i| if inside(i) { 255i32 } else { 0 }), &Array::from_fn([2], |i| i as i32), 9).unwrap()
    }

    #[test]
    fn squares_are_where_they_are_said_to_be() {
        for (side, digits) in [(64, None), (161, None), (96, Some(digits())), (160, Some(digits()))] {
            let scenes = Squares::of(side, 300, 3, digits).unwrap();
            let mut places = [0; 4];
            for index in 0..300 {
                let (image, at) = scenes.scene(index, 0).unwrap();
                let [square, digit] = means(&image, side);
                let ([y, x], from) = (square.unwrap(), digit.unwrap_or_default());
                assert_eq!(place([y - from[0], x - from[1]]), at, "scene {index} of {side}");
                assert_eq!(digit.is_some(), scenes.digits.is_some());
                places[at] += 1;
            }
            assert!(places.iter().all(|count| *count > 50), "{places:?}");
        }
    }

    #[test]
    fn examples_are_questions_in_known_words() {
        let scenes = Squares::of(64, 9, 3, Some(digits())).unwrap();
        let example = scenes.example(8, 1).unwrap();
        assert!(example.iter().zip(scenes.tensors()).all(|(a, (_, ty))| a.ty() == ty));
        let words = example[1].values::<i32>().unwrap();
        assert!(!words.contains(&UNKNOWN) && scenes.language.write(words) == "is there a red square on the top of the digit");
        assert_eq!(example[2].to_f64().iter().sum::<f64>(), 1.0, "one of four is right");
        assert!(scenes.example(9, 0).is_err());
        assert!(Squares::alone(63, 1, 1).unwrap_err().to_string().contains("63 x 63"));
        assert!(Squares::alone(usize::MAX, 1, 1).is_err());
        assert!(Squares::alone(64, 0, 1).is_err());
    }
}
