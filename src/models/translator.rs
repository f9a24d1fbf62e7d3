//! Sentences by beam search, one at a time.

use super::beam::{self, Search, Searched};
use super::luong::Luong;
use super::rnnsearch::RnnSearch;
use super::sentences::{Language, Side, padded};
use crate::array::Array;
use crate::error::{Error, Result};
use crate::nn::Weights;
use crate::plan::Device;
use std::collections::BTreeMap;

/// Translates sentences of any length.
#[derive(Debug)]
pub struct Translator {
    device: Device,
    weights: Weights,
    system: System,
    source: Language,
    target: Language,
    width: usize,
    unknown: Unknown,
    /// Searches by how many words a sentence may have; each is twice as long as the one before.
    searches: BTreeMap<usize, Search>,
}

/// What translates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Each word looks at all of the sentence before it is written, or at nothing.
    RnnSearch(RnnSearch),
    /// Each word looks at all of the sentence or at a window of it once its state is known.
    Luong(Luong),
}

impl System {
    /// The system whose weights these are.
    ///
    /// # Errors
    /// If a weight is missing or has other dimensions than it must.
    pub fn of(weights: &Weights) -> Result<Self> {
        if weights.names().any(|name| name == "encoder.0.weight") {
            return Luong::of(weights).map(Self::Luong);
        }
        RnnSearch::of(weights).map(Self::RnnSearch)
    }

    /// Words of the language that is read, and of that which is written.
    pub fn words(&self) -> [usize; 2] {
        match self {
            Self::RnnSearch(sizes) => [sizes.source, sizes.target],
            Self::Luong(sizes) => [sizes.source, sizes.target],
        }
    }

    /// Whether words look somewhere.
    pub fn looks(&self) -> bool {
        match self {
            Self::RnnSearch(sizes) => sizes.searches,
            Self::Luong(sizes) => sizes.attention.is_some(),
        }
    }
}

/// What becomes of a word that the written language has no number for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unknown {
    /// It is written that it is unknown.
    #[default]
    Written,
    /// Another is written ("No UNK" in Bahdanau et al.).
    Forbidden,
    /// The word of the sentence that was looked at most ("unknown word replacement" in Luong et al.): names are often the same.
    Copied,
}

/// A translation.
#[derive(Clone, Debug, PartialEq)]
pub struct Translation {
    /// The text.
    pub text: String,
    /// What it is made of, the end of the sentence among it if the network ended it.
    pub words: Vec<i32>,
    /// The logarithm of the probability of all words.
    pub log_probability: f32,
    /// Where the network looked for each word, (words, words of the sentence and its end); `None` for one that looks nowhere.
    pub alphas: Option<Array>,
}

impl Translator {
    /// The translator of `weights`, whose metadata have its languages. It follows `width` translations at once.
    ///
    /// # Errors
    /// If a weight is missing or of another shape, by name; if languages and weights differ in words; if `width` is 0 or more than there
    /// are words; if words are to be copied that nobody looks at.
    pub fn new(device: &Device, weights: &Weights, width: usize, unknown: Unknown) -> Result<Self> {
        let system = System::of(weights)?;
        if unknown == Unknown::Copied && !system.looks() {
            return Err(Error::model(weights.source(), "looks nowhere, so there is no word to copy in the place of an unknown one"));
        }
        let [read, written] = system.words();
        let [source, target] = [(Side::Source, read), (Side::Target, written)].map(|(side, words)| {
            let language = Language::of(weights, side)?;
            if language.words() != words {
                let reason = format!("its language {side:?} has {} words, its layers {words}", language.words());
                return Err(Error::model(weights.source(), reason));
            }
            Ok(language)
        });
        let mut made = Self {
            device: device.clone(),
            weights: weights.clone(),
            system,
            source: source?,
            target: target?,
            width,
            unknown,
            searches: BTreeMap::new(),
        };
        made.search(1)?;
        Ok(made)
    }

    /// What translates.
    pub fn system(&self) -> System {
        self.system
    }

    /// The language that is read.
    pub fn source(&self) -> &Language {
        &self.source
    }

    /// The language that is written.
    pub fn target(&self) -> &Language {
        &self.target
    }

    /// Translations of a text, the best first: by the logarithm of their probability per word if `per_word`, else by its sum. None has more
    /// than `longest` words.
    ///
    /// # Errors
    /// If the device fails.
    pub fn translate(&mut self, text: &str, longest: usize, per_word: bool) -> Result<Vec<Translation>> {
        let (words, parts) = (self.source.read(text), self.source.unit().parts(text));
        let (places, search) = self.search(words.len())?;
        let found = search.sentences(&padded(&words, places, -1).reshaped([1, places])?, longest, per_word)?;
        let one = |found: beam::Found| {
            let alphas = (!found.looked.is_empty()).then(|| {
                let looked: Vec<f32> = found.looked.chunks(places).flat_map(|row| &row[..words.len()]).copied().collect();
                Array::new([found.words.len(), words.len()], looked)
            });
            let most = |at: usize| {
                let row = found.looked.get(at * places..)?.get(..parts.len())?;
                (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b])).map(|at| parts[at])
            };
            let text = self.target.write_with(&found.words, |at| if self.unknown == Unknown::Copied { most(at) } else { None });
            Ok(Translation { text, words: found.words, log_probability: -found.cost, alphas: alphas.transpose()? })
        };
        found.into_iter().map(one).collect()
    }

    /// The search for sentences of so many words, and how many it has room for.
    fn search(&mut self, words: usize) -> Result<(usize, &mut Search)> {
        let places = words.max(16).next_power_of_two();
        if !self.searches.contains_key(&places) {
            let Self { device, weights, width, .. } = self;
            let (weights, width, known_alone) = (&*weights, *width, self.unknown == Unknown::Forbidden);
            let search = match self.system {
                System::RnnSearch(sizes) => Search::new(device, &Searched { weights, sizes, places, known_alone }, width),
                System::Luong(sizes) => Search::new(device, &Searched { weights, sizes, places, known_alone }, width),
            };
            self.searches.insert(places, search?);
        }
        let search = self.searches.get_mut(&places).ok_or_else(|| Error::shape("translator", "a search is missing"))?;
        Ok((places, search))
    }
}
