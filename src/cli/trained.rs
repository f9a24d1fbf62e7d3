//! Networks that `foveate train` made, from the file it wrote: weights, and what they say of their pictures.

use foveate::array::TensorType;
use foveate::graph::{Graph, Var};
use foveate::models::digit_scenes;
use foveate::models::draw::Glimpses;
use foveate::models::hypercolumns::{Hypercolumns, Refiner};
use foveate::models::mnc::Cascade;
use foveate::models::multiscale::Multiscale;
use foveate::models::narrow_fcn::NarrowFcn;
use foveate::models::pixelwise::Pixelwise;
use foveate::models::recurrent_cnn::RecurrentCnn;
use foveate::models::stn::{Mnist, Network, PlainCnn};
use foveate::models::torchvision;
use foveate::models::unet::UNet;
use foveate::nn::Weights;
use foveate::train::{About, Frame};
use foveate::{Error, Result};
use std::path::Path;

/// The names of the networks that find digits and are part of the program: the classes of pixels, and one digit from another.
pub(super) const DIGITS: &str = "digits";
pub(super) const SINGLE_DIGITS: &str = "single-digits";
/// The name of the captioner of two digits that is part of the program, where what it sees with is wanted.
const CAPTIONED_DIGITS: &str = "captioned-digits";
/// The name of the hypercolumns of digits that are part of the program.
const DIGIT_COLUMNS: &str = "digit-columns";

/// A network that gives each pixel a class.
#[derive(Debug)]
pub(super) struct TrainedPixels {
    network: Box<dyn Pixelwise>,
    weights: Weights,
    pub(super) about: About,
}

/// The weights of the network that `name` names: a built-in one, or a file.
pub(super) fn named(name: &str) -> Result<Option<Weights>> {
    match name {
        DIGITS => digit_scenes::weights().map(Some),
        SINGLE_DIGITS => digit_scenes::cascade_weights().map(Some),
        file if Path::new(file).extension().is_some_and(|extension| extension == "safetensors") => Weights::open(file).map(Some),
        _ => Ok(None),
    }
}

/// The weights to start from at `path`, which may be the name of a built-in network, or `PyTorch`'s VGG.
pub(super) fn start(path: &Path) -> Result<Weights> {
    if path.as_os_str() == CAPTIONED_DIGITS {
        return digit_scenes::captioner_weights();
    }
    let weights = named(&path.to_string_lossy())?.map_or_else(|| Weights::open(path), Ok)?;
    Ok(torchvision::vgg(&weights)?.unwrap_or(weights))
}

/// The hypercolumns that `name` names: the built-in ones, or a file.
pub(super) fn refiner(name: &str) -> Result<Refiner> {
    let path = Path::new(name);
    let weights = match name {
        DIGIT_COLUMNS => digit_scenes::column_weights()?,
        _ if path.extension().is_none() && !path.exists() => {
            return Err(Error::shape("--refine", format!("'{name}' is no file, and no hypercolumns of this program: {DIGIT_COLUMNS}")));
        }
        _ => Weights::open(path)?,
    };
    if !Hypercolumns::has_layers_in(&weights) {
        return Err(Error::model(weights.source(), "has no 'fcfc7.weight': it is of no hypercolumns, which --refine takes"));
    }
    Refiner::new(weights)
}

impl TrainedPixels {
    /// # Errors
    /// If the weights are of another network.
    pub(super) fn new(weights: Weights) -> Result<Self> {
        let Some(network) = pixelwise(&weights)? else {
            let reason = match System::of(&weights) {
                Some(_) => "gives each picture a class, so it is for `foveate classify`",
                None if weights.contains("first.canvas") => "draws pictures, so it is for `foveate draw`",
                None if Hypercolumns::has_layers_in(&weights) => "draws masks of what a cascade finds: --model CASCADE --refine takes it",
                None if weights.contains("seg-score-voc.weight") => "is a DeconvNet, for `foveate segment --model deconvnet --weights`",
                None => {
                    "has no 'score_fr.weight', 'conv_u0d-score.weight' or 'score.weight': it is no network that gives each pixel a class"
                }
            };
            return Err(Error::model(weights.source(), reason));
        };
        let (about, channels) = (About::of(&weights)?, network.channels());
        if about.mean.len() != channels {
            let reason = format!("is for images (n, {channels}, h, w), and its metadata do not give a 'mean' and a 'std' for each channel");
            return Err(Error::model(weights.source(), reason));
        }
        let own = Self { network, about, weights };
        // What is wrong with the weights is said before the first photo is read.
        own.scores(&Graph::new().input("photo", TensorType::f32([1, 3, 512, 512]))?)?;
        Ok(own)
    }

    /// Scores of a photo (1, 3, h, w) with RGB in 0..1.
    pub(super) fn scores(&self, photo: &Var) -> Result<Var> {
        self.network.photo_scores(&self.weights, &self.about, photo)
    }
}

/// The network that gives each pixel a class and has layers as `weights` do.
fn pixelwise(weights: &Weights) -> Result<Option<Box<dyn Pixelwise>>> {
    Ok(if weights.contains("score_fr.weight") {
        Some(Box::new(NarrowFcn::of(weights)?))
    } else if weights.contains("conv_u0d-score.weight") {
        Some(Box::new(UNet::of(weights)?))
    } else if ["conv3", "hidden", "score"].iter().all(|layer| weights.contains(&format!("{layer}.weight"))) {
        Some(Box::new(Multiscale::of(weights)?))
    } else if ["conv1", "conv2", "score"].iter().all(|layer| weights.contains(&format!("{layer}.weight"))) {
        Some(Box::new(RecurrentCnn::of(weights)?))
    } else {
        None
    })
}

/// A network that gives each picture a class.
pub(super) struct TrainedClassifier {
    network: Box<dyn Network>,
    weights: Weights,
    about: About,
    /// What makes its examples of pictures.
    pub(super) frame: Frame,
    /// How many classes there are.
    pub(super) classes: usize,
}

impl TrainedClassifier {
    /// # Errors
    /// If the file cannot be read or is of another network, or what it says of pictures does not fit it.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let weights = Weights::open(path)?;
        let wrong = |reason: String| Error::model(weights.source(), reason);
        let system = match System::of(&weights) {
            Some(system) => system,
            None if Cascade::has_layers_in(&weights) => {
                return Err(wrong("finds things in pictures, so it is for `foveate segment --model`".to_owned()));
            }
            None if Hypercolumns::has_layers_in(&weights) => {
                return Err(wrong("draws masks of what is found, so it is for `foveate segment --refine`".to_owned()));
            }
            None if pixelwise(&weights)?.is_some() => {
                return Err(wrong("gives each pixel a class, so it is for `foveate segment --model`".to_owned()));
            }
            None if weights.contains("first.canvas") => return Err(wrong("draws pictures, so it is for `foveate draw`".to_owned())),
            None => {
                let reason = "is no network that gives each picture a class: recipes of the systems cnn, stn and glimpses make `foveate train` write such";
                return Err(wrong(reason.to_owned()));
            }
        };
        let about = About::of(&weights)?;
        if about.size.is_none() {
            return Err(wrong("its metadata have no 'size' of pictures; files of `foveate train` say it".to_owned()));
        }
        let channels = about.mean.len();
        if !matches!(channels, 1 | 3) {
            return Err(wrong(format!("is for images of {channels} channels, as MNIST addition's two digits are; pictures have 1 or 3")));
        }
        let (network, frame) = (system.network(&weights, &about)?, about.frame()?);
        let mut own = Self { network, weights, about, frame, classes: 0 };
        // What is wrong with the weights is said before the first picture is read.
        own.classes = own.probabilities(1)?.shape()[1];
        match own.about.classes.len() {
            0 => Ok(own),
            named if named == own.classes => Ok(own),
            named => {
                Err(Error::model(own.weights.source(), format!("its metadata name {named} classes, its scores are of {}", own.classes)))
            }
        }
    }

    /// What the classes are called.
    pub(super) fn names(&self) -> Vec<String> {
        (0..self.classes).map(|label| self.about.class(label)).collect()
    }

    /// How likely each class is, (n, classes), of the input `image`: n examples.
    pub(super) fn probabilities(&self, n: usize) -> Result<Var> {
        let (graph, mut ty) = (Graph::new(), self.frame.image_type());
        ty.shape.insert(0, n);
        let image = self.about.normalised(&graph.input("image", ty)?, 1.0, 0.0)?;
        self.network.forward(&graph, &self.weights, &image)?.logits.softmax(1)
    }
}

/// The systems that give each picture a class.
#[derive(Clone, Copy, Debug)]
enum System {
    Cnn,
    Stn,
    Glimpses,
}

impl System {
    /// The one that has layers as `weights` do.
    fn of(weights: &Weights) -> Option<Self> {
        let has = |layers: [&str; 2]| layers.iter().all(|layer| weights.contains(&format!("{layer}.weight")));
        if has(["conv1_1", "fc"]) {
            return Some(Self::Cnn);
        }
        if has(["glimpse", "fc"]) {
            return Some(Self::Glimpses);
        }
        (has(["conv1", "fc1"]) || has(["fc1", "fc3"])).then_some(Self::Stn)
    }

    fn network(self, weights: &Weights, about: &About) -> Result<Box<dyn Network>> {
        Ok(match self {
            Self::Cnn => Box::new(PlainCnn::of(weights, about)?),
            Self::Stn => Box::new(Mnist::of(weights, about)?),
            Self::Glimpses => Box::new(Glimpses::of(weights, about)?),
        })
    }
}
