//! All words of a caption in one graph: the likeliest word goes into the next step without leaving the device.

use super::{Annotated, Attention, Decoder, END, State, Step};
use crate::array::Array;
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::ops::concat;

/// The words of B images, T each; what follows an [`END`] means nothing.
#[derive(Clone, Debug)]
pub struct Unrolled {
    /// i32 (B, T).
    pub words: Var,
    /// The logarithm of each word's probability, (B, T).
    pub log_probabilities: Var,
    /// Where the network looked for each word, (B, T, L).
    pub alphas: Var,
    /// How much of it counted, (B, T), if the network has a gate.
    pub betas: Option<Var>,
    /// The places that it looked at, i32 (B, T), unless attention is soft.
    pub places: Option<Var>,
    /// Whether it did look there, bool (1), where attention is [`Attention::Mixed`].
    pub drawn: Option<Var>,
}

impl Decoder {
    /// The likeliest word after the likeliest word, `steps` in all, of annotations (B, L, D). One plan of these outputs is one
    /// submission and one readback, whatever the length.
    ///
    /// # Errors
    /// If `steps` is 0 or the annotations are not (B, L, D).
    pub fn greedy(&self, annotations: &Var, steps: usize, attention: &Attention) -> Result<Unrolled> {
        self.unroll(annotations, steps, attention, None)
    }

    /// The given words, i32 (B, T), as if the network had chosen them. Where `mask`, (B, T), is 0 a caption is over: its states stay
    /// as they are.
    ///
    /// # Errors
    /// If the types do not belong together.
    pub fn forced(&self, annotations: &Var, words: &Var, mask: &Var, attention: &Attention) -> Result<Unrolled> {
        let &[_, steps] = words.shape() else {
            return Err(Error::shape("show_attend_tell", format!("words are (images, words), not {}", words.ty())));
        };
        if mask.shape() != words.shape() {
            return Err(Error::shape("show_attend_tell", format!("words {} and mask {} differ in shape", words.ty(), mask.ty())));
        }
        self.unroll(annotations, steps, attention, Some((words, mask)))
    }

    fn unroll(&self, annotations: &Var, steps: usize, attention: &Attention, forced: Option<(&Var, &Var)>) -> Result<Unrolled> {
        if steps == 0 {
            return Err(Error::shape("show_attend_tell", "a caption of 0 words"));
        }
        let (image, mut state) = self.begin(annotations)?;
        let (mut words, mut logs, mut alphas) = (Vec::new(), Vec::new(), Vec::new());
        let (mut betas, mut places) = (Vec::new(), Vec::new());
        for t in 0..steps {
            let one = || self.word(&image, &state, words.last(), attention, t, forced);
            let (step, word, log) = if self.recomputed { self.graph().recomputed(one)? } else { one()? };
            state = step.state;
            logs.push(log);
            alphas.push(step.alpha.unsqueeze(1)?);
            betas.extend(step.beta);
            places.extend(step.place);
            words.push(word);
        }
        let joined = |parts: &[Var]| concat(&parts.iter().collect::<Vec<_>>(), 1);
        let if_any = |parts: &[Var]| (!parts.is_empty()).then(|| joined(parts)).transpose();
        Ok(Unrolled {
            words: joined(&words)?,
            log_probabilities: joined(&logs)?,
            alphas: joined(&alphas)?,
            betas: if_any(&betas)?,
            places: if_any(&places)?,
            drawn: if let Attention::Mixed { drawn, .. } = attention { Some(drawn.clone()) } else { None },
        })
    }

    /// The step of word `t` after the word `previous`, (B, 1), then the word (B, 1) and the logarithm of its probability (B, 1).
    fn word(
        &self,
        image: &Annotated,
        state: &State,
        previous: Option<&Var>,
        attention: &Attention,
        t: usize,
        forced: Option<(&Var, &Var)>,
    ) -> Result<(Step, Var, Var)> {
        let previous = previous.map(|word| self.embedded(&word.squeeze(1)?)).transpose()?;
        let mut step = self.step(image, state, previous.as_ref(), attention, t)?;
        let word = match forced {
            Some((words, mask)) => {
                step.state = held(&step.state, state, &mask.narrow(1, t, 1)?)?;
                words.narrow(1, t, 1)?
            }
            None => step.log_probabilities.argmax(-1, true, false)?,
        };
        let log = step.log_probabilities.gather_elements(1, &word)?;
        Ok((step, word, log))
    }
}

/// m next + (1 - m) before.
fn held(next: &State, before: &State, mask: &Var) -> Result<State> {
    let one = mask.graph().constant(Array::scalar(1.0f32))?;
    let rest = one.sub(mask)?;
    let mix = |next: &Var, before: &Var| next.mul(mask)?.add(&before.mul(&rest)?);
    Ok(State { h: mix(&next.h, &before.h)?, c: mix(&next.c, &before.c)? })
}

/// A caption.
#[derive(Clone, Debug, PartialEq)]
pub struct Caption {
    /// The words up to the last before [`END`].
    pub words: Vec<i32>,
    /// Whether the network ended it; otherwise there was no room for more words.
    pub ended: bool,
    /// The negative logarithm of the probability of all words, the end among them.
    pub cost: f64,
    /// Where the network looked for each word, (words and the end, L).
    pub alphas: Array,
}

/// The captions that the values of [`Unrolled`]'s words, log probabilities and alphas are.
///
/// # Errors
/// If they do not belong together.
pub fn captions(words: &Array, log_probabilities: &Array, alphas: &Array) -> Result<Vec<Caption>> {
    let (&[images, steps], &[b, t, places]) = (words.shape(), alphas.shape()) else {
        return Err(Error::shape("show_attend_tell", format!("words {} and alphas {}", words.ty(), alphas.ty())));
    };
    if (b, t) != (images, steps) || log_probabilities.shape() != words.shape() || words.is_empty() || alphas.is_empty() {
        let [words, logs, alphas] = [words, log_probabilities, alphas].map(Array::ty);
        return Err(Error::shape("show_attend_tell", format!("words {words}, their log probabilities {logs} and alphas {alphas}")));
    }
    let rows = words.values::<i32>()?.chunks(steps).zip(log_probabilities.values::<f32>()?.chunks(steps));
    rows.zip(alphas.values::<f32>()?.chunks(steps * places))
        .map(|((words, logs), alphas)| {
            let end = words.iter().position(|word| *word == END);
            let used = end.map_or(steps, |end| end + 1);
            Ok(Caption {
                words: words[..end.unwrap_or(steps)].to_vec(),
                ended: end.is_some(),
                cost: -logs[..used].iter().map(|log| f64::from(*log)).sum::<f64>(),
                alphas: Array::new([used, places], alphas[..used * places].to_vec())?,
            })
        })
        .collect()
}
