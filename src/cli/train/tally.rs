//! What evaluations add up.

use crate::cli::things;
use crate::cli::translate::before_end;
use foveate::Result;
use foveate::array::{Array, Hw};
use foveate::models::smem_vqa::{KINDS, accuracy};
use foveate::models::{digit_scenes, mnc};
use foveate::nn::metrics::{Confusion, Precision, Sequences};
use foveate::train::Batch;

/// Numbers by name, the most telling one first; `None` if nothing was counted. The names are always the same.
pub(super) type Scores = Vec<(&'static str, Option<f64>)>;

/// What an evaluation adds up, batch by batch.
pub(super) enum Tally {
    /// Labels that were found, beside the batch's tensor `label`, and what their confusion comes down to.
    Labels(Confusion, fn(&Confusion) -> Scores),
    /// Numbers of each example: their names, their sums, and how many examples there were.
    Means(&'static [&'static str], Vec<f64>, usize),
    /// Numbers of what is in each example, added up, and last how many there are of them: the numbers' names, their sums, and how many there
    /// were.
    Each(&'static [&'static str], Vec<f64>, f64),
    /// Things in images of a size, beside the batch's tensor `label`: `CLASS` times a pixel's class, and the number of the thing.
    Things(Precision, Hw),
    /// Sentences, beside the batch's tensor `target`; 0 ends one.
    Sentences(Sequences),
    /// Captions.
    Captions(Told),
    /// Answers, beside the batch's tensor `references`: of each of its tensor `kind` how right they were, added up, and how many there were.
    Answers([(f64, usize); KINDS.len()]),
}

impl Tally {
    pub(super) fn labels(classes: usize, scores: fn(&Confusion) -> Scores) -> Result<Self> {
        Ok(Self::Labels(Confusion::new(classes)?, scores))
    }

    /// Of answers f32 (examples, names).
    pub(super) fn means(names: &'static [&'static str]) -> Self {
        Self::Means(names, vec![0.0; names.len()], 0)
    }

    /// Of answers f32 (examples, names and 1).
    pub(super) fn each(names: &'static [&'static str]) -> Self {
        Self::Each(names, vec![0.0; names.len()], 0.0)
    }

    /// Of answers i32 (examples x questions).
    pub(super) fn answers() -> Self {
        Self::Answers([(0.0, 0); KINDS.len()])
    }

    /// Adds a batch's answers: the first of them, or boxes, masks and scores.
    pub(super) fn add(&mut self, batch: &Batch, answers: &[Array]) -> Result<()> {
        let Some(found) = answers.first() else { return Ok(()) };
        match self {
            Self::Things(precision, size) => {
                let labels = batch.get("label")?.values::<i32>()?;
                let found = things::each(answers, *size, 0.0)?;
                for (found, labels) in found.iter().zip(labels.chunks_exact(size.area())).take(batch.count) {
                    mnc::count(precision, found, labels);
                }
                Ok(())
            }
            Self::Labels(confusion, _) => confusion.add(&batch.counted(batch.get("label")?)?, &batch.counted(found)?),
            Self::Means(names, sums, count) => {
                for row in batch.counted(found)?.to_f64().chunks_exact(names.len()) {
                    sums.iter_mut().zip(row).for_each(|(sum, number)| *sum += number);
                    *count += 1;
                }
                Ok(())
            }
            Self::Each(names, sums, count) => {
                for row in batch.counted(found)?.to_f64().chunks_exact(names.len() + 1) {
                    sums.iter_mut().zip(row).for_each(|(sum, number)| *sum += number);
                    *count += row[names.len()];
                }
                Ok(())
            }
            Self::Captions(told) => told.add(batch, answers),
            Self::Answers(kinds) => {
                let (references, said) = (batch.get("references")?, batch.get("kind")?.values::<i32>()?);
                let &[_, questions, people] = references.shape() else { return Ok(()) };
                let rows = found.values::<i32>()?.iter().zip(references.values::<i32>()?.chunks_exact(people.max(1))).zip(said);
                for ((found, references), kind) in rows.take(batch.count * questions) {
                    if let Some((sum, count)) = usize::try_from(*kind).ok().and_then(|kind| kinds.get_mut(kind)) {
                        *sum += accuracy(*found, references);
                        *count += 1;
                    }
                }
                Ok(())
            }
            Self::Sentences(sequences) => {
                let [found, expected] = [batch.counted(found)?, batch.counted(batch.get("target")?)?];
                for (found, expected) in sentences(&found)?.zip(sentences(&expected)?) {
                    sequences.add(found, &[expected]);
                }
                Ok(())
            }
        }
    }

    pub(super) fn scores(&self) -> Scores {
        match self {
            Self::Labels(confusion, scores) => scores(confusion),
            Self::Means(names, sums, count) => {
                let mean = |sum: &f64| (*count > 0).then(|| sum / *count as f64);
                names.iter().copied().zip(sums.iter().map(mean)).collect()
            }
            Self::Each(names, sums, count) => {
                let mean = |sum: &f64| (*count > 0.0).then(|| sum / count);
                names.iter().copied().zip(sums.iter().map(mean)).collect()
            }
            Self::Things(precision, _) => {
                vec![("test_ap_r_50", precision.mean(0.5)), ("test_ap_r_70", precision.mean(0.7))]
            }
            Self::Sentences(sequences) => {
                vec![("test_error_rate", sequences.error_rate()), ("test_wrong", sequences.wrong()), ("test_bleu", sequences.bleu())]
            }
            Self::Captions(told) => told.scores(),
            Self::Answers(kinds) => {
                let mean = |(sum, count): (f64, usize)| (count > 0).then(|| sum / count as f64);
                let all = kinds.iter().fold((0.0, 0), |(sum, count), (more, further)| (sum + more, count + further));
                let names = ["test_yes_no", "test_number", "test_other"];
                let each = names.into_iter().zip(kinds).map(|(name, kind)| (name, mean(*kind)));
                std::iter::once(("test_accuracy", mean(all))).chain(each).collect()
            }
        }
    }
}

/// The words before the first 0 of each row of i32 (rows, words).
fn sentences(words: &Array) -> Result<impl Iterator<Item = &[i32]>> {
    let each = words.shape().get(1).copied().unwrap_or(1).max(1);
    Ok(words.values::<i32>()?.chunks(each).map(before_end))
}

/// Captions beside those that were expected: of scenes the tensor `words`, of photos any of the tensor `references`.
pub(super) struct Told {
    sequences: Sequences,
    grid: Hw,
    /// Of captions that are right, what of alpha lay in the boxes of the digits they name, what would if all places were alike, and how many
    /// digits they name.
    looks: Option<[f64; 3]>,
}

impl Told {
    /// Of a network with such a grid of places; `boxes`: whether examples say where digits are.
    pub(super) fn new(grid: Hw, boxes: bool) -> Self {
        Self { sequences: Sequences::default(), grid, looks: boxes.then_some([0.0; 3]) }
    }

    fn add(&mut self, batch: &Batch, answers: &[Array]) -> Result<()> {
        let [words, alphas, ..] = answers else { return Ok(()) };
        let steps = words.shape().get(1).copied().unwrap_or(1).max(1);
        let (references, several) = match batch.get("references") {
            Ok(references) => (references, references.shape().get(1).copied().unwrap_or(1).max(1)),
            Err(_) => (batch.get("words")?, 1),
        };
        let each = references.len() / references.shape().first().copied().unwrap_or(1).max(1);
        let alphas = alphas.values::<f32>()?.chunks_exact(steps * self.grid.area().max(1));
        let rows = words.values::<i32>()?.chunks_exact(steps).zip(references.values::<i32>()?.chunks_exact(each.max(1))).zip(alphas);
        for (i, ((found, references), alphas)) in rows.take(batch.count).enumerate() {
            let expected = references.chunks_exact((each / several).max(1)).filter(|words| words.first() != Some(&-1));
            let expected: Vec<&[i32]> = expected.map(before_end).collect();
            self.sequences.add(before_end(found), &expected);
            if let Some(looks) = self.looks.as_mut().filter(|_| expected.contains(&before_end(found))) {
                let boxes = batch.get("boxes")?;
                let own = boxes.values::<i32>()?.chunks_exact(8).nth(i).unwrap_or_default();
                let more = digit_scenes::looks(found, alphas, self.grid, own);
                looks.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
            }
        }
        Ok(())
    }

    fn scores(&self) -> Scores {
        let mut all = vec![("test_wrong", self.sequences.wrong()), ("test_bleu", self.sequences.bleu())];
        if let Some([here, everywhere, count]) = self.looks {
            let mean = |sum: f64| (count > 0.0).then(|| sum / count);
            all.extend([("test_in_box", mean(here)), ("test_in_box_if_alike", mean(everywhere))]);
        }
        all
    }
}
