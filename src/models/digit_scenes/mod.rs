//! FCN made small: segmentation that is learned in minutes, of handwritten digits over textures.
//!
//! ```text
//! scene (3, side, side) --> five stages of convolutions, each halved by a pooling --> fc6 --> fc7 --> score_fr --> .. --> score (11, side, side)
//! label (side, side)        0 background, d + 1 the digit d, 255 on the rim of its ink, where nothing is right or wrong
//! ```
//!
//! PASCAL VOC takes days. What is learned here has VOC's form, with a background, a class a pixel and a rim without one, and
//! the networks, [`NarrowFcn`](super::narrow_fcn::NarrowFcn), have FCN's, so that what skips are for shows: a stroke is a few pixels
//! wide, and the scores of FCN-32s are 32 pixels apart.
//!
//! | file | what is in it |
//! |---|---|
//! | `scenes` | the scenes, made of MNIST's digits and random numbers |
//! | `crops` | what of a scene a network learns from that looks at one region at a time |
//! | `captions` | scenes of two digits with a caption |
//! | `questions` | the same with a question and its answer |
//! | `texture` | what is behind the digits |

mod captions;
mod crops;
mod questions;
mod scenes;
mod texture;

pub use captions::{CaptionedScenes, FIRST_DIGIT, LONGEST, WORDS, caption, looks};
pub use crops::{Crops, Seen};
pub use questions::{ANSWERS, AskedScenes, QUESTION_WORDS, SLOTS};
pub use scenes::Scenes;

use crate::error::Result;
use crate::nn::Weights;

/// How many classes there are: the background and ten digits.
pub const CLASSES: usize = 11;

/// The label of the pixels on the rim of a digit, which belong to no class.
pub const VOID: i32 = 255;

/// A trained FCN-8s, which is part of the crate: its metadata say what training them takes ([`About`](crate::train::About)).
///
/// # Errors
/// Never, unless the crate was built from damaged assets.
pub fn weights() -> Result<Weights> {
    Weights::from_bytes(WEIGHTS, "digits_fcn8s.safetensors")
}

const WEIGHTS: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/digits_fcn8s.safetensors"));

/// A trained cascade ([`Mnc`](crate::models::mnc::Mnc)), which tells one digit from the next and is part of the crate; its metadata say what
/// using it takes.
///
/// # Errors
/// Never, unless the crate was built from damaged assets.
pub fn cascade_weights() -> Result<Weights> {
    Weights::from_bytes(CASCADE, "digits_mnc.safetensors")
}

const CASCADE: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/digits_mnc.safetensors"));

/// Trained [`Hypercolumns`](crate::models::hypercolumns::Hypercolumns), which draw the masks of what that cascade finds and are part of the
/// crate; their metadata say what using them takes.
///
/// # Errors
/// Never, unless the crate was built from damaged assets.
pub fn column_weights() -> Result<Weights> {
    Weights::from_bytes(COLUMNS, "digits_hypercolumns.safetensors")
}

const COLUMNS: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/digits_hypercolumns.safetensors"));

/// A trained captioner of scenes of two digits with what it sees with ([`Captioner`](crate::models::captioning::Captioner)), which is part of
/// the crate; its metadata have the words.
///
/// # Errors
/// Never, unless the crate was built from damaged assets.
pub fn captioner_weights() -> Result<Weights> {
    Weights::from_bytes(CAPTIONER, "digits_captioner.safetensors")
}

const CAPTIONER: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/digits_captioner.safetensors"));

/// A trained network that answers questions about scenes of two digits, with what it sees with
/// ([`Answerer`](crate::models::smem_vqa::Answerer)), which is part of the crate; its metadata have the words.
///
/// # Errors
/// Never, unless the crate was built from damaged assets.
pub fn answerer_weights() -> Result<Weights> {
    Weights::from_bytes(ANSWERER, "digits_answerer.safetensors")
}

const ANSWERER: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/digits_answerer.safetensors"));

/// What a label is called.
pub fn name(label: u8) -> String {
    match label {
        0 => "background".to_owned(),
        digit @ 1..=10 => format!("digit {}", digit - 1),
        _ => "rim".to_owned(),
    }
}
