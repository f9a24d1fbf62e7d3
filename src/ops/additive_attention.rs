//! `additive_attention`: attention whose scores come from a small network, as in Bahdanau's translator and Show, Attend and Tell.
//!
//! ```text
//! energy[b, l]  = score . tanh(projected[b, l] + query[b])  (+ mask[b, l])
//! weights[b]    = softmax over the allowed l of energy[b, l], 0 elsewhere
//! context[b, x] = sum over l of weights[b, l] * features[b, l, x]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | features | (B, L, D) |
//! | projected | (B, L, A): the features' projection, computed once per image or sentence |
//! | query | (B, A): the decoder state's projection, with the bias if there is one |
//! | score | (A) |
//! | mask | optional, (B, L): bool, true where l is allowed; or f32, added to the energy |
//! | context | (B, D) |
//! | weights | (B, L) |
//!
//! An added mask of -1e30 or less, -inf among them, forbids. With no l allowed, weights and context are zeros.
//!
//! Gradients of all but a mask of truth values: those of softmax and tanh, and sums over l of what the query gave to each.
//!
//! Bahdanau, Cho, Bengio: Neural Machine Translation by Jointly Learning to Align and Translate, 2015 (`v_a`, `W_a s`, `U_a h`).
//! Xu et al.: Show, Attend and Tell, 2015. Neither ONNX nor PyTorch has it as one operator.

use super::slices::nested;
use super::{
    Candidate, Op, Site, Team, check_dtype, check_inputs, check_rank, item_header, lanes, launch_rows, mask_adds, number, rounded, u32_of,
    zeros,
};
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::graph::Var;

params! {
    struct EnergyParams {
        rows: u32,
        len: u32,
        columns: u32,
        first_row: u32,
        skip: u32,
    }
}

params! {
    struct ContextParams {
        len: u32,
        columns: u32,
        pieces: u32,
        groups: u32,
        first_batch: u32,
        features_skip: u32,
    }
}

const HEADER: &str = "alias Scalar = f32;\n#import vec4\n";
static ENERGY: Kernel = kernel!("additive_attention/energy", EnergyParams, header: HEADER);
static CONTEXT: Kernel = kernel!("additive_attention/context", ContextParams, header: HEADER);
pub(super) const KERNELS: &[&Kernel] = &[&ENERGY, &CONTEXT];

/// Attention with scores from a small network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AdditiveAttention;

impl Var {
    /// Of features (B, L, D), the mean weighted by how well `projected` (B, L, A) and `query` (B, A) agree according to `score`
    /// (A), and the weights. See [`AdditiveAttention`].
    ///
    /// # Errors
    /// If the shapes do not belong together, or a dtype is not f32 (the mask's may be bool).
    pub fn additive_attention(&self, projected: &Self, query: &Self, score: &Self, mask: Option<&Self>) -> Result<(Self, Self)> {
        let mut others = vec![projected, query, score];
        others.extend(mask);
        let outputs = self.apply_all(AdditiveAttention, &others)?;
        let count = outputs.len();
        let [context, weights] =
            <[Self; 2]>::try_from(outputs).map_err(|_| Error::shape("additive_attention", format!("has {count} outputs, not two")))?;
        Ok((context, weights))
    }
}

impl Op for AdditiveAttention {
    fn name(&self) -> &'static str {
        "additive_attention"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 4..=5)?;
        let layouts = [("features", 3, "(B, L, D)"), ("projected", 3, "(B, L, A)"), ("query", 2, "(B, A)"), ("score", 1, "(A)")];
        for ((what, rank, layout), ty) in layouts.into_iter().zip(inputs) {
            check_dtype(self.name(), what, ty, DType::F32)?;
            check_rank(self.name(), what, ty, rank, layout)?;
        }
        let (features, projected) = (&inputs[0].shape, &inputs[1].shape);
        let (batch, len, width) = (features[0], features[1], projected[2]);
        let wanted: [(&str, &[usize]); 4] =
            [("projected", &[batch, len, width]), ("query", &[batch, width]), ("score", &[width]), ("mask", &[batch, len])];
        for ((what, shape), ty) in wanted.into_iter().zip(&inputs[1..]) {
            if ty.shape != shape {
                let reason = format!("{what} is {ty}, with features {} and projected {} it must be {shape:?}", inputs[0], inputs[1]);
                return Err(Error::shape(self.name(), reason));
            }
        }
        if let Some(mask) = inputs.get(4).filter(|m| !matches!(m.dtype, DType::Bool | DType::F32)) {
            return Err(Error::unsupported(self.name(), format!("a mask of {mask}; it must be bool or f32")));
        }
        Ok(vec![TensorType::f32([batch, features[2]]), TensorType::f32([batch, len])])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let &[batch, len, size] = inputs[0].shape() else {
            return Err(Error::shape(self.name(), format!("features must be (B, L, D), they are {}", inputs[0].ty())));
        };
        let [features, projected, query, score] = [0, 1, 2, 3].map(|i| inputs[i].to_f64());
        let mask = inputs.get(4).map(|m| (m.dtype(), m.to_f64()));
        let width = score.len();
        let (mut contexts, mut weights) = (vec![0.0; batch * size], vec![0.0; batch * len]);
        for b in 0..batch {
            let energy = |l: usize| {
                let row = (b * len + l) * width;
                let energy: f64 = (0..width).map(|a| score[a] * (projected[row + a] + query[b * width + a]).tanh()).sum();
                let added = mask.as_ref().map_or(Some(0.0), |(dtype, mask)| mask_adds(*dtype, mask[b * len + l]));
                added.map(|added| energy + added)
            };
            let energies: Vec<(usize, f64)> = (0..len).filter_map(|l| Some((l, energy(l)?))).collect();
            let largest = energies.iter().map(|e| e.1).fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = energies.iter().map(|e| (e.1 - largest).exp()).sum();
            for (l, energy) in energies {
                let weight = (energy - largest).exp() / total;
                weights[b * len + l] = weight;
                for x in 0..size {
                    contexts[b * size + x] += weight * features[(b * len + l) * size + x];
                }
            }
        }
        Ok(vec![rounded(&[batch, size], contexts)?, rounded(&[batch, len], weights)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let (features, projected) = (&site.inputs[0].shape, &site.inputs[1].shape);
        let (batch, len, size, width) = (features[0], features[1], features[2], projected[2]);
        let mask = site.inputs.get(4);
        let kind = mask.map_or(0u32, |m| if m.dtype == DType::Bool { 1 } else { 2 });

        let per_item = lanes(width);
        let mut launches = launch_rows(self.name(), site.device, batch, &[(len * width * 4) as u64], |part| {
            let window = site.device.window((part.start * len * width) as u64..(part.end * len * width) as u64, 4);
            let rows = part.len() * len;
            let params = EnergyParams {
                rows: u32_of(rows),
                len: u32_of(len),
                columns: u32_of(width / per_item),
                first_row: u32_of(part.start * len),
                skip: window.skip / u32_of(per_item),
            };
            let team = Team::of(site.device, rows, width / per_item);
            team.set(Launch::new(&ENERGY, &params, team.groups(rows)), 1)
                .header(item_header(DType::F32, per_item))
                .constant("MASK", kind)
                .input_window(1, &window)
                .input(2)
                .input(3)
                .optional_input(mask.map(|_| 4))
                .scratch_mut(0)
        })?;

        let per_item = lanes(size);
        let (columns, workgroup) = if site.device.software { (64, 64) } else { (32, 256) };
        let pieces = (size / per_item).div_ceil(columns);
        launches.extend(launch_rows(self.name(), site.device, batch, &[(len * size * 4) as u64], |part| {
            let window = site.device.window((part.start * len * size) as u64..(part.end * len * size) as u64, 4);
            let params = ContextParams {
                len: u32_of(len),
                columns: u32_of(size / per_item),
                pieces: u32_of(pieces),
                groups: u32_of(part.len() * pieces),
                first_batch: u32_of(part.start),
                features_skip: window.skip / u32_of(per_item),
            };
            // Through all energies, then with the features of each `workgroup` of them, four at a time.
            let chunks = len.div_ceil(workgroup);
            Launch::new(&CONTEXT, &params, (part.len() * pieces) as u64)
                .turns(chunks + nested(&[chunks, columns / 4 + 4]))
                .header(item_header(DType::F32, per_item))
                .constant("WORKGROUP", u32_of(workgroup))
                .constant("COLUMNS", u32_of(columns))
                .input_window(0, &window)
                .scratch(0)
                .output(0)
                .output(1)
        })?);
        Ok(vec![Candidate { launches, scratch: vec![(batch * len * 4) as u64], ..Candidate::default() }])
    }

    /// Each energy adds up its projection, and each context the features.
    fn multiply_adds(&self, inputs: &[&TensorType], outputs: &[&TensorType]) -> u64 {
        let _ = outputs;
        (inputs[0].elements() as u64).saturating_add(inputs[1].elements() as u64)
    }

    fn gradient(&self, inputs: &[Var], outputs: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let [features, projected, query, score] = [0, 1, 2, 3].map(|i| &inputs[i]);
        let (weights, of) = (&outputs[1], |i: usize| output_grads.get(i).cloned().flatten());
        let context = of(0).map_or_else(|| zeros(weights, outputs[0].shape()), Ok)?;
        let by_features = weights.unsqueeze(2)?.mul(&context.unsqueeze(1)?)?;
        let mut by_weights = features.matmul(&context.unsqueeze(2)?)?.squeeze(2)?;
        if let Some(grad) = of(1) {
            by_weights = by_weights.add(&grad)?;
        }
        // What is forbidden has a weight of 0, and so a gradient of 0.
        let by_energy = weights.mul(&by_weights.sub(&weights.mul(&by_weights)?.reduce_sum(&[1], true)?)?)?;
        let (hidden, energy) = (projected.add(&query.unsqueeze(1)?)?.tanh()?, by_energy.unsqueeze(2)?);
        let by_sum = energy.mul(score)?.mul(&number(&hidden, 1.0)?.sub(&hidden.mul(&hidden)?)?)?;
        let by_score = energy.mul(&hidden)?.reduce_sum(&[0, 1], false)?;
        let mut gradients = vec![Some(by_features), Some(by_sum.clone()), Some(by_sum.reduce_sum(&[1], false)?), Some(by_score)];
        gradients.extend(inputs.get(4).map(|mask| (mask.dtype() == DType::F32).then_some(by_energy)));
        Ok(gradients)
    }
}
