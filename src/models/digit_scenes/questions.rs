//! Scenes of two digits with a question: "what is above the seven", and its answer: "two".
//!
//! The scenes are those with captions; what is asked about a scene is drawn, all kinds alike:
//!
//! | question | answer |
//! |---|---|
//! | what is above \| below \| left of \| right of the D | the other digit |
//! | what is the upper \| lower \| left \| right digit | that digit |
//! | what is the small \| large digit, if only one is | that digit |
//! | how many small \| large digits are there | zero, one, two |
//! | is there a D | yes in half of the cases, no |
//! | is the D small \| large, if no other digit is a D | yes, no |
//! | is the D above \| below \| left of \| right of the E, if they are two | yes in half of the cases, no |

use super::captions::{CaptionedScenes, TwoDigits};
use crate::array::{Array, TensorType};
use crate::error::{Error, Result};
use crate::models::sentences::{END, Language};
use crate::models::smem_vqa::examples::{Numbered, example, tensors};
use crate::train::{Dataset, Numbers};
use std::path::Path;

/// The words of questions, the first two standing for the end and for unknown words.
pub const QUESTION_WORDS: [&str; 31] = [
    "</s>", "<unk>", "what", "is", "the", "above", "below", "left", "right", "of", "upper", "lower", "small", "large", "digit", "digits",
    "how", "many", "are", "there", "a", "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
];
/// What is answered: the digit d is answer 2 + d.
pub const ANSWERS: [&str; 12] = ["no", "yes", "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
/// Words of the longest question.
pub const SLOTS: usize = 8;

/// The answer that is the digit 0.
const ZERO: usize = 2;
/// What answers are about, of [`KINDS`](crate::models::smem_vqa::KINDS).
const YES_NO: usize = 0;
const NUMBER: usize = 1;
const OTHER: usize = 2;

/// Scenes with some questions each and the tensors of [`AskedPhotos`](crate::models::smem_vqa::AskedPhotos): [`SLOTS`] words, of
/// [`QUESTION_WORDS`], and one answer, of [`ANSWERS`].
#[derive(Clone, Debug)]
pub struct AskedScenes {
    scenes: CaptionedScenes,
    language: Language,
    questions: usize,
}

/// A question, the number of its answer, and its kind.
type Question = (String, usize, usize);

impl AskedScenes {
    /// Of MNIST's files in a folder, as [`CaptionedScenes::open`], with so many questions about each scene.
    ///
    /// # Errors
    /// As there; if there are no questions.
    pub fn open(side: usize, folder: &Path, part: &str, most: usize, seed: u64, questions: usize) -> Result<Self> {
        Self::of(CaptionedScenes::open(side, folder, part, most, seed)?, questions)
    }

    fn of(scenes: CaptionedScenes, questions: usize) -> Result<Self> {
        if questions == 0 {
            return Err(Error::shape("questions", "0 questions about a scene"));
        }
        Ok(Self { scenes, language: Language::fixed(&QUESTION_WORDS)?, questions })
    }
}

/// A question about a scene.
fn question(scene: &TwoDigits, random: &mut Numbers) -> Question {
    let TwoDigits { digits, small, above, .. } = scene;
    let digits = digits.map(|digit| usize::try_from(digit).unwrap_or(0));
    let name = |digit: usize| ANSWERS.get(ZERO + digit).copied().unwrap_or("");
    // How the first lies to the second, and the second to the first.
    let relations = if *above { ["above", "below"] } else { ["left of", "right of"] };
    let adjectives = if *above { ["upper", "lower"] } else { ["left", "right"] };
    let sized = |is_small: bool| if is_small { "small" } else { "large" };
    loop {
        let one = random.below(2);
        let is_small = random.below(2) == 1;
        let true_one = random.below(2) == 1;
        let (own, other) = (digits[one], digits[1 - one]);
        return match random.below(7) {
            0 => (format!("what is {} the {}", relations[one], name(other)), ZERO + own, OTHER),
            1 => (format!("what is the {} digit", adjectives[one]), ZERO + own, OTHER),
            2 if small[0] != small[1] => {
                let found = if small[0] == is_small { digits[0] } else { digits[1] };
                (format!("what is the {} digit", sized(is_small)), ZERO + found, OTHER)
            }
            3 => {
                let count = small.iter().filter(|small| **small == is_small).count();
                (format!("how many {} digits are there", sized(is_small)), ZERO + count, NUMBER)
            }
            4 => {
                // Another digit than either: the drawn one of those that are left.
                let others: Vec<usize> = (0..10).filter(|digit| !digits.contains(digit)).collect();
                let asked = if true_one { own } else { others[random.below(others.len())] };
                (format!("is there a {}", name(asked)), usize::from(true_one), YES_NO)
            }
            5 if own != other => (format!("is the {} {}", name(own), sized(is_small)), usize::from(small[one] == is_small), YES_NO),
            6 if own != other => {
                let relation = if true_one { relations[one] } else { relations[1 - one] };
                (format!("is the {} {relation} the {}", name(own), name(other)), usize::from(true_one), YES_NO)
            }
            _ => continue,
        };
    }
}

impl Dataset for AskedScenes {
    fn len(&self) -> usize {
        self.scenes.len()
    }

    fn tensors(&self) -> Vec<(String, TensorType)> {
        tensors(TensorType::f32([3, self.scenes.side(), self.scenes.side()]), self.questions, SLOTS, 1)
    }

    fn example(&self, index: usize, visit: u64) -> Result<Vec<Array>> {
        let scene = self.scenes.scene(index, visit)?;
        let mut random = Numbers::new(self.scenes.seed(), &format!("question {index} visit {visit}"));
        let one = |()| {
            let (text, answer, kind) = question(&scene, &mut random);
            let words = self.language.read(&text).into_iter().take_while(|word| *word != END).collect();
            (words, vec![i32::try_from(answer).unwrap_or(i32::MAX)], kind)
        };
        let questions: Vec<Numbered> = std::iter::repeat_n((), self.questions).map(one).collect();
        Ok(example(scene.image, &questions, SLOTS, 1))
    }
}

#[cfg(test)]
mod tests {
    use super::super::captions::tests::scenes;
    use super::*;
    use crate::models::sentences::UNKNOWN;
    use std::collections::{BTreeMap, BTreeSet};

    /// A three above a small four, and what the questions about it have for answers.
    #[test]
    fn answers_are_right() {
        let image = Array::scalar(0.0f32);
        let scene = TwoDigits { image, digits: [3, 4], small: [false, true], above: true, boxes: Vec::new() };
        let mut random = Numbers::new(1, "questions");
        let mut asked: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for _ in 0..2000 {
            let (text, answer, kind) = question(&scene, &mut random);
            let expected = match ANSWERS[answer] {
                "yes" | "no" => YES_NO,
                _ if text.starts_with("how many") => NUMBER,
                _ => OTHER,
            };
            assert_eq!(kind, expected, "{text}");
            asked.entry(text).or_default().insert(ANSWERS[answer]);
        }
        assert!(asked.values().all(|answers| answers.len() == 1), "{asked:?}");
        for (text, answer) in [
            ("what is above the four", "three"),
            ("what is below the three", "four"),
            ("what is the upper digit", "three"),
            ("what is the small digit", "four"),
            ("how many small digits are there", "one"),
            ("is there a three", "yes"),
            ("is there a nine", "no"),
            ("is the three small", "no"),
            ("is the four small", "yes"),
            ("is the three above the four", "yes"),
            ("is the three below the four", "no"),
        ] {
            assert_eq!(asked.get(text).and_then(|answers| answers.first()), Some(&answer), "{text}");
        }
    }

    #[test]
    fn questions_are_in_known_words() {
        let asked = AskedScenes::of(scenes(), 2).unwrap();
        let mut answers = [0usize; 12];
        for visit in 0..100 {
            let example = asked.example(1, visit).unwrap();
            assert!(example.iter().zip(asked.tensors()).all(|(a, (_, ty))| a.ty() == ty));
            let words = example[1].values::<i32>().unwrap();
            for (words, answer) in words.chunks_exact(SLOTS).zip(example[2].values::<i32>().unwrap()) {
                assert!(!words.contains(&UNKNOWN) && words[2] != END, "{}", asked.language.write(words));
                answers[*answer as usize] += 1;
            }
        }
        assert!(answers[0] > 20 && answers[1] > 20 && answers[6] > 20, "{answers:?}");
        assert!(asked.example(2, 0).is_err());
        assert!(AskedScenes::of(scenes(), 0).unwrap_err().to_string().contains("0 questions"));
    }
}
