//! The recogniser of phones as recipes name it, and the recordings that it learns from: `[data]` of `kind = "recordings"` and `"timit"`.

use super::experiment::{Experiment, InitialName, Inputs};
use super::tally::Tally;
use crate::cli::translate::before_end;
use foveate::array::{Array, picture};
use foveate::graph::{Graph, Var};
use foveate::models::Layers;
use foveate::models::arsg::{
    Arsg, Filterbank, Hearing, MEASURED, Manner, NOTHING, Network, Part, Recording, Recordings, Room, listed, listened, timit,
};
use foveate::models::sentences::{Language, Side, Unit, sentence_loss};
use foveate::nn::metrics::Sequences;
use foveate::nn::{Random, Weights};
use foveate::train::{Batch, Dataset, Objective};
use foveate::{Error, Result};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `system = "arsg"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ArsgRecipe {
    /// Bidirectional layers of the encoder.
    #[serde(default = "layers")]
    layers: usize,
    /// Units of each in either direction, of the GRU that writes, and those that score frames.
    hidden: usize,
    decoder: usize,
    alignment: usize,
    /// Filters on where it looked before, 0 for none, and how many frames each sees.
    #[serde(default = "filters")]
    filters: usize,
    #[serde(default = "width")]
    width: usize,
    /// Whether frames' weights come from a logistic function each.
    #[serde(default)]
    smoothed: bool,
    /// What scores are multiplied by before a softmax.
    #[serde(default = "whole")]
    sharpness: f32,
    /// Units before the phones' scores, each the larger of two.
    maxout: usize,
    /// What matrices begin with: normal numbers of deviation 0.01 as published, or one over the root of their inputs.
    #[serde(default)]
    initial: InitialName,
}

/// `kind = "recordings"`, and `kind = "timit"`, whose folder is the one with TRAIN and TEST and whose tests are of the speakers that are neither
/// learnt from nor of the core test.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordingsRecipe {
    /// Text files: a recording, a tab and its phones on each line. TIMIT has its own.
    train: Option<PathBuf>,
    test: Option<PathBuf>,
    /// Samples a second, and mel bands.
    #[serde(default = "rate")]
    rate: u32,
    #[serde(default = "bands")]
    bands: usize,
    /// Longer ones are left out.
    frames: usize,
    phones: usize,
    /// In training: how much faster or slower they are played, of their loudness how much noise there is, and decibels.
    #[serde(default)]
    speed: f64,
    #[serde(default)]
    noise: f64,
    #[serde(default)]
    gain: f64,
}

fn layers() -> usize {
    Arsg::TIMIT.layers
}

fn filters() -> usize {
    Arsg::TIMIT.filters
}

fn width() -> usize {
    Arsg::TIMIT.width
}

fn whole() -> f32 {
    1.0
}

fn rate() -> u32 {
    Filterbank::SPEECH.rate
}

fn bands() -> usize {
    Filterbank::SPEECH.bands
}

/// Recordings that have been read.
pub(super) struct Heard {
    learnt: Arc<Recordings>,
    test: Arc<Recordings>,
    language: Language,
    filterbank: Filterbank,
    longest: usize,
}

impl RecordingsRecipe {
    /// The files in `folder`.
    pub(super) fn listed(&self, folder: &Path, seed: u64) -> Result<Heard> {
        let (Some(train), Some(test)) = (&self.train, &self.test) else {
            return Err(Error::model("the recipe", "has [data] of kind 'recordings' without train and test, lists of recordings"));
        };
        self.open(listed(folder.join(train))?, listed(folder.join(test))?, seed)
    }

    /// TIMIT in `folder`.
    pub(super) fn timit(&self, folder: &Path, seed: u64) -> Result<Heard> {
        if self.train.is_some() || self.test.is_some() {
            return Err(Error::model("the recipe", "has [data] of kind 'timit' with train or test; TIMIT has its own"));
        }
        self.open(timit(folder, Part::Train)?, timit(folder, Part::OtherTest)?, seed)
    }

    /// The phones are those of what is learnt from.
    fn open(&self, learnt: Vec<Recording>, test: Vec<Recording>, seed: u64) -> Result<Heard> {
        let language = Language::learnt(Unit::Words, learnt.iter().map(|recording| recording.phones.as_str()), usize::MAX)?;
        let &Self { rate, bands, frames, phones, speed, noise, gain, .. } = self;
        let (room, filterbank) = (Room { frames, phones }, Filterbank { rate, bands });
        let set = |recordings, hearing| Recordings::new(recordings, room, language.clone(), filterbank, hearing, seed).map(Arc::new);
        let (learnt, test) = (set(learnt, Hearing { speed, noise, gain })?, set(test, Hearing::default())?);
        Ok(Heard { learnt, test, language, filterbank, longest: phones })
    }
}

impl ArsgRecipe {
    pub(super) fn on(&self, heard: Heard) -> Listening {
        let &Self { layers, hidden, decoder, alignment, filters, width, smoothed, sharpness, maxout, initial } = self;
        let (features, phones) = (heard.filterbank.features(), heard.language.words());
        let sizes = Arsg { features, layers, hidden, decoder, alignment, filters, width, smoothed, maxout, phones };
        Listening { sizes, initial, manner: Manner { sharpness, window: None }, heard }
    }
}

/// A recipe's other data than these.
pub(super) fn other_data() -> Error {
    Error::model("the recipe", "has other [data] than 'arsg' learns from: kind = \"recordings\" or \"timit\"")
}

/// A recogniser with its recordings.
pub(super) struct Listening {
    sizes: Arsg,
    initial: InitialName,
    manner: Manner,
    heard: Heard,
}

impl Listening {
    fn network(&self, graph: &Graph, weights: &Weights) -> Result<Network> {
        Network::new(&mut Layers::load(graph, weights), self.sizes)
    }
}

impl Experiment for Listening {
    fn name(&self) -> String {
        let Arsg { layers, hidden, filters, width, smoothed, phones, .. } = self.sizes;
        let location = match filters {
            0 => "by content alone".to_owned(),
            _ => format!("by content and {filters} filters of {width} frames"),
        };
        let smoothed = if smoothed { ", smoothed" } else { "" };
        format!("{phones} phones, {layers} layers of {hidden} units either way, attention {location}{smoothed}")
    }

    /// The features' moments among them, of what is learnt from.
    fn initial(&self, seed: u64) -> Result<Weights> {
        let weights = match self.initial {
            InitialName::Published => self.sizes.initial(seed)?,
            InitialName::ByInputs => self.sizes.initial_by_inputs(seed)?,
        };
        Ok(weights.replaced(weights.source(), MEASURED.map(str::to_owned).into_iter().zip(self.heard.learnt.moments()?)))
    }

    fn data(&self, _: &Path, _: u64) -> Result<[Arc<dyn Dataset>; 2]> {
        Ok([Arc::<Recordings>::clone(&self.heard.learnt), Arc::<Recordings>::clone(&self.heard.test)])
    }

    fn objective(&self, graph: &Graph, weights: &Weights, inputs: &Inputs, _: &mut Random) -> Result<Objective> {
        let target = inputs.get("target")?;
        let (scores, _) = self.network(graph, weights)?.forced(inputs.get("sound")?, target, self.manner)?;
        let parameters = weights.states(graph).into_iter().filter(|parameter| !MEASURED.contains(&parameter.name.as_str())).collect();
        Ok(Objective { loss: sentence_loss(&scores, target)?, metrics: Vec::new(), parameters })
    }

    /// Phones, and where the network listened.
    fn answers(&self, graph: &Graph, weights: &Weights, inputs: &Inputs) -> Result<Vec<Var>> {
        let (phones, alphas) = self.network(graph, weights)?.greedy(inputs.get("sound")?, self.heard.longest + 1, self.manner)?;
        Ok(vec![phones, alphas])
    }

    fn tally(&self) -> Result<Tally> {
        Ok(Tally::Sentences(Sequences::default()))
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        let hears = [self.heard.filterbank.metadata(), self.manner.metadata()];
        self.heard.language.metadata(Side::Target).into_iter().chain(hears).collect()
    }

    /// What was heard of the first recording, and where the network listened for each phone.
    fn draw(&self, batch: &Batch, answers: &[Array], folder: &Path) -> Result<()> {
        let [phones, alphas] = answers else { return Ok(()) };
        let (steps, room) = (phones.shape()[1], alphas.shape()[2]);
        let said = before_end(&phones.values::<i32>()?[..steps]);
        let features = batch.get("sound")?;
        let (values, numbers) = (features.values::<f32>()?, features.shape()[2]);
        let frames = values.chunks(numbers).take(room).take_while(|frame| frame[0] > NOTHING / 2.0).count();
        if said.is_empty() || frames == 0 {
            return Ok(());
        }
        let heard = Array::new([frames, numbers], values[..frames * numbers].to_vec())?;
        let rows = alphas.values::<f32>()?.chunks(room).take(said.len());
        let looked = Array::new([said.len(), frames], rows.flat_map(|row| &row[..frames]).copied().collect::<Vec<_>>())?;
        picture::write_png(folder.join("listened.png"), &listened(&heard, &self.heard.language.names(said), &looked)?)
    }
}
