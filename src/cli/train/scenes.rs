//! Scenes made of MNIST's digits, as a recipe names them: `[data]` of `kind = "digit-scenes"` and of `kind = "cluttered-digits"`.

use foveate::Result;
use foveate::array::Hw;
use foveate::models::digit_scenes::{CLASSES, Scenes, name};
use foveate::models::draw::Cluttered;
use foveate::train::About;
use serde::Deserialize;
use std::path::Path;

/// `kind = "digit-scenes"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DigitScenes {
    /// Pixels of a scene's side.
    #[serde(default = "sixty_four")]
    pub(super) side: usize,
    /// Digits of a scene at most.
    #[serde(default = "three")]
    digits: usize,
    /// Whether boxes around them do not overlap.
    #[serde(default)]
    apart: bool,
    /// Whether there is black behind them in place of textures.
    #[serde(default)]
    plain: bool,
    /// By how much they are scaled, the least and the most: 28 pixels by 1.
    #[serde(default = "usual_scales")]
    scales: [f64; 2],
    /// The first so many digits of the files alone.
    train_examples: Option<usize>,
    test_examples: Option<usize>,
}

fn sixty_four() -> usize {
    64
}

fn three() -> usize {
    3
}

fn usual_scales() -> [f64; 2] {
    [0.8, 2.0]
}

impl DigitScenes {
    /// The scenes to learn from.
    pub(super) fn learnt(&self, folder: &Path, seed: u64) -> Result<Scenes> {
        self.part(folder, "train", self.train_examples, seed)
    }

    /// Those to be measured by, which are the same for every run.
    pub(super) fn test(&self, folder: &Path) -> Result<Scenes> {
        self.part(folder, "t10k", self.test_examples, 0)
    }

    fn part(&self, folder: &Path, part: &str, most: Option<usize>, seed: u64) -> Result<Scenes> {
        let scenes = Scenes::open(self.side, folder, part, most.unwrap_or(usize::MAX), seed)?.with(self.digits, self.scales)?;
        let scenes = if self.plain { scenes.plain() } else { scenes };
        Ok(if self.apart { scenes.apart() } else { scenes })
    }
}

/// What checkpoints say: digits have the scale of the scene's pixels, however large a scene is.
pub(super) fn about() -> About {
    About { classes: (0..).map(name).take(CLASSES).collect(), ..About::new(3) }
}

/// `kind = "cluttered-digits"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClutteredDigits {
    /// Pixels of a picture's side.
    #[serde(default = "hundred")]
    pub(super) side: usize,
    /// How many pieces of other digits there are, and their side.
    #[serde(default = "eight")]
    pieces: usize,
    #[serde(default = "eight")]
    piece: usize,
    /// The first so many digits of the files alone.
    train_examples: Option<usize>,
    test_examples: Option<usize>,
}

fn hundred() -> usize {
    100
}

fn eight() -> usize {
    8
}

impl ClutteredDigits {
    /// The digits to learn from.
    pub(super) fn learnt(&self, folder: &Path, seed: u64) -> Result<Cluttered> {
        self.part(folder, "train", self.train_examples, seed)
    }

    /// Those to be measured by, which are the same for every run.
    pub(super) fn test(&self, folder: &Path) -> Result<Cluttered> {
        self.part(folder, "t10k", self.test_examples, 0)
    }

    fn part(&self, folder: &Path, part: &str, most: Option<usize>, seed: u64) -> Result<Cluttered> {
        Cluttered::open(folder, part, most.unwrap_or(usize::MAX), [self.side, self.pieces, self.piece], seed)
    }

    /// What checkpoints say.
    pub(super) fn about(&self) -> About {
        let classes = (0..10).map(|digit| digit.to_string()).collect();
        About { classes, size: Some(Hw::square(self.side)), mean: vec![0.0], std: vec![1.0], ..About::new(1) }
    }
}
