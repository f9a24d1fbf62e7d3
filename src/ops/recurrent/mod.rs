//! `lstm`, `gru` and `rnn`: layers that go through sequences step by step.
//!
//! ```text
//! lstm:  i = f(x Wi' + h Ri' + Pi c + Wbi + Rbi)           gru:  z = f(x Wz' + h Rz' + Wbz + Rbz)
//!        f = f(x Wf' + h Rf' + Pf c + Wbf + Rbf)                 r = f(x Wr' + h Rr' + Wbr + Rbr)
//!            or 1 - i with input_forget                          n = g(x Wh' + (r h) Rh' + Wbh + Rbh)
//!        c = f c + i g(x Wc' + h Rc' + Wbc + Rbc)                    or g(x Wh' + Wbh + r (h Rh' + Rbh)),
//!        o = f(x Wo' + h Ro' + Po c + Wbo + Rbo)                     linear_before_reset
//!        h = o h(c)                                              h = (1 - z) n + z h
//!                                                          rnn:  h = f(x W' + h R' + Wb + Rb)
//! ```
//!
//! c in o and h is the new one, elsewhere c and h are those of the step before. `f`, `g`, `h` of something are activations:
//! sigmoid, tanh, tanh; of a gru sigmoid, tanh; of an rnn tanh. T steps, B sequences, D directions, G = 4, 3, 1 gates, H units:
//!
//! | tensor | shape | with `batch_first` (ONNX's layout 1) |
//! |---|---|---|
//! | x | (T, B, I) | (B, T, I) |
//! | w | (D, G H, I) | |
//! | r | (D, G H, H) | |
//! | b | optional, (D, 2 G H): Wb, then Rb | |
//! | `sequence_lens` | optional, i32 (B) | |
//! | `initial_h`, `initial_c` | optional, (D, B, H); zeros without | (B, D, H) |
//! | p | optional, (D, 3 H): Pi, Po, Pf; lstm | |
//! | y | (T, D, B, H) | (B, T, D, H) |
//! | `y_h`, `y_c` | (D, B, H): the last states | (B, D, H) |
//!
//! A reversed direction starts at the end of each sequence, and its y stands at the time of its x. After the end of a sequence
//! y is 0 and the states stay: `y_h` of an empty one is `initial_h` (ONNX Runtime gives zeros there; ONNX does not say). A length beyond T counts as T, one below 0 as 0.
//!
//! x W' of all steps is one matrix product; then each step is one dispatch for all directions, two for a gru without
//! `linear_before_reset`, whose r is needed whole before n. So a decoder's step, T = 1, takes two dispatches. An lstm's or such a gru's is a
//! matrix product whose columns are the gates of a unit one behind the other, and what finishes it is the rest of the step: on lanes, in
//! tiles, on matrices. For few sequences, and for the others, a team of invocations adds up the products of a unit.
//!
//! Gradients: what a step hands on to the one before it is a dispatch a step ([`RecurrenceGradient`]); all else is computed for all steps
//! at once, of the states that the layer has been through; peepholes add a dispatch that goes through the cell states
//! ([`LstmStates`](super::LstmStates)). Those of one step alone, of peepholes with other activations than the usual or where 128 MiB do not
//! hold all slopes, and gradients of gradients are those of the same steps as compositions of other operators, one behind the other: of a
//! usual lstm a handful of dispatches a step, [`LstmCell`](super::LstmCell) among them, of others a dozen and more, and at most 1024 steps.
//!
//! ONNX: `LSTM`, `GRU`, `RNN`. PyTorch: `nn.LSTM`, `nn.GRU`, `nn.RNN`, one layer of them, with [`GateOrder::Pytorch`]:
//! w is `weight_ih_l0` and `.._reverse` stacked, r `weight_hh_l0`, b `bias_ih_l0` and `bias_hh_l0` one behind the other; its GRU
//! is `linear_before_reset`, and its output is y with D moved beside H.

mod activation;
mod backward;
mod composition;
mod definition;
mod gradient;
mod kinds;
mod launches;
mod methods;

pub use activation::RecurrentActivation;
pub use backward::RecurrenceGradient;
pub(crate) use composition::check_steps;
pub(super) use kinds::KERNELS;
pub use methods::{Gru, Lstm, RecurrentInputs};

use super::{Candidate, Op, Site, check_dtype, check_inputs, check_rank, composed};
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::gpu::Slot;
use crate::graph::Var;

/// Each step is a dispatch or two: more of them are not worth recording.
const MAX_STEPS: usize = 1 << 16;

/// Bytes that a binding shows on every device.
const SHOWN: u64 = 128 << 20;

/// Which way through the sequences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the first step on.
    #[default]
    Forward,
    /// From each sequence's last step on.
    Reverse,
    /// Both, with weights of their own.
    Bidirectional,
}

impl Direction {
    /// How many directions.
    pub fn count(self) -> usize {
        if self == Self::Bidirectional { 2 } else { 1 }
    }

    /// The first direction that is reversed.
    fn reversed_from(self) -> usize {
        usize::from(self != Self::Reverse)
    }
}

/// The order of the gates in w, r and b.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum GateOrder {
    /// i, o, f, c of an lstm; z, r, h of a gru.
    #[default]
    Onnx,
    /// i, f, g, o of an lstm; r, z, n of a gru.
    Pytorch,
}

/// What `lstm`, `gru` and `rnn` have in common; all there is to say about an `rnn`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recurrent {
    /// Which way.
    pub direction: Direction,
    /// f, g, h of each direction (a gru: f, g; an rnn: f); empty for those that are usual. See [`RecurrentActivation::list`].
    pub activations: Vec<RecurrentActivation>,
    /// Brings what f and g are given between -clip and clip. Not the cell state that h is given: ONNX's text could mean that too,
    /// ONNX Runtime leaves it.
    pub clip: Option<f32>,
    /// Whether the batch comes before time, in x, y and the states: ONNX's layout 1.
    pub batch_first: bool,
    /// H, if it is to be checked.
    pub hidden_size: Option<usize>,
    /// The order of the gates.
    pub gates: GateOrder,
}

/// What happens in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Of an `lstm`.
    Lstm {
        /// Whether f is 1 - i.
        input_forget: bool,
    },
    /// Of a `gru`.
    Gru {
        /// Whether r is applied to the product with h rather than to h.
        linear_before_reset: bool,
    },
    /// Of an `rnn`.
    Rnn,
}

impl Cell {
    fn name(self) -> &'static str {
        match self {
            Self::Lstm { .. } => "lstm",
            Self::Gru { .. } => "gru",
            Self::Rnn => "rnn",
        }
    }

    /// G.
    fn gates(self) -> usize {
        match self {
            Self::Lstm { .. } => 4,
            Self::Gru { .. } => 3,
            Self::Rnn => 1,
        }
    }

    /// f, g, h, as far as there are such.
    fn usual_activations(self) -> &'static [RecurrentActivation] {
        use RecurrentActivation::{Sigmoid, Tanh};
        match self {
            Self::Lstm { .. } => &[Sigmoid, Tanh, Tanh],
            Self::Gru { .. } => &[Sigmoid, Tanh],
            Self::Rnn => &[Tanh],
        }
    }

    /// Where gates i, o, f, c or z, r, h stand.
    fn places(self, order: GateOrder) -> [usize; 4] {
        match (self, order) {
            (Self::Lstm { .. }, GateOrder::Pytorch) => [0, 3, 1, 2],
            (Self::Gru { .. }, GateOrder::Pytorch) => [1, 0, 2, 3],
            _ => [0, 1, 2, 3],
        }
    }
}

/// The steps of a recurrent layer, once x W' is computed. Its inputs: x W' (T, B, D G H), r, and in this order those of
/// biases and peepholes in one tensor (D, 2 G H and 3 H), `sequence_lens`, `initial_h`, `initial_c` that are said to be given.
#[derive(Clone, Debug, PartialEq)]
pub struct Recurrence {
    /// What happens in a step.
    pub cell: Cell,
    /// The attributes.
    pub attributes: Recurrent,
    /// Whether b is given.
    pub bias: bool,
    /// Whether p is given.
    pub peepholes: bool,
    /// Whether `sequence_lens` are given.
    pub sequence_lens: bool,
    /// Whether `initial_h` is given.
    pub initial_h: bool,
    /// Whether `initial_c` is given.
    pub initial_c: bool,
}

/// Which of the inputs is what.
#[derive(Clone, Copy, Debug)]
struct Given {
    weights: Option<usize>,
    lens: Option<usize>,
    h: Option<usize>,
    c: Option<usize>,
    count: usize,
}

#[derive(Clone, Copy, Debug)]
struct Sizes {
    steps: usize,
    batch: usize,
    directions: usize,
    hidden: usize,
    gates: usize,
    /// Biases and peepholes of a direction.
    weights: usize,
}

/// From an index to the next, in elements.
#[derive(Clone, Copy, Debug)]
struct Strides {
    x_time: usize,
    x_batch: usize,
    y_time: usize,
    y_batch: usize,
    y_direction: usize,
    state_batch: usize,
    state_direction: usize,
}

impl Recurrence {
    fn given(&self) -> Given {
        let mut count = 2;
        let mut next = |given: bool| {
            let index = given.then_some(count);
            count += usize::from(given);
            index
        };
        let (weights, lens) = (next(self.bias || self.peepholes), next(self.sequence_lens));
        let (h, c) = (next(self.initial_h), next(self.initial_c));
        Given { weights, lens, h, c, count }
    }

    /// Activation `k` of `direction`.
    fn activation(&self, direction: usize, k: usize) -> Option<RecurrentActivation> {
        let usual = self.cell.usual_activations();
        let own = self.attributes.activations.get(direction * usual.len() + k);
        if k < usual.len() { own.or(usual.get(k)).copied() } else { None }
    }

    fn sizes(&self, inputs: &[&TensorType]) -> Result<Sizes> {
        let (name, gates, directions) = (self.name(), self.cell.gates(), self.attributes.direction.count());
        let (x, r) = (inputs[0], inputs[1]);
        check_rank(name, "x", x, 3, if self.attributes.batch_first { "(B, T, I)" } else { "(T, B, I)" })?;
        check_rank(name, "r", r, 3, "(D, G H, H)")?;
        let hidden = r.shape[2];
        let wide = gates.checked_mul(hidden).and_then(|n| n.checked_mul(2 * directions)).unwrap_or(usize::MAX);
        let rows = wide / 2 / directions;
        if r.shape[0] != directions || r.shape[1] != rows || hidden == 0 {
            return Err(Error::shape(name, format!("r must be f32[{directions}, {rows}, {hidden}], it is {r}")));
        }
        if self.attributes.hidden_size.is_some_and(|size| size != hidden) {
            let size = self.attributes.hidden_size.unwrap_or_default();
            return Err(Error::shape(name, format!("hidden_size is {size}, r {r} has {hidden} units")));
        }
        if x.shape[2] != directions * rows {
            return Err(Error::shape(name, format!("x by w is {x}, with r {r} it must have {} columns", directions * rows)));
        }
        let (mut steps, mut batch) = (x.shape[0], x.shape[1]);
        if self.attributes.batch_first {
            (steps, batch) = (batch, steps);
        }
        if steps > MAX_STEPS {
            return Err(Error::unsupported(name, format!("{steps} time steps; {MAX_STEPS} are the most")));
        }
        let weights = if self.bias { 2 * rows } else { 0 } + if self.peepholes { 3 * hidden } else { 0 };
        Ok(Sizes { steps, batch, directions, hidden, gates, weights })
    }

    fn check_attributes(&self) -> Result<()> {
        let (name, attributes) = (self.name(), &self.attributes);
        let (usual, directions) = (self.cell.usual_activations().len(), attributes.direction.count());
        let given = attributes.activations.len();
        if given != 0 && given != usual * directions {
            return Err(Error::shape(name, format!("takes {} activations or none, {given} were given", usual * directions)));
        }
        if let Some(odd) = attributes.activations.iter().find(|a| !a.parameters().iter().all(|p| p.is_finite())) {
            return Err(Error::shape(name, format!("an activation {odd:?}")));
        }
        if let Some(clip) = attributes.clip.filter(|&clip| clip.is_nan() || clip <= 0.0) {
            return Err(Error::shape(name, format!("clip is {clip}; it must be positive")));
        }
        let lstm = matches!(self.cell, Cell::Lstm { .. });
        if (self.peepholes || self.initial_c) && !lstm {
            return Err(Error::shape(name, "has no cell state: initial_c and p are an lstm's"));
        }
        Ok(())
    }
}

impl Sizes {
    const fn state(self, batch_first: bool) -> [usize; 3] {
        if batch_first { [self.batch, self.directions, self.hidden] } else { [self.directions, self.batch, self.hidden] }
    }

    const fn strides(self, batch_first: bool) -> Strides {
        let Self { steps, batch, directions, hidden, gates, .. } = self;
        let x = directions * gates * hidden;
        if batch_first {
            Strides {
                x_time: x,
                x_batch: steps * x,
                y_time: directions * hidden,
                y_batch: steps * directions * hidden,
                y_direction: hidden,
                state_batch: directions * hidden,
                state_direction: hidden,
            }
        } else {
            Strides {
                x_time: batch * x,
                x_batch: x,
                y_time: directions * batch * hidden,
                y_batch: hidden,
                y_direction: batch * hidden,
                state_batch: hidden,
                state_direction: batch * hidden,
            }
        }
    }
}

impl Op for Recurrence {
    fn name(&self) -> &'static str {
        self.cell.name()
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let (name, given) = (self.name(), self.given());
        check_inputs(name, inputs, given.count..=given.count)?;
        self.check_attributes()?;
        let sizes = self.sizes(inputs)?;
        let Sizes { steps, batch, directions, hidden, .. } = sizes;
        let state = sizes.state(self.attributes.batch_first);
        check_dtype(name, "x", inputs[0], DType::F32)?;
        check_dtype(name, "r", inputs[1], DType::F32)?;
        let wanted = [
            ("b and p", given.weights, TensorType::f32([directions, sizes.weights])),
            ("sequence_lens", given.lens, TensorType::new(DType::I32, [batch])),
            ("initial_h", given.h, TensorType::f32(state)),
            ("initial_c", given.c, TensorType::f32(state)),
        ];
        for (what, index, wanted) in wanted {
            if let Some(ty) = index.map(|i| inputs[i]).filter(|ty| **ty != wanted) {
                return Err(Error::shape(name, format!("{what} must be {wanted}, it is {ty}")));
            }
        }
        let y = if self.attributes.batch_first { [batch, steps, directions, hidden] } else { [steps, directions, batch, hidden] };
        let mut outputs = vec![TensorType::f32(y), TensorType::f32(state)];
        outputs.extend(matches!(self.cell, Cell::Lstm { .. }).then(|| TensorType::f32(state)));
        Ok(outputs)
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        self.definition(inputs)
    }

    /// Steps hand the states on in the outputs.
    fn exact(&self, slot: Slot) -> bool {
        matches!(slot, Slot::Output(1 | 2))
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        self.candidates(site)
    }

    /// Each step multiplies the state by `r`; the product of x and w is an operator of its own.
    fn multiply_adds(&self, inputs: &[&TensorType], outputs: &[&TensorType]) -> u64 {
        let _ = outputs;
        super::multiplied(inputs[1].elements(), inputs[0].shape.get(..2).unwrap_or_default())
    }

    fn gradient(&self, inputs: &[Var], outputs: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        // A step alone needs no states of others; peepholes tie a cell state to the gates of the next, which is a kernel for those that are
        // usual.
        let steps = outputs[0].shape()[usize::from(self.attributes.batch_first)];
        let usual = (0..self.attributes.direction.count()).all(|direction| self.is_usual(direction));
        // The slopes of all steps, six for each state, are in one binding then; steps one behind the other fit where these do not.
        let fits = outputs[0].ty().device_bytes().saturating_mul(6) <= SHOWN || check_steps(self.name(), steps).is_err();
        if steps == 1 || (self.peepholes && !(usual && fits)) {
            return composed(inputs, output_grads, |inputs| self.composition(inputs));
        }
        self.through_time(inputs, &outputs[0], output_grads)
    }
}
