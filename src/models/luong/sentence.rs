//! All words of a translation in one graph.

use super::look::Source;
use super::network::{Network, State};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::models::sentences::Greedy;
use crate::nn::{Dropout, Random};
use crate::ops::{number, stack, zeros};

impl Network {
    /// What each word of `target`, i32 (B, T), and those that could have stood there score after the words before it: (B, T, words). And
    /// where the network looked for each, (B, T, S), if it does. `source` is i32 (B, S); -1 stands behind the end of either. In training a
    /// share of what goes into layers is dropped.
    ///
    /// # Errors
    /// If the types do not belong together, or the share is not below 1.
    pub fn forced(&self, source: &Var, target: &Var, mut dropped: Option<(&mut Random, f32)>) -> Result<(Var, Option<Var>)> {
        let &[batch, steps] = target.shape() else {
            return Err(Error::shape("luong", format!("words are i32 (sentences, words), not {}", target.ty())));
        };
        if source.shape().first() != Some(&batch) || steps == 0 {
            return Err(Error::shape("luong", format!("sentences {} with translations {}", source.ty(), target.ty())));
        }
        let (source, state) = self.read(source, dropped.as_mut().map(|(random, rate)| (&mut **random, *rate)))?;
        let vectors = self.embedded(target)?.split(1, &vec![1; steps])?;
        // Drawn for all words at once: (T, B, inputs) of each layer.
        let mut kept = Vec::new();
        if let Some((random, rate)) = &mut dropped {
            for layer in 0..state.layers.len() {
                let ones = number(target, 1.0)?.expand([steps, batch, self.inputs(layer)])?;
                kept.push(random.dropout(&ones, *rate, Dropout::Inverted)?);
            }
        }
        let of_step = |at: usize| kept.iter().map(|all| all.narrow(0, at, 1)?.squeeze(0)).collect::<Result<Vec<_>>>();
        let first = zeros(target, &[batch, self.sizes().embedding])?;
        let (attended, alphas) = self.steps(&source, state, first, steps, of_step, |at, _| vectors[at].squeeze(1))?;
        let mut attended = stack(&attended, 1)?;
        if let Some((random, rate)) = dropped {
            attended = random.dropout(&attended, rate, Dropout::Inverted)?;
        }
        Ok((self.scores(&attended)?, alphas))
    }

    /// The likeliest word after the likeliest word, `steps` in all, for sentences i32 (B, S).
    ///
    /// # Errors
    /// If `steps` is 0, or the words are of another type.
    pub fn greedy(&self, source: &Var, steps: usize) -> Result<Greedy> {
        if steps == 0 {
            return Err(Error::shape("luong", "a translation of 0 words"));
        }
        let (source, state) = self.read(source, None)?;
        let first = zeros(&source.mask, &[source.mask.shape()[0], self.sizes().embedding])?;
        let (mut words, mut logs) = (Vec::new(), Vec::new());
        let (_, alphas) = self.steps(
            &source,
            state,
            first,
            steps,
            |_| Ok(Vec::new()),
            |_, attended| {
                let all = self.scores(attended)?.log_softmax(-1)?;
                let word = all.argmax(-1, false, false)?;
                logs.push(all.gather_elements(1, &word.unsqueeze(1)?)?.squeeze(1)?);
                words.push(word.clone());
                self.embedded(&word)
            },
        )?;
        Ok(Greedy { words: stack(&words, 1)?, log_probabilities: stack(&logs, 1)?, alphas })
    }

    /// Every x (B, n), and where the network looked, (B, T, S). `kept` says what remains of a step's inputs, and `word` the vectors of the
    /// word that a step writes.
    fn steps(
        &self,
        source: &Source,
        mut state: State,
        first: Var,
        steps: usize,
        kept: impl Fn(usize) -> Result<Vec<Var>>,
        mut word: impl FnMut(usize, &Var) -> Result<Var>,
    ) -> Result<(Vec<Var>, Option<Var>)> {
        let (mut previous, mut attended, mut alphas) = (first, Vec::new(), Vec::new());
        for at in 0..steps {
            let (next, alpha) = self.step(source, &state, &previous, Some(&kept(at)?))?;
            previous = word(at, &next.attended)?;
            attended.push(next.attended.clone());
            alphas.extend(alpha);
            state = next;
        }
        let alphas = (!alphas.is_empty()).then(|| stack(&alphas, 1)).transpose()?;
        Ok((attended, alphas))
    }
}
