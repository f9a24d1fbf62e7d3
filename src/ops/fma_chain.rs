//! `fma_chain`: the same product and sum again and again, without memory in between: what a device's arithmetic is measured with.
//!
//! ```text
//! x[0] = input        x[i + 1] = x[i] * scale + shift        output = x[steps]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | f32, any; so many elements that they divide by 32 keep every invocation busy |
//! | output | the same |
//!
//! Each element takes 2 `steps` floating point operations and 8 bytes. An invocation holds 32 elements in registers, eight vectors
//! whose chains do not depend on each other, so that their latencies overlap. No such operator is in ONNX or PyTorch.

use super::slices::nested;
use super::{Candidate, Op, Site, WORKGROUP, check_dtype, check_inputs, groups, u32_of};
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::graph::Var;

params! {
    struct Params { vectors: u32, steps: u32, scale: f32, shift: f32 }
}

static FMA_CHAIN: Kernel = kernel!("fma_chain", Params);
pub(super) const KERNELS: &[&Kernel] = &[&FMA_CHAIN];

/// Vectors of four elements that an invocation holds.
const CHAINS: usize = 8;

/// Multiplies and adds, `steps` times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FmaChain {
    /// How often.
    pub steps: u32,
    /// What is multiplied with.
    pub scale: f32,
    /// What is added then.
    pub shift: f32,
}

impl Var {
    /// `x * scale + shift`, `steps` times.
    ///
    /// # Errors
    /// If the dtype is not f32, or there are more than 65,536 steps.
    pub fn fma_chain(&self, chain: FmaChain) -> Result<Self> {
        self.apply1(chain, &[])
    }
}

impl Op for FmaChain {
    fn name(&self) -> &'static str {
        "fma_chain"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        check_dtype(self.name(), "input", inputs[0], DType::F32)?;
        if self.steps > 1 << 16 {
            return Err(Error::unsupported(self.name(), format!("{} steps; 65536 are the most", self.steps)));
        }
        Ok(vec![inputs[0].clone()])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (scale, shift) = (f64::from(self.scale), f64::from(self.shift));
        let values = inputs[0].values::<f32>()?;
        #[expect(clippy::cast_possible_truncation, reason = "rounded to f32 once")]
        let chained = |x: f32| (0..self.steps).fold(f64::from(x), |x, _| x * scale + shift) as f32;
        Ok(vec![Array::from_fn(inputs[0].shape(), |i| chained(values[i]))])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        // Buffers are whole vectors long.
        let vectors = site.inputs[0].elements().div_ceil(4);
        let params = Params { vectors: u32_of(vectors), steps: self.steps, scale: self.scale, shift: self.shift };
        let launch = Launch::new(&FMA_CHAIN, &params, groups(vectors.div_ceil(CHAINS), WORKGROUP)).turns(nested(&[self.steps as usize]));
        Ok(vec![Candidate::one(launch.constant("WORKGROUP", WORKGROUP).input(0).output(0))])
    }
}
