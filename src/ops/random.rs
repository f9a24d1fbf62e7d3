//! `random`: numbers that a key, a stream and their place decide alone; `fold_in`: the key of a step.
//!
//! ```text
//! output[i]  = a ^ b                  (a, b) = threefry(key, (stream, i)), all 32 bits
//! output[i]  = 2^-23 ((a ^ b) >> 9)   uniform: 0 to 1, 1 left out
//! fold_in    = threefry(key, (0, data))
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | key | u32 (2); that of a seed is (its upper, its lower 32 bits) |
//! | data | one u32, of any shape: the number of a step |
//! | output | any shape, u32 or f32; of `fold_in` a key |
//!
//! No generator has to be carried on: the same key gives the same numbers on every adapter, in whatever order they are drawn.
//! Normal numbers are those of Box and Muller, from the streams `stream` and `stream + 1`; other adapters' cosines and logarithms may
//! differ in the last digits. No gradient flows into a key.
//!
//! JAX: `jax.random.bits`, `uniform` and `fold_in` (threefry2x32, partitionable), whose numbers are those of stream 0.
//! Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3, 2011.

use super::{Candidate, Op, Site, WORKGROUP, check_dtype, check_inputs, groups, launch_rows, number, u32_of};
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, Slot, kernel, params};
use crate::graph::Var;

/// The parameters of each kernel.
mod params {
    use super::params;
    params! { pub(super) struct Draw { vectors: u32, first: u32, stream: u32 } }
    params! { pub(super) struct FoldIn { unused: u32 } }
}
static DRAW: Kernel = kernel!("random/draw", params::Draw);
static FOLD_IN: Kernel = kernel!("random/fold_in", params::FoldIn);
pub(super) const KERNELS: &[&Kernel] = &[&DRAW, &FOLD_IN];

/// Random numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Random {
    /// The shape of what is drawn.
    pub shape: Vec<usize>,
    /// Which of a key's 2^32 streams; draws of one key are independent if theirs differ.
    pub stream: u32,
    /// Floats of 0 to 1, 1 left out; else all bits of u32.
    pub uniform: bool,
}

/// The key of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoldIn;

impl Var {
    /// Random u32 of this key.
    ///
    /// # Errors
    /// If this is not u32 (2), or more than 2^32 numbers are asked for.
    pub fn random_bits(&self, shape: impl Into<Vec<usize>>, stream: u32) -> Result<Self> {
        self.apply1(Random { shape: shape.into(), stream, uniform: false }, &[])
    }

    /// Random f32 of 0 to 1, 1 left out, of this key: multiples of 2^-23.
    ///
    /// # Errors
    /// If this is not u32 (2), or more than 2^32 numbers are asked for.
    pub fn random_uniform(&self, shape: impl Into<Vec<usize>>, stream: u32) -> Result<Self> {
        self.apply1(Random { shape: shape.into(), stream, uniform: true }, &[])
    }

    /// Normal numbers of mean 0 and deviation 1 of this key: sqrt(-2 ln(1 - u)) cos(2 pi v), with u of `stream` and v of the next.
    ///
    /// # Errors
    /// If this is not u32 (2), or more than 2^32 numbers are asked for.
    pub fn random_normal(&self, shape: impl Into<Vec<usize>>, stream: u32) -> Result<Self> {
        let shape = shape.into();
        let u = self.random_uniform(shape.clone(), stream)?;
        let v = self.random_uniform(shape, stream.wrapping_add(1))?;
        let radius = number(&u, 1.0)?.sub(&u)?.log()?.mul(&number(&u, -2.0)?)?.sqrt()?;
        radius.mul(&v.mul(&number(&v, std::f32::consts::TAU)?)?.cos()?)
    }

    /// Places along `axis` drawn with the probabilities softmax(this): the place of the largest of logits - ln(-ln u), u uniform of
    /// `key` (Gumbel). i32, without the axis.
    ///
    /// # Errors
    /// If this is not f32, there is no such axis, or `key` is not u32 (2).
    pub fn categorical(&self, axis: isize, key: &Self, stream: u32) -> Result<Self> {
        let u = key.random_uniform(self.shape(), stream)?;
        // u is a multiple of 2^-23: half of one keeps both logarithms finite.
        let middle = u.add(&number(&u, 0.5 / 8_388_608.0)?)?;
        self.sub(&middle.log()?.neg()?.log()?)?.argmax(axis, false, false)
    }

    /// The key of this one and a number: of a step, an epoch, a worker.
    ///
    /// # Errors
    /// If this is not u32 (2), or `data` is not one u32.
    pub fn fold_in(&self, data: &Self) -> Result<Self> {
        self.apply1(FoldIn, &[data])
    }
}

impl Op for Random {
    fn name(&self) -> &'static str {
        "random"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        check_key(self.name(), inputs[0])?;
        let output = TensorType::new(if self.uniform { DType::F32 } else { DType::U32 }, self.shape.clone());
        if output.checked_elements()? as u64 > 1 << 32 {
            return Err(Error::unsupported(self.name(), format!("{output}: a stream has 2^32 numbers")));
        }
        Ok(vec![output])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let key = key(inputs[0])?;
        let bits = |i: usize| {
            let [a, b] = threefry(key, [self.stream, u32_of(i)]);
            a ^ b
        };
        let uniform = |i: usize| (bits(i) >> 9) as f32 / 8_388_608.0;
        let shape = self.shape.clone();
        Ok(vec![if self.uniform { Array::from_fn(shape, uniform) } else { Array::from_fn(shape, bits) }])
    }

    /// 1 is no number of a stream, but what the largest ones round to in f16.
    fn exact(&self, slot: Slot) -> bool {
        slot == Slot::Output(0)
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        // Buffers are whole vectors long; windows begin at multiples of them.
        let vectors = site.outputs[0].elements().div_ceil(4);
        let launches = launch_rows(self.name(), site.device, vectors, &[16], |part| {
            let window = site.device.window(4 * part.start as u64..4 * part.end as u64, 4);
            let first = u32_of(part.start - window.skip as usize / 4);
            let count = part.len() + window.skip as usize / 4;
            let params = params::Draw { vectors: u32_of(count), first, stream: self.stream };
            Launch::new(&DRAW, &params, groups(count, WORKGROUP)).constant("UNIFORM", self.uniform).input(0).output_window(0, &window)
        })?;
        Ok(vec![Candidate::of(launches)])
    }

    fn gradient(&self, _: &[Var], _: &[Var], _: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        Ok(vec![None])
    }
}

impl Op for FoldIn {
    fn name(&self) -> &'static str {
        "fold_in"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 2..=2)?;
        check_key(self.name(), inputs[0])?;
        check_dtype(self.name(), "data", inputs[1], DType::U32)?;
        if inputs[1].elements() != 1 {
            return Err(Error::shape(self.name(), format!("data must be one number, it is {}", inputs[1])));
        }
        Ok(vec![inputs[0].clone()])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let data = inputs[1].values::<u32>()?[0];
        Ok(vec![Array::new([2], threefry(key(inputs[0])?, [0, data]).to_vec())?])
    }

    fn launch(&self, _: &Site<'_>) -> Result<Vec<Candidate>> {
        Ok(vec![Candidate::one(Launch::new(&FOLD_IN, &params::FoldIn { unused: 0 }, 1).input(0).input(1).output(0))])
    }

    fn gradient(&self, _: &[Var], _: &[Var], _: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        Ok(vec![None, None])
    }
}

fn check_key(op: &'static str, key: &TensorType) -> Result<()> {
    check_dtype(op, "key", key, DType::U32)?;
    if key.shape != [2] {
        return Err(Error::shape(op, format!("key must be u32[2], it is {key}")));
    }
    Ok(())
}

fn key(array: &Array) -> Result<[u32; 2]> {
    let words = array.values::<u32>()?;
    <[u32; 2]>::try_from(words).map_err(|_| Error::shape("random", format!("key must be u32[2], it is {}", array.ty())))
}

/// 20 rounds: five times four rotations, a word of the key and its number in between.
fn threefry(key: [u32; 2], counter: [u32; 2]) -> [u32; 2] {
    const TURNS: [[u32; 4]; 2] = [[13, 15, 26, 6], [17, 29, 16, 24]];
    let words = [key[0], key[1], key[0] ^ key[1] ^ 0x1BD1_1BDA];
    let mut x = [counter[0].wrapping_add(words[0]), counter[1].wrapping_add(words[1])];
    for group in 1..=5u32 {
        for turn in TURNS[(group as usize - 1) % 2] {
            x[0] = x[0].wrapping_add(x[1]);
            x[1] = x[1].rotate_left(turn) ^ x[0];
        }
        let word = |offset: u32| words[(group + offset) as usize % 3];
        x = [x[0].wrapping_add(word(0)), x[1].wrapping_add(word(1)).wrapping_add(group)];
    }
    x
}
