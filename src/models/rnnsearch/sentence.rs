//! All words of a translation in one graph.

use super::network::Network;
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::models::sentences::Greedy;
use crate::ops::{concat, stack, zeros};

impl Network {
    /// What each word of `target`, i32 (B, T), and those that could have stood there score after the words before it: (B, T, words). And
    /// where the network looked for each, (B, T, S), if it does. `source` is i32 (B, S); -1 stands behind the end of either.
    ///
    /// # Errors
    /// If the types do not belong together.
    pub fn forced(&self, source: &Var, target: &Var) -> Result<(Var, Option<Var>)> {
        let &[batch, steps] = target.shape() else {
            return Err(Error::shape("rnnsearch", format!("words are i32 (sentences, words), not {}", target.ty())));
        };
        if source.shape().first() != Some(&batch) || steps == 0 {
            return Err(Error::shape("rnnsearch", format!("sentences {} with translations {}", source.ty(), target.ty())));
        }
        let (source, mut state) = self.read(source)?;
        let vectors = self.embedded(target)?.split(1, &vec![1; steps])?;
        let first = zeros(target, &[batch, 1, self.sizes().embedding])?;
        let previous: Vec<&Var> = [&first].into_iter().chain(&vectors).take(steps).collect();
        let (mut states, mut contexts, mut alphas) = (Vec::new(), Vec::new(), Vec::new());
        for before in &previous {
            let step = self.step(&source, &state, &before.squeeze(1)?)?;
            states.push(std::mem::replace(&mut state, step.state));
            contexts.push(step.context);
            alphas.extend(step.alpha);
        }
        // The words' scores need no order: one product for all of them.
        let rows = |x: &Var| x.reshape([batch * steps, x.shape()[2]]);
        let scores = self.scores(&rows(&stack(&states, 1)?)?, &rows(&concat(&previous, 1)?)?, &rows(&stack(&contexts, 1)?)?)?;
        let alphas = (!alphas.is_empty()).then(|| stack(&alphas, 1)).transpose()?;
        Ok((scores.reshape([batch, steps, self.sizes().target])?, alphas))
    }

    /// The likeliest word after the likeliest word, `steps` in all, for sentences i32 (B, S).
    ///
    /// # Errors
    /// If `steps` is 0, or the words are of another type.
    pub fn greedy(&self, source: &Var, steps: usize) -> Result<Greedy> {
        if steps == 0 {
            return Err(Error::shape("rnnsearch", "a translation of 0 words"));
        }
        let (source, mut state) = self.read(source)?;
        let mut previous = zeros(&state, &[state.shape()[0], self.sizes().embedding])?;
        let (mut words, mut logs, mut alphas) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..steps {
            let step = self.step(&source, &state, &previous)?;
            let all = self.scores(&state, &previous, &step.context)?.log_softmax(-1)?;
            let word = all.argmax(-1, false, false)?;
            logs.push(all.gather_elements(1, &word.unsqueeze(1)?)?.squeeze(1)?);
            previous = self.embedded(&word)?;
            words.push(word);
            alphas.extend(step.alpha);
            state = step.state;
        }
        let alphas = (!alphas.is_empty()).then(|| stack(&alphas, 1)).transpose()?;
        Ok(Greedy { words: stack(&words, 1)?, log_probabilities: stack(&logs, 1)?, alphas })
    }
}
