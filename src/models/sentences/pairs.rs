//! Sentences with their translations.

use super::{Language, Side};
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::train::Dataset;
use std::ops::RangeInclusive;
use std::path::Path;

/// Words of the longest sentences that examples may have room for.
const MOST: usize = 1 << 20;

/// A file's sentences: on each line one, and behind a tab its translation.
#[derive(Clone, Debug)]
pub struct Lines {
    name: String,
    lines: Vec<[String; 2]>,
}

impl Lines {
    /// Reads a file; lines without anything are left out.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read; [`Error::Model`] if it is no text in UTF-8, has no lines, or a line has no tab or two.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::with_tabs(path.as_ref(), 1..=1)
    }

    /// Reads a file whose lines may also be sentences without a translation, which is empty then.
    ///
    /// # Errors
    /// As [`Lines::open`], but for lines without a tab.
    pub fn open_any(path: impl AsRef<Path>) -> Result<Self> {
        Self::with_tabs(path.as_ref(), 0..=1)
    }

    fn with_tabs(path: &Path, tabs: RangeInclusive<usize>) -> Result<Self> {
        let wrong = |reason: String| Error::model(path.display().to_string(), reason);
        let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
        let text = String::from_utf8(bytes).map_err(|_| wrong("is no text in UTF-8".to_owned()))?;
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(|(at, line)| {
            let (source, target) = line.split_once('\t').unwrap_or((line, ""));
            let found = line.matches('\t').count();
            if !tabs.contains(&found) {
                return Err(wrong(format!("line {} has {found} tabs; a sentence, a tab and its translation belong there", at + 1)));
            }
            Ok([source, target].map(|part| part.trim().to_owned()))
        });
        let lines = lines.collect::<Result<Vec<_>>>()?;
        if lines.is_empty() {
            return Err(wrong("has no lines".to_owned()));
        }
        Ok(Self { name: path.display().to_string(), lines })
    }

    /// All sentences of a language.
    pub fn texts(&self, side: Side) -> impl Iterator<Item = &str> {
        self.lines.iter().map(move |line| line[usize::from(side == Side::Target)].as_str())
    }

    /// The lines whose sentence and translation have no more than `longest` words each, as examples: `source` and `target`, i32
    /// (`longest` + 1), [`END`](super::END) behind the last word, and -1 behind that.
    ///
    /// # Errors
    /// [`Error::Model`] if there are none; if `longest` is above 2^20.
    pub fn pairs(&self, source: &Language, target: &Language, longest: usize) -> Result<Pairs> {
        if longest > MOST {
            return Err(Error::model(self.name.clone(), format!("sentences of up to {longest} words were asked for; {MOST} are the most")));
        }
        let numbers = |[a, b]: &[String; 2]| [source.read(a), target.read(b)];
        let fits = |pair: &[Vec<i32>; 2]| pair.iter().all(|words| (2..=longest + 1).contains(&words.len()));
        let pairs: Vec<_> = self.lines.iter().map(numbers).filter(fits).collect();
        if pairs.is_empty() {
            let reason = format!("none of its {} lines has 1 to {longest} words, and as many in its translation", self.lines.len());
            return Err(Error::model(self.name.clone(), reason));
        }
        Ok(Pairs { pairs, longest })
    }
}

/// Sentences with their translations as examples, see [`Lines::pairs`].
#[derive(Clone, Debug)]
pub struct Pairs {
    pairs: Vec<[Vec<i32>; 2]>,
    longest: usize,
}

impl Dataset for Pairs {
    fn len(&self) -> usize {
        self.pairs.len()
    }

    fn tensors(&self) -> Vec<(String, TensorType)> {
        ["source", "target"].map(|name| (name.to_owned(), TensorType::new(DType::I32, [self.longest + 1]))).into()
    }

    fn example(&self, index: usize, _: u64) -> Result<Vec<Array>> {
        let pair = self.pairs.get(index).ok_or_else(|| Error::shape("pairs", format!("example {index} of {}", self.pairs.len())))?;
        Ok(pair.iter().map(|words| padded(words, self.longest + 1, -1)).collect())
    }
}

/// The words, and `with` behind them.
pub(in crate::models) fn padded(words: &[i32], places: usize, with: i32) -> Array {
    Array::from_fn([places], |at| words.get(at).copied().unwrap_or(with))
}

#[cfg(test)]
mod tests {
    use super::super::{END, Unit};
    use super::*;

    fn lines(text: &str) -> Result<Lines> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pairs.tsv");
        std::fs::write(&path, text).unwrap();
        Lines::open(path)
    }

    #[test]
    fn lines_become_examples() {
        let lines = lines("\u{FEFF}ab\tA B\r\n\nabc\tA B C\n b\tB\n\tA\n").unwrap();
        let [source, target] = [(Side::Source, Unit::Letters), (Side::Target, Unit::Words)]
            .map(|(side, unit)| Language::learnt(unit, lines.texts(side), 100).unwrap());
        let pairs = lines.pairs(&source, &target, 2).unwrap();
        assert_eq!(pairs.len(), 2, "abc is too long, and a line has no word");
        let example: Vec<Vec<f64>> = pairs.example(1, 0).unwrap().iter().map(Array::to_f64).collect();
        // b is more frequent than a, B no more than A.
        assert_eq!(example, [[2.0, f64::from(END), -1.0], [3.0, f64::from(END), -1.0]]);
        assert!(pairs.example(2, 0).is_err());
        let error = lines.pairs(&source, &target, 0).unwrap_err().to_string();
        assert!(error.contains("none of its 4 lines"), "{error}");
        let error = lines.pairs(&source, &target, usize::MAX).unwrap_err().to_string();
        assert!(error.contains("1048576 are the most"), "{error}");
    }

    #[test]
    fn what_is_no_pair_is_refused() {
        for (text, part) in [("", "has no lines"), ("a\tb\nc", "line 2 has 0 tabs"), ("a\tb\tc", "line 1 has 2 tabs")] {
            let error = lines(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
