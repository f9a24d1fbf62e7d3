//! attention: scaled dot-product attention with heads; the matrix of scores is never stored.
//!
//! ```text
//! score[b, h, i, j]  = scale * query[b, h, i] . key[b, g, j]  (+ mask[b, h, i, j])       g = h / (H / Hk)
//! weight[b, h, i]    = softmax over the allowed j of score[b, h, i, j], 0 elsewhere
//! output[b, h, i, x] = sum over j of weight[b, h, i, j] * value[b, g, j, x]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | query | (B, H, L, D) |
//! | key | (B, Hk, S, D); Hk divides H, and H / Hk neighbouring query heads share a key head |
//! | value | (B, Hk, S, Dv) |
//! | mask | optional, broadcasts to (B, H, L, S): bool, true where j is allowed; or f32, added to the score |
//! | output | (B, H, L, Dv) |
//!
//! `causal` allows j <= i, counted from the start of both (PyTorch's `is_causal`). An added mask of -1e30 or less, -inf among
//! them, forbids. A query with no allowed key gets zeros, where PyTorch gives NaN.
//!
//! Each query keeps the largest score so far, the sum of exponentials and the sum of weighted values, and rescales both sums
//! when the maximum grows: one pass over keys and values. GPUs whose subgroups multiply matrices of f16 do both products on these, see
//! `shaders/attention/matrices.wgsl`.
//!
//! Gradients by query, key and value: `attention_gradient`, which stores no matrix of scores either. They are those of the same formula as
//! products of matrices and a softmax, which store (B, H, L, S) several times, of fewer than 32 queries or keys, of rows of more than 256
//! numbers, and, below 2^22 scores, of more than 128 or no multiple of four; so is the gradient by an added mask, where it is asked for.
//!
//! ONNX: Attention (opset 23). PyTorch: `scaled_dot_product_attention`.
//! Vaswani et al.: Attention Is All You Need, 2017. Milakov, Gimelshein: Online normalizer calculation for softmax, 2018.

pub(super) mod launches;
mod matrices;
pub(super) mod on_lanes;

use super::{AttentionGradient, Candidate, Op, Site, check_dtype, check_inputs, check_rank, composed, lanes};
use super::{mask_adds, number, only_where, rounded, scaled, the_gradient, u32_of};
use crate::array::{Array, DType, TensorType, strides};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, Window, kernel, params};
use crate::graph::Var;

params! {
    pub(super) struct Params {
        mask_strides: [u32; 4],
        heads: u32,
        sharing: u32,
        queries: u32,
        keys: u32,
        head_size: u32,
        value_size: u32,
        pieces: u32,
        groups: u32,
        first_batch: u32,
        query_skip: u32,
        key_skip: u32,
        value_skip: u32,
        output_skip: u32,
        scale: f32,
        slice_keys: u32,
    }
}

params! {
    struct MergeParams {
        items: u32,
        value_items: u32,
        slices: u32,
        output_skip: u32,
    }
}

static TILE: Kernel = kernel!("attention/tile", Params, header: "alias Scalar = f32;\n#import vec4\n\
    const HEAD = 16u;\nconst VALUE = 16u;\nconst SPLIT = 2u;\nconst QUERIES = 1u;\nconst KEYS = 16u;\nconst PRODUCTS = 1024u;\n");
static LANES: Kernel = kernel!("attention/lanes", Params, header: on_lanes::HEADER);
static QUERY: Kernel = kernel!("attention/query", Params, header: "alias Scalar = f32;\n#import vec4\n");
static MERGE: Kernel = kernel!("attention/merge", MergeParams, header: "alias Scalar = f32;\n#import vec4\n");
pub(super) const KERNELS: &[&Kernel] = &[&TILE, &LANES, &QUERY, &MERGE, &matrices::ON_MATRICES];

/// Scaled dot-product attention.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Attention {
    /// What dot products are multiplied with; `1 / sqrt(D)` if `None`.
    pub scale: Option<f32>,
    /// Query i sees key j only if j <= i.
    pub causal: bool,
}

impl Var {
    /// For each query (B, H, L, D), the mean of `value` weighted by how well `key` matches. See [`Attention`].
    ///
    /// # Errors
    /// If the shapes do not belong together, a dtype is not f32 (the mask's may be bool), or the scale is not finite.
    pub fn attention(&self, key: &Self, value: &Self, mask: Option<&Self>, attributes: Attention) -> Result<Self> {
        let mut others = vec![key, value];
        others.extend(mask);
        self.apply1(attributes, &others)
    }
}

/// The sizes of one attention.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) batch: usize,
    pub(super) heads: usize,
    pub(super) key_heads: usize,
    pub(super) queries: usize,
    pub(super) keys: usize,
    pub(super) head: usize,
    pub(super) value: usize,
}

impl Sizes {
    /// Of inputs that `infer` has let pass.
    pub(super) fn of(query: &[usize], key: &[usize], value: &[usize]) -> Self {
        Self { batch: query[0], heads: query[1], key_heads: key[1], queries: query[2], keys: key[2], head: query[3], value: value[3] }
    }

    /// Elements of query, key, value and output for each of the batch.
    pub(super) const fn of_batch(self) -> [usize; 4] {
        let Self { heads, key_heads, queries, keys, head, value, .. } = self;
        [heads * queries * head, key_heads * keys * head, key_heads * keys * value, heads * queries * value]
    }

    /// How many query heads share a key head.
    pub(super) const fn sharing(self) -> usize {
        self.heads / self.key_heads
    }
}

impl Op for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 3..=4)?;
        let layouts = [("query", "(B, H, L, D)"), ("key", "(B, Hk, S, D)"), ("value", "(B, Hk, S, Dv)")];
        for ((what, layout), ty) in layouts.into_iter().zip(inputs) {
            check_dtype(self.name(), what, ty, DType::F32)?;
            check_rank(self.name(), what, ty, 4, layout)?;
        }
        let (q, k, v) = (&inputs[0].shape, &inputs[1].shape, &inputs[2].shape);
        let wrong = |ty: &TensorType, reason: &str| {
            let reason = format!("{reason}: query is {}, key {}, and there is {ty}", inputs[0], inputs[1]);
            Err(Error::shape(self.name(), reason))
        };
        if k[0] != q[0] || k[3] != q[3] {
            return wrong(inputs[1], "query and key have another batch or last size");
        }
        if k[1] == 0 || !q[1].is_multiple_of(k[1]) {
            return wrong(inputs[1], "the heads of key do not divide those of query");
        }
        if v[..3] != k[..3] {
            return wrong(inputs[2], "value and key have another batch, number of heads or length");
        }
        if let Some(mask) = inputs.get(3) {
            if !matches!(mask.dtype, DType::Bool | DType::F32) {
                return Err(Error::unsupported(self.name(), format!("a mask of {mask}; it must be bool or f32")));
            }
            if mask_strides(&mask.shape, [q[0], q[1], q[2], k[2]]).is_none() {
                return wrong(mask, "the mask does not broadcast to batch, heads, queries and keys");
            }
        }
        if self.scale.is_some_and(|s| !s.is_finite()) {
            return Err(Error::shape(self.name(), format!("scale is {:?}", self.scale)));
        }
        Ok(vec![TensorType::f32([q[0], q[1], q[2], v[3]])])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let s = Sizes::of(inputs[0].shape(), inputs[1].shape(), inputs[2].shape());
        let [query, key, value] = [0, 1, 2].map(|i| inputs[i].to_f64());
        let weights_of = self.weights_of(s, &query, &key, inputs.get(3).copied());
        let mut output = Vec::with_capacity(s.batch * s.heads * s.queries * s.value);
        for row in 0..s.batch * s.heads * s.queries {
            let weights = weights_of(row);
            output.extend((0..s.value).map(|x| weights.iter().map(|&(seen, weight)| weight * value[seen * s.value + x]).sum::<f64>()));
        }
        Ok(vec![rounded(&[s.batch, s.heads, s.queries, s.value], output)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let sizes = Sizes::of(&site.inputs[0].shape, &site.inputs[1].shape, &site.inputs[2].shape);
        let tile = launches::Tile::of(sizes, site.device);
        let mut candidates = Vec::new();
        if let Some(header) = on_lanes::header(sizes, site.device).filter(|_| sizes.queries >= 2) {
            candidates.push(self.lanes(site, sizes, &header)?);
        }
        // A tile of queries shares what it loads of the keys. With few queries that is little, and their keys are split instead.
        if let Some(tile) = tile.filter(|_| sizes.queries >= 8) {
            candidates.push(self.tiles(site, sizes, tile)?);
        }
        candidates.push(self.queries(site, sizes)?);
        if let Some(tile) = matrices::Tile::of(sizes, site.device, site.precision) {
            // Software adapters emulate matrices, and with few queries most of a matrix is filled up.
            let last = site.device.software || sizes.queries < tile.rows() as usize / 4;
            let candidate = self.on_matrices(site, sizes, tile)?;
            candidates.insert(if last { candidates.len() } else { 0 }, candidate);
        }
        Ok(candidates)
    }

    /// Each query meets each key, and each output adds up the values.
    fn multiply_adds(&self, inputs: &[&TensorType], outputs: &[&TensorType]) -> u64 {
        let keys = &inputs[1].shape[2..3];
        super::multiplied(inputs[0].elements(), keys).saturating_add(super::multiplied(outputs[0].elements(), keys))
    }

    fn gradient(&self, inputs: &[Var], outputs: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let composition = || composed(inputs, output_grads, |inputs| Ok(vec![self.composition(inputs)?]));
        let s = Sizes::of(inputs[0].shape(), inputs[1].shape(), inputs[2].shape());
        if !AttentionGradient::pays(s) {
            return composition();
        }
        let (mask, grad) = (inputs.get(3), the_gradient(self.name(), output_grads)?);
        let found = inputs[0].attention_gradient([&inputs[1], &inputs[2]], [&outputs[0], grad], mask, *self)?;
        let mut gradients: Vec<Option<Var>> = found.into_iter().map(Some).collect();
        // Scores were added to: what they are multiplied with is as large as they are. Where nobody asks for it, it is not computed.
        if let Some(mask) = mask {
            gradients.push(if mask.dtype() == DType::F32 { composition()?.pop().flatten() } else { None });
        }
        Ok(gradients)
    }
}

/// A score that has no weight beside any that is allowed.
const FORBIDDEN: f32 = -3e38;

impl Attention {
    /// By the definition: for row (b * heads + h) * queries + i of the queries, the rows of keys that it sees and their weights.
    pub(super) fn weights_of(&self, s: Sizes, query: &[f64], key: &[f64], mask: Option<&Array>) -> impl Fn(usize) -> Vec<(usize, f64)> {
        let (causal, scale) = (self.causal, f64::from(self.scale(s.head)));
        let mask = mask.map(|m| (m.dtype(), m.to_f64(), mask_strides(m.shape(), [s.batch, s.heads, s.queries, s.keys])));
        move |row| {
            let (b, h, i) = (row / s.queries / s.heads, row / s.queries % s.heads, row % s.queries);
            let first_key = (b * s.key_heads + h / s.sharing()) * s.keys;
            let score = |j: usize| {
                let dot: f64 = (0..s.head).map(|x| query[row * s.head + x] * key[(first_key + j) * s.head + x]).sum();
                let added = mask.as_ref().map_or(Some(0.0), |(dtype, mask, strides)| {
                    let [of_b, of_h, of_i, of_j] = strides.unwrap_or_default();
                    mask_adds(*dtype, mask[b * of_b + h * of_h + i * of_i + j * of_j])
                });
                added.filter(|_| !causal || j <= i).map(|added| dot * scale + added)
            };
            let scores: Vec<(usize, f64)> = (0..s.keys).filter_map(|j| Some((first_key + j, score(j)?))).collect();
            let largest = scores.iter().map(|s| s.1).fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = scores.iter().map(|s| (s.1 - largest).exp()).sum();
            scores.into_iter().map(|(seen, score)| (seen, (score - largest).exp() / total)).collect()
        }
    }

    /// The same from other operators.
    fn composition(&self, inputs: &[Var]) -> Result<Var> {
        let (query, key, value) = (&inputs[0], &inputs[1], &inputs[2]);
        let s = Sizes::of(query.shape(), key.shape(), value.shape());
        let weights = self.weights(inputs)?.reshape([s.batch, s.key_heads, s.sharing() * s.queries, s.keys])?;
        weights.matmul(value)?.reshape([s.batch, s.heads, s.queries, s.value])
    }

    /// The weights (B, H, L, S) from other operators.
    pub(super) fn weights(&self, inputs: &[Var]) -> Result<Var> {
        let (query, key, value) = (&inputs[0], &inputs[1], &inputs[2]);
        let s = Sizes::of(query.shape(), key.shape(), value.shape());
        // Query heads that share a key head lie one behind the other, as if they were one with more queries.
        let shared = [s.batch, s.key_heads, s.sharing() * s.queries, s.head];
        let products = query.reshape(shared)?.matmul(&key.transpose([0, 1, 3, 2])?)?;
        let mut scores = scaled(&products, self.scale(s.head))?.reshape([s.batch, s.heads, s.queries, s.keys])?;
        let mut allowed = None;
        if let Some(mask) = inputs.get(3) {
            if mask.dtype() == DType::Bool {
                allowed = Some(mask.clone());
            } else {
                let finite = mask.greater(&number(mask, -1e30)?)?;
                scores = scores.add(&only_where(&finite, mask)?)?;
                allowed = Some(finite);
            }
        }
        if self.causal {
            let before = Array::from_fn([s.queries, s.keys], |at| at % s.keys <= at / s.keys);
            let before = query.graph().constant(before)?;
            allowed = Some(allowed.map_or_else(|| Ok(before.clone()), |allowed| allowed.and(&before))?);
        }
        match allowed {
            Some(allowed) => only_where(&allowed, &allowed.where_(&scores, &number(&scores, FORBIDDEN)?)?.softmax(-1)?),
            None => scores.softmax(-1),
        }
    }

    /// What kernels are told that see `windows` of query, key, value and output, of the batch from `first_batch` on, and have so many `groups`,
    /// of which `pieces` make a head.
    pub(super) fn params(
        &self,
        s: Sizes,
        mask: Option<&TensorType>,
        (first_batch, windows): (usize, &[Window; 4]),
        [pieces, groups]: [usize; 2],
    ) -> Params {
        let strides = mask.and_then(|m| mask_strides(&m.shape, [s.batch, s.heads, s.queries, s.keys])).unwrap_or_default();
        let [query_skip, key_skip, value_skip, output_skip] = [0, 1, 2, 3].map(|i| windows[i].skip / u32_of(item_lanes(s)));
        Params {
            mask_strides: strides.map(u32_of),
            heads: u32_of(s.heads),
            sharing: u32_of(s.sharing()),
            queries: u32_of(s.queries),
            keys: u32_of(s.keys),
            head_size: u32_of(s.head),
            value_size: u32_of(s.value),
            pieces: u32_of(pieces),
            groups: u32_of(groups),
            first_batch: u32_of(first_batch),
            query_skip,
            key_skip,
            value_skip,
            output_skip,
            scale: self.scale(s.head),
            slice_keys: u32_of(s.keys),
        }
    }

    /// Tells `launch` which keys count.
    pub(super) fn masked(&self, launch: Launch, mask: Option<&TensorType>) -> Launch {
        let kind = mask.map_or(0u32, |m| if m.dtype == DType::Bool { 1 } else { 2 });
        launch.constant("MASK", kind).constant("CAUSAL", u32::from(self.causal))
    }

    pub(super) fn scale(&self, head: usize) -> f32 {
        self.scale.unwrap_or(1.0 / (head as f32).sqrt())
    }
}

/// Elements of an item: four if all rows consist of whole ones.
pub(super) const fn item_lanes(sizes: Sizes) -> usize {
    if lanes(sizes.value) == 4 { lanes(sizes.head) } else { 1 }
}

/// Strides of a mask of `shape` read as (batch, heads, queries, keys), 0 where it is broadcast; `None` if it does not broadcast.
pub(super) fn mask_strides(shape: &[usize], to: [usize; 4]) -> Option<[usize; 4]> {
    let missing = 4usize.checked_sub(shape.len())?;
    let own = strides(shape);
    let mut found = [0; 4];
    for (i, (&size, stride)) in shape.iter().zip(own).enumerate() {
        match size {
            _ if size == to[missing + i] => found[missing + i] = if size == 1 { 0 } else { stride },
            1 => {}
            _ => return None,
        }
    }
    Some(found)
}
