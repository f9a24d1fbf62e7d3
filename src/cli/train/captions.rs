//! Pictures with captions, as a recipe names them: `[data]` of `kind = "captions"` and of `kind = "captioned-digits"`.

use foveate::array::Hw;
use foveate::models::captioning::Captions;
use foveate::models::digit_scenes::{self, CaptionedScenes};
use foveate::models::encoder::Encoder;
use foveate::models::vocabulary::Vocabulary;
use foveate::nn::Weights;
use foveate::train::{Dataset, Fit, Frame};
use foveate::{Error, Result};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `kind = "captions"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CaptionsRecipe {
    /// Files of captions, and the folders of their photos.
    train: PathBuf,
    train_photos: PathBuf,
    test: PathBuf,
    test_photos: PathBuf,
    /// Words that are known, the most frequent.
    #[serde(default = "ten_thousand")]
    words: usize,
    /// Words of a caption at most, its end among them; longer ones are not learnt from.
    longest: usize,
}

fn ten_thousand() -> usize {
    10_000
}

/// `kind = "captioned-digits"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CaptionedDigits {
    /// Pixels of a scene's side.
    side: usize,
    /// The first so many digits of the files alone.
    train_examples: Option<usize>,
    test_examples: Option<usize>,
}

/// Captions that have been read.
pub(super) struct CaptionSets {
    pub(super) learnt: Arc<dyn Dataset>,
    pub(super) test: Arc<dyn Dataset>,
    pub(super) vocabulary: Vocabulary,
    /// Words of a caption at most, its end among them.
    pub(super) longest: usize,
    /// Whether examples for tests say where digits are.
    pub(super) boxes: bool,
}

impl CaptionsRecipe {
    /// The files in `folder`; the words are those of what is learnt from.
    pub(super) fn open(&self, folder: &Path, weights: &Weights) -> Result<(Encoder, CaptionSets)> {
        let encoder = Encoder::of(weights)?;
        let frame = Frame::new(encoder.pictures(), 3, Fit::Crop)?;
        let [learnt, test] = [(&self.train, &self.train_photos), (&self.test, &self.test_photos)]
            .map(|(file, photos)| Captions::open(folder.join(file), folder.join(photos)));
        let (learnt, test) = (learnt?, test?);
        let language = learnt.language(self.words)?;
        let (learnt, test) = (Arc::new(learnt.told(&language, frame, self.longest)?), Arc::new(test.to_tell(&language, frame)));
        Ok((encoder, CaptionSets { learnt, test, vocabulary: language.vocabulary().clone(), longest: self.longest, boxes: false }))
    }
}

impl CaptionedDigits {
    /// Scenes of MNIST's digits in `folder`.
    pub(super) fn open(&self, folder: &Path, seed: u64, weights: &Weights) -> Result<(Encoder, CaptionSets)> {
        let part = |part: &str, most: Option<usize>, seed| {
            CaptionedScenes::open(self.side, folder, part, most.unwrap_or(usize::MAX), seed).map(Arc::new)
        };
        let vocabulary = Vocabulary::new("digits", digit_scenes::WORDS.map(str::to_owned).into())?;
        let encoder = Encoder::seeing(weights, Hw::square(self.side))?;
        if encoder.pictures() != Hw::square(self.side) {
            return Err(Error::model(weights.source(), format!("{} sees photos, not scenes of digits", encoder.name())));
        }
        let (learnt, test) = (part("train", self.train_examples, seed)?, part("t10k", self.test_examples, 0)?);
        Ok((encoder, CaptionSets { learnt, test, vocabulary, longest: digit_scenes::LONGEST, boxes: true }))
    }
}
