//! The networks among the rows of `foveate bench`, at their published sizes, with random weights.

use foveate::array::{Array, elements};
use foveate::graph::Var;
use foveate::models::deconvnet::{self, DeconvNet};
use foveate::models::fcn::{Fcn, Variant};
use foveate::models::vgg::{Depth, Top, Vgg};
use foveate::models::{Initial, Normalisation, Parameter, selfie};
use foveate::nn::{Weights, init};
use foveate::ops::MaxPool2d;
use foveate::plan::Cost;
use foveate::{Error, Result};

/// The output of the network called `name` over `x`, and its useful products and sums. `noise` makes numbers in -1..1.
///
/// # Errors
/// If there is no such network, or it does not take `x`.
pub(super) fn network(name: &str, x: &Var, noise: impl Fn(&[usize]) -> Array) -> Result<(Var, usize)> {
    let drawn = |parameters: Vec<Parameter>| {
        let value = |p: &Parameter| match (p.initial, &p.shape[..]) {
            (Initial::Bilinear, &[channels, _, kernel, _]) => init::upsampling(channels, kernel),
            (Initial::Constant(value), shape) => Array::full(shape, value),
            // Of the variance that keeps a signal's through layers: uniform in the root of 6 / fan-in.
            (_, shape) => {
                let fan_in = shape.get(1..).map_or(1, elements).max(1);
                let (bound, values) = ((6.0 / fan_in as f32).sqrt(), noise(shape));
                values.values::<f32>().map_or_else(|_| Array::full(shape, 0.0f32), |v| Array::from_fn(shape, |i| bound * v[i]))
            }
        };
        Weights::from_arrays("random", parameters.into_iter().map(|p| (p.name.clone(), value(&p))).collect::<Vec<_>>())
    };
    let output = match name {
        "selfie" => selfie::forward(x.graph(), &selfie::weights()?, x)?,
        "vgg16_features" => {
            let vgg = Vgg::new(Depth::Vgg16);
            vgg.forward(&drawn(vgg.parameters(Top::Conv5)?), x, Top::Conv5)?.max_pool2d(MaxPool2d::default())?
        }
        "fcn8s" => {
            let fcn = Fcn::new(Variant::Fcn8s);
            layer(&fcn.forward(&drawn(fcn.parameters()?), x)?, "score")?
        }
        "deconvnet" => {
            let net = DeconvNet::new();
            layer(&net.forward(&drawn(net.parameters()?), x, Normalisation::Inference)?, deconvnet::SCORE)?
        }
        other => return Err(Error::unsupported("bench", format!("there is no network '{other}' yet"))),
    };
    let multiply_adds = Cost::of(&[&output])?.multiply_adds;
    Ok((output, usize::try_from(multiply_adds.saturating_mul(2)).unwrap_or(usize::MAX)))
}

fn layer(network: &foveate::models::Network, name: &str) -> Result<Var> {
    let layer = network.layer(name).ok_or_else(|| Error::shape("bench", format!("the network has no layer '{name}'")))?;
    Ok(layer.output.clone())
}
