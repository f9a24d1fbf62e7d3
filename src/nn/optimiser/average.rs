//! Averages of parameters over the steps of training, which often do better than the last ones.

use super::{Parameter, counter};
use crate::array::{Array, DType};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::ops::scaled;
use std::sync::Arc;

/// Which average.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Averaging {
    /// a <- share a + (1 - share) w, from the first parameters on: `TensorFlow`'s `ExponentialMovingAverage`.
    Exponential(f32),
    /// a <- a + (w - a) / t at step t, counted from 1: the mean of all (Polyak, Juditsky 1992).
    Mean,
}

/// Adds to the graph the averages of what the parameters become in each run, states called `<parameter>/average`, and gives them.
/// To be called behind [`Optimiser::update`](super::Optimiser::update). They are in every plan that holds the parameters, of which
/// none depends on them. The steps of a mean are counted by `average/step`.
///
/// # Errors
/// If a parameter is no f32 state that is updated, the share is not 0 to 1, or there are averages already.
pub fn average(parameters: &[Parameter], averaging: Averaging) -> Result<Vec<Var>> {
    let Some(first) = parameters.first() else { return Ok(Vec::new()) };
    let graph = first.var.graph();
    let course = |parameter: &Parameter| {
        let course = graph.course(&parameter.var).and_then(|(initial, next)| Some((initial, next?)));
        course
            .filter(|_| parameter.var.dtype() == DType::F32)
            .ok_or_else(|| Error::shape("average", format!("'{}' is no f32 state that is updated", parameter.name)))
    };
    let courses = parameters.iter().map(course).collect::<Result<Vec<_>>>()?;
    let steps = match averaging {
        Averaging::Exponential(share) if (0.0..=1.0).contains(&share) => None,
        Averaging::Exponential(share) => return Err(Error::shape("average", format!("the share is 0 to 1, it is {share}"))),
        Averaging::Mean => {
            let step = counter(graph, "average/step", parameters.iter())?;
            Some(step.add(&graph.constant(Array::scalar(1i32))?)?.cast(DType::F32)?)
        }
    };
    let one = |(parameter, (initial, w)): (&Parameter, (Arc<Array>, Var))| {
        let a = graph.state(&format!("{}/average", parameter.name), initial)?;
        let next = match (averaging, &steps) {
            (Averaging::Exponential(share), _) => scaled(&a, share)?.add(&scaled(&w, 1.0 - share)?)?,
            (Averaging::Mean, Some(t)) => a.add(&w.sub(&a)?.div(t)?)?,
            (Averaging::Mean, None) => return Err(Error::shape("average", "the steps are not counted")),
        };
        graph.update(&a, &next)?;
        graph.follow(&parameter.var, &a)?;
        Ok(a)
    };
    parameters.iter().zip(courses).map(one).collect()
}
