//! A cascade in use, on photos of any size.

use super::{Found, Instance, Mnc, Network, instances};
use crate::array::{Array, Hw, TensorType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::models::Layers;
use crate::models::boxes::{first, last};
use crate::models::view::View;
use crate::nn::Weights;
use crate::ops::{concat, number};

/// A network with its weights and what these say of pictures.
#[derive(Clone, Debug)]
pub struct Cascade {
    mnc: Mnc,
    weights: Weights,
    view: View,
}

impl Cascade {
    /// Of weights that `foveate train` wrote, or that have the released network's names and say nothing of pictures.
    ///
    /// It looks at as many proposals as [`Mnc::in_use`] says.
    ///
    /// # Errors
    /// If a weight is missing or has another shape, metadata make no sense or name another number of classes.
    pub fn new(weights: Weights) -> Result<Self> {
        let (mnc, view) = (Mnc::of(&weights)?.in_use(), View::of(&weights)?);
        if let Some(named) = view.named().filter(|named| *named != mnc.classes) {
            let reason = format!("its metadata name {named} classes; it tells {} apart", mnc.classes);
            return Err(Error::model(weights.source(), reason));
        }
        let own = Self { mnc, weights, view };
        // What is wrong with the weights is said before the first photo is read.
        own.found(&Graph::new().input("photo", TensorType::f32([1, 3, 64, 64]))?)?;
        Ok(own)
    }

    /// Whether weights are a cascade's, by a layer that no other network has.
    pub fn has_layers_in(weights: &Weights) -> bool {
        weights.contains("rpn_cls_score.weight")
    }

    /// How many classes there are, the background among them.
    pub fn classes(&self) -> usize {
        self.mnc.classes
    }

    /// What a class, 0 the background, is called.
    pub fn class(&self, class: usize) -> String {
        self.view.class(class, self.mnc.classes)
    }

    /// What is in a `photo` (n, 3, h, w) of any size, RGB of 0..1; boxes are in its own pixels.
    ///
    /// # Errors
    /// If it has another shape.
    pub fn found(&self, photo: &Var) -> Result<Found> {
        let &[_, 3, h, w] = photo.shape() else {
            return Err(Error::shape("mnc", format!("a photo is (n, 3, h, w), not {}", photo.ty())));
        };
        let size = Hw::new(h, w);
        let (image, seen) = (self.view.image(photo)?, self.view.size(size));
        let found = Network::new(&mut Layers::load(photo.graph(), &self.weights), &self.mnc)?.found(&image)?;
        if seen == size {
            return Ok(found);
        }
        // A last pixel ends where the next would begin.
        let factor = |to: usize, from: usize| to as f32 / from as f32;
        let factors = photo.graph().constant(Array::new([2], vec![factor(w, seen.w), factor(h, seen.h)])?)?;
        let one = number(photo, 1.0)?;
        let begin = first(&found.boxes)?.mul(&factors)?;
        let end = last(&found.boxes)?.add(&one)?.mul(&factors)?.sub(&one)?;
        Ok(Found { boxes: concat(&[&begin, &end], -1)?, ..found })
    }

    /// The instances in one photo of `size`, by what a plan of [`Cascade::found`] gave: boxes, masks and scores, of one photo each. Those
    /// less likely than `least` are left out.
    ///
    /// # Errors
    /// If shapes are others.
    pub fn instances(&self, outputs: &[Array], size: Hw, least: f32) -> Result<Vec<Instance>> {
        let one = |array: &Array| match array.shape() {
            [1, rest @ ..] => array.clone().reshaped(rest),
            _ => Err(Error::shape("mnc", format!("{} is not of one photo", array.ty()))),
        };
        let [boxes, masks, scores] = outputs else {
            return Err(Error::shape("mnc", format!("{} outputs, not boxes, masks and scores", outputs.len())));
        };
        instances(&one(boxes)?, &one(masks)?, &one(scores)?, size, least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Device, Plan};
    use crate::train::About;

    #[test]
    fn boxes_are_in_the_photo_s_pixels() {
        let net = Mnc {
            classes: 3,
            stages: vec![(1, 2), (1, 2)],
            proposing: 2,
            window: 2,
            samples: 1,
            mask: 2,
            mask_hidden: 2,
            hidden: 2,
            ratios: vec![1.0],
            scales: vec![4.0],
            candidates: 4,
            proposals: 2,
            least: 1.0,
        };
        let about = About { classes: ["none", "a", "b"].map(str::to_owned).to_vec(), size: Some(Hw::square(16)), ..About::new(3) };
        let weights = about.metadata().into_iter().fold(net.initial(1).unwrap(), |w, (key, value)| w.with_metadata(key, &value));
        let cascade = Cascade::new(weights.clone()).unwrap();
        assert_eq!(cascade.class(2), "b");
        let boxes = |h: usize, w: usize| {
            let photo = Graph::new().constant(Array::full([1, 3, h, w], 0.25f32)).unwrap();
            let found = cascade.found(&photo).unwrap();
            let outputs = Plan::compile(Device::Cpu, &[&found.boxes, &found.masks, &found.scores]).unwrap().run(&[]).unwrap();
            assert!(cascade.instances(&outputs, Hw::new(h, w), 0.0).unwrap().iter().all(|i| i.mask.len() == h * w));
            outputs[0].to_f64()
        };
        // The photo is three times as large as what the network sees of it.
        for (i, (large, small)) in boxes(48, 48).into_iter().zip(boxes(16, 16)).enumerate() {
            let expected = if i % 4 < 2 { 3.0 * small } else { 3.0 * (small + 1.0) - 1.0 };
            assert!((large - expected).abs() < 1e-3, "{large} for {expected}");
        }
        let wrong = weights.with_metadata("classes", "[\"a\"]");
        assert!(Cascade::new(wrong).unwrap_err().to_string().contains("name 1 classes"));
    }
}
