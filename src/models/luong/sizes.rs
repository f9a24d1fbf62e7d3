//! How large a network is, and how it looks.

use super::network::Network;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::models::layers;
use crate::nn::Weights;

/// The sizes of a translator, and where its words look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Luong {
    /// Words of the language that is read, with [`END`](crate::models::sentences::END) and
    /// [`UNKNOWN`](crate::models::sentences::UNKNOWN).
    pub source: usize,
    /// Words of the language that is written, with those.
    pub target: usize,
    /// m: numbers of a word's vector.
    pub embedding: usize,
    /// n: units of a layer.
    pub hidden: usize,
    /// Layers that read, and as many that write.
    pub layers: usize,
    /// Where words look; `None` for a network that knows the last states alone.
    pub attention: Option<Attention>,
    /// Whether a step is given what the one before it made of where it looked.
    pub feeds: bool,
}

/// Where words look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attention {
    /// How well a word of the sentence fits.
    pub score: Score,
    /// Which of them are asked.
    pub window: Window,
}

/// How well a word of the sentence fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Score {
    /// A product of states.
    Dot,
    /// A product with a matrix in it.
    General,
    /// A layer of both.
    Concat,
    /// A layer of the writer's state alone, with a number for each of so many places; nobody looks behind these.
    Location(usize),
}

/// Which words of the sentence are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// All.
    Global,
    /// D to either side of the word as far from the sentence's beginning: "local-m".
    Monotonic(usize),
    /// D to either side of a place that the state tells, less the further away: "local-p".
    Predicted(usize),
}

/// Where metadata have what shapes do not tell.
const KEYS: [&str; 3] = ["attention", "window", "reach"];

impl Luong {
    /// The published sizes: 50,000 words of English and of German, four layers of 1000; general, around a predicted place.
    pub const PUBLISHED: Self = Self {
        source: 50_002,
        target: 50_002,
        embedding: 1000,
        hidden: 1000,
        layers: 4,
        attention: Some(Attention { score: Score::General, window: Window::Predicted(10) }),
        feeds: true,
    };

    /// The sizes of `weights`, whose metadata say how it looks.
    ///
    /// # Errors
    /// If a weight is missing or has other dimensions than it must, or the metadata say nothing or something else.
    pub fn of(weights: &Weights) -> Result<Self> {
        let has = |name: &str| weights.names().any(|n| n == name);
        let [source, embedding] = weights.sizes("encoder.embedding")?;
        let [_, _, hidden] = weights.sizes("encoder.0.recurrent")?;
        let [target, _] = weights.sizes("decoder.embedding")?;
        let [_, inputs] = weights.sizes("decoder.0.weight")?;
        let layers = (0..).take_while(|layer| has(&format!("encoder.{layer}.weight"))).count();
        let feeds = inputs > embedding.saturating_add(hidden);
        Ok(Self { source, target, embedding, hidden, layers, attention: Attention::of(weights)?, feeds })
    }

    /// What weights say of how it looks.
    pub fn metadata(&self) -> Vec<(&'static str, String)> {
        let (score, window, reach) = match self.attention {
            None => ("none", "global", 0),
            Some(Attention { score, window }) => {
                let (window, reach) = window.parts();
                (score.name(), window, reach)
            }
        };
        KEYS.into_iter().zip([score.to_owned(), window.to_owned(), reach.to_string()]).collect()
    }

    /// Weights as training began with them: uniform numbers in plus or minus 0.1.
    ///
    /// # Errors
    /// If a size is 0, or too large for a weight; if windows and scores do not go together.
    pub fn initial(&self, seed: u64) -> Result<Weights> {
        let graph = Graph::new();
        let weights = layers::fresh(&graph, seed, |layers| Network::new(layers, *self).map(|_| ()))?;
        Ok(self.metadata().into_iter().fold(weights, |weights, (key, value)| weights.with_metadata(key, &value)))
    }

    /// Names and shapes of the weights.
    ///
    /// # Errors
    /// As [`Luong::initial`].
    pub fn tensors(&self) -> Result<Vec<(String, Vec<usize>)>> {
        let graph = Graph::new();
        layers::list(&graph, |layers| Network::new(layers, *self).map(|_| ()))
    }

    pub(super) fn check(&self) -> Result<()> {
        let Self { source, target, embedding, hidden, layers, attention, .. } = *self;
        let wrong = |reason: &str| Err(Error::shape("luong", format!("{self:?}: {reason}")));
        if [embedding, hidden, layers].contains(&0) || source < 2 || target < 2 {
            return wrong("no size may be 0, and a language has 2 words at least");
        }
        match attention {
            Some(Attention { window: Window::Monotonic(0) | Window::Predicted(0), .. }) => wrong("a window reaches 1 word at least"),
            Some(Attention { score: Score::Location(0), .. }) => wrong("a location is one of 1 place at least"),
            Some(Attention { score: Score::Location(_), window: Window::Monotonic(_) | Window::Predicted(_) }) => {
                wrong("a location is a place in the whole sentence: its window is global")
            }
            _ => Ok(()),
        }
    }
}

impl Attention {
    fn of(weights: &Weights) -> Result<Option<Self>> {
        let wrong = |reason: String| Error::model(weights.source(), reason);
        let [attention, window, _] =
            KEYS.map(|key| weights.metadata().get(key).map(String::as_str).ok_or_else(|| wrong(format!("has no '{key}' in its metadata"))));
        let reach = weights.number(KEYS[2])?.unwrap_or(0);
        let score = match attention? {
            "none" => return Ok(None),
            "dot" => Score::Dot,
            "general" => Score::General,
            "concat" => Score::Concat,
            "location" => Score::Location(weights.sizes::<2>("align.weight")?[0]),
            other => return Err(wrong(format!("says its attention is '{other}', not none, dot, general, concat or location"))),
        };
        let window = match window? {
            "global" => Window::Global,
            "monotonic" => Window::Monotonic(reach),
            "predicted" => Window::Predicted(reach),
            other => return Err(wrong(format!("says its window is '{other}', not global, monotonic or predicted"))),
        };
        Ok(Some(Self { score, window }))
    }
}

impl Score {
    /// What metadata and recipes call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dot => "dot",
            Self::General => "general",
            Self::Concat => "concat",
            Self::Location(_) => "location",
        }
    }
}

impl Window {
    /// What metadata and recipes call it, and D.
    pub fn parts(self) -> (&'static str, usize) {
        match self {
            Self::Global => ("global", 0),
            Self::Monotonic(reach) => ("monotonic", reach),
            Self::Predicted(reach) => ("predicted", reach),
        }
    }
}
