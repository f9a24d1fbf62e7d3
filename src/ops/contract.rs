//! What the engine knows about an operator.

use super::{Begin, Expression, Finish};
use crate::array::{Array, TensorType};
use crate::error::Result;
use crate::gpu::{Capabilities, Launch, Slot};
use crate::graph::Var;
use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

/// Everything the engine knows about an operator.
pub trait Op: Any + Debug + Send + Sync {
    /// The operator's name: the stem of its file, its shader and its method.
    fn name(&self) -> &'static str;

    /// Output types, or why these inputs are refused: the only place that refuses them.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) with the numbers, or [`Error::Unsupported`](crate::Error::Unsupported).
    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>>;

    /// The definition: naive loops and f64 sums, written to be read. Its inputs have passed `infer`.
    ///
    /// # Errors
    /// As `infer`, for arrays that have not passed it.
    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>>;

    /// What the outputs of a kernel, `found`, are compared with: the reference's, but one that points at one of several places that
    /// roundings decide between is right if it points at any of them.
    ///
    /// # Errors
    /// As [`Op::reference`].
    fn expected(&self, inputs: &[&Array], found: &[Array]) -> Result<Vec<Array>> {
        let _ = found;
        self.reference(inputs)
    }

    /// The ways to compute it here, best guess first; the last one runs on any WebGPU device.
    ///
    /// # Errors
    /// If no way fits the device.
    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>>;

    /// What one element of the output is, if the elements of the inputs at its place alone decide that: what the operator's own kernel
    /// computes, and what a plan puts together with others. Inputs broadcast to the output.
    fn expression(&self, inputs: &[&TensorType]) -> Option<Expression> {
        let _ = inputs;
        None
    }

    /// Whether it has one input, of which its kernels can compute each element where they read it: a plan then puts element-wise operators
    /// in front of it, and `launch` is asked with [`Site::begin`].
    fn begins(&self) -> bool {
        false
    }

    /// One operator that computes what this one does with the output of `maker` as its input `input`: of that one's inputs in place of
    /// that input, and this one's others. Plans take it where nothing else reads what `maker` makes; both have passed `infer`.
    fn absorb(&self, input: usize, maker: &dyn Op, made: &TensorType) -> Option<Arc<dyn Op>> {
        let _ = (input, maker, made);
        None
    }

    /// Whether an input or output is kept in f32 even where a plan keeps tensors in f16: what 11 digits do not tell apart, as places in a
    /// picture; sums that grow in it.
    fn exact(&self, slot: Slot) -> bool {
        let _ = slot;
        false
    }

    /// How many products the definition adds up, for inputs and outputs of these types: the usual measure of a network's work.
    /// Taps that fall on padding count; 0 where products are not what an operator is about.
    fn multiply_adds(&self, inputs: &[&TensorType], outputs: &[&TensorType]) -> u64 {
        let _ = (inputs, outputs);
        0
    }

    /// Gradients with respect to each input, added to the same graph; `None` where there is none.
    ///
    /// # Errors
    /// If the operator has no gradient.
    fn gradient(&self, inputs: &[Var], outputs: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let _ = (inputs, outputs, output_grads);
        Err(crate::Error::unsupported(self.name(), "its gradient is not implemented"))
    }
}

/// What a kernel choice may depend on.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// Types of the inputs.
    pub inputs: &'a [&'a TensorType],
    /// Types of the outputs, as inferred.
    pub outputs: &'a [&'a TensorType],
    /// The device.
    pub device: &'a Capabilities,
    /// The precision asked for.
    pub precision: Precision,
    /// What to do with each element of the output before it is stored, if the kernel can: then the candidate says so.
    pub finish: Option<&'a Finish>,
    /// What to compute the elements of the input of, for an operator that [begins](Op::begins): no way if its kernels cannot.
    pub begin: Option<&'a Begin>,
}

/// How exact products and sums are. Chosen when a plan is compiled, never silently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Precision {
    /// f32 products and sums; where subgroups multiply matrices of f16, the same exactness from three products of halves.
    #[default]
    F32,
    /// Factors of products of matrices and of convolutions rounded to 11 binary digits where the device is faster with those, as TF32
    /// does it elsewhere; f32 sums. Everything else, and all of it on other devices, as `F32`.
    Fast,
    /// Tensors of f32 lie on the device as f16, rounded when they are stored, in half the memory: inputs, weights, what nodes make.
    /// Kernels compute as for `Fast`. Beyond 65504 is infinity. What tells places, states and what they become stay f32.
    F16,
}

/// One way to compute an operator, as data.
#[derive(Clone, Debug, Default)]
pub struct Candidate {
    /// Dispatches in order.
    pub launches: Vec<Launch>,
    /// Bytes of each scratch buffer.
    pub scratch: Vec<u64>,
    /// The one output is this input under another shape: nothing to compute.
    pub alias: Option<usize>,
    /// Whether what is stored is finished as the site asked.
    pub finishes: bool,
}

impl Candidate {
    /// A way that needs no scratch memory.
    pub fn of(launches: Vec<Launch>) -> Self {
        Self { launches, ..Self::default() }
    }

    /// The same, which finishes what it stores if it `finishes`.
    pub fn finishing(self, finishes: bool) -> Self {
        Self { finishes, ..self }
    }

    /// One dispatch.
    pub fn one(launch: Launch) -> Self {
        Self::of(vec![launch])
    }
}
