//! The published systems by name: what `models` lists and `init` makes weights for.

use foveate::array::{Array, DType, TensorType};
use foveate::graph::{Graph, Var};
use foveate::models::Layers;
use foveate::models::arsg::{self, Arsg, Manner};
use foveate::models::deconvnet::{self, DeconvNet};
use foveate::models::draw::{Draw, Glimpses};
use foveate::models::fcn::{Fcn, Variant};
use foveate::models::googlenet::GoogLeNet;
use foveate::models::handwriting::{self, Handwriting};
use foveate::models::hypercolumns::{self, Hypercolumns};
use foveate::models::mnc::{self, Mnc};
use foveate::models::multiscale::Multiscale;
use foveate::models::pixelwise::Pixelwise;
use foveate::models::recurrent_cnn::RecurrentCnn;
use foveate::models::rnn_captioning::{self, Form};
use foveate::models::rnnsearch::{self, RnnSearch};
use foveate::models::show_attend_tell::{self, Attention, Decoder};
use foveate::models::smem_vqa::{self, SmemVqa};
use foveate::models::stn::{Classifier, Mnist, Network, Placement, Svhn, Task, Transform};
use foveate::models::unet::{self, UNet};
use foveate::models::vgg::{self, Depth, Top, Vgg};
use foveate::models::{self, Normalisation, Parameter, selfie};
use foveate::nn::Weights;
use foveate::plan::Cost;
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
    /// With a text to write, or without.
    Handwriting(bool),
    SmemVqa,
    Arsg,
}

/// Size and work of a system.
pub(super) struct Size {
    /// Numbers that training changes.
    pub(super) parameters: usize,
    /// Products for one picture, or sentence.
    pub(super) multiply_adds: u64,
    /// Its size.
    pub(super) picture: String,
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
            Self::Handwriting(true) => "Graves, 2013: 57 characters, 700 points of a line of 28",
            Self::Handwriting(false) => "Graves, 2013: without a text, 700 points of a line",
            Self::SmemVqa => "Xu, Saenko, ECCV 2016: two hops on GoogLeNet, VQA's words and answers",
            Self::Arsg => "Chorowski et al., NIPS 2015: TIMIT's 61 phones, 40 of them in 3 s",
            Self::Mnist(..) | Self::Svhn(..) => "Jaderberg, Simonyan, Zisserman, Kavukcuoglu, NIPS 2015",
        }
    }

    pub(super) fn size(self) -> Result<Size> {
        match self {
            Self::Selfie => {
                let (graph, weights, size) = (Graph::new(), selfie::weights()?, selfie::SIZE);
                let image = graph.input("image", TensorType::f32([1, 3, size.h, size.w]))?;
                let cost = Cost::of(&[&selfie::forward(&graph, &weights, &image)?])?;
                Ok(Size::new(weights.parameters(), cost, image.shape()))
            }
            Self::Fcn(variant) => {
                let data = Graph::new().input("data", TensorType::f32([1, 3, Fcn::LONGEST, Fcn::LONGEST]))?;
                caffe(&Fcn::new(variant).outline(&data)?, "score", &data)
            }
            Self::DeconvNet => {
                let net = DeconvNet::new();
                let data = Graph::new().input("data", TensorType::f32([1, 3, net.size().h, net.size().w]))?;
                caffe(&net.outline(&data, Normalisation::Inference)?, deconvnet::SCORE, &data)
            }
            Self::Unet => {
                let data = Graph::new().input("image", TensorType::f32([1, 1, 572, 572]))?;
                caffe(&UNet::new().outline(&data)?, unet::SCORE, &data)
            }
            Self::Multiscale => {
                let (net, image) = (Multiscale::new(), Graph::new().input("image", TensorType::f32([1, 3, 240, 320]))?);
                let cost = Cost::of(&[&net.scores(&net.initial(0)?, &image)?])?;
                Ok(Size::new(net.learned()?, cost, image.shape()))
            }
            Self::RecurrentCnn => {
                let (net, image) = (RecurrentCnn::new(), Graph::new().input("image", TensorType::f32([1, 3, 240, 320]))?);
                let weights = net.initial(0)?;
                Ok(Size::new(weights.parameters(), Cost::of(&[&net.scores(&weights, &image)?])?, image.shape()))
            }
            Self::Mnc => {
                let (graph, net) = (Graph::new(), Mnc::new());
                let image = graph.input("image", TensorType::f32([1, 3, 600, 800]))?;
                let weights = zeros(net.parameters()?);
                let found = mnc::Network::new(&mut Layers::load(&graph, &weights), &net)?.found(&image)?;
                let cost = Cost::of(&[&found.boxes, &found.masks, &found.scores])?;
                Ok(Size::new(weights.parameters(), cost, image.shape()))
            }
            Self::Hypercolumns => {
                let (graph, net) = (Graph::new(), Hypercolumns::new());
                let image = graph.input("image", TensorType::f32([1, 3, 600, 800]))?;
                let weights = zeros(net.parameters()?);
                let boxes = graph.input("boxes", TensorType::f32([1, BOXES, 4]))?;
                let classes = graph.input("classes", TensorType::new(DType::I32, [1, BOXES]))?;
                let network = hypercolumns::Network::new(&mut Layers::load(&graph, &weights), &net)?;
                Ok(Size::new(weights.parameters(), Cost::of(&[&network.heat(&image, &boxes, &classes)?])?, image.shape()))
            }
            Self::Mnist(_, task, transforms, convolves) => looking(&mnist(task, transforms, convolves)?),
            Self::Svhn(_, placement) => looking(&Svhn::new(64, placement)),
            Self::Draw => {
                let (graph, net) = (Graph::new(), Draw::MNIST);
                let image = graph.input("image", TensorType::f32([1, net.channels, net.size.h, net.size.w]))?;
                let noise = graph.input("noise", TensorType::f32([net.glimpses, 1, net.latent]))?;
                let weights = net.init(0)?;
                let seen = net.seen(&mut Layers::load(&graph, &weights), &image, &noise)?;
                Ok(Size::new(weights.parameters(), Cost::of(&[&seen.nats])?, image.shape()))
            }
            Self::Glimpses => looking(&Glimpses::CLUTTERED),
            Self::ShowAttendTell => {
                let (config, top) = (show_attend_tell::Config::COCO, Top::Conv5);
                let seen = Seen::new(VGG19, top)?;
                let graph = seen.features.graph();
                let decoder = Decoder::new(graph, &zeros(config.parameters()), config)?;
                let places = show_attend_tell::annotations(&seen.features)?;
                let words = decoder.greedy(&places, WORDS, &Attention::Soft)?.words;
                seen.size(config.parameter_count(), &words)
            }
            Self::NeuralTalk => {
                let seen = Seen::new(VGG16, Top::Fc7)?;
                let parameters = NEURALTALK.parameters().into_iter().map(|(name, shape)| (name.to_owned(), shape));
                let weights = zeros(parameters.collect());
                let (words, _) = rnn_captioning::greedy(seen.features.graph(), &weights, NEURALTALK, &seen.features, WORDS)?;
                seen.size(NEURALTALK.parameter_count(), &words)
            }
            Self::RnnSearch => {
                let (graph, weights) = (Graph::new(), zeros(RnnSearch::PUBLISHED.tensors()?));
                let source = graph.input("source", TensorType::new(DType::I32, [1, SENTENCE]))?;
                let network = rnnsearch::Network::new(&mut Layers::load(&graph, &weights), RnnSearch::PUBLISHED)?;
                let cost = Cost::of(&[&network.greedy(&source, SENTENCE)?.words])?;
                let picture = format!("{SENTENCE} words");
                Ok(Size { parameters: weights.parameters(), multiply_adds: cost.multiply_adds, picture })
            }
            Self::Handwriting(text) => {
                let (graph, sizes) = (Graph::new(), handwriting(text));
                let weights = zeros(sizes.tensors()?);
                let pen = graph.input("pen", TensorType::f32([1, POINTS + 1, 3]))?;
                let points = graph.input("points", TensorType::new(DType::I32, [1]))?;
                let text = graph.input("text", TensorType::new(DType::I32, [1, CHARACTERS]))?;
                let network = handwriting::Network::new(&mut Layers::load(&graph, &weights), sizes)?;
                let cost = Cost::of(&[&network.read(&pen, &points, Some(&text))?.nats])?;
                let picture = format!("{POINTS} points");
                Ok(Size { parameters: weights.parameters(), multiply_adds: cost.multiply_adds, picture })
            }
            Self::SmemVqa => {
                let (graph, sizes) = (Graph::new(), SmemVqa::PUBLISHED);
                let data = graph.input("data", TensorType::f32([1, 3, vgg::SIZE.h, vgg::SIZE.w]))?;
                let words = graph.input("words", TensorType::new(DType::I32, [1, sizes.longest]))?;
                let places = show_attend_tell::annotations(&GoogLeNet::PUBLISHED.outline(&data)?)?;
                let weights = zeros(sizes.tensors()?);
                let network = smem_vqa::Network::new(&mut Layers::load(&graph, &weights), sizes)?;
                let cost = Cost::of(&[&network.asked(&places, &words)?.logits])?;
                let seen: usize = GoogLeNet::PUBLISHED.parameters()?.iter().map(Parameter::len).sum();
                Ok(Size::new(seen + weights.parameters(), cost, data.shape()))
            }
            Self::Arsg => {
                let (graph, weights) = (Graph::new(), zeros(Arsg::TIMIT.tensors()?));
                let sound = graph.input("sound", TensorType::f32([1, FRAMES, Arsg::TIMIT.features]))?;
                let network = arsg::Network::new(&mut Layers::load(&graph, &weights), Arsg::TIMIT)?;
                let cost = Cost::of(&[&network.greedy(&sound, PHONES, Manner::default())?.0])?;
                let picture = format!("{FRAMES} frames");
                Ok(Size { parameters: weights.parameters(), multiply_adds: cost.multiply_adds, picture })
            }
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
/// Boxes of a photo whose work is counted.
const BOXES: usize = 10;
/// Words of a caption whose work is counted: those of a common one.
const WORDS: usize = 13;
/// Words of a sentence, and of its translation, whose work is counted.
const SENTENCE: usize = 25;
/// Points of a line of handwriting whose work is counted, and its characters: about what IAM-OnDB's have.
const POINTS: usize = 700;
const CHARACTERS: usize = 28;
/// Frames of a sentence that is heard, whose work is counted, and its phones.
const FRAMES: usize = 300;
const PHONES: usize = 40;
/// With the published script's sizes and COCO's words of five occurrences or more.
const NEURALTALK: rnn_captioning::Config =
    rnn_captioning::Config { form: Form::NeuralTalk { once: false }, features: 4096, embedding: 256, hidden: 256, words: 8791 };

fn handwriting(text: bool) -> Handwriting {
    if text { Handwriting::SYNTHESIS } else { Handwriting::PREDICTION }
}

/// What a captioner sees of a photo.
struct Seen {
    data: Var,
    features: Var,
    parameters: usize,
}

impl Seen {
    fn new(vgg: Vgg, top: Top) -> Result<Self> {
        let data = Graph::new().input("data", TensorType::f32([1, 3, vgg::SIZE.h, vgg::SIZE.w]))?;
        let parameters = vgg.parameters(top)?.iter().map(Parameter::len).sum();
        Ok(Self { features: vgg.outline(&data, top)?, data, parameters })
    }

    fn size(&self, decoder: usize, words: &Var) -> Result<Size> {
        Ok(Size::new(self.parameters + decoder, Cost::of(&[words])?, self.data.shape()))
    }
}

/// Weights that only have shapes: no page of a zeroed array is touched.
fn zeros(parameters: Vec<(String, Vec<usize>)>) -> Weights {
    Weights::from_arrays("zeros", parameters.into_iter().map(|(name, shape)| (name, Array::full(shape, 0.0f32))))
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

impl Size {
    fn new(parameters: usize, cost: Cost, picture: &[usize]) -> Self {
        let sides: Vec<String> = picture.iter().skip(2).map(usize::to_string).collect();
        Self { parameters, multiply_adds: cost.multiply_adds, picture: sides.join(" x ") }
    }
}

fn caffe(network: &models::Network, last: &str, data: &Var) -> Result<Size> {
    let score = network.layer(last).ok_or_else(|| Error::shape("models", format!("the network has no layer '{last}'")))?;
    let learned = network.parameters.iter().filter(|p| p.learned()).map(Parameter::len).sum();
    Ok(Size::new(learned, Cost::of(&[&score.output])?, data.shape()))
}

fn mnist(task: Task, transforms: &[Transform], convolves: bool) -> Result<Mnist> {
    let classifier = if convolves { Classifier::Cnn(1) } else { Classifier::Fcn(1) };
    Mnist { task, transforms: transforms.to_vec(), classifier }.fitted(400_000)
}

fn looking(network: &impl Network) -> Result<Size> {
    let (graph, weights) = (Graph::new(), network.init(0)?);
    let image = graph.input("image", network.input(1))?;
    let output = network.build(&mut Layers::load(&graph, &weights), &image)?;
    Ok(Size::new(weights.parameters(), Cost::of(&[&output.logits])?, image.shape()))
}
