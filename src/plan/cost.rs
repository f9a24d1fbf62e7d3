//! What a plan would take, before there is a device.

use super::choose::Chooser;
use super::layout::Layout;
use super::program::Program;
use super::{Options, prepared};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::graph::Var;

/// Work and memory of a plan, computed from types alone.
///
/// ```
/// use foveate::{array::{Array, TensorType}, graph::Graph, plan::Cost};
///
/// # fn main() -> foveate::Result<()> {
/// let graph = Graph::new();
/// let x = graph.input("x", TensorType::f32([8, 100]))?;
/// let weight = graph.parameter(Array::full([20, 100], 0.5f32))?;
/// let cost = Cost::of(&[&x.linear(&weight, None)?])?;
/// assert_eq!((cost.multiply_adds, cost.weights), (8 * 100 * 20, 8000));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Nodes that run: those of constants alone are computed when a plan is compiled.
    pub nodes: usize,
    /// Products of convolutions, of products of matrices and of their kin: [`Op::multiply_adds`](crate::ops::Op::multiply_adds) of
    /// every node.
    pub multiply_adds: u64,
    /// Bytes of weights and constants.
    pub weights: u64,
    /// Bytes of inputs and states.
    pub inputs: u64,
    /// Bytes of intermediate values and scratch, in buffers shared by lifetime.
    pub working: u64,
    /// Bytes of outputs on their way to the host: large ones go in pieces.
    pub readback: u64,
}

impl Cost {
    /// What the plan of `outputs` takes on a GPU of common limits. Kernels, and with them scratch memory, depend on the device:
    /// [`Cost::on`] is for a certain one.
    ///
    /// # Errors
    /// If the outputs are of different graphs, or no common GPU computes a node, which is then named.
    pub fn of(outputs: &[&Var]) -> Result<Self> {
        Self::on(&Capabilities::common(), outputs)
    }

    /// What the plan of `outputs` takes on this device: [`Cost::device_bytes`] is what [`Plan::device_bytes`](super::Plan::device_bytes)
    /// will say.
    ///
    /// # Errors
    /// As [`Cost::of`].
    pub fn on(device: &Capabilities, outputs: &[&Var]) -> Result<Self> {
        Self::with(device, outputs, Options::default())
    }

    /// [`Cost::on`] for a plan with other options.
    ///
    /// # Errors
    /// As [`Cost::of`].
    pub fn with(device: &Capabilities, outputs: &[&Var], options: Options) -> Result<Self> {
        let program = Program::of(outputs)?;
        let nodes = program.steps.len();
        let multiply_adds = program.steps.iter().map(|step| {
            let [inputs, outputs] = [&step.inputs, &step.outputs].map(|values| values.iter().map(|&v| program.ty(v)).collect::<Vec<_>>());
            step.op.multiply_adds(&inputs, &outputs)
        });
        let multiply_adds = multiply_adds.fold(0, u64::saturating_add);
        let chooser = Chooser::unmeasured(device, options);
        let bytes = Layout::of(&chooser, &prepared(program, &chooser, options))?.bytes;
        Ok(Self { nodes, multiply_adds, weights: bytes.constants, inputs: bytes.inputs, working: bytes.working, readback: bytes.readback })
    }

    /// Bytes of everything that lies on the device at once.
    pub fn device_bytes(&self) -> u64 {
        [self.weights, self.inputs, self.working, self.readback].into_iter().fold(0, u64::saturating_add)
    }
}
