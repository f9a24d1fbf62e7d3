//! What recipes share whose networks give each pixel a class.

use foveate::Result;
use foveate::array::{Array, DType, Hw, Literal, picture};
use foveate::graph::Var;
use foveate::models::fcn::Variant;
use foveate::models::narrow_fcn::NarrowFcn;
use foveate::models::voc;
use foveate::nn::loss::{CrossEntropy, cross_entropy};
use foveate::nn::metrics::Confusion;
use foveate::nn::optimiser::Parameter;
use foveate::train::{Batch, Objective, VOID};
use serde::Deserialize;
use std::path::Path;

/// Pictures that are drawn: two beside each other.
const DRAWN: usize = 4;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum VariantName {
    Fcn32s,
    Fcn16s,
    Fcn8s,
}

/// The network that a recipe asks for; what it leaves out is as for scenes of digits.
pub(super) fn network(
    variant: VariantName,
    classes: usize,
    convolutions: Option<[usize; 5]>,
    channels: Option<[usize; 5]>,
    hidden: Option<usize>,
) -> NarrowFcn {
    let usual = NarrowFcn::new(match variant {
        VariantName::Fcn32s => Variant::Fcn32s,
        VariantName::Fcn16s => Variant::Fcn16s,
        VariantName::Fcn8s => Variant::Fcn8s,
    });
    let convolutions = convolutions.unwrap_or(usual.stages.map(|(convolutions, _)| convolutions));
    let channels = channels.unwrap_or(usual.stages.map(|(_, channels)| channels));
    let stages = std::array::from_fn(|stage| (convolutions[stage], channels[stage]));
    NarrowFcn { stages, classes, hidden: hidden.unwrap_or(usual.hidden), ..usual }
}

/// The network in a line.
pub(super) fn name(network: &NarrowFcn) -> String {
    let channels = network.stages.map(|(_, channels)| channels);
    format!("{} of {channels:?} and {} channels", network.variant.name(), network.hidden)
}

/// The cross-entropy of the pixels that have a class.
pub(super) fn objective(scores: &Var, parameters: Vec<Parameter>, label: &Var) -> Result<Objective> {
    let void = i32::from(VOID);
    let loss = cross_entropy(scores, label, &CrossEntropy { ignore_index: Some(void), ..CrossEntropy::default() })?;
    let share = |which: &Var| which.cast(DType::F32)?.reduce_mean(&[], false);
    let right = share(&scores.argmax(1, false, false)?.equal(label)?)?;
    let counted = share(&label.not_equal(&label.graph().constant(Array::scalar(void))?)?)?;
    let metrics = vec![("batch_accuracy".to_owned(), right.div(&counted)?)];
    Ok(Objective { loss, metrics, parameters })
}

pub(super) fn scores(confusion: &Confusion) -> Vec<(&'static str, Option<f64>)> {
    vec![("mean_iu", confusion.mean_iou()), ("pixel_accuracy", confusion.pixel_accuracy())]
}

/// The first pictures, beside them what was found; and in another picture what is there.
pub(super) fn draw(batch: &Batch, answers: &[Array], folder: &Path, factor: usize, name: impl Fn(u8) -> String) -> Result<()> {
    let (image, Some(found)) = (batch.get("image")?, answers.first()) else { return Ok(()) };
    let &[_, channels, h, w] = image.shape() else { return Ok(()) };
    let size = Hw::new(h, w);
    let photo = enlarged(image.values::<f32>()?, channels, size, batch.count, factor);
    for (file, classes) in [("scenes.png", found), ("truth.png", batch.get("label")?)] {
        let classes = enlarged(classes.values::<i32>()?, 1, size, batch.count, factor);
        picture::write_png(folder.join(file), &voc::sheet(&photo, &classes, &name)?)?;
    }
    Ok(())
}

/// The first [`DRAWN`] of `count` values (count, channels, size), two beside each other, each pixel `factor` wide and high: (1, channels, h, w).
fn enlarged<T: Literal + Default>(values: &[T], channels: usize, size: Hw, count: usize, factor: usize) -> Array {
    let columns = count.clamp(1, 2);
    let rows = count.min(DRAWN).div_ceil(columns);
    let (h, w) = (rows * size.h * factor, columns * size.w * factor);
    Array::from_fn([1, channels, h, w], |i| {
        let (channel, y, x) = (i / (h * w), i / w % h / factor, i % w / factor);
        let picture = y / size.h * columns + x / size.w;
        // A place without a picture stays empty.
        let at = ((picture * channels + channel) * size.h + y % size.h) * size.w + x % size.w;
        values.get(at).copied().unwrap_or_default()
    })
}
