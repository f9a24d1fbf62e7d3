//! Published systems, one file each, layer names equal to their checkpoints'; and what stands around them.

pub mod backdrop;
mod caffe;
pub mod deconvnet;
pub mod fcn;
pub mod photo;
pub mod rnn_captioning;
pub mod selfie;
pub mod show_attend_tell;
pub mod stn;
mod vgg16;
pub mod voc;

pub use caffe::{Initial, Layer, MEAN, Moments, Network, Normalisation, Parameter, Switches, data};
