//! A class for each pixel, by a published system: `classes.png`, and `overlay.png` with a legend.

use super::by_regions::{ByRegions, first};
use super::classifiers::{Classifier, Network, Regional, Whole};
use super::photos::{Photo, milliseconds};
use foveate::array::picture::Picture;
use foveate::array::{Array, picture};
use foveate::graph::Graph;
use foveate::models::voc;
use foveate::plan::{Device, PlanCache};
use foveate::train::About;
use foveate::{Error, Result};
use std::time::Instant;

/// How a photo gets its classes.
enum Way {
    AtOnce(PlanCache),
    ByRegions(Box<ByRegions>),
}

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
    /// If what a network's weights say of themselves makes no sense.
    pub(super) fn new(device: &Device, classifier: Classifier, progress: bool) -> Result<Self> {
        let (way, names) = match classifier.network {
            Network::Fcn(Whole { fcn, weights }) => {
                let build = move |_: &Graph, inputs: &[_]| Ok(vec![fcn.photo_classes(&weights, &inputs[0])?]);
                (Way::AtOnce(PlanCache::new(device, 2, build)), published(fcn.classes))
            }
            Network::Trained(trained) => {
                let names = trained.about.classes.clone();
                (Way::AtOnce(PlanCache::new(device, 2, move |_, inputs| Ok(vec![trained.classes(&inputs[0])?]))), names)
            }
            Network::DeconvNet(regional @ Regional { net, .. }, with) => {
                let own = About::of(&regional.weights)?.classes;
                let names = if own.len() == net.classes { own } else { published(net.classes) };
                (Way::ByRegions(Box::new(ByRegions::new(device, regional, with, classifier.regions, progress))), names)
            }
        };
        Ok(Self { way, names })
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
        match &mut self.way {
            Way::ByRegions(regions) => regions.classes(photo, picture),
            Way::AtOnce(plans) => {
                let inputs = [("photo", &picture.rgb)];
                let compiled = if plans.contains(&inputs) { "" } else { " with compilation" };
                Ok((first(plans.run(&inputs)?)?, compiled.to_owned()))
            }
        }
    }

    fn name(&self, class: u8) -> String {
        self.names.get(usize::from(class)).cloned().unwrap_or_else(|| format!("class {class}"))
    }
}

/// PASCAL VOC's names if a published system has as many classes.
fn published(classes: usize) -> Vec<String> {
    if classes == voc::CLASSES.len() { voc::CLASSES.map(str::to_owned).to_vec() } else { Vec::new() }
}
