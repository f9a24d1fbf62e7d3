//! All phones of a recording in one graph: those that are given, and the likeliest.

use super::Manner;
use super::network::{Heard, Network};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::ops::stack;

/// What stood behind each phone: states (B, n), what was heard (B, 2n), and where (B, L).
#[derive(Default)]
struct Steps {
    states: Vec<Var>,
    contexts: Vec<Var>,
    alphas: Vec<Var>,
}

impl Network {
    /// What each phone of `target`, i32 (B, T), and those that could have stood there score after the phones before it: (B, T, phones). And
    /// where the network looked for each, (B, T, L). Recordings are (B, L, features), see [`Network::hear`]; -1 stands behind the end of
    /// phones.
    ///
    /// # Errors
    /// If the shapes do not belong together.
    pub fn forced(&self, sound: &Var, target: &Var, manner: Manner) -> Result<(Var, Var)> {
        let &[batch, steps] = target.shape() else {
            return Err(Error::shape("arsg", format!("phones are i32 (recordings, phones), not {}", target.ty())));
        };
        if sound.shape().first() != Some(&batch) || steps == 0 {
            return Err(Error::shape("arsg", format!("recordings {} of phones {}", sound.ty(), target.ty())));
        }
        let made = self.steps(&self.hear(sound)?, steps, manner, |at, _, _| target.narrow(1, at, 1)?.squeeze(1))?;
        // The phones' scores need no order: one product for all of them.
        let rows = |each: &[Var]| {
            let all = stack(each, 1)?;
            all.reshape([batch * steps, all.shape()[2]])
        };
        let scores = self.scores(&rows(&made.states)?, &rows(&made.contexts)?)?;
        Ok((scores.reshape([batch, steps, self.sizes().phones])?, stack(&made.alphas, 1)?))
    }

    /// The likeliest phone after the likeliest phone, `steps` in all, i32 (B, T), and where the network looked for each, (B, T, L). What
    /// follows an [`END`](crate::models::sentences::END) means nothing.
    ///
    /// # Errors
    /// If `steps` is 0, or the recordings are of another shape.
    pub fn greedy(&self, sound: &Var, steps: usize, manner: Manner) -> Result<(Var, Var)> {
        if steps == 0 {
            return Err(Error::shape("arsg", "0 phones of a recording"));
        }
        let mut phones = Vec::new();
        let made = self.steps(&self.hear(sound)?, steps, manner, |_, state, context| {
            let phone = self.scores(state, context)?.argmax(-1, false, false)?;
            phones.push(phone.clone());
            Ok(phone)
        })?;
        Ok((stack(&phones, 1)?, stack(&made.alphas, 1)?))
    }

    /// `phone` says what is written, by number, state and what was heard; of the last nothing follows.
    fn steps(&self, heard: &Heard, steps: usize, manner: Manner, mut phone: impl FnMut(usize, &Var, &Var) -> Result<Var>) -> Result<Steps> {
        let (mut state, mut alpha) = self.begin(heard)?;
        let mut made = Steps::default();
        for at in 0..steps {
            let look = self.look(heard, &state, &alpha, manner)?;
            let phone = phone(at, &state, &look.context)?;
            let next = if at + 1 < steps { self.next(&state, &look.context, &phone)? } else { state.clone() };
            made.states.push(std::mem::replace(&mut state, next));
            made.contexts.push(look.context);
            made.alphas.push(look.alpha.clone());
            alpha = look.alpha;
        }
        Ok(made)
    }
}
