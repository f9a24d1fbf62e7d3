//! A class for each pixel, by a published system: `classes.png`, and `overlay.png` with a legend.

use super::by_regions::{self, ByRegions, first};
use super::classifiers::{Classifier, Network, Regional, Whole};
use super::photos::{Photo, milliseconds};
use foveate::array::picture::Picture;
use foveate::array::{Array, Hw, picture};
use foveate::graph::{Graph, Var};
use foveate::models::superpixels::{self, Superpixels};
use foveate::models::{photo, voc};
use foveate::plan::{Device, PlanCache};
use foveate::train::About;
use foveate::{Error, Result};
use std::time::Instant;

/// How a photo gets its classes.
enum Way {
    /// By a plan that makes them; or, if superpixels are to vote, probabilities, and of a large photo the smaller one that they are of.
    AtOnce(PlanCache, Option<Superpixels>),
    ByRegions(Box<ByRegions>),
}

/// What gives a photo scores.
type Scores = dyn Fn(&Var) -> Result<Var> + Send;

/// Everything that photos share.
pub(super) struct Labeller {
    way: Way,
    /// What classes are called, as far as it is known.
    names: Vec<String>,
}

impl Labeller {
    /// With a progress bar over the regions of a photo if `progress`.
    ///
    /// # Errors
    /// If what a network's weights say of themselves makes no sense; with superpixels, if it sees a photo by regions.
    pub(super) fn new(device: &Device, classifier: Classifier, superpixels: Option<Superpixels>, progress: bool) -> Result<Self> {
        let (scores, names): (Box<Scores>, _) = match classifier.network {
            Network::Fcn(Whole { fcn, weights }) => {
                (Box::new(move |photo: &Var| fcn.photo_scores(&weights, photo)), published(fcn.classes))
            }
            Network::Trained(trained) => {
                let names = trained.about.classes.clone();
                (Box::new(move |photo: &Var| trained.scores(photo)), names)
            }
            Network::DeconvNet(..) if superpixels.is_some() => {
                return Err(Error::unsupported("--superpixels", "with deconvnet, whose scores of regions are no probabilities"));
            }
            Network::DeconvNet(regional @ Regional { net, .. }, with) => {
                let own = About::of(&regional.weights)?.classes;
                let names = if own.len() == net.classes { own } else { published(net.classes) };
                let way = Way::ByRegions(Box::new(ByRegions::new(device, regional, with, classifier.regions, progress)));
                return Ok(Self { way, names });
            }
        };
        let voted = superpixels.is_some();
        let plans = PlanCache::new(device, 2, move |_: &Graph, inputs: &[Var]| {
            let photo = &inputs[0];
            let (size, scores) = (by_regions::size_of(photo)?, scores(photo)?);
            if !voted {
                return Ok(vec![photo::labels(&scores, size)?]);
            }
            let probabilities = photo::probabilities(&scores, size)?;
            let compared = photo::compared(size);
            Ok(if compared == size { vec![probabilities] } else { vec![probabilities, photo::scaled(photo, compared)?] })
        });
        Ok(Self { way: Way::AtOnce(plans, superpixels), names })
    }

    /// Labels one photo and says in a line what is in it and how long each stage took.
    pub(super) fn label(&mut self, photo: &Photo) -> Result<String> {
        let begin = Instant::now();
        let picture = photo.read()?;
        let read = milliseconds(begin);

        let begin = Instant::now();
        let (classes, about) = self.classes(photo, &picture)?;
        let computed = milliseconds(begin);

        let begin = Instant::now();
        let to = &photo.output;
        std::fs::create_dir_all(to).map_err(|e| Error::io(to, e))?;
        picture::write_indexed_png(to.join("classes.png"), &classes, voc::colour)?;
        picture::write_png(to.join("overlay.png"), &voc::sheet(&picture.rgb, &classes, |class| self.name(class))?)?;
        let wrote = milliseconds(begin);

        let pixels = picture.size.area() as f64;
        let share = |&(class, count): &(u8, usize)| format!("{} {:.1} %", self.name(class), 100.0 * count as f64 / pixels);
        let found = voc::legend(&classes)?.iter().map(share).collect::<Vec<_>>().join(", ");
        let (name, w, h, to) = (photo.name(), picture.size.w, picture.size.h, to.display());
        Ok(format!("{name}: {w}x{h}, {found}; read {read}, computed{about} {computed}, written to {to} {wrote}"))
    }

    /// The class of each pixel, and what else there is to say.
    fn classes(&mut self, photo: &Photo, picture: &Picture) -> Result<(Array, String)> {
        let inputs = [("photo", &picture.rgb)];
        let (plans, superpixels) = match &mut self.way {
            Way::ByRegions(regions) => return regions.classes(photo, picture),
            Way::AtOnce(plans, superpixels) => (plans, superpixels),
        };
        let compiled = if plans.contains(&inputs) { "" } else { " with compilation" };
        let mut made = plans.run(&inputs)?;
        let Some(superpixels) = superpixels else { return Ok((first(made)?, compiled.to_owned())) };
        let compared = if made.len() > 1 { made.pop() } else { None };
        let segments = superpixels.segments(compared.as_ref().unwrap_or(&picture.rgb))?;
        let count = segments.values::<i32>()?.iter().max().map_or(0, |last| last + 1);
        let classes = enlarged(&superpixels::vote(&first(made)?, &segments)?, picture.size)?;
        Ok((classes, format!(", {count} superpixels,{compiled}")))
    }

    fn name(&self, class: u8) -> String {
        self.names.get(usize::from(class)).cloned().unwrap_or_else(|| format!("class {class}"))
    }
}

/// Classes (1, 1, h, w) of the nearest pixels of a photo of `size`.
fn enlarged(classes: &Array, size: Hw) -> Result<Array> {
    let &[_, _, h, w] = classes.shape() else { return Err(Error::shape("segment", format!("{} are no classes", classes.ty()))) };
    let values = classes.values::<i32>()?;
    let nearest = |at: usize, of: usize, from: usize| (2 * at + 1) * from / (2 * of);
    let of = |i: usize| values[nearest(i / size.w, size.h, h) * w + nearest(i % size.w, size.w, w)];
    Ok(Array::from_fn([1, 1, size.h, size.w], of))
}

/// PASCAL VOC's names if a published system has as many classes.
fn published(classes: usize) -> Vec<String> {
    if classes == voc::CLASSES.len() { voc::CLASSES.map(str::to_owned).to_vec() } else { Vec::new() }
}
