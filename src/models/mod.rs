//! Published systems, one file each, layer names equal to their checkpoints'; and what stands around them.

pub mod backdrop;
pub mod rnn_captioning;
pub mod selfie;
pub mod show_attend_tell;
