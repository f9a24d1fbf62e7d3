//! Photos in, captions out: an encoder and one of the captioners as one computation; and captions to learn from.
//!
//! A greedy caption is one submission: photo, encoder and all words are one plan. A beam takes one for the photo, one for what is
//! computed once, and one for each word.

mod photos;

pub(super) use photos::words;
pub use photos::{Captions, PhotosToTell, ToldPhotos};

use super::data;
use super::encoder::Encoder;
use super::rnn_captioning as rnn;
use super::show_attend_tell::{self as attend, Attention, END};
use super::vgg::Top;
use crate::array::{Array, Hw, TensorType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::nn::Weights;
use crate::plan::{Device, PlanCache};

const NAME: &str = "captioning";

/// A captioner with its sizes and choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Show, Attend and Tell, on conv5 of VGG, or on an FCN that `foveate train` used.
    ShowAttendTell(attend::Config),
    /// A recurrent network without attention, on fc7 of VGG.
    Recurrent(rnn::Config),
}

impl System {
    /// The captioner that `weights` has the parameters of.
    ///
    /// # Errors
    /// [`Error::Model`] if it is none or lacks a parameter that says a size, by name; [`Error::Unsupported`] for `NeuralTalk`'s LSTM.
    pub fn of(weights: &Weights) -> Result<Self> {
        if weights.contains("WLSTM") {
            return Err(Error::unsupported(NAME, format!("{} with 'WLSTM': NeuralTalk's LSTM; its RNN is", weights.source())));
        }
        if weights.contains("Wemb") || weights.names().any(|name| name.starts_with("decoder_")) {
            return attend::Config::of(weights).map(Self::ShowAttendTell);
        }
        if weights.contains("Ws") || weights.contains("Whh") {
            return rnn::Config::of(weights).map(Self::Recurrent);
        }
        let some: Vec<&str> = weights.names().take(6).collect();
        let reason = format!(
            "is no captioner: Show, Attend and Tell has tensors Wemb and decoder_U, NeuralTalk Ws and We, the lecture's network Ws and \
             Wih; the first of its {} are {some:?}",
            weights.names().count()
        );
        Err(Error::model(weights.source(), reason))
    }

    /// What people call it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ShowAttendTell(_) => "Show, Attend and Tell",
            Self::Recurrent(rnn::Config { form: rnn::Form::Initial, .. }) => "the lecture's RNN",
            Self::Recurrent(_) => "NeuralTalk's RNN",
        }
    }

    /// How many words it has.
    pub const fn words(&self) -> usize {
        match self {
            Self::ShowAttendTell(config) => config.words,
            Self::Recurrent(config) => config.words,
        }
    }

    /// How many numbers it takes of a place, or of the photo.
    const fn features(&self) -> usize {
        match self {
            Self::ShowAttendTell(config) => config.features,
            Self::Recurrent(config) => config.features,
        }
    }
}

/// How captions are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Search {
    /// How many captions are kept at once: 1 takes the likeliest word after the likeliest word.
    pub beam: usize,
    /// The most words, the end among them.
    pub longest: usize,
    /// Whether the best of a beam is the one with the least cost per word, not the least cost.
    pub per_word: bool,
    /// Whether only the likeliest place is seen, not the expectation.
    pub hard: bool,
    /// Whether to say where the network looked.
    pub looked: bool,
}

/// A caption of a photo.
#[derive(Clone, Debug)]
pub struct Caption {
    /// The words before the end.
    pub words: Vec<i32>,
    /// Whether the network ended it; otherwise there was no room for more words.
    pub ended: bool,
    /// The logarithm of the probability of all words, the end among them.
    pub log_probability: f64,
    /// Where the network looked, if it was asked for.
    pub looked: Option<Looked>,
}

/// What a network saw of a photo, and where it looked.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The part of the photo that it saw, (1, 3, h, w), RGB in 0..1.
    pub seen: Array,
    /// For each word, and the end if there is one, how much of its attention each place had, (words, L).
    pub alphas: Array,
}

/// A network that captions photos of any size, one after the other.
#[derive(Debug)]
pub struct Captioner {
    plans: PlanCache,
    beam: Option<Beam>,
    search: Search,
    grid: Hw,
}

#[derive(Debug)]
enum Beam {
    Attend(Box<attend::BeamSearch>),
    Recurrent(Box<rnn::BeamSearch>),
}

impl Captioner {
    /// The captioner `system` of `decoder` on the [`Encoder`] of `encoder`, which may be the same weights.
    ///
    /// # Errors
    /// If a parameter is missing or of another shape, by name; if the encoder's features are not of the decoder's size, or it has no fc7
    /// where that is needed; if `search` asks for no word, for a beam of 0, or for attention of a network that has none.
    pub fn new(device: &Device, encoder: &Weights, decoder: &Weights, system: System, search: Search) -> Result<Self> {
        if search.longest == 0 {
            return Err(Error::shape(NAME, "a caption of 0 words"));
        }
        if matches!(system, System::Recurrent(_)) && (search.hard || search.looked) {
            return Err(Error::unsupported(NAME, format!("attention of {}, which has none", system.name())));
        }
        let sees = Encoder::of(encoder)?;
        let attention = if search.hard { Attention::Hard } else { Attention::Soft };
        let beam = match (system, search.beam) {
            (_, 1) => None,
            (System::ShowAttendTell(config), width) => {
                let found = attend::BeamSearch::new(device, decoder, config, sees.grid().area(), width, &attention)?;
                Some(Beam::Attend(Box::new(found)))
            }
            (System::Recurrent(config), width) => Some(Beam::Recurrent(Box::new(rnn::BeamSearch::new(device, decoder, config, width)?))),
        };
        let build = Build { sees, encoder: encoder.clone(), decoder: decoder.clone(), system, search, attention };
        // What is wrong with the weights is said before the first photo is read.
        let graph = Graph::new();
        let Hw { h, w } = sees.pictures();
        build.outputs(&graph, &graph.input("photo", TensorType::f32([1, 3, h, w]))?)?;
        let plans = PlanCache::new(device, 2, move |graph, inputs| build.outputs(graph, &inputs[0]));
        Ok(Self { plans, beam, search, grid: sees.grid() })
    }

    /// How the places lie that it looks at, row by row.
    pub const fn grid(&self) -> Hw {
        self.grid
    }

    /// Whether a photo of this type needs no compilation.
    pub fn is_ready(&self, photo: &Array) -> bool {
        self.plans.contains(&[("photo", photo)])
    }

    /// A caption of `photo` (1, 3, h, w), RGB in 0..1.
    ///
    /// # Errors
    /// If the photo has another shape or the device fails.
    pub fn caption(&mut self, photo: &Array) -> Result<Caption> {
        let mut outputs = self.plans.run(&[("photo", photo)])?.into_iter();
        let mut next = || outputs.next().ok_or_else(|| Error::shape(NAME, "an output is missing"));
        let Search { longest, per_word, looked, .. } = self.search;
        let none = || Error::shape(NAME, "no caption was found");
        let (words, log_probability, alphas) = match &mut self.beam {
            None => {
                let (words, logs) = (next()?, next()?);
                let (words, logs) = (words.values::<i32>()?, logs.values::<f32>()?);
                let used = words.iter().position(|word| *word == END).map_or(words.len(), |end| end + 1);
                let log = logs.iter().take(used).map(|log| f64::from(*log)).sum();
                let alphas = if looked { Some(rows(&next()?, used)?) } else { None };
                (words[..used].to_vec(), log, alphas)
            }
            Some(Beam::Attend(search)) => {
                let best = search.captions(&next()?, longest, per_word)?.into_iter().next().ok_or_else(none)?;
                (best.words, -f64::from(best.cost), looked.then_some(best.alphas))
            }
            Some(Beam::Recurrent(search)) => {
                let best = search.captions(&next()?, longest, per_word)?.into_iter().next().ok_or_else(none)?;
                (best.words, -f64::from(best.cost), None)
            }
        };
        let looked = alphas.map(|alphas| Ok::<_, Error>(Looked { seen: next()?, alphas })).transpose()?;
        let ended = words.last() == Some(&END);
        let words = words[..words.len() - usize::from(ended)].to_vec();
        Ok(Caption { words, ended, log_probability, looked })
    }
}

/// The first rows of alphas (1, T, L).
fn rows(alphas: &Array, count: usize) -> Result<Array> {
    let places = alphas.shape().last().copied().unwrap_or(1);
    let values = alphas.values::<f32>()?;
    Array::new([count, places], values[..(count * places).min(values.len())].to_vec())
}

/// What the plan of a photo is made of.
struct Build {
    sees: Encoder,
    encoder: Weights,
    decoder: Weights,
    system: System,
    search: Search,
    attention: Attention,
}

impl Build {
    /// Greedy: words, their log probabilities, and if asked for alphas; with a beam what it starts from. The part that was seen, too, if
    /// it is asked where the network looked.
    fn outputs(&self, graph: &Graph, photo: &Var) -> Result<Vec<Var>> {
        let Search { beam, longest, looked, .. } = self.search;
        let seen = self.sees.seen(photo)?;
        let (system, encoder) = (self.system, &self.encoder);
        let (made, features) = match (system, self.sees) {
            (System::ShowAttendTell(_), sees) => (sees.size(), sees.annotations(encoder, &sees.features(encoder, &seen)?)?),
            (System::Recurrent(_), Encoder::Vgg(vgg)) => (vgg.features(Top::Fc7), vgg.forward(encoder, &data(&seen)?, Top::Fc7)?),
            (System::Recurrent(_), _) => {
                return Err(Error::unsupported(
                    NAME,
                    format!("{} on {}, which has no fc7 of a whole photo", system.name(), self.sees.name()),
                ));
            }
        };
        if made != system.features() {
            let reason = format!("{} makes features of {made} numbers, {} takes {}", self.sees.name(), system.name(), system.features());
            return Err(Error::model(self.decoder.source(), reason));
        }
        let mut outputs = match self.system {
            System::ShowAttendTell(config) => {
                let decoder = attend::Decoder::new(graph, &self.decoder, config)?;
                if beam == 1 {
                    let made = decoder.greedy(&features, longest, &self.attention)?;
                    let alphas = looked.then_some(made.alphas);
                    [made.words, made.log_probabilities].into_iter().chain(alphas).collect()
                } else {
                    vec![features]
                }
            }
            System::Recurrent(config) if beam == 1 => {
                let (words, logs) = rnn::greedy(graph, &self.decoder, config, &features, longest)?;
                vec![words, logs]
            }
            System::Recurrent(_) => vec![features],
        };
        outputs.extend(looked.then_some(seen));
        Ok(outputs)
    }
}
