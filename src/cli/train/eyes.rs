//! What a network of a recipe sees its pictures with: an encoder that learns, too, or stays as it is, and whose features may be kept.

use super::experiment::Inputs;
use crate::cli::{bars, trained};
use foveate::array::{Array, DType, Hw, TensorType};
use foveate::graph::{Graph, Var};
use foveate::models::encoder::{Encoder, Moments};
use foveate::nn::Weights;
use foveate::plan::{Device, Plan};
use foveate::train::{About, Arrays, Dataset, Loader};
use foveate::{Error, Result};
use std::path::Path;
use std::sync::Arc;

/// Pictures that an encoder sees at once before training.
const SEEN: usize = 32;
/// Pictures by which features are normalised.
const MEASURED: usize = 4096;

/// What a recipe says of its encoder.
pub(super) struct Choice<'a> {
    /// A file of an encoder's weights, or `digits`, the FCN-8s that is part of the program.
    pub(super) encoder: Option<&'a Path>,
    /// Weights to go on from, whose encoder is taken if no other is named.
    pub(super) start: Option<&'a Weights>,
    /// Whether the encoder learns, too.
    pub(super) learns: bool,
    /// Whether features are computed once, before training, and kept in memory.
    pub(super) keep: bool,
    /// Whether pictures are augmented.
    pub(super) augmented: bool,
}

/// An encoder with its weights.
pub(super) struct Eyes {
    pub(super) encoder: Encoder,
    weights: Weights,
    pub(super) learns: bool,
    keep: bool,
}

impl Eyes {
    /// The encoder that was chosen, and the data that `open` finds for it.
    pub(super) fn open<T>(choice: &Choice<'_>, open: impl FnOnce(&Weights) -> Result<(Encoder, T)>) -> Result<(Self, T)> {
        let wrong = |reason: &str| Err(Error::model("[network]", reason));
        let &Choice { learns, keep, .. } = choice;
        if keep && learns {
            return wrong("keep = true: features that are kept are those of an encoder that does not learn; learn_encoder is true, too");
        }
        if keep && choice.augmented {
            return wrong("keep = true: features are computed once, so augmentations would change nothing");
        }
        let weights = match (choice.encoder, choice.start) {
            (Some(path), _) => trained::start(path)?,
            (None, Some(start)) => start.clone(),
            (None, None) => return wrong("has neither an encoder nor a start whose encoder it goes on with"),
        };
        let (encoder, data) = open(&weights)?;
        Ok((Self { encoder, weights, learns, keep }, data))
    }

    /// The weights of what stands behind the encoder, and the encoder's.
    pub(super) fn with(&self, network: &Weights) -> Result<Weights> {
        let ours = |name: &str| self.encoder.uses(name) && !network.contains(name);
        let own = self.weights.names().filter(|name| ours(name)).map(|name| Ok((name.to_owned(), Array::clone(self.weights.get(name)?))));
        Ok(network.replaced(network.source(), own.collect::<Result<Vec<_>>>()?))
    }

    /// Whether a tensor of this name is one of the encoder's that learn.
    pub(super) fn learn(&self, name: &str) -> bool {
        self.learns && self.encoder.learns(name)
    }

    /// The annotations of a batch's features, if they are kept, else of its images.
    pub(super) fn annotations(&self, weights: &Weights, inputs: &Inputs) -> Result<Var> {
        let features = match inputs.get("features") {
            Ok(features) => features.clone(),
            Err(_) => self.encoder.features(weights, &self.encoder.seen(inputs.get("image")?)?)?,
        };
        self.encoder.annotations(weights, &features)
    }

    /// What features are normalised by, beside `weights`; and examples with `features` in place of `image`, if they are kept.
    pub(super) fn begun(&self, device: &Device, weights: Weights, examples: Arc<dyn Dataset>) -> Result<(Weights, Arc<dyn Dataset>)> {
        let measure = self.encoder.lacks_moments(&weights);
        if !self.keep && !measure {
            return Ok((weights, examples));
        }
        let graph = Graph::new();
        let Hw { h, w } = self.encoder.pictures();
        let image = graph.input("image", TensorType::f32([SEEN, 3, h, w]))?;
        let mut plan = Plan::compile(device, &[&self.encoder.features(&weights, &self.encoder.seen(&image)?)?])?;
        let count = if self.keep { examples.len() } else { examples.len().min(MEASURED) };
        let bar = bars::rated(count as u64).with_message("what is seen of each picture");
        let mut moments = Moments::new(self.encoder.channels());
        let features = TensorType::f32([self.encoder.grid().area(), self.encoder.channels()]);
        let others = examples.tensors().into_iter().filter(|(name, _)| name != "image");
        let mut kept: Vec<Kept> = std::iter::once(("features".to_owned(), features)).chain(others).map(Kept::new).collect();
        for batch in Loader::in_order(Arc::clone(&examples), SEEN)? {
            let batch = batch?;
            let found = plan.run(&[("image", batch.get("image")?)])?;
            let found = batch.counted(&found[0])?;
            if measure && bar.position() < MEASURED as u64 {
                moments.add(&found)?;
            }
            for kept in kept.iter_mut().filter(|_| self.keep) {
                if kept.name == "features" { kept.add(&found)? } else { kept.add(&batch.counted(batch.get(&kept.name)?)?)? }
            }
            bar.inc(batch.count as u64);
            if bar.position() >= count as u64 {
                break;
            }
        }
        bar.finish_and_clear();
        let weights = if measure { weights.replaced(weights.source(), moments.arrays()) } else { weights };
        if !self.keep {
            return Ok((weights, examples));
        }
        let kept = kept.into_iter().map(|kept| kept.arrays(count)).collect::<Result<_>>()?;
        Ok((weights, Arc::new(Arrays::new(kept)?)))
    }

    /// What checkpoints say of the pictures: the size of scenes, if the encoder has none of its own.
    pub(super) fn metadata(&self) -> Vec<(&'static str, String)> {
        let Encoder::Fcn(_, size) = self.encoder else { return Vec::new() };
        let about = About { size: Some(size), ..About::new(3) };
        about.metadata().into_iter().filter(|(key, _)| *key == "size").collect()
    }
}

/// A tensor of all examples, one after the other.
struct Kept {
    name: String,
    shape: Vec<usize>,
    values: Values,
}

enum Values {
    Floats(Vec<f32>),
    Numbers(Vec<i32>),
}

impl Kept {
    fn new((name, ty): (String, TensorType)) -> Self {
        let values = if ty.dtype == DType::I32 { Values::Numbers(Vec::new()) } else { Values::Floats(Vec::new()) };
        Self { name, shape: ty.shape, values }
    }

    fn add(&mut self, more: &Array) -> Result<()> {
        match &mut self.values {
            Values::Floats(all) => all.extend_from_slice(more.values()?),
            Values::Numbers(all) => all.extend_from_slice(more.values()?),
        }
        Ok(())
    }

    fn arrays(self, count: usize) -> Result<(String, Array)> {
        let shape: Vec<usize> = std::iter::once(count).chain(self.shape).collect();
        let array = match self.values {
            Values::Floats(all) => Array::new(shape, all)?,
            Values::Numbers(all) => Array::new(shape, all)?,
        };
        Ok((self.name, array))
    }
}
