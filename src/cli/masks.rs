//! What `segment` finds in a photo: the mask of the built-in network or of an ONNX model, or a published system's classes.

use super::classifiers::{self, Classifier, Published, SystemArgs};
use super::photos::{self, BuiltIn};
use super::pictures::{PictureArgs, Pixels};
use super::things;
use super::trained::{self, TrainedPixels};
use clap::Args;
use foveate::array::{Array, DType, Hw, TensorType};
use foveate::graph::{Graph, Var};
use foveate::models::mnc::Cascade;
use foveate::models::{photo, selfie};
use foveate::nn::Weights;
use foveate::onnx::{Kind, Model};
use foveate::{Error, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct MaskArgs {
    /// Find what this ONNX model finds: it takes a picture and its first output is a mask of 0 to 1, or background and foreground; or
    /// the classes or things of a network that `foveate train` made, of the built-in ones that find digits, digits and
    /// single-digits, or of a published system: fcn32s, fcn16s, fcn8s, fcn8s-atonce, fcn-alexnet, deconvnet, edeconvnet, mnc
    #[arg(long, value_name = "MODEL.onnx|WEIGHTS.safetensors|digits|single-digits|SYSTEM")]
    model: Option<String>,
    #[command(flatten)]
    system: SystemArgs,
    /// The model gives logits: the mask is their sigmoid, or the softmax of two channels
    #[arg(long, requires = "model")]
    logits: bool,
    #[command(flatten)]
    picture: PictureArgs,
}

/// What is to be found.
#[derive(Debug)]
pub(super) enum Network {
    Masks(Masker),
    Classes(Box<Classifier>),
    Things(Box<Cascade>),
}

/// A network that finds masks.
#[derive(Debug)]
pub(super) enum Masker {
    Selfie(Weights),
    Model(Box<MaskModel>),
}

#[derive(Debug)]
pub(super) struct MaskModel {
    model: Model,
    pixels: Pixels,
    logits: bool,
}

impl MaskArgs {
    /// The photo for those who give none.
    pub(super) fn built_in(&self) -> BuiltIn {
        let of_digits = [trained::DIGITS, trained::SINGLE_DIGITS].map(Some).contains(&self.model.as_deref());
        if of_digits { photos::DIGITS } else { photos::ASTRONAUT }
    }

    /// # Errors
    /// If the model takes something else than a picture or gives something else than a mask of it, or weights are no system's.
    pub(super) fn load(self) -> Result<Network> {
        let Some(name) = self.model.clone() else {
            self.none("a --model in an ONNX file")?;
            self.system.none("a --model that is a published system")?;
            return Ok(Network::Masks(Masker::Selfie(selfie::weights()?)));
        };
        if name == things::PUBLISHED {
            self.none("a --model in an ONNX file")?;
            return Ok(Network::Things(Box::new(Cascade::new(self.system.only_weights(&name)?)?)));
        }
        if let Some(kind) = Published::named(&name) {
            self.none("a --model in an ONNX file")?;
            return self.system.load(kind).map(|classifier| Network::Classes(Box::new(classifier)));
        }
        let published = format!("{}, {}", Published::names(), things::PUBLISHED);
        self.system.none(&format!("a published system ({published}), and '{name}' is none"))?;
        if let Some(weights) = trained::named(&name)? {
            self.none("a --model in an ONNX file")?;
            if Cascade::has_layers_in(&weights) {
                return Ok(Network::Things(Box::new(Cascade::new(weights)?)));
            }
            let network = classifiers::Network::Trained(Box::new(TrainedPixels::new(weights)?));
            return Ok(Network::Classes(Box::new(Classifier { network, regions: None })));
        }
        let file = Path::new(&name);
        if file.extension().is_none() && !file.exists() {
            let [digits, single] = [trained::DIGITS, trained::SINGLE_DIGITS];
            let reason = format!("'{name}' is no file, and no model of this program: {digits}, {single}, {published}");
            return Err(Error::shape("segment", reason));
        }
        MaskModel::open(name.into(), &self.picture, self.logits).map(|model| Network::Masks(Masker::Model(model)))
    }

    /// Refuses options that are about something else.
    fn none(&self, about: &str) -> Result<()> {
        if self.logits || self.picture != PictureArgs::default() {
            return Err(Error::shape("segment", format!("--logits, --mean, --scale, --layout, --size and --bgr are about {about}")));
        }
        Ok(())
    }
}

impl MaskModel {
    fn open(path: PathBuf, picture: &PictureArgs, logits: bool) -> Result<Box<Self>> {
        let model = Model::open(path)?;
        let port = match model.inputs() {
            [one] if one.kind == Kind::Tensor => one,
            _ => return Err(Error::unsupported("--model", format!("more inputs than a picture: {}", model.takes()))),
        };
        let pixels = picture.pixels(port, &BTreeMap::new())?;
        let own = Self { model, pixels, logits };
        // What is wrong with the model is said before the first photo is read; where its size is open, any will do.
        let size = own.size(Hw::square(320));
        let graph = Graph::new();
        own.mask(&graph, &graph.input("photo", TensorType::f32([1, 3, size.h, size.w]))?)?;
        Ok(Box::new(own))
    }
}

impl Masker {
    /// The mask, (1, 1, h, w), of a photo (1, 3, h, w) with RGB in 0..1.
    pub(super) fn mask(&self, graph: &Graph, photo: &Var) -> Result<Var> {
        match self {
            Self::Selfie(weights) => selfie::photo_mask(graph, weights, photo),
            Self::Model(model) => model.mask(graph, photo),
        }
    }
}

/// The longest side that a model of open size is given.
const MOST: usize = 960;
/// Networks halve a picture up to five times.
const MULTIPLE: usize = 32;
/// The most input pixels, each way, that one of a mask may stand for.
const COARSEST: usize = 16;

impl MaskModel {
    /// The size at which it sees a photo: its own, or near the photo's.
    fn size(&self, photo: Hw) -> Hw {
        let longer = photo.h.max(photo.w);
        let side = |side: usize| {
            let fitting = if longer > MOST { side * MOST / longer } else { side };
            ((fitting + MULTIPLE / 2) / MULTIPLE).max(1) * MULTIPLE
        };
        self.pixels.size(Hw::new(side(photo.h), side(photo.w)))
    }

    fn mask(&self, graph: &Graph, photo: &Var) -> Result<Var> {
        let [_, _, h, w] = *photo.shape() else { return Err(Error::shape("segment", format!("{} is no photo", photo.ty()))) };
        let size = self.size(Hw::new(h, w));
        photo::mask(photo, size, |scaled| {
            let name = self.model.inputs().first().map_or("", |port| &port.name);
            let (name, output) = self.model.apply(graph, &[(name, &self.pixels.of(scaled)?)])?.into_iter().next().unzip();
            let (name, output): (String, Var) = match (name, output) {
                (Some(name), Some(output)) => (name, output),
                _ => return Err(Error::model(self.model.source(), "has no output")),
            };
            let mask = Form::of(&output, size).ok_or_else(|| {
                let (shape, w, h) = (output.ty(), size.w, size.h);
                let reason = format!(
                    "its output '{name}' is {shape}, no mask of a picture {w}x{h}: that is f32 (1, 1, h, w), (1, h, w, 1), (1, h, w) or \
                     (h, w), or has two channels, background and foreground; of the picture's size or up to {COARSEST} times smaller"
                );
                Error::model(self.model.source(), reason)
            })?;
            mask.read(&output, self.logits)
        })
    }
}

/// How an output holds a mask.
struct Form {
    /// The axis of two channels.
    channels: Option<isize>,
    size: Hw,
}

impl Form {
    /// How `output` holds a mask of a picture of this size, if it does.
    fn of(output: &Var, picture: Hw) -> Option<Self> {
        let (channels, h, w) = match *output.shape() {
            _ if output.dtype() != DType::F32 => return None,
            [1, 1, h, w] | [1, h, w, 1] | [1, h, w] | [h, w] => (None, h, w),
            [1, 2, h, w] => (Some(1), h, w),
            [1, h, w, 2] => (Some(3), h, w),
            _ => return None,
        };
        // The same whole factor each way, give or take the rounding of a side that it does not divide.
        let factor = picture.h.div_ceil(h);
        let fits = |side: usize, of: usize| of.div_ceil(factor) == side || of / factor == side;
        (factor <= COARSEST && fits(h, picture.h) && fits(w, picture.w)).then_some(Self { channels, size: Hw::new(h, w) })
    }

    fn read(&self, output: &Var, logits: bool) -> Result<Var> {
        let mask = match self.channels {
            None if logits => output.sigmoid()?,
            None => output.clone(),
            Some(axis) if logits => output.softmax(axis)?.narrow(axis, 1, 1)?,
            Some(axis) => output.narrow(axis, 1, 1)?,
        };
        mask.reshape([1, 1, self.size.h, self.size.w])
    }
}

/// Refuses a mask that goes beyond 0 to 1, but for rounding.
///
/// # Errors
/// With how far it goes.
pub(super) fn check(mask: &Array) -> Result<()> {
    let values = mask.values::<f32>()?;
    if values.iter().all(|v| (-1e-3..=1.001).contains(v)) {
        return Ok(());
    }
    let (low, high) = values.iter().fold((f32::MAX, f32::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
    let reason = if values.iter().any(|v| v.is_nan()) { "NaN".to_owned() } else { format!("values of {low} to {high}") };
    Err(Error::unsupported("--model", format!("a mask with {reason}; it must be 0 to 1, and logits are turned into that by --logits")))
}
