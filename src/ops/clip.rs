//! clip: every element brought between two bounds.
//!
//! ```text
//! output[i] = smaller(larger(input[i], min), max)
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | any, f32 |
//! | output | the same |
//!
//! NaN passes through; where `min` is above `max`, everything becomes `max`. ONNX: Clip. PyTorch: `clamp`, `hardtanh`, `relu6`.

use super::map::{Formula, launch_map};
use super::{Candidate, Op, Site, check_dtype, check_inputs};
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::gpu::Kernel;
use crate::graph::Var;

/// It is a formula of the kernel that [`Unary`](super::Unary) lists.
pub(super) const KERNELS: &[&Kernel] = &[];

/// Brings elements between two bounds, either of which may be absent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Clip {
    /// The least value.
    pub min: Option<f32>,
    /// The greatest value.
    pub max: Option<f32>,
}

impl Var {
    /// Every element brought between `min` and `max`.
    ///
    /// # Errors
    /// If the tensor is not f32 or a bound is NaN.
    pub fn clip(&self, min: Option<f32>, max: Option<f32>) -> Result<Self> {
        self.apply1(Clip { min, max }, &[])
    }
}

impl Clip {
    fn bounds(&self) -> [f32; 2] {
        [self.min.unwrap_or(f32::NEG_INFINITY), self.max.unwrap_or(f32::INFINITY)]
    }
}

impl Op for Clip {
    fn name(&self) -> &'static str {
        "clip"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        check_dtype(self.name(), "input", inputs[0], DType::F32)?;
        if self.bounds().iter().any(|b| b.is_nan()) {
            return Err(Error::shape(self.name(), format!("bounds are {:?} and {:?}", self.min, self.max)));
        }
        Ok(vec![inputs[0].clone()])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (x, [min, max]) = (inputs[0].values::<f32>()?, self.bounds());
        let bounded = |x: f32| if x.is_nan() { x } else { x.max(min).min(max) };
        Ok(vec![Array::from_fn(inputs[0].shape(), |i| bounded(x[i]))])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let text = "bounded(x, params.alpha, params.beta)";
        launch_map(self.name(), site, Formula { import: Some("activations"), text, params: self.bounds() })
    }
}
