//! The formulas: what is computed once for a sentence, what for each word of its translation, and what scores words.

use super::RnnSearch;
use crate::array::{Array, DType};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::models::gru::GruLayer;
use crate::models::layers::{Affine, Fill, Layers};
use crate::models::sentences::embedded;
use crate::ops::{Direction, concat, number};

/// Deviation of the numbers that matrices begin with.
const USUAL: Fill<'_> = Fill::Normal(0.01);

/// A translator with its weights in a graph.
#[derive(Clone, Debug)]
pub struct Network {
    sizes: RnnSearch,
    source: Var,
    encoder: GruLayer,
    begin: Affine,
    align: Option<Align>,
    target: Var,
    decoder: GruLayer,
    readout: Affine,
    output: Affine,
}

#[derive(Clone, Debug)]
struct Align {
    state: Var,
    annotation: Affine,
    score: Var,
}

/// What is computed once for a sentence.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where the network looks; `None` for `RNNencdec`.
    pub annotated: Option<Annotated>,
    /// The last state of the forward GRU, (B, n): `RNNencdec`'s context.
    pub last: Var,
}

/// What a network looks at.
#[derive(Clone, Debug)]
pub struct Annotated {
    /// h, (B, S, 2n).
    pub annotations: Var,
    /// Ua h + b, (B, S, n').
    pub projected: Var,
    /// What is added to the score of a place, (B, S): 0 for words, and what forbids it behind the end.
    pub mask: Var,
}

/// What one word makes.
#[derive(Clone, Debug)]
pub struct Step {
    /// s after the word, (B, n).
    pub state: Var,
    /// c, (B, 2n); `RNNencdec`'s (B, n).
    pub context: Var,
    /// Where the network looked, (B, S), if it does.
    pub alpha: Option<Var>,
}

impl Network {
    /// The network of these sizes, whose weights are `encoder.embedding`, `encoder.weight`, `.recurrent` and `.bias`, `begin`, `align.state`,
    /// `align.annotation` and `align.score`, `decoder` as `encoder`, `readout` and `output`.
    ///
    /// # Errors
    /// If a size is 0, or a weight is missing or of another shape, by name.
    pub fn new(layers: &mut Layers<'_>, sizes: RnnSearch) -> Result<Self> {
        sizes.check()?;
        let RnnSearch { source, target, embedding: m, hidden: n, alignment, maxout, searches } = sizes;
        let d = sizes.annotation();
        let direction = if searches { Direction::Bidirectional } else { Direction::Forward };
        let align = |layers: &mut Layers<'_>| {
            Ok::<_, Error>(Align {
                state: layers.tensor("align.state.weight", &[alignment, n], Fill::Normal(0.001))?,
                annotation: layers.affine("align.annotation", [d, alignment], [Fill::Normal(0.001), Fill::Zeros])?,
                score: layers.tensor("align.score", &[alignment], Fill::Zeros)?,
            })
        };
        Ok(Self {
            sizes,
            source: layers.tensor("encoder.embedding", &[source, m], USUAL)?,
            encoder: GruLayer::new(layers, "encoder", direction, [m, n], USUAL)?,
            begin: layers.affine("begin", [n, n], [USUAL, Fill::Zeros])?,
            align: searches.then(|| align(layers)).transpose()?,
            target: layers.tensor("decoder.embedding", &[target, m], USUAL)?,
            decoder: GruLayer::new(layers, "decoder", Direction::Forward, [m.saturating_add(d), n], USUAL)?,
            readout: layers.affine("readout", [n.saturating_add(m).saturating_add(d), maxout.saturating_mul(2)], [USUAL, Fill::Zeros])?,
            output: layers.affine("output", [maxout, target], [USUAL, Fill::Zeros])?,
        })
    }

    /// How large it is.
    pub fn sizes(&self) -> RnnSearch {
        self.sizes
    }

    /// What `words`, i32 (B, S), say, and the first state s, (B, n). -1 stands behind the end of a sentence.
    ///
    /// # Errors
    /// If the words are of another type.
    pub fn read(&self, words: &Var) -> Result<(Source, Var)> {
        let &[batch, places] = words.shape() else {
            return Err(Error::shape("rnnsearch", format!("words are i32 (sentences, words), not {}", words.ty())));
        };
        let is_word = words.greater_or_equal(&words.graph().constant(Array::scalar(0i32))?)?;
        let lens = is_word.cast(DType::I32)?.reduce_sum(&[1], false)?;
        let (all, last) = self.encoder.of(&self.source.gather(0, words)?, Some(&lens), None)?;
        let of_direction = |i: usize| last.narrow(1, i, 1)?.squeeze(1);
        let annotated = match &self.align {
            Some(align) => {
                let annotations = all.reshape([batch, places, self.sizes.annotation()])?;
                let mask = is_word.where_(&number(words, 0.0)?, &number(words, f32::NEG_INFINITY)?)?;
                Some(Annotated { projected: align.annotation.of(&annotations)?, annotations, mask })
            }
            None => None,
        };
        // The backward GRU ends at the first word.
        let state = self.begin.of(&of_direction(usize::from(annotated.is_some()))?)?.tanh()?;
        Ok((Source { annotated, last: of_direction(0)? }, state))
    }

    /// The vectors (.., m) of words i32 (..) that were written; zeros for -1.
    ///
    /// # Errors
    /// If the words are not i32.
    pub fn embedded(&self, words: &Var) -> Result<Var> {
        embedded(&self.target, words)
    }

    /// The step behind `state` (B, n) and the word before, whose vectors are `previous` (B, m).
    ///
    /// # Errors
    /// If the shapes do not belong together.
    pub fn step(&self, source: &Source, state: &Var, previous: &Var) -> Result<Step> {
        let (context, alpha) = match (&self.align, &source.annotated) {
            (Some(align), Some(Annotated { annotations, projected, mask })) => {
                let query = state.linear(&align.state, None)?;
                let (context, alpha) = annotations.additive_attention(projected, &query, &align.score, Some(mask))?;
                (context, Some(alpha))
            }
            _ => (source.last.clone(), None),
        };
        let x = concat(&[previous, &context], 1)?.unsqueeze(1)?;
        let (_, state) = self.decoder.of(&x, None, Some(&state.unsqueeze(1)?))?;
        Ok(Step { state: state.squeeze(1)?, context, alpha })
    }

    /// What words score, (rows, words), by the state before them (rows, n), the vectors of the words before (rows, m), and the context
    /// (rows, 2n).
    ///
    /// # Errors
    /// If the shapes do not belong together.
    pub fn scores(&self, state: &Var, previous: &Var, context: &Var) -> Result<Var> {
        let readout = self.readout.of(&concat(&[state, previous, context], 1)?)?;
        let pairs = [readout.shape()[0], self.sizes.maxout, 2];
        self.output.of(&readout.reshape(pairs)?.reduce_max(&[-1], false)?)
    }
}
