//! How good sentences are, against one or more that were expected.
//!
//! ```text
//! error rate   sum of edits / sum of words        of the expected sentence that takes the fewest edits: words put in, left out or changed
//! wrong        sentences that are none of those expected / sentences
//! BLEU         exp(min(0, 1 - r / c) + (ln p[1] + .. + ln p[4]) / 4)
//!              p[n]  n words in a row that the expected sentences have, too, no one more often than one of them / n words in a row
//!              c     words found     r     words of the expected sentences that are nearest in length
//! ```
//!
//! All are of the whole set: sums first, then quotients. The error rate of words is also called WER, of phones PER.
//!
//! Source of BLEU: Papineni, Roukos, Ward, Zhu, BLEU: a Method for Automatic Evaluation of Machine Translation (ACL 2002).

use std::collections::HashMap;

/// Words in a row that BLEU counts.
const ORDERS: usize = 4;

/// Counts over sentences, of words as numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sequences {
    sentences: u64,
    wrong: u64,
    edits: u64,
    words: u64,
    /// c and r.
    found: u64,
    expected: u64,
    /// For each n words in a row those that are right, and all.
    rows: [(u64, u64); ORDERS],
}

impl Sequences {
    /// Counts a sentence. Without anything that was expected it does not count.
    pub fn add(&mut self, found: &[i32], expected: &[&[i32]]) {
        let Some((edits, words)) = expected.iter().map(|one| (edits(found, one), one.len())).min() else { return };
        self.sentences += 1;
        self.wrong += u64::from(edits > 0);
        self.edits += edits as u64;
        self.words += words as u64;
        self.found += found.len() as u64;
        // Of lengths that are as near, the shorter.
        let nearest = expected.iter().map(|one| (one.len().abs_diff(found.len()), one.len())).min();
        self.expected += nearest.map_or(0, |(_, length)| length as u64);
        for (n, (right, all)) in (1..).zip(&mut self.rows) {
            let mut most: HashMap<&[i32], u64> = HashMap::new();
            for one in expected {
                counts(one, n).into_iter().for_each(|(row, count)| {
                    let most = most.entry(row).or_default();
                    *most = count.max(*most);
                });
            }
            for (row, count) in counts(found, n) {
                *right += count.min(most.get(row).copied().unwrap_or(0));
                *all += count;
            }
        }
    }

    /// How many sentences were counted.
    pub fn sentences(&self) -> u64 {
        self.sentences
    }

    /// Edits for each word that was expected; `None` without any.
    pub fn error_rate(&self) -> Option<f64> {
        quotient(self.edits, self.words)
    }

    /// The share of sentences that are not as expected; `None` without any.
    pub fn wrong(&self) -> Option<f64> {
        quotient(self.wrong, self.sentences)
    }

    /// BLEU, 0 to 1; `None` without any sentence. 0 if no four words in a row are right, as published.
    pub fn bleu(&self) -> Option<f64> {
        if self.sentences == 0 {
            return None;
        }
        let logs = self.rows.iter().map(|&(right, all)| quotient(right, all).unwrap_or(0.0).ln()).sum::<f64>() / ORDERS as f64;
        let brevity = quotient(self.expected, self.found).map_or(f64::NEG_INFINITY, |ratio| (1.0 - ratio).min(0.0));
        Some((brevity + logs).exp())
    }
}

fn quotient(above: u64, below: u64) -> Option<f64> {
    (below > 0).then(|| above as f64 / below as f64)
}

/// How often each n words stand in a row.
fn counts(words: &[i32], n: usize) -> HashMap<&[i32], u64> {
    let mut counts = HashMap::new();
    words.windows(n).for_each(|row| *counts.entry(row).or_default() += 1);
    counts
}

/// The fewest words to put in, leave out or change to make b of a (Levenshtein).
fn edits(a: &[i32], b: &[i32]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let changed = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = changed.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_the_fewest() {
        let word = |text: &str| text.bytes().map(i32::from).collect::<Vec<_>>();
        for (a, b, least) in [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2), ("abc", "", 3)] {
            assert_eq!(edits(&word(a), &word(b)), least, "{a} {b}");
        }
    }

    #[test]
    fn the_nearest_of_those_expected_counts() {
        let mut all = Sequences::default();
        assert_eq!((all.error_rate(), all.wrong(), all.bleu()), (None, None, None));
        all.add(&[1, 2, 3], &[&[1, 2], &[1, 2, 3]]);
        all.add(&[1, 2], &[&[4, 2, 5, 6]]);
        all.add(&[1], &[]);
        assert_eq!((all.sentences(), all.error_rate(), all.wrong()), (2, Some(3.0 / 7.0), Some(0.5)));
        assert_eq!(all.bleu(), Some(0.0), "no four words in a row");
    }

    #[test]
    fn bleu_is_as_by_hand() {
        // "the cat sat on the mat" for "the cat is on the mat", "there is a cat on the mat": 5 of 6 words, 3 of 5 pairs, 1 of 4, 0 of 3.
        let (the, cat, sat, on, mat, is, there, a) = (1, 2, 3, 4, 5, 6, 7, 8);
        let mut all = Sequences::default();
        all.add(&[the, cat, sat, on, the, mat], &[&[the, cat, is, on, the, mat], &[there, is, a, cat, on, the, mat]]);
        assert_eq!(all.rows, [(5, 6), (3, 5), (1, 4), (0, 3)]);
        // A sentence that is right and one word shorter than the next: p = 10/10, 7/8 + .. of both together.
        all = Sequences::default();
        all.add(&[1, 2, 3, 4, 5], &[&[1, 2, 3, 4, 5]]);
        all.add(&[1, 1, 2, 3, 4], &[&[1, 2, 3, 4, 6, 7]]);
        assert_eq!(all.rows, [(9, 10), (7, 8), (5, 6), (3, 4)]);
        let expected = (1.0 - 11.0 / 10.0f64).exp() * (0.9 * 0.875 * 5.0 / 6.0 * 0.75f64).powf(0.25);
        assert!((all.bleu().unwrap() - expected).abs() < 1e-12);
    }
}
