//! Things that a cascade has found, for pictures and for files.

use foveate::array::text::{Canvas, WHITE};
use foveate::array::{Array, Hw};
use foveate::graph::Var;
use foveate::models::mnc::{self, Instance};
use foveate::train::About;
use foveate::{Error, Result};

/// Pictures of an evaluation that are drawn, as many of them beside each other, and pixels between two.
pub(super) const DRAWN: usize = 6;
const COLUMNS: usize = 3;
const GAP: usize = 8;
/// About how many pixels the longer side of one takes.
const SIDE: usize = 384;
/// How likely a thing must be to be shown.
pub(super) const LIKELY: f32 = 0.5;

/// An `image` (n, 3, h, w) of 0..1 as a cascade of `about` sees it.
pub(super) fn image(about: &About, image: &Var) -> Result<Var> {
    about.normalised(image, 1.0, 0.0)
}

/// The instances of each image of a batch, by the boxes, masks and scores that were found in images of `size`.
pub(super) fn each(answers: &[Array], size: Hw, least: f32) -> Result<Vec<Vec<Instance>>> {
    let [boxes, masks, scores] = answers else {
        return Err(Error::shape("things", format!("{} answers, not boxes, masks and scores", answers.len())));
    };
    let count = boxes.shape().first().copied().unwrap_or(0);
    (0..count).map(|i| mnc::instances(&row(boxes, i)?, &row(masks, i)?, &row(scores, i)?, size, least)).collect()
}

/// Part `index` of the first dimension, without it.
fn row(array: &Array, index: usize) -> Result<Array> {
    let shape = array.shape().get(1..).unwrap_or_default();
    let len = shape.iter().product::<usize>();
    let values = array.values::<f32>()?.get(index * len..(index + 1) * len).unwrap_or_default();
    Array::new(shape, values.to_vec())
}

/// Image `index` of a batch, with what was found in it.
pub(super) fn overlay(images: &Array, index: usize, found: &[Instance], about: &About) -> Result<Array> {
    let image = row(images, index)?;
    let &[3, h, w] = image.shape() else { return Err(Error::shape("things", format!("{} is no picture", image.ty()))) };
    let likely: Vec<Instance> = found.iter().filter(|instance| instance.score >= LIKELY).cloned().collect();
    let factor = (SIDE / h.max(w).max(1)).max(1);
    mnc::overlay(&image.reshaped([1, 3, h, w])?, &likely, factor, |instance| called(instance, about))
}

/// A thing's class and how likely it is.
pub(super) fn called(instance: &Instance, about: &About) -> String {
    format!("{} {:.2}", about.class(instance.class), instance.score)
}

/// Pictures (1, 3, h, w) of one size, three beside each other.
pub(super) fn beside(pictures: &[Array]) -> Result<Array> {
    let Some(&[1, 3, h, w]) = pictures.first().map(Array::shape) else { return Err(Error::shape("things", "no pictures")) };
    let (columns, gap) = (pictures.len().min(COLUMNS), GAP);
    let mut canvas = Canvas::new(Hw::new(pictures.len().div_ceil(columns) * (h + gap) - gap, columns * (w + gap) - gap), WHITE)?;
    for (i, picture) in pictures.iter().enumerate() {
        canvas.paste(i / columns * (h + gap), i % columns * (w + gap), picture)?;
    }
    Ok(canvas.into_picture())
}
