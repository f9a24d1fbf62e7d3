//! Pictures with questions as networks learn from them and are measured by them, and how right an answer is.

use crate::array::{Array, DType, TensorType};
use crate::models::sentences::END;

/// What kinds of answers are called, by number.
pub const KINDS: [&str; 3] = ["yes/no", "number", "other"];
/// In references: no further answer.
pub const NONE: i32 = -1;
/// In references: an answer that is none of those that are known.
pub const OTHER: i32 = -2;
/// VQA counts an answer as right that three people have given.
const ENOUGH: f64 = 3.0;

/// How right the answer number `found` is, beside those that people gave, up to the first [`NONE`].
///
/// ```text
/// one person:  1 if it is the same, else 0
/// several:     the mean, over leaving out one of them, of min(1, how many of the others gave it / 3)
/// ```
///
/// The latter is VQA's (Antol et al., VQA: Visual Question Answering, ICCV 2015), which has ten people; of fewer than four all others
/// are enough.
pub fn accuracy(found: i32, references: &[i32]) -> f64 {
    let given: Vec<i32> = references.iter().copied().take_while(|answer| *answer != NONE).collect();
    let same = given.iter().filter(|answer| **answer == found).count() as f64;
    let people = given.len() as f64;
    if given.len() < 2 {
        return same;
    }
    let right = |others: f64| (others / ENOUGH.min(people - 1.0)).min(1.0);
    (same * right((same - 1.0).max(0.0)) + (people - same) * right(same)) / people
}

/// A question: its words, the numbers of its answers, and its kind.
pub(in crate::models) type Numbered = (Vec<i32>, Vec<i32>, usize);

/// The names and types of an `image` with so many questions.
pub(in crate::models) fn tensors(image: TensorType, questions: usize, longest: usize, people: usize) -> Vec<(String, TensorType)> {
    let number = |name: &str, shape: &[usize]| (name.to_owned(), TensorType::new(DType::I32, shape));
    let image = ("image".to_owned(), image);
    vec![image, number("words", &[questions, longest]), number("references", &[questions, people]), number("kind", &[questions])]
}

/// Such an example.
pub(in crate::models) fn example(image: Array, questions: &[Numbered], longest: usize, people: usize) -> Vec<Array> {
    let filled = |of: fn(&Numbered) -> &[i32], count: usize, with: i32| {
        Array::from_fn([questions.len(), count], |i| of(&questions[i / count]).get(i % count).copied().unwrap_or(with))
    };
    let kinds = Array::from_fn([questions.len()], |i| i32::try_from(questions[i].2).unwrap_or(i32::MAX));
    vec![image, filled(|question| &question.0, longest, END), filled(|question| &question.1, people, NONE), kinds]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracies_are_vqas() {
        assert_eq!([accuracy(3, &[3]), accuracy(2, &[3]), accuracy(0, &[NONE]), accuracy(0, &[OTHER])], [1.0, 0.0, 0.0, 0.0]);
        let ten = |same: usize| (0..10).map(|i| if i < same { 7 } else { OTHER }).collect::<Vec<i32>>();
        // Of ten people: 0, 0.3, 0.6, 0.9 and 1, as VQA's evaluation gives them.
        let expected = [0.0, 0.3, 0.6, 0.9, 1.0, 1.0];
        for (same, expected) in expected.into_iter().enumerate() {
            assert!((accuracy(7, &ten(same)) - expected).abs() < 1e-12, "{same} of ten: {}", accuracy(7, &ten(same)));
        }
        assert_eq!(accuracy(1, &[1, 1, NONE, 1]), 1.0);
        assert_eq!(accuracy(1, &[1, 2, NONE]), 0.5);
    }
}
