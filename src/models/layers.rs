//! Layers that ask for their weights by name and shape; the weights are found, made or only listed.

use crate::array::{Array, Pads, TensorType};
use crate::error::Result;
use crate::graph::{Graph, Var};
use crate::nn::{Weights, init};
use crate::ops::Conv2d;
use std::sync::Arc;

/// How a weight begins.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fill<'a> {
    /// Uniform in plus or minus 1 / sqrt(inputs of one unit). The transformers' paper says no more than that weights are random; this was
    /// the default of Torch7, which they were trained with.
    Uniform(usize),
    /// Uniform in plus or minus the root of 6 / inputs of one unit, which keeps the variance through `ReLUs` (He et al. 2015).
    He(usize),
    /// Uniform in plus or minus this.
    Within(f32),
    /// Normal numbers of this deviation.
    Normal(f32),
    /// Square matrices at right angles, as many as the shape has one below the other.
    Orthogonal,
    /// Zeros: what says where to look, but for its bias, and He's biases.
    Zeros,
    /// These numbers: that layer's bias.
    Given(&'a [f32]),
}

type Find<'a> = dyn FnMut(&str, &[usize], Fill<'_>) -> Result<Var> + 'a;

/// Where a network under construction gets its weights from.
#[expect(missing_debug_implementations, reason = "it holds a closure")]
pub struct Layers<'a> {
    find: Box<Find<'a>>,
}

impl<'a> Layers<'a> {
    /// Weights that exist; one that is missing or of another shape is refused by name.
    pub fn load(graph: &'a Graph, weights: &'a Weights) -> Self {
        let find = |name: &str, shape: &[usize], _: Fill<'_>| {
            weights.shaped(name, shape)?;
            weights.var(graph, name)
        };
        Self { find: Box::new(find) }
    }

    pub(super) fn conv(&mut self, name: &str, x: &Var, filters: usize, kernel: usize, attributes: Conv2d) -> Result<Var> {
        let channels = *x.shape().get(1).unwrap_or(&0);
        let fill = Fill::Uniform(channels.saturating_mul(kernel).saturating_mul(kernel));
        let weight = (self.find)(&format!("{name}.weight"), &[filters, channels, kernel, kernel], fill)?;
        let bias = (self.find)(&format!("{name}.bias"), &[filters], fill)?;
        x.conv2d(&weight, Some(&bias), attributes)
    }

    /// A convolution of 3 x 3 that keeps the size, and a `ReLU`, as deep stacks of them begin: He's kernels and biases of zero.
    pub(super) fn conv_relu(&mut self, name: &str, x: &Var, filters: usize) -> Result<Var> {
        let channels = *x.shape().get(1).unwrap_or(&0);
        let weight = (self.find)(&format!("{name}.weight"), &[filters, channels, 3, 3], Fill::He(channels.saturating_mul(9)))?;
        let bias = (self.find)(&format!("{name}.bias"), &[filters], Fill::Zeros)?;
        x.conv2d(&weight, Some(&bias), Conv2d { padding: Pads::all(1), ..Conv2d::default() })?.relu()
    }

    /// A fully connected layer over all but the first dimension.
    pub(super) fn linear(&mut self, name: &str, x: &Var, units: usize) -> Result<Var> {
        let x = x.flatten(1)?;
        let fill = Fill::Uniform(x.shape()[1]);
        self.filled(name, &x, units, [fill, fill])
    }

    /// The layer whose output is `bias` at first, whatever comes in.
    pub(super) fn regress(&mut self, name: &str, x: &Var, bias: &[f32]) -> Result<Var> {
        self.filled(name, &x.flatten(1)?, bias.len(), [Fill::Zeros, Fill::Given(bias)])
    }

    fn filled(&mut self, name: &str, x: &Var, units: usize, fills: [Fill<'_>; 2]) -> Result<Var> {
        self.affine(name, [x.shape()[1], units], fills)?.of(x)
    }

    /// The layer from so many inputs to so many units, for more than one input: `<name>.weight` (units, inputs) and `<name>.bias`, which
    /// begin as `fills` says.
    pub(super) fn affine(&mut self, name: &str, [inputs, units]: [usize; 2], [weight, bias]: [Fill<'_>; 2]) -> Result<Affine> {
        Ok(Affine {
            weight: self.tensor(&format!("{name}.weight"), &[units, inputs], weight)?,
            bias: self.tensor(&format!("{name}.bias"), &[units], bias)?,
        })
    }

    /// A weight by its whole name.
    pub(super) fn tensor(&mut self, name: &str, shape: &[usize], fill: Fill<'_>) -> Result<Var> {
        (self.find)(name, shape, fill)
    }
}

/// Biases of an LSTM's gates [i; f; g; o] by which a step remembers at first: 1 for forget gates.
pub(super) fn remembering(units: usize) -> Vec<f32> {
    [0.0, 1.0, 0.0, 0.0].into_iter().flat_map(|bias| std::iter::repeat_n(bias, units)).collect()
}

/// A fully connected layer's weight (units, inputs) and bias.
#[derive(Clone, Debug)]
pub(super) struct Affine {
    weight: Var,
    bias: Var,
}

impl Affine {
    /// x W^T + b of x (n, inputs).
    pub(super) fn of(&self, x: &Var) -> Result<Var> {
        x.linear(&self.weight, Some(&self.bias))
    }
}

/// The weights that `build` asks for; none is made, an input of the graph stands for each.
pub(super) fn list(graph: &Graph, build: impl FnOnce(&mut Layers<'_>) -> Result<()>) -> Result<Vec<(String, Vec<usize>)>> {
    let mut listed = Vec::new();
    let find = |name: &str, shape: &[usize], _: Fill<'_>| {
        listed.push((name.to_owned(), shape.to_vec()));
        graph.input(name, TensorType::f32(shape))
    };
    build(&mut Layers { find: Box::new(find) })?;
    Ok(listed)
}

/// The weights that `build` asks for, as they begin.
pub(super) fn fresh(graph: &Graph, seed: u64, build: impl FnOnce(&mut Layers<'_>) -> Result<()>) -> Result<Weights> {
    let mut made = Vec::new();
    // SplitMix64 (Steele, Lea, Flood 2014), upper 24 bits.
    let mut state = seed;
    let mut uniform = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = state;
        bits = (bits ^ bits >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((bits ^ bits >> 31) >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    };
    let find = |name: &str, shape: &[usize], fill: Fill<'_>| {
        TensorType::f32(shape).checked_elements()?;
        let mut within = |bound: f32| Array::from_fn(shape, |_| bound * uniform());
        let array = match fill {
            Fill::Uniform(inputs) => within(1.0 / (inputs.max(1) as f32).sqrt()),
            Fill::He(inputs) => within((6.0 / inputs.max(1) as f32).sqrt()),
            Fill::Within(bound) => within(bound),
            Fill::Normal(deviation) => init::normal(shape, deviation, name, seed),
            Fill::Orthogonal => orthogonal(shape, name, seed)?,
            Fill::Zeros => Array::full(shape, 0.0f32),
            Fill::Given(values) => Array::new(shape, values.to_vec())?,
        };
        let array = Arc::new(array);
        made.push((name.to_owned(), Arc::clone(&array)));
        graph.parameter(array)
    };
    build(&mut Layers { find: Box::new(find) })?;
    Ok(Weights::from_arrays("first weights", made.into_iter().map(|(name, array)| (name, Arc::unwrap_or_clone(array)))))
}

/// Square matrices (.., n, n), one below the other in the last but one dimension or before it.
fn orthogonal(shape: &[usize], name: &str, seed: u64) -> Result<Array> {
    let n = shape.last().copied().unwrap_or(1);
    let squares = shape.iter().product::<usize>() / (n * n).max(1);
    let one = |square: usize| init::orthogonal(&[n, n], 1.0, &format!("{name} {square}"), seed).to_f64();
    #[expect(clippy::cast_possible_truncation, reason = "they were f32")]
    let values = (0..squares).flat_map(one).map(|value| value as f32).collect::<Vec<_>>();
    Array::new(shape, values)
}
