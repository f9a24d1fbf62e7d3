//! Published systems, one file each, layer names equal to their checkpoints'; and what stands around them.

pub mod backdrop;
mod beam;
mod boxes;
mod caffe;
pub mod captioning;
pub mod deconvnet;
pub mod digit_scenes;
mod digits;
pub mod draw;
pub mod fcn;
pub mod handwriting;
pub mod hypercolumns;
mod layers;
pub mod mnc;
pub mod multiscale;
pub mod narrow_fcn;
pub mod photo;
pub mod pixelwise;
pub mod rnn_captioning;
pub mod rnnsearch;
pub mod selfie;
pub mod show_attend_tell;
pub mod stn;
pub mod superpixels;
pub mod torchvision;
mod trunk;
pub mod unet;
pub mod vgg;
mod vgg16;
mod view;
pub mod voc;
pub mod vocabulary;

pub use caffe::{Initial, Layer, MEAN, Moments, Network, Normalisation, Parameter, Switches, data};
pub use layers::Layers;
