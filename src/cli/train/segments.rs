//! Fully convolutional networks on scenes of digits, as a recipe names them.

use super::experiment::{Experiment, Inputs};
use foveate::Result;
use foveate::array::{Array, DType, Literal, picture};
use foveate::graph::{Graph, Var};
use foveate::models::digit_scenes::{CLASSES, NarrowFcn, Scenes, VOID, name};
use foveate::models::fcn::Variant;
use foveate::models::{Network, voc};
use foveate::nn::loss::{CrossEntropy, cross_entropy};
use foveate::nn::metrics::Confusion;
use foveate::nn::{Random, Weights};
use foveate::train::{Batch, Dataset, Objective};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Scenes that are drawn: two beside each other.
const DRAWN: usize = 4;
/// How many pixels of the picture a scene's pixel is high and wide.
const ENLARGED: usize = 3;

/// `system = "fcn-digits"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Segments {
    variant: VariantName,
    /// Pixels of a scene's side, a multiple of 32.
    #[serde(default = "sixty_four")]
    side: usize,
    /// Digits of a scene at most.
    #[serde(default = "three")]
    digits: usize,
    /// By how much they are scaled, the least and the most: 28 pixels by 1.
    #[serde(default = "usual_scales")]
    scales: [f64; 2],
    /// How many convolutions each of the five stages has.
    convolutions: Option<[usize; 5]>,
    /// And of how many channels.
    channels: Option<[usize; 5]>,
    /// Those of fc6 and fc7.
    hidden: Option<usize>,
    /// The checkpoint of a network with fewer skips to go on from, as FCN-16s was made of FCN-32s.
    start: Option<PathBuf>,
    /// The first so many digits of the files alone.
    train_examples: Option<usize>,
    test_examples: Option<usize>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum VariantName {
    Fcn32s,
    Fcn16s,
    Fcn8s,
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

impl Segments {
    fn network(&self) -> NarrowFcn {
        let usual = NarrowFcn::new(match self.variant {
            VariantName::Fcn32s => Variant::Fcn32s,
            VariantName::Fcn16s => Variant::Fcn16s,
            VariantName::Fcn8s => Variant::Fcn8s,
        });
        let convolutions = self.convolutions.unwrap_or(usual.stages.map(|(convolutions, _)| convolutions));
        let channels = self.channels.unwrap_or(usual.stages.map(|(_, channels)| channels));
        let stages = std::array::from_fn(|stage| (convolutions[stage], channels[stage]));
        NarrowFcn { stages, hidden: self.hidden.unwrap_or(usual.hidden), ..usual }
    }

    fn built(&self, weights: &Weights, inputs: &Inputs) -> Result<Network> {
        self.network().trainable(weights, inputs.get("image")?)
    }
}

impl Experiment for Segments {
    fn name(&self) -> String {
        let NarrowFcn { variant, stages, hidden, .. } = self.network();
        let channels = stages.map(|(_, channels)| channels);
        format!("digits over textures of {0} x {0}, {1} of {channels:?} and {hidden} channels", self.side, variant.name())
    }

    fn initial(&self, seed: u64) -> Result<Weights> {
        match &self.start {
            Some(path) => self.network().after(&Weights::open(path)?),
            None => self.network().initial(seed),
        }
    }

    fn data(&self, folder: &Path, seed: u64) -> Result<[Arc<dyn Dataset>; 2]> {
        let open = |part, most: Option<usize>, seed| {
            Scenes::open(self.side, folder, part, most.unwrap_or(usize::MAX), seed)?.with(self.digits, self.scales)
        };
        // Every run is measured by the same scenes.
        Ok([Arc::new(open("train", self.train_examples, seed)?), Arc::new(open("t10k", self.test_examples, 0)?)])
    }

    fn objective(&self, _: &Graph, weights: &Weights, inputs: &Inputs, _: &mut Random) -> Result<Objective> {
        let network = self.built(weights, inputs)?;
        let (scores, label) = (NarrowFcn::score(&network)?, inputs.get("label")?);
        let loss = cross_entropy(&scores, label, &CrossEntropy { ignore_index: Some(VOID), ..CrossEntropy::default() })?;
        let share = |which: &Var| which.cast(DType::F32)?.reduce_mean(&[], false);
        let right = share(&scores.argmax(1, false, false)?.equal(label)?)?;
        let counted = share(&label.not_equal(&label.graph().constant(Array::scalar(VOID))?)?)?;
        let metrics = vec![("batch_accuracy".to_owned(), right.div(&counted)?)];
        Ok(Objective { loss, metrics, parameters: network.learned })
    }

    fn answers(&self, _: &Graph, weights: &Weights, inputs: &Inputs) -> Result<Vec<Var>> {
        Ok(vec![NarrowFcn::score(&self.built(weights, inputs)?)?.argmax(1, false, false)?])
    }

    fn classes(&self) -> usize {
        CLASSES
    }

    fn scores(&self, confusion: &Confusion) -> Vec<(&'static str, Option<f64>)> {
        vec![("mean_iu", confusion.mean_iou()), ("pixel_accuracy", confusion.pixel_accuracy())]
    }

    /// The first scenes, beside them what was found; and in another picture what is there.
    fn draw(&self, batch: &Batch, answers: &[Array], folder: &Path) -> Result<()> {
        let Some(found) = answers.first() else { return Ok(()) };
        let photo = enlarged(batch.get("image")?.values::<f32>()?, 3, self.side, batch.count);
        for (file, classes) in [("scenes.png", found), ("truth.png", batch.get("label")?)] {
            let classes = enlarged(classes.values::<i32>()?, 1, self.side, batch.count);
            picture::write_png(folder.join(file), &voc::sheet(&photo, &classes, name)?)?;
        }
        Ok(())
    }
}

/// The first [`DRAWN`] of `count` scenes' values (count, channels, side, side), two beside each other, each pixel [`ENLARGED`]: (1, channels, h, w).
fn enlarged<T: Literal + Default>(values: &[T], channels: usize, side: usize, count: usize) -> Array {
    let columns = count.clamp(1, 2);
    let rows = count.min(DRAWN).div_ceil(columns);
    let (h, w) = (rows * side * ENLARGED, columns * side * ENLARGED);
    Array::from_fn([1, channels, h, w], |i| {
        let (channel, y, x) = (i / (h * w), i / w % h / ENLARGED, i % w / ENLARGED);
        let scene = y / side * columns + x / side;
        // A place without a scene stays empty.
        let at = ((scene * channels + channel) * side + y % side) * side + x % side;
        values.get(at).copied().unwrap_or_default()
    })
}
