//! Things that a cascade has found, for pictures and for files.

use super::photos::{Photo, milliseconds};
use foveate::array::text::{Canvas, WHITE};
use foveate::array::{Array, Hw, file, picture};
use foveate::graph::{Graph, Var};
use foveate::models::hypercolumns::{self, Refiner};
use foveate::models::mnc::{self, Cascade, Instance};
use foveate::models::voc;
use foveate::plan::{Device, PlanCache};
use foveate::train::About;
use foveate::{Error, Result};
use serde_json::json;
use std::path::Path;
use std::time::Instant;

/// Pictures of an evaluation that are drawn, as many of them beside each other, and pixels between two.
pub(super) const DRAWN: usize = 6;
const COLUMNS: usize = 3;
const GAP: usize = 8;
/// About how many pixels the longer side of one takes.
const SIDE: usize = 384;
/// How likely a thing must be to be shown.
pub(super) const LIKELY: f32 = 0.5;

/// The name of the published cascade.
pub(super) const PUBLISHED: &str = "mnc";

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
pub(super) fn row(array: &Array, index: usize) -> Result<Array> {
    let shape = array.shape().get(1..).unwrap_or_default();
    let len = shape.iter().product::<usize>();
    let values = array.values::<f32>()?.get(index * len..(index + 1) * len).unwrap_or_default();
    Array::new(shape, values.to_vec())
}

/// Image `index` of a batch, with what was found in it and is likely.
pub(super) fn overlay(images: &Array, index: usize, found: &[Instance], about: &About) -> Result<Array> {
    let likely: Vec<Instance> = found.iter().filter(|instance| instance.score >= LIKELY).cloned().collect();
    overlay_of(images, index, &likely, about)
}

/// Image `index` of a batch, with all that was found in it.
pub(super) fn overlay_of(images: &Array, index: usize, found: &[Instance], about: &About) -> Result<Array> {
    let image = row(images, index)?;
    let &[3, h, w] = image.shape() else { return Err(Error::shape("things", format!("{} is no picture", image.ty()))) };
    mnc::overlay(&image.reshaped([1, 3, h, w])?, found, enlarged(Hw::new(h, w)), |instance| called(instance, about))
}

/// How many pixels wide one of a picture is drawn, so that words can be read.
fn enlarged(size: Hw) -> usize {
    (SIDE / size.h.max(size.w).max(1)).max(1)
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

/// Finds things in photos.
pub(super) struct Finder {
    cascade: Cascade,
    plans: PlanCache,
    columns: Option<Columns>,
}

/// Hypercolumns, which say anew which pixels belong to what was found.
struct Columns {
    refiner: Refiner,
    plans: PlanCache,
}

/// Plans that are kept: photos of so many sizes, and as many numbers of things.
const KEPT: usize = 4;

impl Columns {
    fn new(device: &Device, refiner: Refiner) -> Self {
        let own = refiner.clone();
        let build = move |_: &Graph, inputs: &[Var]| Ok(vec![own.heat(&inputs[0], &inputs[1], &inputs[2])?]);
        Self { refiner, plans: PlanCache::new(device, KEPT, build) }
    }

    fn refined(&mut self, photo: &Array, found: &[Instance], size: Hw) -> Result<Vec<Instance>> {
        let [boxes, classes] = self.refiner.asked(found)?;
        let outputs = self.plans.run(&[("photo", photo), ("boxes", &boxes), ("classes", &classes)])?;
        outputs.first().map_or_else(|| Ok(Vec::new()), |heat| hypercolumns::refined(found, heat, size))
    }
}

impl Finder {
    /// # Errors
    /// If `refiner` has other classes than the cascade.
    pub(super) fn new(device: &Device, cascade: Cascade, refiner: Option<Refiner>) -> Result<Self> {
        if let Some(refiner) = &refiner {
            let names = |count: usize, name: &dyn Fn(usize) -> String| (1..count).map(name).collect::<Vec<_>>();
            let found = names(cascade.classes(), &|class| cascade.class(class));
            let known = names(refiner.classes() + 1, &|class| refiner.class(class));
            if found != known {
                let reason = format!("its classes are {}; the model finds {}", known.join(", "), found.join(", "));
                return Err(Error::shape("--refine", reason));
            }
        }
        let own = cascade.clone();
        let build = move |_: &Graph, inputs: &[Var]| {
            let found = own.found(&inputs[0])?;
            Ok(vec![found.boxes, found.masks, found.scores])
        };
        let columns = refiner.map(|refiner| Columns::new(device, refiner));
        Ok(Self { cascade, plans: PlanCache::new(device, KEPT, build), columns })
    }

    /// Finds what is in one photo and says in a line what that is and how long each stage took.
    pub(super) fn find(&mut self, photo: &Photo) -> Result<String> {
        let begin = Instant::now();
        let picture = photo.read()?;
        let read = milliseconds(begin);

        let begin = Instant::now();
        let inputs = [("photo", &picture.rgb)];
        let compiled = if self.plans.contains(&inputs) { "" } else { " with compilation" };
        let outputs = self.plans.run(&inputs)?;
        let mut found = self.cascade.instances(&outputs, picture.size, LIKELY)?;
        if let Some(columns) = self.columns.as_mut().filter(|_| !found.is_empty()) {
            found = columns.refined(&picture.rgb, &found, picture.size)?;
        }
        let computed = milliseconds(begin);

        let begin = Instant::now();
        let to = &photo.output;
        std::fs::create_dir_all(to).map_err(|e| Error::io(to, e))?;
        let called = |instance: &Instance| format!("{} {:.2}", self.cascade.class(instance.class), instance.score);
        for (file, label) in [("instances.png", true), ("classes.png", false)] {
            picture::write_indexed_png(to.join(file), &labels(&found, picture.size, label), voc::colour)?;
        }
        picture::write_png(to.join("overlay.png"), &mnc::overlay(&picture.rgb, &found, enlarged(picture.size), called)?)?;
        self.write(&found, &to.join("instances.json"))?;
        let wrote = milliseconds(begin);

        let all = if found.is_empty() { "nothing".to_owned() } else { found.iter().map(called).collect::<Vec<_>>().join(", ") };
        let (name, w, h, to) = (photo.name(), picture.size.w, picture.size.h, to.display());
        Ok(format!("{name}: {w}x{h}, {all}; read {read}, computed{compiled} {computed}, written to {to} {wrote}"))
    }

    /// Writes what was found as JSON, the likeliest first.
    fn write(&self, found: &[Instance], path: &Path) -> Result<()> {
        let object = |(number, instance): (usize, &Instance)| {
            json!({
                "instance": number + 1,
                "class": self.cascade.class(instance.class),
                "score": instance.score,
                "box": instance.corners,
                "pixels": instance.mask.iter().filter(|own| **own).count(),
            })
        };
        let objects: Vec<_> = found.iter().enumerate().map(object).collect();
        let text = serde_json::to_string_pretty(&objects).map_err(|e| Error::model(path.display().to_string(), e.to_string()))?;
        file::write(path, text.as_bytes())
    }
}

/// Of each pixel the number of its instance, or its class, i32 (1, 1, h, w); the likeliest lies on top.
fn labels(found: &[Instance], size: Hw, numbers: bool) -> Array {
    let mut labels = vec![0i32; size.area()];
    for (number, instance) in found.iter().enumerate().rev() {
        let label = i32::try_from(if numbers { number + 1 } else { instance.class }).unwrap_or(0);
        labels.iter_mut().zip(&instance.mask).filter(|(_, own)| **own).for_each(|(slot, _)| *slot = label);
    }
    Array::from_fn([1, 1, size.h, size.w], |i| labels[i])
}
