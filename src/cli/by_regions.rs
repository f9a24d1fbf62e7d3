//! Classes of a photo by `DeconvNet`: region after region, with FCN-8s beside it if both are asked for.

use super::bars;
use super::classifiers::{Regional, Whole};
use super::photos::Photo;
use foveate::array::picture::Picture;
use foveate::array::{Array, Hw};
use foveate::graph::{Graph, Var};
use foveate::models::deconvnet::{self, Ensemble, Photos, Region};
use foveate::models::fcn::Fcn;
use foveate::models::photo;
use foveate::plan::{Device, PlanCache};
use foveate::{Error, Result};
use indicatif::ProgressBar;
use std::path::{Path, PathBuf};

/// What photos share.
pub(super) struct ByRegions {
    device: Device,
    network: Regional,
    /// The photo at the size that the networks see.
    small: PlanCache,
    /// The classes by the scores that the regions left.
    labels: PlanCache,
    regions: Option<PathBuf>,
    /// The plan of the last photo's size.
    photos: Option<(Hw, Photos)>,
    progress: bool,
}

impl ByRegions {
    pub(super) fn new(
        device: &Device,
        network: Regional,
        with: Option<(Whole, Ensemble)>,
        regions: Option<PathBuf>,
        progress: bool,
    ) -> Self {
        let small = PlanCache::new(device, 2, |_, inputs| Ok(vec![photo::scaled(&inputs[0], seen(size_of(&inputs[0])?))?]));
        let labels = PlanCache::new(device, 2, move |_: &Graph, inputs: &[Var]| {
            let [scores, photo] = inputs else { return Err(Error::shape("segment", "scores and a photo were expected")) };
            let size = size_of(photo)?;
            let scores = match &with {
                None => scores.clone(),
                Some((whole, by)) => by.probabilities(scores, &whole.fcn.scores(&whole.weights, &photo::scaled(photo, seen(size))?)?)?,
            };
            Ok(vec![photo::labels(&scores, size)?])
        });
        Self { device: device.clone(), network, small, labels, regions, photos: None, progress }
    }

    /// The class of each pixel, and how many regions were looked at.
    pub(super) fn classes(&mut self, photo: &Photo, picture: &Picture) -> Result<(Array, String)> {
        let size = seen(picture.size);
        let regions = self.regions(photo, picture.size, size)?;
        let rgb = if size == picture.size { picture.rgb.clone() } else { first(self.small.run(&[("photo", &picture.rgb)])?)? };
        let (_, photos) = match self.photos.take().filter(|(of, _)| *of == size) {
            Some(same) => self.photos.insert(same),
            None => self.photos.insert((size, Photos::new(&self.device, self.network.net, &self.network.weights, size)?)),
        };
        photos.begin(&rgb)?;
        let bar = if self.progress { bars::counted(regions.len() as u64).with_message("regions") } else { ProgressBar::hidden() };
        regions.iter().try_for_each(|region| photos.add(*region).map(|()| bar.inc(1)))?;
        bar.finish_and_clear();
        let scores = photos.scores()?;
        let classes = first(self.labels.run(&[("scores", &scores), ("photo", &picture.rgb)])?)?;
        Ok((classes, format!(" in {} regions", regions.len())))
    }

    /// The regions to look at, in pixels of the photo as the networks see it.
    fn regions(&self, photo: &Photo, own: Hw, size: Hw) -> Result<Vec<Region>> {
        let least = self.network.net.least_side();
        let Some(path) = &self.regions else { return Ok(deconvnet::windows(size, least)) };
        let path = if path.is_dir() { path.join(text_name(&photo.name())) } else { path.clone() };
        let regions: Vec<Region> = deconvnet::read(&path)?.into_iter().map(|region| region.scaled(own, size)).collect();
        let selected = deconvnet::selected(&regions, least);
        if selected.is_empty() {
            let reason = format!("has no region of which both sides are {least} pixels or more, of the photo at {}x{}", size.w, size.h);
            return Err(Error::model(path.display().to_string(), reason));
        }
        Ok(selected)
    }
}

/// The size at which the networks see a photo: its own, if it is no larger than those they were trained on.
fn seen(size: Hw) -> Hw {
    size.fitted(Fcn::LONGEST)
}

pub(super) fn size_of(photo: &Var) -> Result<Hw> {
    match *photo.shape() {
        [_, _, h, w] => Ok(Hw::new(h, w)),
        _ => Err(Error::shape("segment", format!("{} is no photo", photo.ty()))),
    }
}

/// `street.txt` for `holiday/street.jpg`.
fn text_name(photo: &str) -> PathBuf {
    let stem = Path::new(photo).file_stem().map(|stem| stem.to_os_string()).unwrap_or_default();
    PathBuf::from(stem).with_extension("txt")
}

/// The one output of a plan.
pub(super) fn first(outputs: Vec<Array>) -> Result<Array> {
    outputs.into_iter().next().ok_or_else(|| Error::shape("segment", "the plan gave nothing"))
}
