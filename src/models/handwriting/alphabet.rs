//! The characters of texts by number.

use crate::error::{Error, Result};
use crate::nn::Weights;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The metadata's key.
const CHARACTERS: &str = "characters";

/// The characters that a network knows; the number behind the last is for all others, as in the paper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alphabet(Vec<char>);

impl Alphabet {
    /// These characters, each once.
    ///
    /// # Errors
    /// If there are none.
    pub fn new(characters: impl IntoIterator<Item = char>) -> Result<Self> {
        let mut known = Vec::new();
        for character in characters {
            if !known.contains(&character) {
                known.push(character);
            }
        }
        if known.is_empty() {
            return Err(Error::shape("handwriting", "an alphabet without characters"));
        }
        Ok(Self(known))
    }

    /// The characters of `texts`, the `most` frequent of them.
    ///
    /// # Errors
    /// If there are none.
    pub fn frequent<'a>(texts: impl IntoIterator<Item = &'a str>, most: usize) -> Result<Self> {
        let mut counts = BTreeMap::<char, usize>::new();
        texts.into_iter().flat_map(str::chars).for_each(|character| *counts.entry(character).or_default() += 1);
        let mut counted: Vec<(char, usize)> = counts.into_iter().collect();
        // Of two that are as frequent the first of Unicode's.
        counted.sort_by_key(|(_, count)| Reverse(*count));
        Self::new(counted.into_iter().take(most).map(|(character, _)| character))
    }

    /// The alphabet that `weights` say; `None` if they are of a network without texts.
    ///
    /// # Errors
    /// If it is empty.
    pub fn of(weights: &Weights) -> Result<Option<Self>> {
        let named = |e: Error| Error::model(weights.source(), e.to_string());
        weights.metadata().get(CHARACTERS).map(|text| Self::new(text.chars()).map_err(named)).transpose()
    }

    /// What weights' metadata say of it.
    pub fn metadata(&self) -> Vec<(&'static str, String)> {
        vec![(CHARACTERS, self.0.iter().collect())]
    }

    /// How many numbers there are.
    pub fn count(&self) -> usize {
        self.0.len() + 1
    }

    /// The numbers of a text's characters.
    pub fn read(&self, text: &str) -> Vec<i32> {
        let number = |character: char| self.0.iter().position(|known| *known == character).unwrap_or(self.0.len());
        text.chars().map(|character| i32::try_from(number(character)).unwrap_or(i32::MAX)).collect()
    }

    /// The characters of these numbers, a box for others than it knows.
    pub fn write(&self, numbers: &[i32]) -> String {
        let character = |number: &i32| usize::try_from(*number).ok().and_then(|number| self.0.get(number)).copied();
        numbers.iter().map(|number| character(number).unwrap_or('\u{25A1}')).collect()
    }

    /// The first character of `text` that it does not know.
    pub fn unknown(&self, text: &str) -> Option<char> {
        text.chars().find(|character| !self.0.contains(character))
    }
}
