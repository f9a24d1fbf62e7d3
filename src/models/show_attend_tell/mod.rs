//! Show, Attend and Tell: a caption of a photo, word by word, and where the network looked for each word.
//!
//! ```text
//! a      (B, L, D)  annotations: conv5 of VGG before its last pooling, 14 x 14 x 512 as 196 x 512
//! mean   (B, D)     of a over L; each ff_init_i: relu(mean W + b)
//! h0, c0 (B, n)     tanh(mean W + b) with ff_state and ff_memory
//! P      (B, L, D)  a Wc_att + b_att, then tanh(P W_att_i + b_att_i) for each further layer: once per image
//!
//! alpha  (B, L)     softmax over L of tanh(P + h Wd_att) . U_att                                   (4), (5)
//! beta   (B, 1)     sigmoid(h W_sel + b_sel)                                                       section 4.2.1
//! z      (B, D)     beta * sum over L of alpha a; hard: beta * a at one place                      (6), (13)
//! x      (B, m)     Wemb at the word before; zeros for the first word
//! i f o g           x W + h U + z Wc + b, sigmoid of the first three, tanh of the last             (1)
//! c, h              f c + i g, o tanh(c)                                                           (2), (3)
//! logits (B, K)     tanh(h L_h + x + z L_z) L_o + b: ff_logit_lstm, ff_logit_ctx, ff_logit         (7)
//! ```
//!
//! h on the right is the state *before* the word. The paper prints (7) without the tanh; the published code has it, and so has this.
//! There is no start token; the end of a sentence is word [`END`], an unknown word [`UNKNOWN`].
//! Dropout is not inverted: without noise what it drops is halved, and so it is here where [`Config::dropout`] says that a network
//! was trained with it; [`Decoder::in_training`] has the noise.
//!
//! Xu, Ba, Kiros, Cho, Courville, Salakhutdinov, Zemel, Bengio: Show, Attend and Tell, ICML 2015, arXiv 1502.03044. Parameter names
//! and shapes are those of the published code, kelvinxu/arctic-captions: weights stand to the right of what they multiply.

mod beam;
mod config;
mod decoder;
mod greedy;
mod initial;
mod loss;
mod sheet;

pub use crate::nn::loss::doubly_stochastic;
pub use beam::{BeamSearch, Hypothesis};
pub use config::Config;
pub use decoder::{Annotated, Decoder, State, Step};
pub use greedy::{Caption, Unrolled, captions};
pub use loss::{caption_reward, hard_attention_loss, rewards_to_go, sentence_loss};
pub use sheet::{panels, sheet};

use crate::array::Array;
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::nn::{Random, Weights};

/// The word that ends a sentence.
pub const END: i32 = 0;
/// The word that stands for all that are not in the vocabulary.
pub const UNKNOWN: i32 = 1;

/// Where a file's metadata say what attention it has learnt.
pub const ATTENTION_KEY: &str = "attn_type";

/// What becomes of alpha at inference.
#[derive(Clone, Debug, Default)]
pub enum Attention {
    /// The expectation: soft attention, and what the published script does with networks trained for hard attention, too.
    #[default]
    Soft,
    /// The likeliest place alone, the first of equals.
    Hard,
    /// One place for each image and word, drawn by numbers (B, words) in 0..1: the first place up to which the alphas add up to more.
    Sampled(Var),
    /// [`Attention::Sampled`] in some steps of training and [`Attention::Soft`] in the others, as [`Attention::mixed`] has it.
    Mixed {
        /// f32 (B, words): what places are drawn by.
        numbers: Var,
        /// One truth value, bool (1): whether the context is what lies at those places. Else it is the expectation.
        drawn: Var,
    },
}

impl Attention {
    /// What the network of `weights` has learnt to see with, by the published option `attn_type` in the file's metadata: the likeliest
    /// place alone if that is `stochastic`, the expectation if it is `deterministic` or nothing says so.
    ///
    /// # Errors
    /// [`Error::Model`] if it is something else.
    pub fn learnt(weights: &Weights) -> Result<Self> {
        match weights.metadata().get(ATTENTION_KEY).map(String::as_str) {
            Some("stochastic") => Ok(Self::Hard),
            Some("deterministic") | None => Ok(Self::Soft),
            Some(other) => {
                let reason = format!("says {ATTENTION_KEY} is '{other}', it must be stochastic or deterministic");
                Err(Error::model(weights.source(), reason))
            }
        }
    }

    /// Attention to places drawn for so many images and words, but with a chance of 1 - `share` to their expectation: one coin for all
    /// images and words of a run. Hard attention was trained with a share of 0.5 (section 4.1), which lowers the estimator's variance.
    ///
    /// # Errors
    /// If the share is not 0 to 1, or there are no images or words.
    pub fn mixed(random: &mut Random, images: usize, words: usize, share: f32) -> Result<Self> {
        if !(0.0..=1.0).contains(&share) {
            return Err(Error::shape("show_attend_tell", format!("the share of steps with drawn places is 0 to 1, not {share}")));
        }
        let (numbers, coin) = (random.uniform(&[images, words])?, random.uniform(&[1])?);
        let drawn = coin.less(&coin.graph().constant(Array::scalar(share))?)?;
        Ok(Self::Mixed { numbers, drawn })
    }

    /// Whether places are drawn, always or at times.
    fn is_drawn(&self) -> bool {
        matches!(self, Self::Sampled(_) | Self::Mixed { .. })
    }
}

/// Annotations (n, h * w, c) of a convolutional network's features (n, c, h, w), place after place along the rows.
///
/// # Errors
/// If the features have other dimensions.
pub fn annotations(features: &Var) -> Result<Var> {
    let [n, c, h, w] = *features.shape() else {
        return Err(Error::shape("show_attend_tell", format!("features are (n, c, h, w), not {}", features.ty())));
    };
    features.reshape([n, c, h * w])?.swap_axes(1, 2)
}
