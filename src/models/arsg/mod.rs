//! The attention-based recurrent sequence generator: the phones of a recording, one by one, and where in it the network listened for each.
//!
//! ```text
//! h      = bidirectional GRUs, one above the other, over frames x[1..L]                      annotations, (B, L, 2n)
//! f[j]   = F * alpha[i-1]      filters over where the network looked before, zeros beyond its ends; alpha[0] is the first frame
//! e[j]   = w . tanh(W s[i-1] + V h[j] + U f[j] + b)                                          without U f: by content alone
//! alpha  = softmax(sharpness e), or smoothed: sigma(e + c) over its sum                      g = sum over j of alpha[j] h[j]
//! p(y)   = softmax(Wo t + b)      t[k] = the larger of r[2k], r[2k + 1]      r = [Us Ug] [s[i-1]; g] + b
//! s[i]   = GRU([E y[i]; g], s[i-1])
//! ```
//!
//! Every recording's phones end with [`END`](crate::models::sentences::END). A GRU's z keeps the state, as in
//! [`rnnsearch`](crate::models::rnnsearch), where the published code's lets the candidate in. First states are learnt.
//!
//! Source: Chorowski, Bahdanau, Serdyuk, Cho, Bengio, Attention-Based Models for Speech Recognition (NIPS 2015, arXiv 1506.07503), and the
//! configurations of its code. No weights were released; names are this crate's. Left out: adaptive weight noise, and keeping only the
//! largest scores of a softmax.
//!
//! | file | what is in it |
//! |---|---|
//! | `sizes` | [`Arsg`]: how large a network is |
//! | `network` | [`Network`]: the formulas above |
//! | `sentence` | all phones in one graph: those that are given, and the likeliest |
//! | `recogniser` | [`Recogniser`]: phones by beam search |
//! | `sound` | [`Sound`]: WAV and NIST SPHERE files, other rates |
//! | `filterbank` | [`Filterbank`]: log mel energies and how they change |
//! | `recordings` | [`Recordings`]: recordings with their phones as examples |
//! | `timit` | TIMIT's files and phones |
//! | `picture` | what was heard, and where the network listened for each phone |

mod filterbank;
mod network;
mod picture;
mod recogniser;
mod recordings;
mod sentence;
mod sizes;
mod sound;
mod timit;

pub use filterbank::Filterbank;
pub use network::{Heard, Look, MEASURED, NOTHING, Network};
pub use picture::listened;
pub use recogniser::{Recogniser, Recognition};
pub use recordings::{Hearing, Recording, Recordings, Room, listed};
pub use sizes::Arsg;
pub use sound::Sound;
pub use timit::{Part, folded, timit};

use crate::error::Result;
use crate::nn::Weights;

/// The weights of a network that has learnt to hear digits, spoken by five synthetic voices and three that were made of people's, which are
/// part of the crate: 64 units.
///
/// # Errors
/// Never, unless the crate was built from damaged assets.
pub fn weights() -> Result<Weights> {
    Weights::from_bytes(WEIGHTS, SPOKEN)
}

/// A recording of digits by one of these voices, which is part of the crate.
///
/// # Errors
/// Never, unless the crate was built from damaged assets.
pub fn sample() -> Result<Sound> {
    Sound::from_bytes(SAMPLE, "spoken_digits.wav")
}

/// What is said in it: seven three, nine zero five.
pub const SAMPLE_PHONES: &str = "s eh v ax n th r iy n ay n z ih r ow f ay v";

const SPOKEN: &str = "spoken_digits.safetensors";
const WEIGHTS: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/spoken_digits.safetensors"));
const SAMPLE: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/spoken_digits.wav"));

/// How the network looks, beyond what its weights say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Manner {
    /// What scores are multiplied by before they become weights: above 1 it looks at fewer frames. The paper's beta.
    pub sharpness: f32,
    /// How many frames to either side of the median of where it looked before it may look at; all where there is none.
    pub window: Option<usize>,
}

/// Where metadata have the sharpness.
const SHARPNESS: &str = "sharpness";

impl Manner {
    /// How `weights` were trained to look.
    ///
    /// # Errors
    /// [`Error::Model`](crate::Error::Model) if their metadata say something else than a number.
    pub fn of(weights: &Weights) -> Result<Self> {
        let usual = Self::default();
        Ok(Self { sharpness: weights.number(SHARPNESS)?.unwrap_or(usual.sharpness), ..usual })
    }

    /// What weights say of it.
    pub fn metadata(self) -> (&'static str, String) {
        (SHARPNESS, self.sharpness.to_string())
    }
}

impl Default for Manner {
    fn default() -> Self {
        Self { sharpness: 1.0, window: None }
    }
}
