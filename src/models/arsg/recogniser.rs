//! Phones by beam search, one recording at a time.

use super::network::{Heard, Look, Network};
use super::{Arsg, Filterbank, Manner, NOTHING, Sound};
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::models::beam::{self, Beginning, Ended, Search, Step};
use crate::models::layers::Layers;
use crate::models::sentences::{Language, Side, UNKNOWN, sentence_loss};
use crate::nn::Weights;
use crate::plan::{Device, Plan};
use std::collections::BTreeMap;

/// Recognises recordings of any length.
#[derive(Debug)]
pub struct Recogniser {
    device: Device,
    weights: Weights,
    sizes: Arsg,
    language: Language,
    filterbank: Filterbank,
    manner: Manner,
    width: usize,
    /// Searches by how many frames a recording may have.
    searches: BTreeMap<usize, Search>,
    /// Plans that are told the phones, by how many frames and phones there may be.
    alignments: BTreeMap<[usize; 2], Plan>,
}

/// What was recognised.
#[derive(Clone, Debug, PartialEq)]
pub struct Recognition {
    /// The phones, as text.
    pub text: String,
    /// Their numbers, the end among them if the network ended it.
    pub phones: Vec<i32>,
    /// The logarithm of the probability of all of them.
    pub log_probability: f32,
    /// Where the network listened for each, (phones, frames).
    pub alphas: Array,
}

impl Recognition {
    /// When each phone is said, and the end, in seconds: the middle of the frame that is the median of where the network listened for it.
    pub fn times(&self) -> Vec<f64> {
        let frames = self.alphas.shape().last().copied().unwrap_or(1).max(1);
        let median = |row: &[f64]| {
            let mut sum = 0.0;
            row.iter().position(|alpha| {
                sum += alpha;
                sum >= 0.5
            })
        };
        self.alphas.to_f64().chunks(frames).map(|row| Filterbank::time(median(row).unwrap_or(frames - 1))).collect()
    }
}

impl Recogniser {
    /// The recogniser of `weights`, whose metadata have its phones. It follows `width` sequences at once.
    ///
    /// # Errors
    /// If a weight is missing or of another shape, by name; if phones and weights differ in number; if `width` is 0 or more than there are
    /// phones.
    pub fn new(device: &Device, weights: &Weights, width: usize, manner: Manner) -> Result<Self> {
        let (sizes, language) = (Arsg::of(weights)?, Language::of(weights, Side::Target)?);
        if language.words() != sizes.phones {
            let reason = format!("its language has {} phones, its layers {}", language.words(), sizes.phones);
            return Err(Error::model(weights.source(), reason));
        }
        let filterbank = Filterbank::heard_by(weights, sizes.features)?;
        let (device, weights) = (device.clone(), weights.clone());
        let mut made =
            Self { device, weights, sizes, language, filterbank, manner, width, searches: BTreeMap::new(), alignments: BTreeMap::new() };
        made.search(1)?;
        Ok(made)
    }

    /// How large the network is.
    pub fn sizes(&self) -> Arsg {
        self.sizes
    }

    /// The phones it knows.
    pub fn language(&self) -> &Language {
        &self.language
    }

    /// What it makes of sounds.
    pub fn filterbank(&self) -> Filterbank {
        self.filterbank
    }

    /// What a recording says, the likeliest first, by the logarithm of the probability of no more than `longest` phones each.
    ///
    /// # Errors
    /// If the recording is shorter than a frame, or the device fails.
    pub fn recognise(&mut self, sound: &Sound, longest: usize) -> Result<Vec<Recognition>> {
        let (room, frames) = self.room(sound)?;
        let found = self.search(frames)?.sentences(&room, longest, false)?;
        found.into_iter().map(|found| self.recognition(found.words, -found.cost, &found.looked, frames)).collect()
    }

    /// The recording as what has these phones, with spaces between them: where each of them is said, and how likely they are.
    ///
    /// # Errors
    /// If there are no phones, the network knows one of them not, the recording is shorter than a frame, or the device fails.
    pub fn align(&mut self, sound: &Sound, phones: &str) -> Result<Recognition> {
        let numbers = self.language.read(phones);
        if let Some((phone, _)) = phones.split_whitespace().zip(&numbers).find(|(_, number)| **number == UNKNOWN) {
            return Err(Error::shape("arsg", format!("the network has not learnt '{phone}'")));
        }
        if numbers.len() < 2 {
            return Err(Error::shape("arsg", "no phones to align a recording with"));
        }
        let (room, frames) = self.room(sound)?;
        let key @ [places, steps] = [room.shape()[1], numbers.len().next_multiple_of(8)];
        if !self.alignments.contains_key(&key) {
            let graph = Graph::new();
            let network = Network::new(&mut Layers::load(&graph, &self.weights), self.sizes)?;
            let sound = graph.input("sound", TensorType::f32([1, places, self.sizes.features]))?;
            let target = graph.input("target", TensorType::new(DType::I32, [1, steps]))?;
            let (scores, alphas) = network.forced(&sound, &target, self.manner)?;
            self.alignments.insert(key, Plan::compile(&self.device, &[&sentence_loss(&scores, &target)?, &alphas])?);
        }
        let plan = self.alignments.get_mut(&key).ok_or_else(|| Error::shape("arsg", "an alignment is missing"))?;
        let target = Array::from_fn([1, steps], |at| numbers.get(at).copied().unwrap_or(-1));
        let found = plan.run(&[("sound", &room), ("target", &target)])?;
        let looked = &found[1].values::<f32>()?[..numbers.len() * places];
        self.recognition(numbers, -found[0].values::<f32>()?[0], looked, frames)
    }

    /// A recording's features in as much room as a plan has, an eighth more at most, and how many frames they are.
    fn room(&self, sound: &Sound) -> Result<(Array, usize)> {
        let features = self.filterbank.of(sound)?;
        let (frames, values) = (features.shape()[0], features.values::<f32>()?);
        let numbers = [1, places(frames), features.shape()[1]];
        Ok((Array::from_fn(numbers, |at| values.get(at).copied().unwrap_or(NOTHING)), frames))
    }

    fn recognition(&self, phones: Vec<i32>, log_probability: f32, looked: &[f32], frames: usize) -> Result<Recognition> {
        let looked: Vec<f32> = looked.chunks(places(frames)).flat_map(|row| &row[..frames]).copied().collect();
        let alphas = Array::new([phones.len(), frames], looked)?;
        Ok(Recognition { text: self.language.write(&phones), phones, log_probability, alphas })
    }

    /// The search in recordings of so many frames.
    fn search(&mut self, frames: usize) -> Result<&mut Search> {
        let places = places(frames);
        if !self.searches.contains_key(&places) {
            let Self { weights, sizes, manner, .. } = self;
            let searched = Searched { weights, sizes: *sizes, manner: *manner, places };
            self.searches.insert(places, Search::new(&self.device, &searched, self.width)?);
        }
        self.searches.get_mut(&places).ok_or_else(|| Error::shape("arsg", "a search is missing"))
    }
}

/// How many frames plans have room for that are to hear so many.
fn places(frames: usize) -> usize {
    frames.next_multiple_of((frames.next_power_of_two() / 16).max(16))
}

struct Searched<'a> {
    weights: &'a Weights,
    sizes: Arsg,
    manner: Manner,
    places: usize,
}

impl Searched<'_> {
    fn network(&self, graph: &Graph) -> Result<Network> {
        Network::new(&mut Layers::load(graph, self.weights), self.sizes)
    }

    /// What each sequence has of its own: a plan has no state that nothing reads.
    fn states(&self, state: Var, look: Look) -> Vec<Var> {
        let looks_back = self.sizes.filters > 0 || self.manner.window.is_some();
        [state, look.context].into_iter().chain(looks_back.then_some(look.alpha)).collect()
    }
}

impl beam::Network for Searched<'_> {
    const NAME: &'static str = "arsg beam";
    const START: i32 = -1;
    const ENDED: Ended = Ended::Leaves;

    fn words(&self) -> usize {
        self.sizes.phones
    }

    fn source(&self) -> TensorType {
        TensorType::f32([1, self.places, self.sizes.features])
    }

    fn begin(&self, sound: &Var) -> Result<Beginning> {
        let network = self.network(sound.graph())?;
        let heard = network.hear(sound)?;
        let (state, alpha) = network.begin(&heard)?;
        let context = heard.annotations.narrow(1, 0, 1)?.squeeze(1)?;
        let states = self.states(state, Look { context, alpha });
        Ok(Beginning { source: vec![heard.annotations, heard.projected, heard.mask], states })
    }

    fn step(&self, graph: &Graph, at: &Beginning, words: &Var) -> Result<Step> {
        let ([annotations, projected, mask], [state, context, before @ ..]) = (&at.source[..], &at.states[..]) else {
            return Err(Error::shape(Self::NAME, "its states are three of the recording's and two or three of each sequence's"));
        };
        let network = self.network(graph)?;
        // Every sequence is of the same recording.
        let copies = |var: &Var| var.expand([&[words.shape()[0]], &var.shape()[1..]].concat());
        let heard = Heard { annotations: copies(annotations)?, projected: copies(projected)?, mask: copies(mask)? };
        // Before the first phone nothing has been written that a state could follow.
        let zero = graph.constant(Array::scalar(0i32))?;
        let state = words.less(&zero)?.unsqueeze(1)?.where_(state, &network.next(state, context, &words.maximum(&zero)?)?)?;
        // Who looks back at nothing asks nothing of it.
        let look = network.look(&heard, &state, before.first().unwrap_or(&heard.mask), self.manner)?;
        let logs = network.scores(&state, &look.context)?.log_softmax(-1)?;
        Ok(Step { log_probabilities: logs, looked: Some(look.alpha.clone()), states: self.states(state, look) })
    }
}
