//! `layer_norm`: each row at mean 0 and variance 1, then scaled and shifted element by element.
//!
//! ```text
//! mean     = sum over k of input[r, k] / K
//! variance = sum over k of (input[r, k] - mean)^2 / K
//! output[r, k] = (input[r, k] - mean) / sqrt(variance + eps) * weight[k] + bias[k]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | any; r runs over the dimensions before `axis`, k over `axis` and those after it, K of them |
//! | weight | optional: the input's dimensions from `axis` on |
//! | bias | optional, with weight only: as weight |
//! | output | as input |
//!
//! The variance is taken around the mean, in a second sweep: rows far from 0 lose no digits.
//!
//! Gradients: see [`LayerNormGradient`]; with n the normalised input, the sums of grad n and of grad over all rows.
//!
//! ONNX: `LayerNormalization`, its first output. PyTorch: `layer_norm` with `normalized_shape` = `input.shape[axis:]`.
//! Ba, Kiros, Hinton: Layer Normalization, 2016.

use super::{
    Candidate, LayerNormGradient, Op, Site, Team, check_axis, check_dtype, check_inputs, item_header, lanes, launch_rows, rounded, u32_of,
};
use super::{the_gradient, unbroadcast};
use crate::array::{Array, DType, TensorType, elements};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::graph::Var;

params! {
    struct Params {
        rows: u32,
        columns: u32,
        skip: u32,
        eps: f32,
    }
}

static LAYER_NORM: Kernel = kernel!("layer_norm", Params, header: "alias Scalar = f32;\n#import vec4\n");
pub(super) const KERNELS: &[&Kernel] = &[&LAYER_NORM];

/// Normalisation of each row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerNorm {
    /// The first dimension of a row; from the end where negative.
    pub axis: isize,
    /// Added to the variance, so that a constant row does not divide by 0.
    pub eps: f32,
}

impl Default for LayerNorm {
    fn default() -> Self {
        Self { axis: -1, eps: 1e-5 }
    }
}

impl Var {
    /// Rows at mean 0 and variance 1, scaled by `weight` and shifted by `bias` if there are any.
    ///
    /// # Errors
    /// If there is no such axis, weight or bias have another shape than a row, or there is a bias without a weight.
    pub fn layer_norm(&self, weight: Option<&Self>, bias: Option<&Self>, attributes: LayerNorm) -> Result<Self> {
        match (weight, bias) {
            (None, Some(_)) => Err(Error::unsupported("layer_norm", "a bias without a weight; give a weight of ones")),
            _ => self.apply1(attributes, &weight.into_iter().chain(bias).collect::<Vec<_>>()),
        }
    }
}

impl Op for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=3)?;
        check_eps(self.name(), self.eps)?;
        check_dtype(self.name(), "input", inputs[0], DType::F32)?;
        let row = &inputs[0].shape[check_axis(self.name(), self.axis, inputs[0])?..];
        for (what, ty) in ["weight", "bias"].into_iter().zip(&inputs[1..]) {
            check_dtype(self.name(), what, ty, DType::F32)?;
            if ty.shape != row {
                return Err(Error::shape(
                    self.name(),
                    format!("{what} is {ty}, a row of {} from axis {} on is {row:?}", inputs[0], self.axis),
                ));
            }
        }
        Ok(vec![inputs[0].clone()])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let ty = inputs[0].ty();
        let columns = elements(&ty.shape[check_axis(self.name(), self.axis, &ty)?..]);
        let input = inputs[0].to_f64();
        let affine: Vec<Vec<f64>> = inputs[1..].iter().map(|a| a.to_f64()).collect();
        let mut output = Vec::with_capacity(input.len());
        for row in input.chunks_exact(columns) {
            let mean = row.iter().sum::<f64>() / columns as f64;
            let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / columns as f64;
            output.extend(row.iter().enumerate().map(|(k, x)| {
                let weight = affine.first().map_or(1.0, |w| w[k]);
                let bias = affine.get(1).map_or(0.0, |b| b[k]);
                (x - mean) / (variance + f64::from(self.eps)).sqrt() * weight + bias
            }));
        }
        Ok(vec![rounded(&ty.shape, output)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let shape = &site.inputs[0].shape;
        let axis = check_axis(self.name(), self.axis, site.inputs[0])?;
        let (rows, len) = (elements(&shape[..axis]), elements(&shape[axis..]));
        let lanes = lanes(len);
        let given = site.inputs.len() - 1;
        let launches = launch_rows(self.name(), site.device, rows, &[len as u64 * 4], |part| {
            let window = site.device.window((part.start * len) as u64..(part.end * len) as u64, 4);
            let team = Team::of(site.device, part.len(), len / lanes);
            let params =
                Params { rows: u32_of(part.len()), columns: u32_of(len / lanes), skip: window.skip / u32_of(lanes), eps: self.eps };
            team.set(Launch::new(&LAYER_NORM, &params, team.groups(part.len())).notes(true), 3)
                .constant("AFFINE", u32_of(given))
                .header(item_header(DType::F32, lanes))
                .input_window(0, &window)
                .optional_input((given >= 1).then_some(1))
                .optional_input((given >= 2).then_some(2))
                .output_window(0, &window)
        })?;
        Ok(vec![Candidate::of(launches)])
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        let weight = inputs.get(1);
        let made = inputs[0].apply_all(LayerNormGradient { norm: *self }, &std::iter::once(grad).chain(weight).collect::<Vec<_>>())?;
        let mut gradients = vec![Some(made[0].clone())];
        if let Some(weight) = weight {
            let normal = inputs[0].sub(&made[1])?.mul(&made[2])?;
            gradients.push(Some(unbroadcast(&grad.mul(&normal)?, weight.shape())?));
        }
        if let Some(bias) = inputs.get(2) {
            gradients.push(Some(unbroadcast(grad, bias.shape())?));
        }
        Ok(gradients)
    }
}

/// Refuses what is not added to a variance.
pub(super) fn check_eps(op: &'static str, eps: f32) -> Result<()> {
    if eps.is_finite() && eps >= 0.0 {
        return Ok(());
    }
    Err(Error::shape(op, format!("eps must be a finite number of at least 0, it is {eps}")))
}
