//! Handwriting as recipes name it, and the lines that it is learnt from: `[data]` of `kind = "pen-fonts"` and `"iam-ondb"`.

use super::experiment::{Experiment, Inputs};
use super::tally::Tally;
use foveate::array::{Array, DType, picture};
use foveate::graph::{Graph, Var};
use foveate::models::Layers;
use foveate::models::handwriting::{
    Alphabet, FontLines, Handwriting, Line, Lines, Manner, Network, PenFont, Room, Scale, iam_lines, window_picture,
};
use foveate::models::sentences::{Lines as Texts, Side};
use foveate::nn::{Random, Weights};
use foveate::ops::concat;
use foveate::train::{Batch, Dataset, Objective};
use foveate::{Error, Result};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `system = "handwriting"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HandwritingRecipe {
    /// Units of an LSTM.
    #[serde(default = "published_hidden")]
    hidden: usize,
    /// How many there are, one above the other.
    #[serde(default = "three")]
    layers: usize,
    /// Gaussians of the window on the text; 0 for a network that goes on with lines and does not know what they say.
    #[serde(default = "ten")]
    window: usize,
    /// Gaussians of where the pen goes next.
    #[serde(default = "twenty")]
    mixtures: usize,
}

/// `kind = "pen-fonts"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PenFontsRecipe {
    /// SVG fonts of strokes.
    fonts: Vec<PathBuf>,
    /// A text file with a word on each line, what stands behind a tab left out.
    words: PathBuf,
    /// Lines to learn from, others in each epoch, and lines to be measured by.
    lines: usize,
    test: usize,
    /// The most points and the most characters of a line.
    points: usize,
    characters: usize,
    /// How far points are from each other along a stroke, in ems.
    spacing: f32,
    /// How much hands differ and shake.
    #[serde(default = "as_people_do")]
    unsteady: f32,
    /// The share of words with a capital letter, of numbers, and of words with a mark behind them.
    #[serde(default)]
    capitals: f64,
    #[serde(default)]
    numbers: f64,
    #[serde(default)]
    marks: f64,
}

/// `kind = "iam-ondb"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IamRecipe {
    /// Text files with the names of forms.
    train: Vec<PathBuf>,
    test: Vec<PathBuf>,
    /// Characters that are known, the most frequent; all others are one.
    #[serde(default = "published_letters")]
    letters: usize,
    /// Lines of more points or characters are left out.
    points: usize,
    characters: usize,
    /// Units of the whiteboard in an em: pictures are drawn in that.
    #[serde(default = "board")]
    em: f32,
}

fn published_letters() -> usize {
    Handwriting::SYNTHESIS.characters - 1
}

fn board() -> f32 {
    350.0
}

fn published_hidden() -> usize {
    Handwriting::SYNTHESIS.hidden
}

fn three() -> usize {
    Handwriting::SYNTHESIS.layers
}

fn ten() -> usize {
    Handwriting::SYNTHESIS.window
}

fn twenty() -> usize {
    Handwriting::SYNTHESIS.mixtures
}

fn as_people_do() -> f32 {
    1.0
}

/// Lines that have been read, or are made.
pub(super) struct Hands {
    learnt: Arc<dyn Dataset>,
    test: Arc<dyn Dataset>,
    alphabet: Alphabet,
    scale: Scale,
    room: Room,
}

impl PenFontsRecipe {
    /// The files in `folder`; every twentieth word is in no line that is learnt from.
    pub(super) fn open(&self, folder: &Path, seed: u64) -> Result<Hands> {
        let fonts = self.fonts.iter().map(|font| PenFont::open(folder.join(font))).collect::<Result<Vec<_>>>()?;
        let mut words: Vec<String> = Texts::open_any(folder.join(&self.words))?.texts(Side::Source).map(str::to_owned).collect();
        words.sort_unstable();
        words.dedup();
        let (test, learnt): (Vec<_>, Vec<_>) = words.into_iter().enumerate().partition(|(i, _)| i % 20 == 0);
        let [test, learnt] = [test, learnt].map(|words| words.into_iter().map(|(_, word)| word).collect());
        let room = Room { points: self.points, characters: self.characters };
        let &Self { spacing, unsteady, capitals, numbers, marks, .. } = self;
        let manner = Manner { spacing, unsteady, capitals, numbers, marks };
        let learnt = FontLines::new(fonts, learnt, self.lines, room, manner, seed)?;
        let test = learnt.others(self.test, test, seed ^ 1 << 63)?;
        let (alphabet, scale) = (learnt.alphabet().clone(), learnt.scale());
        Ok(Hands { learnt: Arc::new(learnt), test: Arc::new(test), alphabet, scale, room })
    }
}

impl IamRecipe {
    /// The files in `folder`, as the collection has them.
    pub(super) fn open(&self, folder: &Path) -> Result<Hands> {
        if !(self.em > 0.0 && self.em.is_finite()) {
            return Err(Error::model("the recipe", format!("has an em of {} units; it must be positive", self.em)));
        }
        let [learnt, test] = [&self.train, &self.test].map(|lists| iam_lines(folder, lists, self.em));
        let (learnt, test) = (learnt?, test?);
        let alphabet = Alphabet::frequent(learnt.iter().map(|line| line.text.as_str()), self.letters)?;
        let points = || learnt.iter().flat_map(Line::points);
        // How far a pen on the board goes between two readings.
        let (sum, count) = points().filter(|p| p[2] < 0.5).fold((0.0, 0.0), |(sum, count), [x, y, _]| (sum + x.hypot(y), count + 1.0));
        let scale = Scale::measured(points(), (sum / f32::max(count, 1.0)).max(f32::EPSILON))?;
        let room = Room { points: self.points, characters: self.characters };
        let [learnt, test] = [learnt, test].map(|lines| Lines::new(lines, room, alphabet.clone(), scale));
        Ok(Hands { learnt: Arc::new(learnt?), test: Arc::new(test?), alphabet, scale, room })
    }
}

impl HandwritingRecipe {
    pub(super) fn on(&self, hands: Hands) -> Writing {
        let &Self { hidden, layers, window, mixtures } = self;
        let characters = if window > 0 { hands.alphabet.count() } else { 0 };
        Writing { sizes: Handwriting { characters, layers, hidden, window, mixtures }, hands }
    }
}

/// A network with its lines.
pub(super) struct Writing {
    sizes: Handwriting,
    hands: Hands,
}

impl Experiment for Writing {
    fn name(&self) -> String {
        let Handwriting { characters, layers, hidden, window, mixtures } = self.sizes;
        let Room { points, characters: longest } = self.hands.room;
        let text = match window {
            0 => "no text".to_owned(),
            _ => format!("{characters} characters through {window} Gaussians"),
        };
        format!(
            "handwriting of up to {points} points and {longest} characters, {layers} layers of {hidden}, {text}, {mixtures} Gaussians a point"
        )
    }

    fn initial(&self, seed: u64) -> Result<Weights> {
        self.sizes.initial(seed)
    }

    fn data(&self, _: &Path, _: u64) -> Result<[Arc<dyn Dataset>; 2]> {
        Ok([Arc::clone(&self.hands.learnt), Arc::clone(&self.hands.test)])
    }

    fn objective(&self, graph: &Graph, weights: &Weights, inputs: &Inputs, _: &mut Random) -> Result<Objective> {
        let [pen, points, text] = ["pen", "points", "text"].map(|name| inputs.get(name));
        let (points, network) = (points?, Network::new(&mut Layers::load(graph, weights), self.sizes)?);
        let nats = network.read(pen?, points, Some(text?))?.nats;
        let all = points.cast(DType::F32)?.reduce_sum(&[], false)?;
        let metrics = vec![("nats_a_point".to_owned(), nats.reduce_sum(&[], false)?.div(&all)?)];
        Ok(Objective { loss: nats.reduce_mean(&[], false)?, metrics, parameters: weights.states(graph) })
    }

    /// Nats and how many points they are of; and where the window was at each point of the first line.
    fn answers(&self, graph: &Graph, weights: &Weights, inputs: &Inputs) -> Result<Vec<Var>> {
        let [pen, points, text] = ["pen", "points", "text"].map(|name| inputs.get(name));
        let points = points?;
        let read = Network::new(&mut Layers::load(graph, weights), self.sizes)?.read(pen?, points, Some(text?))?;
        let counted = concat(&[&read.nats.unsqueeze(1)?, &points.cast(DType::F32)?.unsqueeze(1)?], 1)?;
        let first = read.phi.map(|phi| phi.narrow(1, 0, 1)?.squeeze(1)).transpose()?;
        Ok([counted].into_iter().chain(first).collect())
    }

    fn tally(&self) -> Result<Tally> {
        Ok(Tally::each(&["test_nats_a_point"]))
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        let characters = if self.sizes.characters > 0 { self.hands.alphabet.metadata() } else { Vec::new() };
        characters.into_iter().chain(self.hands.scale.metadata()).collect()
    }

    /// The window on the first line's text as it is written.
    fn draw(&self, batch: &Batch, answers: &[Array], folder: &Path) -> Result<()> {
        let Some(phi) = answers.get(1) else { return Ok(()) };
        let counts = batch.get("points")?.values::<i32>()?;
        let count = counts.first().map_or(0, |count| count.unsigned_abs() as usize).min(phi.shape()[0]);
        let points = batch.get("pen")?.values::<f32>()?.chunks_exact(3).skip(1).take(count);
        let points: Vec<_> = points.map(|p| self.hands.scale.on_paper([p[0], p[1]], p[2] > 0.5)).collect();
        let text = batch.get("text")?.values::<i32>()?;
        let text: Vec<i32> = text.iter().take(phi.shape()[1]).copied().take_while(|number| *number >= 0).collect();
        let line = Line::of(&self.hands.alphabet.write(&text), &points);
        let rows = phi.values::<f32>()?.chunks_exact(phi.shape()[1]).take(count);
        let shown: Vec<f32> = rows.flat_map(|row| &row[..text.len()]).copied().collect();
        let phi = Array::new([count, text.len()], shown)?;
        picture::write_png(folder.join("window.png"), &window_picture(&line, &phi)?)
    }
}

/// A recipe's other data than these.
pub(super) fn other_data() -> Error {
    Error::model("the recipe", "has other [data] than 'handwriting' learns from: kind = \"pen-fonts\" or \"iam-ondb\"")
}
