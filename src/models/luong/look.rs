//! Where a step looks.

use super::{Attention, Luong, Score, Window};
use crate::array::Array;
use crate::error::Result;
use crate::graph::Var;
use crate::models::layers::{Fill, Layers};
use crate::ops::{concat, number, scaled};

/// What a step looks at, computed once for a sentence.
#[derive(Clone, Debug)]
pub struct Source {
    /// a, (B, S, n).
    pub annotations: Var,
    /// What is added to the score of a place, (B, S): 0 for words, and what forbids it from the end on.
    pub mask: Var,
    /// The place of the last word, (B, 1).
    pub last: Var,
}

/// What scores words and what says where the window is.
#[derive(Clone, Debug)]
pub(super) struct Look {
    attention: Attention,
    /// Wa: (n, n), or (places, n) of a location.
    align: Option<Var>,
    /// v of concat, (n).
    score: Option<Var>,
    /// Wp (n, n) and vp (1, n).
    centre: Option<[Var; 2]>,
}

impl Look {
    pub(super) fn new(layers: &mut Layers<'_>, sizes: &Luong, attention: Attention, fill: Fill<'_>) -> Result<Self> {
        let n = sizes.hidden;
        let rows = match attention.score {
            Score::Dot => None,
            Score::General | Score::Concat => Some(n),
            Score::Location(places) => Some(places),
        };
        let align = rows.map(|rows| layers.tensor("align.weight", &[rows, n], fill)).transpose()?;
        let score = (attention.score == Score::Concat).then(|| layers.tensor("align.score", &[n], fill)).transpose()?;
        let centre = match attention.window {
            Window::Predicted(_) => {
                Some([layers.tensor("align.centre.weight", &[n, n], fill)?, layers.tensor("align.centre.score", &[1, n], fill)?])
            }
            Window::Global | Window::Monotonic(_) => None,
        };
        Ok(Self { attention, align, score, centre })
    }

    /// c (B, n) and alpha (B, S) of a state (B, n) at `time` (B, 1).
    pub(super) fn at(&self, source: &Source, state: &Var, time: &Var) -> Result<(Var, Var)> {
        let Source { annotations, mask, last } = source;
        let places = mask.shape()[1];
        let ordinals = state.graph().constant(Array::from_fn([1, places], |j| j as f32))?;
        let around = |centre: &Var, reach: usize| {
            let near = ordinals.sub(centre)?.abs()?.less_or_equal(&number(state, reach as f32)?)?;
            near.where_(mask, &number(mask, f32::NEG_INFINITY)?)
        };
        // The mask of the window, and what a predicted one leaves of a weight.
        let (mask, share) = match (self.attention.window, &self.centre) {
            (Window::Monotonic(reach), _) => (around(&time.minimum(last)?, reach)?, None),
            (Window::Predicted(reach), Some([weight, score])) => {
                let place = state.linear(weight, None)?.tanh()?.linear(score, None)?.sigmoid()?.mul(last)?;
                let away = ordinals.sub(&place)?;
                let share = scaled(&away.mul(&away)?, -2.0 / (reach as f32).powi(2))?.exp()?;
                (around(&place.detach()?.floor()?, reach)?, Some(share))
            }
            _ => (mask.clone(), None),
        };
        let query = || self.align.as_ref().map_or_else(|| Ok(state.clone()), |weight| state.linear(weight, None));
        let softmax = |scores: &Var| scores.add(&mask)?.softmax(-1);
        let alpha = match (self.attention.score, &self.score) {
            (Score::Location(known), _) => softmax(&if known < places {
                let beyond = number(&mask, f32::NEG_INFINITY)?.expand([mask.shape()[0], places - known])?;
                concat(&[&query()?, &beyond], 1)?
            } else {
                query()?.narrow(1, 0, places)?
            })?,
            (Score::Concat, Some(score)) => annotations.additive_attention(annotations, &query()?, score, Some(&mask))?.1,
            _ => softmax(&query()?.unsqueeze(1)?.matmul_transposed(annotations)?.squeeze(1)?)?,
        };
        let alpha = share.map_or_else(|| Ok(alpha.clone()), |share| alpha.mul(&share))?;
        Ok((alpha.unsqueeze(1)?.matmul(annotations)?.squeeze(1)?, alpha))
    }
}
