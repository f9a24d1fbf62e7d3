//! Spatial transformers on distorted digits, as a recipe names them.

use super::experiment::{Experiment, Inputs};
use super::looks::{self, TransformName};
use super::tally::Tally;
use foveate::array::Array;
use foveate::graph::{Graph, Var};
use foveate::models::Layers;
use foveate::models::stn::{Classifier, Distorted, Mnist, Network, Output, Task, Transform};
use foveate::nn::{Random, Weights};
use foveate::train::{Batch, Dataset, Objective};
use foveate::{Error, Result};
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;

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
        self.transforms.iter().map(TransformName::transform).collect()
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
        looks::objective(&self.output(graph, weights, inputs)?, graph, weights, inputs)
    }

    fn answers(&self, graph: &Graph, weights: &Weights, inputs: &Inputs) -> Result<Vec<Var>> {
        looks::answers(&self.output(graph, weights, inputs)?, &self.transforms(), inputs.get("image")?)
    }

    fn tally(&self) -> Result<Tally> {
        Tally::labels(self.task().classes(), looks::scores)
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        self.task().about().metadata()
    }

    fn draw(&self, batch: &Batch, answers: &[Array], folder: &Path) -> Result<()> {
        looks::draw(batch, answers, folder)
    }
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
