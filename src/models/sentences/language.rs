//! What sentences are made of, and the numbers that stand for it.

use super::{END, UNKNOWN};
use crate::error::{Error, Result};
use crate::models::vocabulary::Vocabulary;
use crate::nn::Weights;
use std::cmp::Reverse;
use std::collections::HashMap;

/// What has a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// What stands between spaces.
    Words,
    /// Every character.
    Letters,
}

impl Unit {
    /// What metadata and recipes call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Letters => "letters",
        }
    }

    /// The parts of a text.
    pub fn parts(self, text: &str) -> Vec<&str> {
        match self {
            Self::Words => text.split_whitespace().collect(),
            Self::Letters => text.trim().char_indices().map(|(at, letter)| &text.trim()[at..at + letter.len_utf8()]).collect(),
        }
    }

    fn joined(self, parts: &[&str]) -> String {
        parts.join(if self == Self::Words { " " } else { "" })
    }
}

/// Which of a translator's languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// That which is read.
    Source,
    /// That which is written.
    Target,
}

impl Side {
    /// Where metadata have its unit and its words, a JSON list.
    fn keys(self) -> [&'static str; 2] {
        match self {
            Self::Source => ["source_unit", "source_vocabulary"],
            Self::Target => ["target_unit", "target_vocabulary"],
        }
    }
}

/// One of the two languages of a translator.
#[derive(Clone, Debug)]
pub struct Language {
    unit: Unit,
    vocabulary: Vocabulary,
    numbers: HashMap<String, i32>,
}

impl Language {
    /// The language of these texts: the end of a sentence, what stands for unknown words, and then no more than `most` words, the most
    /// frequent first, those that are as frequent in the order of their letters.
    ///
    /// # Errors
    /// If there are no texts.
    pub fn learnt<'a>(unit: Unit, texts: impl IntoIterator<Item = &'a str>, most: usize) -> Result<Self> {
        let mut counts: HashMap<&str, u64> = HashMap::new();
        texts.into_iter().flat_map(|text| unit.parts(text)).for_each(|part| *counts.entry(part).or_default() += 1);
        if counts.is_empty() {
            return Err(Error::shape("language", "there are no texts to learn it from"));
        }
        let mut all: Vec<(&str, u64)> = counts.into_iter().filter(|(part, _)| ![STOP, STRANGER].contains(part)).collect();
        all.sort_unstable_by_key(|&(part, count)| (Reverse(count), part));
        let words = [STOP, STRANGER].into_iter().chain(all.into_iter().map(|(part, _)| part).take(most));
        Self::of_words(unit, words.map(str::to_owned).collect())
    }

    /// The language of these words, the first two of which stand for the end of a sentence and for what is unknown.
    ///
    /// # Errors
    /// If there are fewer than two, or two are the same.
    pub fn fixed(words: &[&str]) -> Result<Self> {
        Self::of_words(Unit::Words, words.iter().map(|word| (*word).to_owned()).collect())
    }

    /// A language of `weights`, of which their metadata tell.
    ///
    /// # Errors
    /// [`Error::Model`] if the metadata have none, or it makes no sense.
    pub fn of(weights: &Weights, side: Side) -> Result<Self> {
        let wrong = |reason: String| Error::model(weights.source(), reason);
        let entry = |key: &str| weights.metadata().get(key).ok_or_else(|| wrong(format!("has no '{key}' in its metadata")));
        let [unit_key, words_key] = side.keys();
        let unit = entry(unit_key)?;
        let unit = [Unit::Words, Unit::Letters].into_iter().find(|known| known.name() == unit);
        let unit = unit.ok_or_else(|| wrong(format!("'{unit_key}' in its metadata is neither words nor letters")))?;
        let words = serde_json::from_str(entry(words_key)?);
        Self::of_words(unit, words.map_err(|e| wrong(format!("'{words_key}' in its metadata is no list of words: {e}")))?)
    }

    /// The language of these words, by number, the end of a sentence and what stands for unknown words first.
    pub(in crate::models) fn of_words(unit: Unit, words: Vec<String>) -> Result<Self> {
        let numbers: HashMap<_, _> = words.iter().cloned().zip(0..).collect();
        if words.len() < 2 || numbers.len() != words.len() || i32::try_from(words.len()).is_err() {
            return Err(Error::shape("language", format!("{} words, {} of them different", words.len(), numbers.len())));
        }
        Ok(Self { unit, vocabulary: Vocabulary::new("language", words)?, numbers })
    }

    /// What weights say of it as `side`.
    pub fn metadata(&self, side: Side) -> [(&'static str, String); 2] {
        let [unit, words] = side.keys();
        [(unit, self.unit.name().to_owned()), (words, serde_json::Value::from(self.vocabulary.words()).to_string())]
    }

    /// What has a number.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// What the numbers stand for.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// How many numbers there are.
    pub fn words(&self) -> usize {
        self.vocabulary.len()
    }

    /// The numbers of a text, and [`END`]. What is not known as it is written may be known in small letters; else it is [`UNKNOWN`].
    pub fn read(&self, text: &str) -> Vec<i32> {
        let number = |part: &str| self.numbers.get(part).or_else(|| self.numbers.get(&part.to_lowercase())).copied();
        let parts = self.unit.parts(text).into_iter().map(|part| number(part).filter(|n| *n != END).unwrap_or(UNKNOWN));
        parts.chain([END]).collect()
    }

    /// What a number stands for; what is no number of the language stands for an unknown word.
    pub fn word(&self, number: i32) -> &str {
        self.vocabulary.word(number).unwrap_or(STRANGER)
    }

    /// What pictures call numbers: words by themselves, the end a dot.
    pub fn names(&self, numbers: &[i32]) -> Vec<&str> {
        numbers.iter().map(|number| if *number == END { "•" } else { self.word(*number) }).collect()
    }

    /// The text of the numbers before [`END`].
    pub fn write(&self, numbers: &[i32]) -> String {
        self.write_with(numbers, |_| None)
    }

    /// The same, with what `instead` says of the place of an unknown word in its place.
    pub(in crate::models) fn write_with<'a>(&'a self, numbers: &[i32], instead: impl Fn(usize) -> Option<&'a str>) -> String {
        let word = |(at, &number): (usize, &i32)| instead(at).filter(|_| number == UNKNOWN).unwrap_or_else(|| self.word(number));
        let parts: Vec<&str> = numbers.iter().take_while(|number| **number != END).enumerate().map(word).collect();
        self.unit.joined(&parts)
    }
}

const STOP: &str = "</s>";
const STRANGER: &str = "<unk>";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_words_have_small_numbers_and_the_rest_none() {
        let words = Language::learnt(Unit::Words, ["the cat", "the dog and  the cat", "an <unk> </s>"], 3).unwrap();
        assert_eq!((words.words(), words.word(2), words.word(3), words.word(4)), (5, "the", "cat", "an"));
        let read = words.read(" The cat saw the </s> ");
        assert_eq!(read, [2, 3, UNKNOWN, 2, UNKNOWN, END]);
        assert_eq!(words.write(&read), "the cat <unk> the <unk>");
        assert_eq!((words.word(-1), words.names(&read[4..])), ("<unk>", vec!["<unk>", "•"]));
        let letters = Language::learnt(Unit::Letters, ["été", "thé"], 100).unwrap();
        assert_eq!(letters.write(&letters.read("hÉteé")), "hét<unk>é");
        assert!(Language::learnt(Unit::Words, [" "], 3).unwrap_err().to_string().contains("no texts"));
    }

    #[test]
    fn metadata_keep_a_language() {
        let language = Language::learnt(Unit::Letters, ["a \"b\""], 9).unwrap();
        let with = |entries: &[(&str, String)]| {
            entries.iter().fold(Weights::from_arrays("net", []), |weights, (key, value)| weights.with_metadata(key, value))
        };
        let metadata = language.metadata(Side::Target);
        let again = Language::of(&with(&metadata), Side::Target).unwrap();
        assert_eq!((again.vocabulary, again.unit), (language.vocabulary, Unit::Letters));
        let error = Language::of(&with(&metadata), Side::Source).unwrap_err().to_string();
        assert!(error.contains("'source_unit'"), "{error}");
        for (value, part) in [("[\"a\"]", "1 words"), ("[\"a\", \"a\"]", "1 of them different"), ("a", "no list of words")] {
            let entries = [("source_unit", "words".to_owned()), ("source_vocabulary", value.to_owned())];
            let error = Language::of(&with(&entries), Side::Source).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
