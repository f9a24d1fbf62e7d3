//! The published systems by name: what `models` lists and `init` makes weights for.

mod size;

use foveate::array::{Array, TensorType};
use foveate::graph::Graph;
use foveate::models::arsg::Arsg;
use foveate::models::deconvnet::DeconvNet;
use foveate::models::draw::{Draw, Glimpses};
use foveate::models::fcn::{Fcn, Variant};
use foveate::models::googlenet::GoogLeNet;
use foveate::models::handwriting::Handwriting;
use foveate::models::hypercolumns::Hypercolumns;
use foveate::models::luong::Luong;
use foveate::models::mnc::Mnc;
use foveate::models::multiscale::Multiscale;
use foveate::models::pixelwise::Pixelwise;
use foveate::models::recurrent_cnn::RecurrentCnn;
use foveate::models::rnn_captioning::{self, Form};
use foveate::models::rnnsearch::RnnSearch;
use foveate::models::show_attend_tell;
use foveate::models::smem_vqa::SmemVqa;
use foveate::models::stn::{Classifier, Mnist, Network, Placement, Svhn, Task, Transform};
use foveate::models::unet::UNet;
use foveate::models::vgg::{self, Depth, Top, Vgg};
use foveate::models::{Parameter, selfie};
use foveate::nn::Weights;
use foveate::{Error, Result};

/// A published system.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum System {
    Selfie,
    Fcn(Variant),
    DeconvNet,
    Unet,
    Multiscale,
    RecurrentCnn,
    Mnc,
    Hypercolumns,
    /// Of the MNIST experiments, at the paper's 400,000 parameters: a name, the task, transformers, and whether it convolves.
    Mnist(&'static str, Task, &'static [Transform], bool),
    Svhn(&'static str, Placement),
    Draw,
    Glimpses,
    ShowAttendTell,
    NeuralTalk,
    RnnSearch,
    Luong,
    /// With a text to write, or without.
    Handwriting(bool),
    SmemVqa,
    Arsg,
}

impl System {
    pub(super) fn all() -> Vec<Self> {
        const RTS: Task = Task::RotatedTranslatedScaled;
        let mut all = vec![Self::Selfie];
        all.extend(Variant::ALL.map(Self::Fcn));
        all.extend([Self::DeconvNet, Self::Unet, Self::Multiscale, Self::RecurrentCnn, Self::Mnc, Self::Hypercolumns]);
        all.extend([
            Self::Mnist("st-fcn", RTS, &[Transform::Affine], false),
            Self::Mnist("st-cnn", RTS, &[Transform::Affine], true),
            Self::Mnist("st-cnn-tps", RTS, &[Transform::ThinPlateSpline], true),
            Self::Mnist("st-fcn-addition", Task::Addition, &[Transform::Affine; 2], false),
            Self::Svhn("st-cnn-single", Placement::Single),
            Self::Svhn("st-cnn-multi", Placement::Multi),
            Self::Draw,
            Self::Glimpses,
            Self::ShowAttendTell,
            Self::NeuralTalk,
            Self::RnnSearch,
            Self::Luong,
            Self::Handwriting(true),
            Self::Handwriting(false),
            Self::SmemVqa,
            Self::Arsg,
        ]);
        all
    }

    /// # Errors
    /// If there is none of this name: with those there are.
    pub(super) fn named(name: &str) -> Result<Self> {
        let all = Self::all();
        all.iter().copied().find(|system| system.name() == name).ok_or_else(|| {
            let names: Vec<&str> = all.iter().map(|system| system.name()).collect();
            Error::shape("system", format!("there is no '{name}'; there are {}", names.join(", ")))
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Selfie => "selfie",
            Self::Fcn(variant) => variant.name(),
            Self::DeconvNet => "deconvnet",
            Self::Unet => "unet",
            Self::Multiscale => "multiscale",
            Self::RecurrentCnn => "recurrent-cnn",
            Self::Mnc => "mnc",
            Self::Hypercolumns => "hypercolumns",
            Self::Draw => "draw",
            Self::Glimpses => "draw-glimpses",
            Self::ShowAttendTell => "show-attend-tell",
            Self::NeuralTalk => "neuraltalk",
            Self::RnnSearch => "rnnsearch",
            Self::Luong => "luong",
            Self::Handwriting(true) => "handwriting",
            Self::Handwriting(false) => "handwriting-prediction",
            Self::SmemVqa => "smem-vqa",
            Self::Arsg => "arsg",
            Self::Mnist(name, ..) | Self::Svhn(name, _) => name,
        }
    }

    pub(super) fn source(self) -> &'static str {
        match self {
            Self::Selfie => "Google MediaPipe 2021; its weights are part of foveate",
            Self::Fcn(_) => "Long, Shelhamer, Darrell, CVPR 2015",
            Self::DeconvNet => "Noh, Hong, Han, ICCV 2015",
            Self::Unet => "Ronneberger, Fischer, Brox, MICCAI 2015",
            Self::Multiscale => "Farabet, Couprie, Najman, LeCun, TPAMI 2013: three scales, the eight classes of Stanford Background",
            Self::RecurrentCnn => {
                "Pinheiro, Collobert, ICML 2014: applied three times, every pixel named, the classes of Stanford Background"
            }
            Self::Mnc => "Dai, He, Sun, CVPR 2016: on VGG-16, 300 proposals and the boxes that they move to",
            Self::Hypercolumns => "Hariharan, Arbelaez, Girshick, Malik, CVPR 2015: on VGG-16, as released, 10 boxes",
            Self::Draw => "Gregor et al., ICML 2015: binarised MNIST, 64 steps; looking at a digit and drawing it again",
            Self::Glimpses => "Gregor et al., ICML 2015: cluttered MNIST, 8 glimpses",
            Self::ShowAttendTell => "Xu et al., ICML 2015: COCO's sizes on VGG-19, 13 words",
            Self::NeuralTalk => "Karpathy, Fei-Fei, CVPR 2015: on VGG-16, 13 words",
            Self::RnnSearch => "Bahdanau, Cho, Bengio, ICLR 2015: 30,000 words of either language, 25 of each sentence",
            Self::Luong => "Luong, Pham, Manning, EMNLP 2015: local attention, 50,000 words of either language, 25 of each sentence",
            Self::Handwriting(true) => "Graves, 2013: 57 characters, 700 points of a line of 28",
            Self::Handwriting(false) => "Graves, 2013: without a text, 700 points of a line",
            Self::SmemVqa => "Xu, Saenko, ECCV 2016: two hops on GoogLeNet, VQA's words and answers",
            Self::Arsg => "Chorowski et al., NIPS 2015: TIMIT's 61 phones, 40 of them in 3 s",
            Self::Mnist(..) | Self::Svhn(..) => "Jaderberg, Simonyan, Zisserman, Kavukcuoglu, NIPS 2015",
        }
    }

    /// Weights as training starts with them. Networks that start from a classifier take `trunk`, or random numbers for one.
    ///
    /// # Errors
    /// If a layer is missing from `trunk`, or has another shape, by name; if the system has no use for one.
    pub(super) fn initial(self, seed: u64, trunk: Option<&Weights>) -> Result<Weights> {
        match (self, trunk) {
            (Self::Fcn(variant), None) => Fcn::new(variant).initial(&Fcn::new(variant).random_trunk(seed)?),
            (Self::Fcn(variant), Some(trunk)) => Fcn::new(variant).initial(trunk),
            (Self::DeconvNet, None) => DeconvNet::new().initial(&DeconvNet::new().random_trunk(seed)?, seed),
            (Self::DeconvNet, Some(trunk)) => DeconvNet::new().initial(trunk, seed),
            (Self::ShowAttendTell, trunk) => encoder(trunk, VGG19, Top::Conv5, seed)?.joined(show_attend_tell::Config::COCO.initial(seed)?),
            (Self::NeuralTalk, trunk) => encoder(trunk, VGG16, Top::Fc7, seed)?.joined(NEURALTALK.initial(seed)?),
            (Self::SmemVqa, trunk) => answering(trunk, seed),
            (Self::Mnc, Some(trunk)) => Mnc::new().after(trunk, seed),
            (Self::Hypercolumns, Some(trunk)) => Hypercolumns::new().after(trunk, seed),
            (_, Some(_)) => Err(Error::unsupported("--trunk", format!("with {}, which starts from random weights", self.name()))),
            (Self::Mnist(_, task, transforms, convolves), None) => mnist(task, transforms, convolves)?.init(seed),
            (Self::Svhn(_, placement), None) => Svhn::new(64, placement).init(seed),
            (Self::Handwriting(text), None) => handwriting(text).initial(seed),
            (Self::Arsg, None) => Arsg::TIMIT.initial(seed),
            (Self::RnnSearch, None) => RnnSearch::PUBLISHED.initial(seed),
            (Self::Luong, None) => Luong::PUBLISHED.initial(seed),
            (Self::Unet, None) => UNet::new().initial(seed),
            (Self::Multiscale, None) => Multiscale::new().initial(seed),
            (Self::RecurrentCnn, None) => Ok(described(RecurrentCnn::new().initial(seed)?, RecurrentCnn::new().metadata())),
            (Self::Mnc, None) => Mnc::new().initial(seed),
            (Self::Hypercolumns, None) => Hypercolumns::new().initial(seed),
            (Self::Draw, None) => Ok(described(Draw::MNIST.init(seed)?, Draw::MNIST.metadata())),
            (Self::Glimpses, None) => Ok(described(Glimpses::CLUTTERED.init(seed)?, Glimpses::CLUTTERED.metadata())),
            (Self::Selfie, None) => selfie::weights(),
        }
    }
}

/// What weights do not tell, beside them.
fn described(weights: Weights, metadata: Vec<(&'static str, String)>) -> Weights {
    metadata.into_iter().fold(weights, |weights, (key, value)| weights.with_metadata(key, &value))
}

const VGG16: Vgg = Vgg::new(Depth::Vgg16);
const VGG19: Vgg = Vgg::new(Depth::Vgg19);
/// With the published script's sizes and COCO's words of five occurrences or more.
const NEURALTALK: rnn_captioning::Config =
    rnn_captioning::Config { form: Form::NeuralTalk { once: false }, features: 4096, embedding: 256, hidden: 256, words: 8791 };

fn handwriting(text: bool) -> Handwriting {
    if text { Handwriting::SYNTHESIS } else { Handwriting::PREDICTION }
}

/// SMem-VQA with what it sees by: the layers of `trunk`, or random ones.
fn answering(trunk: Option<&Weights>, seed: u64) -> Result<Weights> {
    let net = GoogLeNet::PUBLISHED;
    let eyes = match trunk {
        None => net.initial(seed)?,
        Some(trunk) => {
            let own = |p: Parameter| Ok((p.name.clone(), Array::clone(trunk.shaped(&p.name, &p.shape)?)));
            Weights::from_arrays(trunk.source(), net.parameters()?.into_iter().map(own).collect::<Result<Vec<_>>>()?)
        }
    };
    eyes.joined(SmemVqa::PUBLISHED.initial(seed)?)
}

/// The encoder's layers of `trunk`, or random ones.
fn encoder(trunk: Option<&Weights>, vgg: Vgg, top: Top, seed: u64) -> Result<Weights> {
    let Some(trunk) = trunk else { return vgg.initial(top, seed) };
    let arrays = vgg.parameters(top)?.into_iter().map(|p| {
        let array = Array::clone(trunk.get(&p.name)?);
        let array = if array.len() == p.len() { array.reshaped(&*p.shape)? } else { array };
        Ok((p.name, array))
    });
    let taken = Weights::from_arrays(trunk.source(), arrays.collect::<Result<Vec<_>>>()?);
    vgg.forward(&taken, &Graph::new().input("data", TensorType::f32([1, 3, vgg::SIZE.h, vgg::SIZE.w]))?, top)?;
    Ok(taken)
}

fn mnist(task: Task, transforms: &[Transform], convolves: bool) -> Result<Mnist> {
    let classifier = if convolves { Classifier::Cnn(1) } else { Classifier::Fcn(1) };
    Mnist { task, transforms: transforms.to_vec(), classifier }.fitted(400_000)
}
