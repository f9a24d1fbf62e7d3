//! Published systems, one file each, layer names equal to their checkpoints'; and what stands around them.

pub mod backdrop;
pub mod photo;
pub mod selfie;
pub mod stn;
