//! FCN made small: segmentation that is learned in minutes, of handwritten digits over textures.
//!
//! ```text
//! scene (3, side, side) --> five stages of convolutions, each halved by a pooling --> fc6 --> fc7 --> score_fr --> .. --> score (11, side, side)
//! label (side, side)        0 background, d + 1 the digit d, 255 on the rim of its ink, where nothing is right or wrong
//! ```
//!
//! PASCAL VOC takes days. What is learned here has VOC's form, with a background, a class a pixel and a rim without one, and
//! the networks have FCN's, so that what skips are for shows: a stroke is a few pixels wide, and the scores of FCN-32s are 32 pixels apart.
//!
//! | file | what is in it |
//! |---|---|
//! | `scenes` | the scenes, made of MNIST's digits and random numbers |
//! | `texture` | what is behind the digits |
//! | `network` | FCN-32s, FCN-16s and FCN-8s of other widths |

mod network;
mod scenes;
mod texture;

pub use network::NarrowFcn;
pub use scenes::Scenes;

/// How many classes there are: the background and ten digits.
pub const CLASSES: usize = 11;

/// The label of the pixels on the rim of a digit, which belong to no class.
pub const VOID: i32 = 255;

/// What a label is called.
pub fn name(label: u8) -> String {
    match label {
        0 => "background".to_owned(),
        digit @ 1..=10 => format!("digit {}", digit - 1),
        _ => "rim".to_owned(),
    }
}
