//! Networks that give each pixel of a picture a class.

use super::data::Sets;
use super::experiment::{Experiment, Inputs};
use super::tally::{Scores, Tally};
use crate::cli::trained;
use foveate::Result;
use foveate::array::{Array, DType, Hw, Literal, picture};
use foveate::graph::{Graph, Var};
use foveate::models::pixelwise::{Pixelwise, Scored, loss};
use foveate::models::voc;
use foveate::nn::loss::CrossEntropy;
use foveate::nn::metrics::Confusion;
use foveate::nn::optimiser::Parameter;
use foveate::nn::{Random, Weights};
use foveate::train::{Batch, Dataset, Objective, VOID};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Pictures that are drawn: two beside each other.
const DRAWN: usize = 4;
/// About how many pixels of the picture of what was found a photo's longer side takes.
const DRAWN_SIDE: usize = 384;

/// A network with its data.
pub(super) struct Pixels {
    network: Box<dyn Pixelwise>,
    start: Option<PathBuf>,
    sets: Sets,
}

impl Pixels {
    /// `network` on `sets`; `start` is a checkpoint to go on from.
    pub(super) fn new(network: impl Pixelwise + 'static, start: Option<&PathBuf>, sets: Sets) -> Self {
        Self { network: Box::new(network), start: start.cloned(), sets }
    }

    fn image(&self, inputs: &Inputs) -> Result<Var> {
        self.network.image(&self.sets.about, inputs.get("image")?)
    }
}

impl Experiment for Pixels {
    fn name(&self) -> String {
        let (classes, Hw { h, w }) = (self.network.classes(), self.sets.size);
        format!("{classes} classes in pictures of {h} x {w}, {}", self.network.name())
    }

    fn initial(&self, seed: u64) -> Result<Weights> {
        match &self.start {
            Some(path) => self.network.after(&trained::start(path)?, seed),
            None => self.network.initial(seed),
        }
    }

    fn data(&self, _: &Path, _: u64) -> Result<[Arc<dyn Dataset>; 2]> {
        Ok([Arc::clone(&self.sets.learnt), Arc::clone(&self.sets.test)])
    }

    fn objective(&self, _: &Graph, weights: &Weights, inputs: &Inputs, random: &mut Random) -> Result<Objective> {
        let (scored, parameters) = self.network.trainable(weights, &self.image(inputs)?, random)?;
        objective(&scored, parameters, inputs.get("label")?)
    }

    fn answers(&self, _: &Graph, weights: &Weights, inputs: &Inputs) -> Result<Vec<Var>> {
        Ok(vec![self.network.scores(weights, &self.image(inputs)?)?.argmax(1, false, false)?])
    }

    fn tally(&self) -> Result<Tally> {
        Tally::labels(self.network.classes(), scores)
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        let mut all = self.sets.about.metadata();
        all.extend(self.network.metadata());
        all
    }

    fn draw(&self, batch: &Batch, answers: &[Array], folder: &Path) -> Result<()> {
        draw(batch, answers, folder, &self.sets.about.classes)
    }
}

/// The cross-entropy of the pixels that have a class; the accuracy is that of the last scores.
pub(super) fn objective(scored: &[Scored], parameters: Vec<Parameter>, label: &Var) -> Result<Objective> {
    let void = i32::from(VOID);
    let loss = loss(scored, label, &CrossEntropy { ignore_index: Some(void), ..CrossEntropy::default() })?;
    let share = |which: &Var| which.cast(DType::F32)?.reduce_mean(&[], false);
    let accuracy = |of: &Scored| {
        let label = of.labels(label)?;
        let right = share(&of.scores.argmax(1, false, false)?.equal(&label)?)?;
        let counted = share(&label.not_equal(&label.graph().constant(Array::scalar(void))?)?)?;
        Ok(("batch_accuracy".to_owned(), right.div(&counted)?))
    };
    let metrics = scored.last().map(accuracy).into_iter().collect::<Result<_>>()?;
    Ok(Objective { loss, metrics, parameters })
}

pub(super) fn scores(confusion: &Confusion) -> Scores {
    vec![("mean_iu", confusion.mean_iou()), ("pixel_accuracy", confusion.pixel_accuracy())]
}

/// The first pictures, beside them what was found; and in another picture what is there.
pub(super) fn draw(batch: &Batch, answers: &[Array], folder: &Path, classes: &[String]) -> Result<()> {
    let (image, Some(found)) = (batch.get("image")?, answers.first()) else { return Ok(()) };
    let &[_, channels, h, w] = image.shape() else { return Ok(()) };
    let (size, factor) = (Hw::new(h, w), (DRAWN_SIDE / h.max(w).max(1)).max(1));
    let photo = enlarged(image.values::<f32>()?, channels, 3, size, batch.count, factor);
    let name = |class: u8| classes.get(usize::from(class)).cloned().unwrap_or_else(|| "none".to_owned());
    for (file, found) in [("scenes.png", found), ("truth.png", batch.get("label")?)] {
        let found = enlarged(found.values::<i32>()?, 1, 1, size, batch.count, factor);
        picture::write_png(folder.join(file), &voc::sheet(&photo, &found, name)?)?;
    }
    Ok(())
}

/// The first [`DRAWN`] of `count` values (count, channels, size), two beside each other, each pixel `factor` wide and high: (1, drawn, h, w).
/// Of one channel all that are drawn are the same.
fn enlarged<T: Literal + Default>(values: &[T], channels: usize, drawn: usize, size: Hw, count: usize, factor: usize) -> Array {
    let columns = count.clamp(1, 2);
    let rows = count.min(DRAWN).div_ceil(columns);
    let (h, w) = (rows * size.h * factor, columns * size.w * factor);
    Array::from_fn([1, drawn, h, w], |i| {
        let (channel, y, x) = (i / (h * w) % channels, i / w % h / factor, i % w / factor);
        let picture = y / size.h * columns + x / size.w;
        // A place without a picture stays empty.
        let at = ((picture * channels + channel) * size.h + y % size.h) * size.w + x % size.w;
        values.get(at).copied().unwrap_or_default()
    })
}
