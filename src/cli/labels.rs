//! A class for each pixel, by a published system: `classes.png`, and `overlay.png` with a legend.

use super::photos::{Photo, milliseconds};
use foveate::array::{TensorType, picture};
use foveate::graph::Graph;
use foveate::models::fcn::{Fcn, Variant};
use foveate::models::voc;
use foveate::nn::Weights;
use foveate::plan::{Device, PlanCache};
use foveate::{Error, Result};
use std::path::PathBuf;
use std::time::Instant;

/// A published system and its weights.
#[derive(Debug)]
pub(super) struct Classifier {
    fcn: Fcn,
    weights: Weights,
}

impl Classifier {
    /// # Errors
    /// If the file is no safetensors file, or a tensor of the network is missing from it or has another shape.
    pub(super) fn open(variant: Variant, path: PathBuf) -> Result<Self> {
        let weights = Weights::open(path)?;
        let fcn = Fcn::of(variant, &weights)?;
        // What is wrong with the weights is said before the first photo is read.
        fcn.forward(&weights, &Graph::new().input("data", TensorType::f32([1, 3, 32, 32]))?)?;
        Ok(Self { fcn, weights })
    }
}

/// Everything that photos share.
pub(super) struct Labeller {
    plans: PlanCache,
    /// The classes are PASCAL VOC's.
    voc: bool,
}

impl Labeller {
    pub(super) fn new(device: &Device, Classifier { fcn, weights }: Classifier) -> Self {
        let voc = fcn.classes == voc::CLASSES.len();
        let plans = PlanCache::new(device, 2, move |_, inputs| Ok(vec![fcn.photo_classes(&weights, &inputs[0])?]));
        Self { plans, voc }
    }

    /// Labels one photo and says in a line what is in it and how long each stage took.
    pub(super) fn label(&mut self, photo: &Photo) -> Result<String> {
        let begin = Instant::now();
        let picture = photo.read()?;
        let read = milliseconds(begin);

        let begin = Instant::now();
        let inputs = [("photo", &picture.rgb)];
        let compiled = if self.plans.contains(&inputs) { "" } else { " with compilation" };
        let classes = self.plans.run(&inputs)?.into_iter().next();
        let classes = classes.ok_or_else(|| Error::shape("segment", "the plan gave no classes"))?;
        let computed = milliseconds(begin);

        let begin = Instant::now();
        let to = &photo.output;
        std::fs::create_dir_all(to).map_err(|e| Error::io(to, e))?;
        let found = voc::legend(&classes)?;
        picture::write_indexed_png(to.join("classes.png"), &classes, voc::colour)?;
        picture::write_png(to.join("overlay.png"), &voc::sheet(&picture.rgb, &classes, |class| self.name(class))?)?;
        let wrote = milliseconds(begin);

        let pixels = picture.size.area() as f64;
        let share = |&(class, count): &(u8, usize)| format!("{} {:.1} %", self.name(class), 100.0 * count as f64 / pixels);
        let found = found.iter().map(share).collect::<Vec<_>>().join(", ");
        let (w, h, to) = (picture.size.w, picture.size.h, to.display());
        let name = photo.name();
        Ok(format!("{name}: {w}x{h}, {found}; read {read}, computed{compiled} {computed}, written to {to} {wrote}"))
    }

    fn name(&self, class: u8) -> String {
        match voc::CLASSES.get(usize::from(class)) {
            Some(name) if self.voc => (*name).to_owned(),
            _ => format!("class {class}"),
        }
    }
}
