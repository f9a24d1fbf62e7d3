//! `DeconvNet` on scenes of digits, one region after the other, as a recipe names it.

use super::experiment::{Experiment, Inputs};
use super::scenes::{DigitScenes, about};
use super::tally::Tally;
use super::{looks, pixels};
use foveate::array::{Array, Hw};
use foveate::graph::{Graph, Var};
use foveate::models::deconvnet::{Classifier, DeconvNet, FOLDED, Region, Statistics, scores_by_regions, squares};
use foveate::models::digit_scenes::{CLASSES, Crops, Seen};
use foveate::models::pixelwise::Scored;
use foveate::models::{Normalisation, data};
use foveate::nn::loss::{CrossEntropy, cross_entropy};
use foveate::nn::{Random, Weights};
use foveate::ops::concat;
use foveate::plan::Device;
use foveate::train::{Batch, Dataset, Loader, Objective};
use foveate::{Error, Result};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Scenes that are looked at in one run of a plan, all regions of each: as many as are drawn.
const SCENES: usize = 4;
/// Neighbouring squares are a third of their side apart.
const PART: usize = 3;

/// `system = "deconvnet-digits"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ObjectsRecipe {
    /// 0: the layers up to fc7 learn to name the digit in a crop; 1: a digit in the middle of each crop, and the test has such crops;
    /// 2: proposals, and the test has whole scenes.
    stage: u8,
    /// The side of fc6's kernels; crops have 32 times as many pixels.
    window: usize,
    /// How many convolutions each of the five stages has.
    convolutions: [usize; 5],
    /// And of how many channels.
    channels: [usize; 5],
    /// Those of fc6 and fc7.
    hidden: usize,
    /// Batches by whose statistics the network is made ready for the test.
    statistics: usize,
    /// Sides of the squares that are looked at in a scene.
    #[serde(default)]
    squares: Vec<usize>,
    /// The checkpoint of the stage before.
    start: Option<PathBuf>,
}

/// The network with the scenes it looks at.
pub(super) struct Objects {
    recipe: ObjectsRecipe,
    scenes: DigitScenes,
}

impl ObjectsRecipe {
    pub(super) fn on(&self, scenes: &DigitScenes) -> Objects {
        Objects { recipe: self.clone(), scenes: scenes.clone() }
    }
}

impl Objects {
    fn net(&self) -> DeconvNet {
        let stages = std::array::from_fn(|stage| (self.recipe.convolutions[stage], self.recipe.channels[stage]));
        DeconvNet { classes: CLASSES, stages, hidden: self.recipe.hidden, window: self.recipe.window }
    }

    fn seen(&self) -> Result<Seen> {
        match self.recipe.stage {
            0 => Ok(Seen::Names),
            1 => Ok(Seen::Objects),
            2 if self.regions().is_empty() => Err(Error::shape(
                "deconvnet-digits",
                format!("stage 2 needs squares that fit {0} x {0}, not {1:?}", self.scenes.side, self.recipe.squares),
            )),
            2 => Ok(Seen::Proposals),
            other => Err(Error::shape("deconvnet-digits", format!("there are stages 0, 1 and 2, not {other}"))),
        }
    }

    /// Where in a scene digits are looked for.
    fn regions(&self) -> Vec<Region> {
        self.recipe.squares.iter().flat_map(|side| squares(Hw::square(self.scenes.side), *side, PART)).collect()
    }
}

impl Experiment for Objects {
    fn name(&self) -> String {
        let (size, channels, hidden) = (self.net().size().h, self.recipe.channels, self.recipe.hidden);
        format!(
            "crops of {size} x {size} of digits over textures, stage {} of DeconvNet of {channels:?} and {hidden} channels",
            self.recipe.stage
        )
    }

    fn initial(&self, seed: u64) -> Result<Weights> {
        let (net, trunk) = (self.net(), self.recipe.start.as_ref().map_or_else(|| self.net().random_trunk(seed), Weights::open)?);
        if trunk.flag(FOLDED)? == Some(true) {
            let reason = "is ready for inference, with averages in place of the batch's statistics; checkpoint.safetensors can learn";
            return Err(Error::model(trunk.source(), reason));
        }
        if self.recipe.stage == 0 { Classifier(net).initial(&trunk, seed) } else { net.passing_on(&trunk, seed) }
    }

    fn data(&self, folder: &Path, seed: u64) -> Result<[Arc<dyn Dataset>; 2]> {
        let (seen, side) = (self.seen()?, self.net().size().h);
        let learnt = Crops::new(self.scenes.learnt(folder, seed)?, side, seen, true)?;
        let test = self.scenes.test(folder)?;
        Ok([Arc::new(learnt), if seen == Seen::Proposals { Arc::new(test) } else { Arc::new(Crops::new(test, side, seen, false)?) }])
    }

    fn objective(&self, _: &Graph, weights: &Weights, inputs: &Inputs, _: &mut Random) -> Result<Objective> {
        let image = data(inputs.get("image")?)?;
        if self.recipe.stage == 0 {
            let network = Classifier(self.net()).trainable(weights, &image)?;
            let loss = cross_entropy(&Classifier::score(&network)?, inputs.get("label")?, &CrossEntropy::default())?;
            return Ok(Objective { loss, metrics: Vec::new(), parameters: network.learned });
        }
        let network = self.net().trainable(weights, &image)?;
        pixels::objective(&Scored::whole(DeconvNet::score(&network)?), network.learned, inputs.get("label")?)
    }

    fn ready(&self, device: &Device, learnt: Weights, examples: &Arc<dyn Dataset>, batch: usize) -> Result<Weights> {
        let size = self.net().size();
        let mut statistics = Statistics::of_crops(device, &learnt, [batch, 3, size.h, size.w], |image| match self.recipe.stage {
            0 => Classifier(self.net()).forward(&learnt, image, Normalisation::Learn),
            _ => self.net().forward(&learnt, image, Normalisation::Learn),
        })?;
        for batch in Loader::shuffled(Arc::clone(examples), batch, 0, 0)?.take(self.recipe.statistics) {
            statistics.add(batch?.get("image")?)?;
        }
        statistics.folded()
    }

    fn answers(&self, _: &Graph, weights: &Weights, inputs: &Inputs) -> Result<Vec<Var>> {
        let image = inputs.get("image")?;
        let (net, by) = (self.net(), Normalisation::Inference);
        let scores = match self.seen()? {
            Seen::Names => Classifier::score(&Classifier(net).forward(weights, &data(image)?, by)?)?,
            Seen::Objects => DeconvNet::score(&net.forward(weights, &data(image)?, by)?)?,
            Seen::Proposals => {
                let regions = self.regions();
                let scene = |i: usize| scores_by_regions(net, weights, &image.narrow(0, i, 1)?, &regions);
                let scenes = (0..image.shape()[0]).map(scene).collect::<Result<Vec<_>>>()?;
                concat(&scenes.iter().collect::<Vec<_>>(), 0)?
            }
        };
        Ok(vec![scores.argmax(1, false, false)?])
    }

    fn at_once(&self, batch: usize) -> usize {
        if self.recipe.stage == 2 { SCENES } else { batch }
    }

    fn tally(&self) -> Result<Tally> {
        match self.recipe.stage {
            0 => Tally::labels(CLASSES - 1, looks::scores),
            _ => Tally::labels(CLASSES, pixels::scores),
        }
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        about().metadata()
    }

    fn draw(&self, batch: &Batch, answers: &[Array], folder: &Path) -> Result<()> {
        if self.recipe.stage == 0 {
            return Ok(());
        }
        pixels::draw(batch, answers, folder, &about().classes)
    }
}
