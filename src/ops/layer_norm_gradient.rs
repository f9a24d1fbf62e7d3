//! `layer_norm_gradient`: the gradient of rows that were brought to mean 0 and variance 1, from that of what they became.
//!
//! ```text
//! w[r, k]      = grad[r, k] * weight[k]
//! inverse[r]   = 1 / sqrt(variance of input[r] + eps)
//! n[r, k]      = (input[r, k] - mean[r]) * inverse[r]
//! output[r, k] = (w[r, k] - mean over k of w - n[r, k] * mean over k of (w n)) * inverse[r]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input, grad | any; r runs over the dimensions before `axis`, k over `axis` and those after it |
//! | weight | optional: the input's dimensions from `axis` on |
//! | output | as input |
//! | mean, inverse | as input with size 1 from `axis` on: what a weight's gradient, the sum of grad n over all rows, asks for |
//!
//! A row is read three times, and lies in the nearest memory from the second on; the composition, which is what its own gradients
//! are taken of, reads and writes whole tensors some twenty times.
//!
//! PyTorch: `native_layer_norm_backward`.

use super::{
    Candidate, LayerNorm, Op, Site, Team, check_axis, check_dtype, check_inputs, composed, item_header, lanes, launch_rows, number,
};
use super::{rounded, types, u32_of};
use crate::array::{Array, DType, TensorType, elements};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, Slot, kernel, params};
use crate::graph::Var;

params! {
    struct Params {
        rows: u32,
        columns: u32,
        skip: u32,
        row_skip: u32,
        eps: f32,
    }
}

static GRADIENT: Kernel = kernel!("layer_norm_gradient", Params, header: "alias Scalar = f32;\n#import vec4\n");
pub(super) const KERNELS: &[&Kernel] = &[&GRADIENT];

/// The gradient of what a [`LayerNorm`] was applied to, of it, grad and perhaps the weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerNormGradient {
    /// What was applied.
    pub norm: LayerNorm,
}

impl LayerNormGradient {
    /// The three outputs, by other operators.
    fn composition(&self, inputs: &[Var]) -> Result<Vec<Var>> {
        let [input, grad, ..] = inputs else { return Err(Error::shape(self.name(), "there is no grad")) };
        let row = input.dimensions_from(self.name(), self.norm.axis)?;
        let mean = |v: &Var| v.reduce_mean(&row, true);
        let middle = mean(input)?;
        let centred = input.sub(&middle)?;
        let inverse = mean(&centred.mul(&centred)?)?.add(&number(input, self.norm.eps)?)?.rsqrt()?;
        let normal = centred.mul(&inverse)?;
        let weighted = inputs.get(2).map_or_else(|| Ok(grad.clone()), |weight| grad.mul(weight))?;
        let along = normal.mul(&mean(&weighted.mul(&normal)?)?)?;
        Ok(vec![weighted.sub(&mean(&weighted)?)?.sub(&along)?.mul(&inverse)?, middle, inverse])
    }
}

impl Op for LayerNormGradient {
    fn name(&self) -> &'static str {
        "layer_norm_gradient"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 2..=3)?;
        check_dtype(self.name(), "grad", inputs[1], DType::F32)?;
        // Input and weight are what the norm takes.
        let norm: Vec<&TensorType> = inputs[..1].iter().chain(&inputs[2..]).copied().collect();
        let output = self.norm.infer(&norm)?.remove(0);
        if *inputs[1] != output {
            return Err(Error::shape(self.name(), format!("grad is {}, input is {output}", inputs[1])));
        }
        let mut statistics = output.clone();
        statistics.shape[check_axis(self.name(), self.norm.axis, &output)?..].fill(1);
        Ok(vec![output, statistics.clone(), statistics])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let outputs = self.infer(&types(inputs).iter().collect::<Vec<_>>())?;
        let columns = inputs[0].len() / outputs[1].elements();
        let (input, grad) = (inputs[0].to_f64(), inputs[1].to_f64());
        let weight = inputs.get(2).map_or_else(|| vec![1.0; columns], |weight| weight.to_f64());
        let mean = |of: &dyn Fn(usize) -> f64| (0..columns).map(of).sum::<f64>() / columns as f64;
        let (mut output, mut middles, mut inverses) = (Vec::with_capacity(input.len()), Vec::new(), Vec::new());
        for (x, g) in input.chunks_exact(columns).zip(grad.chunks_exact(columns)) {
            let middle = mean(&|k| x[k]);
            let inverse = 1.0 / (mean(&|k| (x[k] - middle).powi(2)) + f64::from(self.norm.eps)).sqrt();
            let normal = |k: usize| (x[k] - middle) * inverse;
            let weighted = |k: usize| g[k] * weight[k];
            let (shift, along) = (mean(&weighted), mean(&|k| weighted(k) * normal(k)));
            output.extend((0..columns).map(|k| (weighted(k) - shift - normal(k) * along) * inverse));
            middles.push(middle);
            inverses.push(inverse);
        }
        [output, middles, inverses].into_iter().zip(&outputs).map(|(values, ty)| rounded(&ty.shape, values)).collect()
    }

    fn exact(&self, slot: Slot) -> bool {
        matches!(slot, Slot::Output(1 | 2))
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let rows = site.outputs[1].elements();
        let len = elements(&site.inputs[0].shape) / rows;
        let lanes = lanes(len);
        let weight = (site.inputs.len() > 2).then_some(2);
        let launches = launch_rows(self.name(), site.device, rows, &[len as u64 * 4], |part| {
            let window = site.device.window((part.start * len) as u64..(part.end * len) as u64, 4);
            let each = site.device.window(part.start as u64..part.end as u64, 4);
            let team = Team::of(site.device, part.len(), len / lanes);
            let params = Params {
                rows: u32_of(part.len()),
                columns: u32_of(len / lanes),
                skip: window.skip / u32_of(lanes),
                row_skip: each.skip,
                eps: self.norm.eps,
            };
            team.set(Launch::new(&GRADIENT, &params, team.groups(part.len())).notes(true), 3)
                .constant("HAS_WEIGHT", u32::from(weight.is_some()))
                .header(item_header(DType::F32, lanes))
                .input_window(0, &window)
                .input_window(1, &window)
                .optional_input(weight)
                .output_window(0, &window)
                .output_window(1, &each)
                .output_window(2, &each)
        })?;
        Ok(vec![Candidate::of(launches)])
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        composed(inputs, output_grads, |inputs| self.composition(inputs))
    }
}
