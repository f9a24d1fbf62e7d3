//! Spatial transformers on distorted digits, as a recipe names them.

use super::experiment::{Experiment, Inputs};
use foveate::array::{Array, Hw, picture};
use foveate::graph::{Graph, Var};
use foveate::models::stn::{Classifier, Distorted, Layers, Mnist, Network, Output, Task, Transform, before_and_after};
use foveate::nn::loss::{CrossEntropy, cross_entropy};
use foveate::nn::metrics::Confusion;
use foveate::nn::{Random, Weights};
use foveate::train::{Batch, Dataset, Objective};
use foveate::{Error, Result};
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;

/// Digits whose warps are drawn.
const DRAWN: usize = 4;

/// `system = "stn"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Digits {
    task: TaskName,
    /// None for the baselines, several for parallel transformers.
    #[serde(default)]
    transforms: Vec<TransformName>,
    classifier: ClassifierName,
    /// The place, x and y of -1 to 1, where each transformer's look begins; the centre if there are none.
    #[serde(default)]
    places: Vec<[f32; 2]>,
    /// About how many numbers the network may have.
    #[serde(default = "published")]
    parameters: usize,
    /// The first so many digits of the files alone.
    train_examples: Option<usize>,
    test_examples: Option<usize>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum TaskName {
    Rotated,
    Rts,
    Projected,
    Elastic,
    Cluttered,
    Addition,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum TransformName {
    Attention,
    Affine,
    Projective,
    ThinPlateSpline,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ClassifierName {
    Fcn,
    Cnn,
}

fn published() -> usize {
    400_000
}

impl Digits {
    fn task(&self) -> Task {
        match self.task {
            TaskName::Rotated => Task::Rotated,
            TaskName::Rts => Task::RotatedTranslatedScaled,
            TaskName::Projected => Task::Projected,
            TaskName::Elastic => Task::Elastic,
            TaskName::Cluttered => Task::TranslatedCluttered,
            TaskName::Addition => Task::Addition,
        }
    }

    fn transforms(&self) -> Vec<Transform> {
        let of = |name: &TransformName| match name {
            TransformName::Attention => Transform::Attention,
            TransformName::Affine => Transform::Affine,
            TransformName::Projective => Transform::Projective,
            TransformName::ThinPlateSpline => Transform::ThinPlateSpline,
        };
        self.transforms.iter().map(of).collect()
    }

    fn network(&self) -> Result<Mnist> {
        let classifier = match self.classifier {
            ClassifierName::Fcn => Classifier::Fcn(1),
            ClassifierName::Cnn => Classifier::Cnn(1),
        };
        Mnist { task: self.task(), transforms: self.transforms(), classifier }.fitted(self.parameters)
    }

    fn output(&self, graph: &Graph, weights: &Weights, inputs: &Inputs) -> Result<Output> {
        self.network()?.build(&mut Layers::load(graph, weights), inputs.get("image")?)
    }
}

impl Experiment for Digits {
    fn name(&self) -> String {
        format!("{:?}, {:?} {:?}", self.task, self.transforms, self.classifier)
    }

    fn initial(&self, seed: u64) -> Result<Weights> {
        let (transforms, places) = (self.transforms(), &self.places);
        if !places.is_empty() && places.len() != transforms.len() {
            let reason = format!("has {} places for {} transforms; there is one for each, or none at all", places.len(), transforms.len());
            return Err(Error::model("the recipe", reason));
        }
        let biases = transforms.iter().zip(places).enumerate().map(|(i, (transform, place))| {
            let bias = transform.at(*place);
            Ok((format!("transformer{}.theta.bias", i + 1), Array::new([bias.len()], bias)?))
        });
        Ok(self.network()?.init(seed)?.replaced("first weights", biases.collect::<Result<Vec<_>>>()?))
    }

    fn data(&self, folder: &Path, seed: u64) -> Result<[Arc<dyn Dataset>; 2]> {
        let most = |given: Option<usize>| given.unwrap_or(usize::MAX);
        let open = |part, most, seed| Distorted::open(self.task(), folder, part, most, seed);
        Ok([
            Arc::new(open("train", most(self.train_examples), seed)?),
            // Every run is measured by the same distorted digits.
            Arc::new(open("t10k", most(self.test_examples), 0)?),
        ])
    }

    fn objective(&self, graph: &Graph, weights: &Weights, inputs: &Inputs, _: &mut Random) -> Result<Objective> {
        let logits = self.output(graph, weights, inputs)?.logits;
        let loss = cross_entropy(&logits, inputs.get("label")?, &CrossEntropy::default())?;
        let wrong = logits.argmax(1, false, false)?.not_equal(inputs.get("label")?)?;
        let error = wrong.cast(foveate::array::DType::F32)?.reduce_mean(&[], false)?;
        Ok(Objective { loss, metrics: vec![("batch_error".to_owned(), error)], parameters: weights.states(graph) })
    }

    fn answers(&self, graph: &Graph, weights: &Weights, inputs: &Inputs) -> Result<Vec<Var>> {
        let output = self.output(graph, weights, inputs)?;
        let image = inputs.get("image")?;
        let drawn = image.shape()[0].min(DRAWN);
        let size = Hw::square(self.task().side());
        let mut answers = vec![output.logits.argmax(1, false, false)?];
        for (warp, transform) in output.warps.iter().zip(self.transforms()) {
            answers.push(transform.grid(&warp.theta.narrow(0, 0, drawn)?, size)?);
            answers.push(warp.image.narrow(0, 0, drawn)?);
        }
        Ok(answers)
    }

    fn classes(&self) -> usize {
        self.task().classes()
    }

    fn scores(&self, confusion: &Confusion) -> Vec<(&'static str, Option<f64>)> {
        vec![("test_error", confusion.pixel_accuracy().map(|right| 1.0 - right))]
    }

    /// What the transformers make of the first digits, one below the other.
    fn draw(&self, batch: &Batch, answers: &[Array], folder: &Path) -> Result<()> {
        let image = batch.get("image")?;
        for (number, pair) in answers.get(1..).unwrap_or_default().chunks_exact(2).enumerate() {
            let [grids, warped] = pair else { continue };
            let count = grids.shape()[0];
            let panels = (0..count).map(|i| before_and_after(&row(image, i, true)?, &row(grids, i, false)?, &row(warped, i, true)?));
            let sheet = stacked(&panels.collect::<Result<Vec<_>>>()?)?;
            picture::write_png(folder.join(format!("transformer{}.png", number + 1)), &sheet)?;
        }
        Ok(())
    }
}

/// Row i of an array as a batch of one; of an image, if it has channels that are neither 1 nor 3, the first of them.
fn row(array: &Array, i: usize, image: bool) -> Result<Array> {
    let mut shape = array.shape().to_vec();
    let size: usize = shape[1..].iter().product();
    let mut values = array.values::<f32>()?.get(i * size..(i + 1) * size).unwrap_or_default();
    shape[0] = 1;
    if image && !matches!(shape[1], 1 | 3) {
        values = &values[..size / shape[1]];
        shape[1] = 1;
    }
    Array::new(shape, values.to_vec())
}

/// Pictures (1, 3, h, w) of one size, one below the other.
fn stacked(panels: &[Array]) -> Result<Array> {
    let Some(&[1, 3, h, w]) = panels.first().map(Array::shape) else {
        return Err(Error::shape("sheet", "there is no picture to draw"));
    };
    let values = panels.iter().map(|p| p.values::<f32>()).collect::<Result<Vec<_>>>()?;
    let plane = h * w;
    let rows = panels.len() * plane;
    Ok(Array::from_fn([1, 3, panels.len() * h, w], |i| {
        let (channel, at) = (i / rows, i % rows);
        values[at / plane].get(channel * plane + at % plane).copied().unwrap_or(0.0)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_begin_where_the_recipe_says() {
        let digits = |places: &str| -> Digits {
            let transforms = "transforms = [\"affine\", \"attention\"]\nclassifier = \"fcn\"";
            toml::from_str(&format!("task = \"addition\"\n{transforms}\n{places}")).unwrap()
        };
        let bias = |digits: &Digits, k: usize| digits.initial(1).unwrap().get(&format!("transformer{k}.theta.bias")).unwrap().to_f64();
        let apart = digits("places = [[-0.5, 0.25], [0.5, 0.0]]");
        assert_eq!(bias(&apart, 1), [1.0, 0.0, -0.5, 0.0, 1.0, 0.25]);
        assert_eq!(bias(&apart, 2), [1.0, 0.5, 0.0]);
        assert_eq!(bias(&digits(""), 2), [1.0, 0.0, 0.0]);
        let error = digits("places = [[0.0, 0.0]]").initial(1).unwrap_err().to_string();
        assert!(error.contains("1 places for 2 transforms"), "{error}");
    }
}
