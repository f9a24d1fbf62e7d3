//! How large the systems are, and how much they compute: from their graphs, with weights that only have shapes.

use super::{NEURALTALK, System, VGG16, VGG19, handwriting, mnist};
use foveate::array::{Array, DType, TensorType};
use foveate::graph::{Graph, Var};
use foveate::models::arsg::{self, Arsg, Manner};
use foveate::models::deconvnet::{self, DeconvNet};
use foveate::models::draw::{Draw, Glimpses};
use foveate::models::fcn::Fcn;
use foveate::models::googlenet::GoogLeNet;
use foveate::models::handwriting;
use foveate::models::hypercolumns::{self, Hypercolumns};
use foveate::models::luong::{self, Luong};
use foveate::models::mnc::{self, Mnc};
use foveate::models::multiscale::Multiscale;
use foveate::models::pixelwise::Pixelwise;
use foveate::models::recurrent_cnn::RecurrentCnn;
use foveate::models::rnn_captioning;
use foveate::models::rnnsearch::{self, RnnSearch};
use foveate::models::show_attend_tell::{self, Attention, Decoder};
use foveate::models::smem_vqa::{self, SmemVqa};
use foveate::models::stn::{Network, Svhn};
use foveate::models::unet::{self, UNet};
use foveate::models::vgg::{self, Top, Vgg};
use foveate::models::{Layers, Normalisation, Parameter, selfie};
use foveate::nn::Weights;
use foveate::plan::Cost;
use foveate::{Error, Result};

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

/// Size and work of a system.
pub(in crate::cli) struct Size {
    /// Numbers that training changes.
    pub(in crate::cli) parameters: usize,
    /// Products for one picture, or sentence.
    pub(in crate::cli) multiply_adds: u64,
    /// Its size.
    pub(in crate::cli) picture: String,
}

impl System {
    pub(in crate::cli) fn size(self) -> Result<Size> {
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
                Ok(Size::of(&weights, cost, format!("{SENTENCE} words")))
            }
            Self::Luong => {
                let (graph, weights) = (Graph::new(), zeros(Luong::PUBLISHED.tensors()?));
                let source = graph.input("source", TensorType::new(DType::I32, [1, SENTENCE]))?;
                let network = luong::Network::new(&mut Layers::load(&graph, &weights), Luong::PUBLISHED)?;
                let cost = Cost::of(&[&network.greedy(&source, SENTENCE)?.words])?;
                Ok(Size::of(&weights, cost, format!("{SENTENCE} words")))
            }
            Self::Handwriting(text) => {
                let (graph, sizes) = (Graph::new(), handwriting(text));
                let weights = zeros(sizes.tensors()?);
                let pen = graph.input("pen", TensorType::f32([1, POINTS + 1, 3]))?;
                let points = graph.input("points", TensorType::new(DType::I32, [1]))?;
                let text = graph.input("text", TensorType::new(DType::I32, [1, CHARACTERS]))?;
                let network = handwriting::Network::new(&mut Layers::load(&graph, &weights), sizes)?;
                let cost = Cost::of(&[&network.read(&pen, &points, Some(&text))?.nats])?;
                Ok(Size::of(&weights, cost, format!("{POINTS} points")))
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
                Ok(Size::of(&weights, cost, format!("{FRAMES} frames")))
            }
        }
    }
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

impl Size {
    fn of(weights: &Weights, cost: Cost, picture: String) -> Self {
        Self { parameters: weights.parameters(), multiply_adds: cost.multiply_adds, picture }
    }

    fn new(parameters: usize, cost: Cost, picture: &[usize]) -> Self {
        let sides: Vec<String> = picture.iter().skip(2).map(usize::to_string).collect();
        Self { parameters, multiply_adds: cost.multiply_adds, picture: sides.join(" x ") }
    }
}

fn caffe(network: &foveate::models::Network, last: &str, data: &Var) -> Result<Size> {
    let score = network.layer(last).ok_or_else(|| Error::shape("models", format!("the network has no layer '{last}'")))?;
    let learned = network.parameters.iter().filter(|p| p.learned()).map(Parameter::len).sum();
    Ok(Size::new(learned, Cost::of(&[&score.output])?, data.shape()))
}

fn looking(network: &impl Network) -> Result<Size> {
    let (graph, weights) = (Graph::new(), network.init(0)?);
    let image = graph.input("image", network.input(1))?;
    let output = network.build(&mut Layers::load(&graph, &weights), &image)?;
    Ok(Size::new(weights.parameters(), Cost::of(&[&output.logits])?, image.shape()))
}
