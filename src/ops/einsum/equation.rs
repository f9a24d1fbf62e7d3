//! Equations: which label each dimension of each operand and of the output has.

use crate::error::{Error, Result};
use std::fmt;

/// The name of a dimension. They are ordered as an output without an arrow has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Label {
    /// Under an ellipsis; minus the distance from the ellipsis' end, at least 1.
    Dot(isize),
    /// A letter.
    Letter(char),
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dot(place) => write!(f, "dimension {place} of the ellipsis"),
            Self::Letter(letter) => write!(f, "'{letter}'"),
        }
    }
}

/// An equation with its ellipses resolved.
#[derive(Debug)]
pub(super) struct Equation {
    /// The labels of each operand, as many as it has dimensions.
    pub terms: Vec<Vec<Label>>,
    /// The labels of the output, each once.
    pub output: Vec<Label>,
}

/// A term as written: letters, and how many of them stand before an ellipsis if there is one.
struct Term {
    letters: Vec<char>,
    ellipsis: Option<usize>,
}

fn wrong(equation: &str, reason: impl fmt::Display) -> Error {
    Error::shape("einsum", format!("'{equation}': {reason}"))
}

impl Term {
    fn parse(equation: &str, text: &str) -> Result<Self> {
        let mut term = Self { letters: Vec::new(), ellipsis: None };
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if c.is_ascii_alphabetic() {
                term.letters.push(c);
                rest = &rest[1..];
            } else if let Some(behind) = rest.strip_prefix("...") {
                if term.ellipsis.replace(term.letters.len()).is_some() {
                    return Err(wrong(equation, format!("term '{text}' has two ellipses")));
                }
                rest = behind;
            } else {
                return Err(wrong(equation, format!("{c:?} in '{text}' is neither a letter nor an ellipsis")));
            }
        }
        Ok(term)
    }

    /// The labels, with `dots` dimensions under the ellipsis.
    fn labels(&self, dots: usize) -> Vec<Label> {
        let mut labels: Vec<Label> = self.letters.iter().copied().map(Label::Letter).collect();
        if let Some(at) = self.ellipsis {
            labels.splice(at..at, (1..=dots).rev().map(|distance| Label::Dot(-isize::try_from(distance).unwrap_or(isize::MAX))));
        }
        labels
    }
}

impl Equation {
    /// Reads `equation` for operands with these numbers of dimensions.
    pub fn parse(equation: &str, ranks: &[usize]) -> Result<Self> {
        let text = equation.replace(' ', "");
        let (left, right) = text.split_once("->").map_or((text.as_str(), None), |(left, right)| (left, Some(right)));
        let terms = left.split(',').map(|term| Term::parse(equation, term)).collect::<Result<Vec<_>>>()?;
        if terms.len() != ranks.len() {
            return Err(wrong(equation, format!("has {} terms, {} operands were given", terms.len(), ranks.len())));
        }
        let mut most = 0;
        let resolve = |(number, (term, &rank)): (usize, (&Term, &usize))| {
            let dots = rank.checked_sub(term.letters.len()).filter(|&dots| dots == 0 || term.ellipsis.is_some());
            let Some(dots) = dots else {
                let letters = term.letters.len();
                return Err(wrong(equation, format!("operand {number} has {rank} dimensions, its term names {letters}")));
            };
            most = dots.max(most);
            Ok(term.labels(dots))
        };
        let terms = terms.iter().zip(ranks).enumerate().map(resolve).collect::<Result<Vec<_>>>()?;
        let output = match right {
            Some(right) => Term::parse(equation, right)?.labels(most),
            None => implicit(&terms),
        };
        for (at, label) in output.iter().enumerate() {
            if output[..at].contains(label) {
                return Err(wrong(equation, format!("the output names {label} twice")));
            }
            if !terms.iter().any(|term| term.contains(label)) {
                return Err(wrong(equation, format!("the output's {label} is in no operand")));
            }
        }
        Ok(Self { terms, output })
    }
}

/// The ellipsis, then every letter that occurs once.
fn implicit(terms: &[Vec<Label>]) -> Vec<Label> {
    let mut all = terms.concat();
    all.sort_unstable();
    let once = |run: &&[Label]| run.len() == 1 || matches!(run[0], Label::Dot(_));
    all.chunk_by(|a, b| a == b).filter(once).map(|run| run[0]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(equation: &str, ranks: &[usize]) -> String {
        let label = |l: &Label| match l {
            Label::Dot(place) => place.unsigned_abs().to_string(),
            Label::Letter(letter) => letter.to_string(),
        };
        Equation::parse(equation, ranks).unwrap().output.iter().map(label).collect()
    }

    #[test]
    fn implicit_outputs() {
        assert_eq!(output("ba", &[2]), "ab");
        assert_eq!(output("ij , jk", &[2, 2]), "ik");
        assert_eq!(output("ii", &[2]), "");
        assert_eq!(output("z...A, ...", &[4, 1]), "21Az");
        assert_eq!(output("", &[0]), "");
    }
}
