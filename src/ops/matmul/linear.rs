//! linear: a fully connected layer.
//!
//! ```text
//! output[.., o] = bias[o] + sum over i of x[.., i] * weight[o, i]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | x | (.., inputs) |
//! | weight | (outputs, inputs) |
//! | bias | (outputs), optional |
//! | output | (.., outputs) |
//!
//! Gradients: the output's times the weight, the output's transposed times x, the output's summed over all rows.
//!
//! ONNX: `Gemm` with transB = 1. PyTorch: `nn.functional.linear`.

use super::{Channels, Operand, Product, candidates};
use crate::array::{Array, DType, TensorType, elements};
use crate::error::{Error, Result};
use crate::gpu::Slot;
use crate::graph::Var;
use crate::ops::{Candidate, Op, Site, check_dtype, check_inputs, check_rank, rounded, the_gradient};

/// A fully connected layer: x times the transpose of its weight, plus a bias.
#[derive(Clone, Copy, Debug, Default)]
pub struct Linear;

impl Var {
    /// `self` (.., inputs) times the transpose of `weight` (outputs, inputs), plus `bias` (outputs).
    ///
    /// # Errors
    /// If a tensor is not f32 or the sizes do not agree.
    pub fn linear(&self, weight: &Self, bias: Option<&Self>) -> Result<Self> {
        let others: Vec<&Self> = std::iter::once(weight).chain(bias).collect();
        self.apply1(Linear, &others)
    }
}

impl Op for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 2..=3)?;
        for (what, ty) in ["x", "weight", "bias"].into_iter().zip(inputs) {
            check_dtype(self.name(), what, ty, DType::F32)?;
        }
        let (x, weight) = (inputs[0], inputs[1]);
        check_rank(self.name(), "weight", weight, 2, "(outputs, inputs)")?;
        let [outputs, wanted] = [weight.shape[0], weight.shape[1]];
        let Some((&given, front)) = x.shape.split_last() else {
            return Err(Error::shape(self.name(), format!("x must be (.., inputs), it is {x}")));
        };
        if given != wanted {
            return Err(Error::shape(self.name(), format!("weight {weight} wants {wanted} inputs, x {x} has {given}")));
        }
        if let Some(bias) = inputs.get(2).filter(|bias| bias.shape != [outputs]) {
            return Err(Error::shape(self.name(), format!("bias must be f32[{outputs}] with weight {weight}, it is {bias}")));
        }
        Ok(vec![TensorType::f32([front, &[outputs]].concat())])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (x, weight) = (inputs[0].values::<f32>()?, inputs[1].values::<f32>()?);
        let bias = inputs.get(2).map(|b| b.values::<f32>()).transpose()?;
        let [outputs, depth] = [inputs[1].shape()[0], inputs[1].shape()[1]];
        let mut shape = inputs[0].shape().to_vec();
        shape.pop();
        shape.push(outputs);
        let mut sums = Vec::with_capacity(elements(&shape));
        for x in x.chunks(depth.max(1)) {
            for (o, weight) in weight.chunks(depth.max(1)).enumerate() {
                let products = x.iter().zip(weight).map(|(&x, &w)| f64::from(x) * f64::from(w));
                sums.push(bias.map_or(0.0, |b| f64::from(b[o])) + products.sum::<f64>());
            }
        }
        Ok(vec![rounded(&shape, sums)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let [columns, depth] = [site.inputs[1].shape[0], site.inputs[1].shape[1]];
        let bias = (site.inputs.len() > 2).then_some(2);
        let rows = site.inputs[0].shape.iter().rev().skip(1).product();
        let finish = site.finish.filter(|f| f.fits(site.outputs[0].rank() - 1));
        Ok(candidates(site, &[Product::by_rows(rows, columns, depth, bias)], finish))
    }

    /// Each output adds up a row of the weight.
    fn multiply_adds(&self, inputs: &[&TensorType], outputs: &[&TensorType]) -> u64 {
        crate::ops::multiplied(outputs[0].elements(), &inputs[1].shape[1..])
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        let (x, weight) = (&inputs[0], &inputs[1]);
        let (width, depth) = (weight.shape()[0], weight.shape()[1]);
        let rows = x.ty().elements() / depth;
        let grads = grad.reshape([rows, width])?;
        let mut gradients = vec![Some(grad.matmul(weight)?), Some(grads.swap_axes(0, 1)?.matmul(&x.reshape([rows, depth])?)?)];
        if inputs.len() > 2 {
            gradients.push(Some(grads.reduce_sum(&[0], false)?));
        }
        Ok(gradients)
    }
}

impl Product {
    /// Input 0, (rows, depth), by the transpose of input 1, (columns, depth).
    pub(crate) fn by_rows(rows: usize, columns: usize, depth: usize, bias: Option<usize>) -> Self {
        let operand = |input| Operand { slot: Slot::Input(input), start: 0, stride: 0 };
        let (channels, output) = (Channels::Columns, (0, 0));
        let product = Self { rows, columns, depth, batches: 1, a: operand(0), b: operand(1), transposed: true, bias, channels, output };
        // One column is a row of the transposed product; a bias would then be its every element's.
        if columns == 1 && bias.is_none() {
            return Self { rows: 1, columns: rows, a: product.b, b: product.a, ..product };
        }
        product
    }
}
