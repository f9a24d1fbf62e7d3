//! The words that a captioner's numbers stand for.

use crate::error::{Error, Result};
use crate::nn::Weights;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Where a safetensors file's metadata hold a vocabulary: a JSON list of words.
pub const KEY: &str = "vocabulary";

/// The words by number. 0 ends a caption; in Show, Attend and Tell 1 is what stands for all words that are not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    source: String,
    words: Vec<String>,
}

impl Vocabulary {
    /// Reads a file: text with a word on each line, or JSON: a list, `{"word": number}` as the published dictionaries are, or
    /// `{"number": "word"}`. A map may leave out 0 and 1, which the published code puts there itself: they are `<eos>` and `UNK` then.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Model`] if it is something else, has no word for a number, or two.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read(path).map_err(|e| Error::io(path, e))?;
        let source = path.display().to_string();
        let text = String::from_utf8(text).map_err(|_| Error::model(source.clone(), "is no text in UTF-8"))?;
        Self::parse(&text, &source)
    }

    /// The vocabulary in the metadata of `weights`, if there is one.
    ///
    /// # Errors
    /// [`Error::Model`] if it is no vocabulary.
    pub fn of(weights: &Weights) -> Result<Option<Self>> {
        let text = weights.metadata().get(KEY);
        text.map(|text| Self::parse(text, &format!("{}, '{KEY}' in its metadata", weights.source()))).transpose()
    }

    /// Reads the text of a file as [`Vocabulary::open`] does; `source` stands for it in errors.
    ///
    /// # Errors
    /// As [`Vocabulary::open`].
    pub fn parse(text: &str, source: &str) -> Result<Self> {
        let wrong = |reason: String| Error::model(source, reason);
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        let words = if text.trim_start().starts_with(['{', '[']) {
            match serde_json::from_str(text).map_err(|e| wrong(format!("begins like JSON and is not: {e}")))? {
                Value::Array(words) => words.into_iter().map(|word| word_of(word).map_err(wrong)).collect::<Result<Vec<_>>>()?,
                Value::Object(entries) => numbered(entries).map_err(wrong)?,
                _ => return Err(wrong("is neither a list of words nor a map of words and numbers".to_owned())),
            }
        } else {
            text.lines().map(|line| line.trim().to_owned()).collect()
        };
        Self::new(source, words)
    }

    /// These words by number; `source` stands for where they are from in errors.
    ///
    /// # Errors
    /// [`Error::Model`] if there are none, or one is empty.
    pub fn new(source: &str, words: Vec<String>) -> Result<Self> {
        if words.is_empty() {
            return Err(Error::model(source, "has no words"));
        }
        if let Some(at) = words.iter().position(String::is_empty) {
            return Err(Error::model(source, format!("has no word for number {at}; the first word is number 0")));
        }
        Ok(Self { source: source.to_owned(), words })
    }

    /// Refuses a vocabulary of another number of words than a network has.
    ///
    /// # Errors
    /// [`Error::Model`] with both numbers.
    pub fn check(&self, network: usize) -> Result<()> {
        if self.words.len() == network {
            return Ok(());
        }
        let reason = format!("has {} words, the network {network}; the first is number 0, which ends a caption", self.words.len());
        Err(Error::model(self.source.clone(), reason))
    }

    /// How many words there are.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there are none, which cannot be.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// All of them, by number.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// The word of a number.
    pub fn word(&self, number: i32) -> Option<&str> {
        usize::try_from(number).ok().and_then(|number| self.words.get(number)).map(String::as_str)
    }
}

fn word_of(value: Value) -> std::result::Result<String, String> {
    match value {
        Value::String(word) => Ok(word.trim().to_owned()),
        other => Err(format!("has {other} where a word must stand")),
    }
}

/// The words of a map in the order of their numbers.
fn numbered(entries: serde_json::Map<String, Value>) -> std::result::Result<Vec<String>, String> {
    let mut words = BTreeMap::new();
    for (key, value) in entries {
        let (number, word) = match value {
            Value::Number(number) => (number.as_u64(), key),
            Value::String(word) => (key.parse().ok(), word),
            other => return Err(format!("has {other} for '{key}', a number or a word must stand there")),
        };
        let number = number.ok_or_else(|| format!("has '{word}' without a whole number"))?;
        if let Some(other) = words.insert(number, word.trim().to_owned()) {
            return Err(format!("has '{other}' and '{word}' for number {number}"));
        }
    }
    for (number, word) in [(0, "<eos>"), (1, "UNK")] {
        words.entry(number).or_insert_with(|| word.to_owned());
    }
    match (0..).zip(words.keys()).find(|(expected, number)| expected != *number) {
        Some((missing, _)) => Err(format!("has no word for number {missing}")),
        None => Ok(words.into_values().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        Vocabulary::parse(text, "words").unwrap().words
    }

    #[test]
    fn lines_lists_and_maps_are_read() {
        let expected = ["<eos>", "UNK", "a", "giraffe"];
        for text in [
            "<eos>\nUNK\r\na\ngiraffe\n",
            r#"["<eos>", "UNK", "a", "giraffe"]"#,
            r#" {"giraffe": 3, "a": 2, "<eos>": 0, "UNK": 1}"#,
            r#"{"giraffe": 3, "a": 2}"#,
            r#"{"3": "giraffe", "0": "<eos>", "2": "a", "1": "UNK"}"#,
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
        let vocabulary = Vocabulary::parse("end\na", "words").unwrap();
        assert_eq!((vocabulary.word(1), vocabulary.word(2), vocabulary.word(-1)), (Some("a"), None, None));
        assert!(vocabulary.check(2).is_ok());
        let error = vocabulary.check(3).unwrap_err().to_string();
        assert!(error.contains("words: has 2 words, the network 3"), "{error}");
        let weights = Weights::from_arrays("net", []).with_metadata(KEY, r#"["end", "a"]"#);
        assert_eq!(Vocabulary::of(&weights).unwrap().unwrap().words, ["end", "a"]);
        assert!(Vocabulary::of(&Weights::from_arrays("net", [])).unwrap().is_none());
    }

    #[test]
    fn what_is_no_vocabulary_is_refused() {
        for (text, part) in [
            ("", "no words"),
            ("a\n\nb", "no word for number 1"),
            ("[1, 2]", "has 1 where a word must stand"),
            ("[\"a\"", "begins like JSON"),
            (r#"{"a": 2, "b": 2}"#, "for number 2"),
            (r#"{"a": 2, "b": 1000000000000}"#, "no word for number 3"),
            (r#"{"a": -1}"#, "without a whole number"),
            (r#"{"a": [3]}"#, "a number or a word"),
        ] {
            let error = Vocabulary::parse(text, "words").unwrap_err().to_string();
            assert!(error.starts_with("words: ") && error.contains(part), "{text}: {error}");
        }
    }
}
