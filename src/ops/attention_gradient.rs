//! `attention_gradient`: the gradients of attention by query, key and value; neither scores nor weights are stored.
//!
//! ```text
//! score[b, h, i, j], weight[b, h, i, j] as in attention; h of the heads that share g
//! mean[b, h, i]            = output[b, h, i] . grad[b, h, i]
//! slope[b, h, i, j]        = scale * weight[b, h, i, j] * (grad[b, h, i] . value[b, g, j] - mean[b, h, i])
//! query_grad[b, h, i, x]   = sum over j of slope[b, h, i, j] * key[b, g, j, x]
//! key_grad[b, g, j, x]     = sum over h, i of slope[b, h, i, j] * query[b, h, i, x]
//! value_grad[b, g, j, x]   = sum over h, i of weight[b, h, i, j] * grad[b, h, i, x]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | query, key, value | those of the attention: (B, H, L, D), (B, Hk, S, D), (B, Hk, S, Dv); D and Dv at most 256 |
//! | output | (B, H, L, Dv), what the attention computed |
//! | grad | (B, H, L, Dv), the gradient of that |
//! | mask | that of the attention, if it has one |
//! | `query_grad`, `key_grad`, `value_grad` | as query, key and value |
//!
//! Two kernels (on tiles, and for the lanes of software adapters), each of which computes the scores it needs. That of queries goes over
//! the keys once, as the attention itself does, and leaves of each query its largest score, the sum of exponentials and the mean: three
//! numbers, where the matrices of scores and of weights have S each. That of keys goes over the queries of all heads that share a key head. Every number has one writer, so two runs
//! give the same bits. Seven products of the size of the scores are computed, where the composition needs six.
//!
//! Gradients: those of the same formulas as products of matrices, which store matrices of weights.
//!
//! Dao: FlashAttention-2: Faster Attention with Better Parallelism and Work Partitioning, 2023, whose backward pass this is, but for
//! the sums by query: these are added up there by several workgroups at once.

use super::attention::launches::turns_of_row;
use super::attention::{Params, Sizes, item_lanes, on_lanes};
use super::{Attention, Candidate, Op, Site, check_inputs, composed, item_header, launch_rows, multiplied, rounded, scaled};
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Capabilities, Kernel, Launch, Window, kernel};
use crate::graph::Var;

const TILE: &str = "alias Scalar = f32;\n#import vec4\nconst HEAD = 16u;\nconst VALUE = 16u;\nconst SPLIT = 2u;\nconst ROWS = 1u;\n\
    const STEPS = 8u;\nconst PRODUCTS = 1024u;\n";
static QUERIES: Kernel = kernel!("attention_gradient/queries/tile", Params, header: TILE);
static KEYS: Kernel = kernel!("attention_gradient/keys/tile", Params, header: TILE);
static QUERIES_ON_LANES: Kernel = kernel!("attention_gradient/queries/lanes", Params, header: on_lanes::HEADER);
static KEYS_ON_LANES: Kernel = kernel!("attention_gradient/keys/lanes", Params, header: on_lanes::HEADER);
pub(super) const KERNELS: &[&Kernel] = &[&QUERIES, &KEYS, &QUERIES_ON_LANES, &KEYS_ON_LANES];

/// Numbers of a query or a value at most: a software adapter holds a whole row in registers.
const LARGEST: usize = 256;
/// Queries and keys at least: of fewer a workgroup has rows for more than there are, and their scores are no larger than they.
const FEWEST: usize = 32;
/// Scores from which on they are not worth storing even where a software adapter has no kernels for its lanes, and computes the composition
/// in a fraction of the time (docs/performance.md): a matrix of 16 MiB.
const MANY: u64 = 1 << 22;
/// What the kernel of queries leaves of each: largest score, one over the sum of exponentials, mean.
const KNOWN: usize = 3;

/// The gradients of an attention.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AttentionGradient {
    /// The attention.
    pub attention: Attention,
}

impl Var {
    /// The gradients by query (`self`), key and value of an attention that made `output` of them, which has the gradient `grad`. See
    /// [`AttentionGradient`].
    ///
    /// # Errors
    /// If the attention refuses its inputs, output or grad have another type than its output, or rows have more than 256 numbers.
    pub fn attention_gradient(
        &self,
        [key, value]: [&Self; 2],
        [output, grad]: [&Self; 2],
        mask: Option<&Self>,
        attention: Attention,
    ) -> Result<[Self; 3]> {
        let mut others = vec![key, value, output, grad];
        others.extend(mask);
        let outputs = self.apply_all(AttentionGradient { attention }, &others)?;
        let count = outputs.len();
        outputs.try_into().map_err(|_| Error::shape("attention_gradient", format!("has {count} outputs, not three")))
    }
}

impl Op for AttentionGradient {
    fn name(&self) -> &'static str {
        "attention_gradient"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 5..=6)?;
        let attended: Vec<&TensorType> = inputs[..3].iter().chain(&inputs[5..]).copied().collect();
        let output = self.attention.infer(&attended)?;
        for (what, ty) in [("output", inputs[3]), ("grad", inputs[4])] {
            if output.first() != Some(ty) {
                let reason = format!("{what} is {ty}; of query {}, key {} and value {} comes another", inputs[0], inputs[1], inputs[2]);
                return Err(Error::shape(self.name(), reason));
            }
        }
        if !Self::holds(inputs[0].shape[3], inputs[2].shape[3]) {
            let reason = format!("query {} and value {}: rows may have {LARGEST} numbers at most", inputs[0], inputs[2]);
            return Err(Error::unsupported(self.name(), reason));
        }
        Ok(inputs[..3].iter().map(|&ty| ty.clone()).collect())
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let s = Sizes::of(inputs[0].shape(), inputs[1].shape(), inputs[2].shape());
        let [query, key, value, output, grad] = [0, 1, 2, 3, 4].map(|i| inputs[i].to_f64());
        let weights_of = self.attention.weights_of(s, &query, &key, inputs.get(5).copied());
        let scale = f64::from(self.attention.scale(s.head));
        let mut grads = [vec![0.0; query.len()], vec![0.0; key.len()], vec![0.0; value.len()]];
        for row in 0..s.batch * s.heads * s.queries {
            let of_row = row * s.value..(row + 1) * s.value;
            let (output, grad) = (&output[of_row.clone()], &grad[of_row]);
            let dot = |other: &[f64]| -> f64 { grad.iter().zip(other).map(|(a, b)| a * b).sum() };
            let mean = dot(output);
            for (seen, weight) in weights_of(row) {
                let slope = scale * weight * (dot(&value[seen * s.value..(seen + 1) * s.value]) - mean);
                for x in 0..s.head {
                    grads[0][row * s.head + x] += slope * key[seen * s.head + x];
                    grads[1][seen * s.head + x] += slope * query[row * s.head + x];
                }
                for x in 0..s.value {
                    grads[2][seen * s.value + x] += weight * grad[x];
                }
            }
        }
        grads.into_iter().zip(inputs).map(|(grad, input)| rounded(input.shape(), grad)).collect()
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let sizes = Sizes::of(&site.inputs[0].shape, &site.inputs[1].shape, &site.inputs[2].shape);
        let way = |on_lanes: Option<&str>| -> Result<Candidate> {
            let kernels = if on_lanes.is_some() { [&QUERIES_ON_LANES, &KEYS_ON_LANES] } else { [&QUERIES, &KEYS] };
            // Of queries, keys pass; of keys, the queries of all heads that share theirs.
            let of_queries = ([sizes.heads, sizes.queries], [1, sizes.keys]);
            let of_keys = ([sizes.key_heads, sizes.keys], [sizes.sharing(), sizes.queries]);
            let (by_queries, _) = self.parts(site, sizes, (kernels[0], on_lanes), of_queries, |launch, [query, _, _, output]| {
                launch.input_window(3, output).scratch_mut(0).output_window(0, query)
            })?;
            let (by_keys, most) = self.parts(site, sizes, (kernels[1], on_lanes), of_keys, |launch, [_, key, value, _]| {
                launch.scratch(0).output_window(1, key).output_window(2, value)
            })?;
            // Part after part, so that scratch memory is that of one.
            let launches = by_queries.into_iter().zip(by_keys).flat_map(<[Launch; 2]>::from).collect();
            let scratch = vec![(most * sizes.heads * sizes.queries * KNOWN * 4) as u64];
            Ok(Candidate { launches, scratch, ..Candidate::default() })
        };
        let lanes = on_lanes::header(sizes, site.device);
        lanes.as_deref().map(Some).into_iter().chain([None]).map(way).collect()
    }

    /// What the formulas add up: scores, by each query, key and value, and the slopes' products.
    fn multiply_adds(&self, inputs: &[&TensorType], _: &[&TensorType]) -> u64 {
        let keys = &inputs[1].shape[2..3];
        let [head, value] = [inputs[0], inputs[3]].map(|ty| multiplied(ty.elements(), keys));
        head.saturating_mul(3).saturating_add(value.saturating_mul(2))
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        composed(inputs, output_grads, |inputs| self.composition(inputs))
    }
}

impl AttentionGradient {
    /// Whether the kernels hold rows of these sizes.
    pub(super) const fn holds(head: usize, value: usize) -> bool {
        head <= LARGEST && value <= LARGEST
    }

    /// Whether the gradient of an attention is made of these kernels rather than composed.
    pub(super) fn pays(s: Sizes) -> bool {
        let many = multiplied(s.batch * s.heads, &[s.queries, s.keys]) >= MANY;
        Self::holds(s.head, s.value) && s.queries.min(s.keys) >= FEWEST && (many || on_lanes::suit(s))
    }

    /// The same from other operators.
    fn composition(&self, inputs: &[Var]) -> Result<Vec<Var>> {
        let attended: Vec<Var> = inputs[..3].iter().chain(&inputs[5..]).cloned().collect();
        let (s, key, value) = (Sizes::of(inputs[0].shape(), inputs[1].shape(), inputs[2].shape()), &inputs[1], &inputs[2]);
        let shared = |of: &Var, last: usize| of.reshape([s.batch, s.key_heads, s.sharing() * s.queries, last]);
        let weights = shared(&self.attention.weights(&attended)?, s.keys)?;
        let (query, output, grad) = (shared(&inputs[0], s.head)?, shared(&inputs[3], s.value)?, shared(&inputs[4], s.value)?);
        let turned = |matrix: &Var| matrix.transpose([0, 1, 3, 2]);
        let mean = output.mul(&grad)?.reduce_sum(&[-1], true)?;
        let by_weights = grad.matmul(&turned(value)?)?;
        let slopes = scaled(&weights.mul(&by_weights.sub(&mean)?)?, self.attention.scale(s.head))?;
        let by_query = slopes.matmul(key)?.reshape(inputs[0].shape())?;
        Ok(vec![by_query, turned(&slopes)?.matmul(&query)?, turned(&weights)?.matmul(&grad)?])
    }

    /// Launches of a kernel over parts of the batch that fit a binding, each with a workgroup for every tile of the `rows` of each of
    /// `heads`, by which others pass, and how many of the batch the largest part has. `bind` gets the windows of query, key, value and output.
    fn parts(
        &self,
        site: &Site<'_>,
        s: Sizes,
        (kernel, on_lanes): (&'static Kernel, Option<&str>),
        ([heads, rows], [passing_heads, passing]): ([usize; 2], [usize; 2]),
        bind: impl Fn(Launch, &[Window; 4]) -> Launch,
    ) -> Result<(Vec<Launch>, usize)> {
        let lanes = item_lanes(s);
        let (header, rows_of_workgroup, turns) = on_lanes.map_or_else(
            || {
                let tile = Tile::of(s, s.batch * heads * rows, site.device);
                let turns = turns_of_row(&[tile.head, tile.value, tile.head, tile.value]) * passing_heads * passing;
                (item_header(DType::F32, lanes) + &tile.header(), tile.rows_of_workgroup(), turns)
            },
            |header| (header.to_owned(), on_lanes::ROWS, on_lanes::turns(s, passing_heads, passing)),
        );
        let pieces = rows.div_ceil(rows_of_workgroup);
        let (of_batch, mask) = (s.of_batch(), site.inputs.get(5).copied());
        let row_bytes = [of_batch.as_slice(), &[s.heads * s.queries * KNOWN]].concat().iter().map(|&n| n as u64 * 4).collect::<Vec<_>>();
        let mut most = 0;
        let launches = launch_rows(self.name(), site.device, s.batch, &row_bytes, |part| {
            most = most.max(part.len());
            let windows = of_batch.map(|n| site.device.window((part.start * n) as u64..(part.end * n) as u64, 4));
            let groups = part.len() * heads * pieces;
            let params = self.attention.params(s, mask, (part.start, &windows), [pieces, groups]);
            let launch = self.attention.masked(Launch::new(kernel, &params, groups as u64), mask);
            let launch = launch
                .turns(turns)
                .header(&*header)
                .input_window(0, &windows[0])
                .input_window(1, &windows[1])
                .input_window(2, &windows[2])
                .input_window(4, &windows[3])
                .optional_input(mask.map(|_| 5));
            bind(launch, &windows)
        })?;
        Ok((launches, most))
    }
}

/// How a workgroup of the kernels on tiles is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tile {
    /// Invocations that share rows: each has every `split`-th vec4 of them in registers.
    split: usize,
    /// Rows that they share.
    rows: usize,
    /// Rows of the other side that are in workgroup memory at a time.
    steps: usize,
    /// vec4s of a query or key, a multiple of `split`.
    head: usize,
    /// vec4s of a value, a multiple of `split`.
    value: usize,
}

impl Tile {
    /// For so many rows in all.
    fn of(s: Sizes, rows: usize, device: &Capabilities) -> Self {
        // Of each row an invocation of the kernel of keys holds four vectors: key, value and both sums. In registers of a GPU these are
        // four vec4s each at most, 64 numbers. A software adapter pays for barriers, and its registers are the stack.
        let (busy, registers) = if device.software { (0, LARGEST / 4) } else { (1 << 16, 4) };
        let memory = if device.software { device.limits.max_compute_workgroup_storage_size as usize } else { 16 << 10 };
        let items = s.head.max(s.value).div_ceil(4);
        let mut split = 1;
        while split < super::WORKGROUP as usize && (items > registers * split || (items > split && rows * split < busy)) {
            split *= 2;
        }
        // What is loaded from workgroup memory then serves two rows.
        let rows = if !device.software && rows * split >= 2 * busy { 2 } else { 1 };
        let padded = |size: usize| size.div_ceil(4).next_multiple_of(split);
        let (head, value) = (padded(s.head), padded(s.value));
        let exchanged = if split > 1 { 2 * rows * super::WORKGROUP as usize * 4 } else { 0 };
        // A step is a row of each, what is known of a query, and what is exchanged; an exchange that is not needed has one element
        // still, in memory that is counted by 16 bytes. One step always fits: 2 KiB, 16 bytes and 1 KiB.
        let fits = |&steps: &usize| steps * ((head + value + 1) * 16 + exchanged) + 16 <= memory;
        let steps = [16, 8, 4, 2].into_iter().find(fits).unwrap_or(1);
        Self { split, rows, steps, head, value }
    }

    const fn rows_of_workgroup(self) -> usize {
        super::WORKGROUP as usize / self.split * self.rows
    }

    fn header(self) -> String {
        let Self { split, rows, steps, head, value } = self;
        let products = if split > 1 { 2 * rows * steps * super::WORKGROUP as usize } else { 1 };
        let constants = [("HEAD", head), ("VALUE", value), ("SPLIT", split), ("ROWS", rows), ("STEPS", steps), ("PRODUCTS", products)];
        constants.iter().map(|(name, value)| format!("const {name} = {value}u;\n")).collect()
    }
}
