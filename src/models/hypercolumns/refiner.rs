//! A network in use, on what was found in photos of any size.

use super::{Hypercolumns, Network};
use crate::array::{Array, DType, Hw, TensorType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::models::Layers;
use crate::models::boxes::{first, last};
use crate::models::mnc::{Instance, around};
use crate::models::view::View;
use crate::nn::Weights;
use crate::ops::{concat, number};

/// The heat from which on a pixel belongs to the thing.
pub(super) const HOT: f32 = 0.4;
/// Boxes are looked at in numbers that are multiples of this, so that few plans serve all photos.
const AT_ONCE: usize = 8;

/// A network with its weights and what these say of pictures.
#[derive(Clone, Debug)]
pub struct Refiner {
    sizes: Hypercolumns,
    weights: Weights,
    view: View,
}

impl Refiner {
    /// Of weights that `foveate train` wrote, or that have the released network's names and say nothing of pictures.
    ///
    /// # Errors
    /// If a weight is missing or has another shape, metadata make no sense or name another number of classes.
    pub fn new(weights: Weights) -> Result<Self> {
        let (sizes, view) = (Hypercolumns::of(&weights)?, View::of(&weights)?);
        if let Some(named) = view.named().filter(|named| *named != sizes.classes + 1) {
            let reason = format!("its metadata name {named} classes; it has columns for the background and {} more", sizes.classes);
            return Err(Error::model(weights.source(), reason));
        }
        let own = Self { sizes, weights, view };
        // What is wrong with the weights is said before the first photo is read.
        let graph = Graph::new();
        let (boxes, classes) =
            (graph.input("boxes", TensorType::f32([1, 1, 4]))?, graph.input("classes", TensorType::new(DType::I32, [1, 1]))?);
        own.heat(&graph.input("photo", TensorType::f32([1, 3, 64, 64]))?, &boxes, &classes)?;
        Ok(own)
    }

    /// How many classes of things it knows.
    pub fn classes(&self) -> usize {
        self.sizes.classes
    }

    /// What a class, 0 the background, is called.
    pub fn class(&self, class: usize) -> String {
        self.view.class(class, self.sizes.classes + 1)
    }

    /// How likely each part of boxes is the thing, (n, m, side, side), of a `photo` (n, 3, h, w) of any size, RGB of 0..1, and of `boxes`
    /// (n, m, 4) and `classes` i32 (n, m) as [`Refiner::asked`] gives them.
    ///
    /// # Errors
    /// If shapes or dtypes are others.
    pub fn heat(&self, photo: &Var, boxes: &Var, classes: &Var) -> Result<Var> {
        let (&[_, _, h, w], &[_, _, 4]) = (photo.shape(), boxes.shape()) else {
            let reason = format!("photo {} and boxes {} are not (n, 3, h, w) and (n, m, 4)", photo.ty(), boxes.ty());
            return Err(Error::shape("hypercolumns", reason));
        };
        let (image, seen) = (self.view.image(photo)?, self.view.size(Hw::new(h, w)));
        // A last pixel ends where the next would begin.
        let factor = |to: usize, from: usize| to as f32 / from as f32;
        let factors = photo.graph().constant(Array::new([2], vec![factor(seen.w, w), factor(seen.h, h)])?)?;
        let one = number(boxes, 1.0)?;
        let end = last(boxes)?.add(&one)?.mul(&factors)?.sub(&one)?;
        let boxes = concat(&[&first(boxes)?.mul(&factors)?, &end], -1)?;
        Network::new(&mut Layers::load(photo.graph(), &self.weights), &self.sizes)?.heat(&image, &boxes, classes)
    }

    /// Boxes (1, m, 4) and classes i32 (1, m) of what was `found` in a photo, for [`Refiner::heat`]; the rest, so that m is one of few numbers,
    /// is one pixel of the first class.
    ///
    /// # Errors
    /// If something is of a class that it does not know.
    pub fn asked(&self, found: &[Instance]) -> Result<[Array; 2]> {
        let m = found.len().max(1).next_multiple_of(AT_ONCE);
        let (mut boxes, mut classes) = (vec![0.0f32; 4 * m], vec![1i32; m]);
        for (i, instance) in found.iter().enumerate() {
            let class = i32::try_from(instance.class).ok().filter(|_| (1..=self.sizes.classes).contains(&instance.class));
            classes[i] = class.ok_or_else(|| {
                let reason = format!("something of class {} was found; it refines classes 1 to {}", instance.class, self.sizes.classes);
                Error::shape("hypercolumns", reason)
            })?;
            boxes[4 * i..][..4].copy_from_slice(&instance.found_in);
        }
        Ok([Array::new([1, m, 4], boxes)?, Array::new([1, m], classes)?])
    }
}

/// What was `found` in a photo of `size`, with masks by the `heat` (1, m, side, side) of its boxes: those pixels of a box of which it is
/// 0.4 or more. What has no pixel left is left out.
///
/// # Errors
/// If heat is of fewer boxes.
pub fn refined(found: &[Instance], heat: &Array, size: Hw) -> Result<Vec<Instance>> {
    let side = match *heat.shape() {
        [1, m, y, x] if m >= found.len() && y == x && y > 0 => y,
        _ => return Err(Error::shape("hypercolumns", format!("heat {} is not (1, m, side, side) of {} boxes", heat.ty(), found.len()))),
    };
    let masked = |(instance, heat): (&Instance, &[f32])| {
        let mask = pasted(heat, side, instance.found_in, size);
        around(&mask, size).map(|corners| Instance { corners, mask, ..instance.clone() })
    };
    Ok(found.iter().zip(heat.values::<f32>()?.chunks_exact(side * side)).filter_map(masked).collect())
}

/// The pixels of a photo of `size` whose place in a box, cut into side x side parts, is hot. A box reaches from half a pixel before its first
/// corner to half a pixel behind its last.
fn pasted(heat: &[f32], side: usize, [x1, y1, x2, y2]: [f32; 4], size: Hw) -> Vec<bool> {
    let part = |at: usize, from: f32, to: f32| {
        // A box the other way round, or one of NaN, has no part.
        let length = f64::from(to) - f64::from(from) + 1.0;
        let place = if length > 0.0 { (at as f64 - f64::from(from) + 0.5) / length * side as f64 } else { -1.0 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in 0..side")]
        (place >= 0.0 && place < side as f64).then_some(place as usize)
    };
    let columns: Vec<Option<usize>> = (0..size.w).map(|x| part(x, x1, x2)).collect();
    let hot = |row: Option<usize>, column: &Option<usize>| row.zip(*column).is_some_and(|(y, x)| heat[y * side + x] >= HOT);
    (0..size.h).map(|y| part(y, y1, y2)).flat_map(|row| columns.iter().map(move |column| hot(row, column))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heat_is_pasted_into_its_box() {
        // Parts of 2 x 2 pixels in a box of 4 x 4, the second row of it outside of the picture.
        let heat = [0.5, 0.1, 0.4, 0.9];
        let mask = pasted(&heat, 2, [1.0, 2.0, 4.0, 5.0], Hw::new(4, 6));
        let rows: Vec<String> = mask.chunks(6).map(|row| row.iter().map(|on| if *on { '#' } else { '.' }).collect()).collect();
        assert_eq!(rows, ["......", "......", ".##...", ".##..."]);
        for odd in [[f32::NAN, 0.0, 3.0, 3.0], [3.0, 3.0, 1.0, 1.0], [f32::NEG_INFINITY, 0.0, f32::INFINITY, 3.0]] {
            assert!(pasted(&[1.0; 4], 2, odd, Hw::new(4, 6)).iter().all(|on| !on), "{odd:?}");
        }
    }
}
