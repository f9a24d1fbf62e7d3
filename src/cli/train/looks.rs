//! What recipes share whose networks name pictures, and may look at them through spatial transformers first.

use super::experiment::Inputs;
use super::tally::Scores;
use foveate::array::{Array, DType, Hw, picture};
use foveate::graph::{Graph, Var};
use foveate::models::stn::{Output, Transform, before_and_after};
use foveate::nn::Weights;
use foveate::nn::loss::{CrossEntropy, cross_entropy};
use foveate::nn::metrics::Confusion;
use foveate::train::{Batch, Objective};
use foveate::{Error, Result};
use serde::Deserialize;
use std::path::Path;

/// Pictures whose warps are drawn.
const DRAWN: usize = 4;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TransformName {
    Attention,
    Affine,
    Projective,
    ThinPlateSpline,
}

impl TransformName {
    pub(super) fn transform(&self) -> Transform {
        match self {
            Self::Attention => Transform::Attention,
            Self::Affine => Transform::Affine,
            Self::Projective => Transform::Projective,
            Self::ThinPlateSpline => Transform::ThinPlateSpline,
        }
    }
}

/// The cross-entropy of what the network says.
pub(super) fn objective(output: &Output, graph: &Graph, weights: &Weights, inputs: &Inputs) -> Result<Objective> {
    let (logits, label) = (&output.logits, inputs.get("label")?);
    let loss = cross_entropy(logits, label, &CrossEntropy::default())?;
    let error = logits.argmax(1, false, false)?.not_equal(label)?.cast(DType::F32)?.reduce_mean(&[], false)?;
    Ok(Objective { loss, metrics: vec![("batch_error".to_owned(), error)], parameters: weights.states(graph) })
}

/// The likeliest names, and of the first pictures where each transformer looks, and what it sees there of `image`.
pub(super) fn answers(output: &Output, transforms: &[Transform], image: &Var) -> Result<Vec<Var>> {
    let drawn = image.narrow(0, 0, image.shape()[0].min(DRAWN))?;
    let size = Hw::new(image.shape()[2], image.shape()[3]);
    let mut answers = vec![output.logits.argmax(1, false, false)?];
    for (warp, transform) in output.warps.iter().zip(transforms) {
        let theta = warp.theta.narrow(0, 0, drawn.shape()[0])?;
        answers.extend([transform.grid(&theta, size)?, transform.warp(&drawn, &theta, size)?]);
    }
    Ok(answers)
}

pub(super) fn scores(confusion: &Confusion) -> Scores {
    vec![("test_error", confusion.pixel_accuracy().map(|right| 1.0 - right))]
}

/// What the transformers make of the first pictures, one below the other.
pub(super) fn draw(batch: &Batch, answers: &[Array], folder: &Path) -> Result<()> {
    let image = batch.get("image")?;
    for (number, pair) in answers.get(1..).unwrap_or_default().chunks_exact(2).enumerate() {
        let [grids, warped] = pair else { continue };
        let count = grids.shape()[0];
        let panels = (0..count).map(|i| before_and_after(&row(image, i, true)?, &row(grids, i, false)?, &row(warped, i, true)?));
        let sheet = stacked(&panels.collect::<Result<Vec<_>>>()?)?;
        picture::write_png(folder.join(format!("transformer{}.png", number + 1)), &sheet)?;
    }
    Ok(())
}

/// Row i of an array as a batch of one; of an image, if it has channels that are neither 1 nor 3, the first of them.
fn row(array: &Array, i: usize, image: bool) -> Result<Array> {
    let mut shape = array.shape().to_vec();
    let size: usize = shape[1..].iter().product();
    let mut values = array.values::<f32>()?.get(i * size..(i + 1) * size).unwrap_or_default();
    shape[0] = 1;
    if image && !matches!(shape[1], 1 | 3) {
        values = &values[..size / shape[1]];
        shape[1] = 1;
    }
    Array::new(shape, values.to_vec())
}

/// Pictures (1, 3, h, w) of one size, one below the other.
fn stacked(panels: &[Array]) -> Result<Array> {
    let Some(&[1, 3, h, w]) = panels.first().map(Array::shape) else {
        return Err(Error::shape("sheet", "there is no picture to draw"));
    };
    let values = panels.iter().map(|p| p.values::<f32>()).collect::<Result<Vec<_>>>()?;
    let plane = h * w;
    let rows = panels.len() * plane;
    Ok(Array::from_fn([1, 3, panels.len() * h, w], |i| {
        let (channel, at) = (i / rows, i % rows);
        values[at / plane].get(channel * plane + at % plane).copied().unwrap_or(0.0)
    }))
}
