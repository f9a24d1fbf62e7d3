//! The formulas, for lines that are given and for the next point of lines that are being written.

use super::cell::{Cell, State};
use super::mixture;
use super::window::{Place, Window};
use crate::array::{Array, DType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::models::layers::{self, Affine, Fill, Layers};
use crate::nn::Weights;
use crate::ops::{concat, number, stack};

/// The largest gradient of an output, of a loss of one line.
const OUTPUT: f32 = 100.0;

/// How large a network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handwriting {
    /// Characters that texts are made of; 0 for a network that goes on with lines without knowing what they say.
    pub characters: usize,
    /// LSTMs, one above the other.
    pub layers: usize,
    /// Units of each.
    pub hidden: usize,
    /// K, the Gaussians of the window on the text.
    pub window: usize,
    /// M, those of the mixture.
    pub mixtures: usize,
}

/// A network with its weights in a graph.
#[derive(Clone, Debug)]
pub struct Network {
    sizes: Handwriting,
    cells: Vec<Cell>,
    window: Option<Window>,
    output: Affine,
}

/// What a network makes of lines.
#[derive(Clone, Debug)]
pub struct Read {
    /// -log p of each line, in nats, (n): those of all of its points.
    pub nats: Var,
    /// Where the windows were at each point, (T, n, U).
    pub phi: Option<Var>,
}

/// What the network knows between two points: tensors (n, ..).
#[derive(Clone, Debug)]
pub(super) struct Memory {
    states: Vec<State>,
    place: Option<Place>,
}

/// The next point.
#[derive(Clone, Debug)]
pub(super) struct Next {
    /// (n, 1 + 6 M).
    pub(super) mixture: Var,
    /// (n, U).
    pub(super) phi: Option<Var>,
    pub(super) memory: Memory,
}

impl Handwriting {
    /// The paper's for handwriting synthesis on IAM-OnDB: 57 characters, three layers of 400.
    pub const SYNTHESIS: Self = Self { characters: 57, layers: 3, hidden: 400, window: 10, mixtures: 20 };
    /// The paper's for handwriting prediction: three layers of 400 without a text.
    pub const PREDICTION: Self = Self { characters: 0, layers: 3, hidden: 400, window: 0, mixtures: 20 };

    /// The network that `weights` are of, by their shapes.
    ///
    /// # Errors
    /// If `weights` lack a layer, or their shapes do not belong together.
    pub fn of(weights: &Weights) -> Result<Self> {
        let [_, hidden] = weights.sizes("layer1.peepholes")?;
        let [numbers, _] = weights.sizes("output.weight")?;
        let [_, handed_on] = weights.sizes("layer1.recurrent")?;
        let layers = (1..).take_while(|layer| weights.contains(&format!("layer{layer}.peepholes"))).count();
        let window = if weights.contains("window.bias") { weights.sizes::<1>("window.bias")?[0] / 3 } else { 0 };
        let sizes = Self { characters: handed_on.saturating_sub(hidden), layers, hidden, window, mixtures: numbers.saturating_sub(1) / 6 };
        Network::new(&mut Layers::load(&Graph::new(), weights), sizes)?;
        Ok(sizes)
    }

    /// What training starts with: uniform numbers within 1 / sqrt(inputs of a unit), forget gates of bias 1, no peepholes, and a window that goes
    /// on by a character in some twelve points. What the paper began with it does not say.
    ///
    /// # Errors
    /// If a size is 0 or too large.
    pub fn initial(self, seed: u64) -> Result<Weights> {
        layers::fresh(&Graph::new(), seed, |layers| Network::new(layers, self).map(drop))
    }

    /// Names and shapes of the weights.
    ///
    /// # Errors
    /// If a size is 0 or too large.
    pub fn tensors(self) -> Result<Vec<(String, Vec<usize>)>> {
        layers::list(&Graph::new(), |layers| Network::new(layers, self).map(drop))
    }

    fn check(self) -> Result<()> {
        let Self { characters, layers, hidden, window, mixtures } = self;
        if [layers, hidden, mixtures].contains(&0) || (characters == 0) != (window == 0) {
            let reason = format!("{self:?}: layers, hidden and mixtures are 1 at least; characters and window are, or both are 0");
            return Err(Error::shape("handwriting", reason));
        }
        Ok(())
    }
}

impl Network {
    /// The network of these sizes, whose weights are `layer1.input.weight`, `.input.bias`, `.recurrent` and `.peepholes` to `layer3`,
    /// `window` and `output`.
    ///
    /// # Errors
    /// If a size is 0, or a weight is missing or of another shape, by name.
    pub fn new(layers: &mut Layers<'_>, sizes: Handwriting) -> Result<Self> {
        sizes.check()?;
        let Handwriting { characters, layers: count, hidden, window, mixtures } = sizes;
        let cell = |layer: usize| {
            // The first layer's window comes with its state, from the point before; the others' with their input.
            let (inputs, more) = if layer == 0 { (3, characters) } else { (characters.saturating_add(hidden).saturating_add(3), 0) };
            Cell::new(layers, &format!("layer{}", layer + 1), inputs, more, hidden)
        };
        let cells = (0..count).map(cell).collect::<Result<_>>()?;
        let window = (window > 0).then(|| Window::new(layers, hidden, window)).transpose()?;
        let below = hidden.saturating_mul(count);
        let output = layers.affine("output", [below, mixture::numbers(mixtures)], [Fill::Uniform(below), Fill::Zeros])?;
        Ok(Self { sizes, cells, window, output })
    }

    /// What is made of lines whose points are known: `pen` (n, T + 1, 3), how far right, how far up and whether the pen leaves the paper
    /// behind the point; the first is nothing but zeros, and rows behind a line's `points`, i32 (n), the first not counted, make no difference.
    /// `text`, i32 (n, U), are the characters' numbers, -1 behind the last. Gradients are clipped as in the paper if the loss is the mean
    /// of the lines' nats.
    ///
    /// # Errors
    /// If a shape is another, or there is no text where the network reads one.
    pub fn read(&self, pen: &Var, points: &Var, text: Option<&Var>) -> Result<Read> {
        let &[n, all, 3] = pen.shape() else {
            return Err(Error::shape("handwriting", format!("points are f32 (lines, points, 3), not {}", pen.ty())));
        };
        if all < 2 {
            return Err(Error::shape("handwriting", format!("points {}: one at least follows the first, of zeros", pen.ty())));
        }
        let (count, time) = (all - 1, pen.transpose([1, 0, 2])?);
        let x = time.narrow(0, 0, count)?;
        let text = self.one_hot(text, n)?;
        let each = |var: &Var| var.split(0, &vec![1; count])?.iter().map(|step| step.squeeze(0)).collect::<Result<Vec<_>>>();
        let (mut seen, mut phi, mut outputs) = (Vec::new(), Vec::new(), Vec::<Var>::new());
        for (layer, cell) in self.cells.iter().enumerate() {
            let inputs: Vec<&Var> = [&x].into_iter().chain(&seen).chain(outputs.last()).collect();
            let sums = each(&cell.sums(&inputs)?)?;
            let mut state = cell.begin(&x, n)?;
            let mut place = match (&self.window, &text) {
                (Some(window), Some(text)) if layer == 0 => Some((window, text, window.begin(text)?)),
                _ => None,
            };
            let (mut hs, mut ws) = (Vec::new(), Vec::new());
            for sums in &sums {
                state = cell.step(sums, &state, place.as_ref().map(|(_, _, place)| &place.seen))?;
                hs.push(state.h.clone());
                if let Some((window, text, place)) = &mut place {
                    let (next, looked) = window.step(&state.h, text, place)?;
                    ws.push(next.seen.clone());
                    phi.push(looked);
                    *place = next;
                }
            }
            outputs.push(stack(&hs, 0)?);
            if !ws.is_empty() {
                seen.push(stack(&ws, 0)?);
            }
        }
        let mixtures = self.output.of(&concat(&outputs.iter().collect::<Vec<_>>(), -1)?)?;
        let mixtures = mixtures.clip_gradient(OUTPUT / n.max(1) as f32)?;
        let nats = mixture::nats(&mixtures, &time.narrow(0, 1, count)?)?;
        let numbers = Array::from_fn([count, 1], |t| t as i32);
        let counts = pen.graph().constant(numbers)?.less(&points.reshape([1, n])?)?;
        let nats = counts.where_(&nats, &number(&nats, 0.0)?)?.reduce_sum(&[0], false)?;
        Ok(Read { nats, phi: (!phi.is_empty()).then(|| stack(&phi, 0)).transpose()? })
    }

    /// What is known before the first point of lines that say `text`, i32 (n, U).
    pub(super) fn begin(&self, like: &Var, n: usize, text: Option<&Var>) -> Result<Memory> {
        let states = self.cells.iter().map(|cell| cell.begin(like, n)).collect::<Result<_>>()?;
        let place = match (&self.window, self.one_hot(text, n)?) {
            (Some(window), Some(text)) => Some(window.begin(&text)?),
            _ => None,
        };
        Ok(Memory { states, place })
    }

    /// Where the pens go behind the points `pen` (n, 3).
    pub(super) fn step(&self, pen: &Var, text: Option<&Var>, memory: &Memory) -> Result<Next> {
        let text = self.one_hot(text, pen.shape()[0])?;
        let (mut states, mut place, mut phi) = (Vec::<State>::new(), memory.place.clone(), None);
        for (layer, (cell, state)) in self.cells.iter().zip(&memory.states).enumerate() {
            let (seen, below) = (place.as_ref().map(|place| &place.seen), states.last().map(|state| &state.h));
            let inputs: Vec<&Var> = [pen].into_iter().chain(seen.filter(|_| layer > 0)).chain(below).collect();
            let state = cell.step(&cell.sums(&inputs)?, state, seen.filter(|_| layer == 0))?;
            if let (0, Some(window), Some(text), Some(before)) = (layer, &self.window, &text, &place) {
                let (next, looked) = window.step(&state.h, text, before)?;
                (place, phi) = (Some(next), Some(looked));
            }
            states.push(state);
        }
        let hs: Vec<&Var> = states.iter().map(|state| &state.h).collect();
        Ok(Next { mixture: self.output.of(&concat(&hs, 1)?)?, phi, memory: Memory { states, place } })
    }

    /// The characters as the window sees them: (n, U, characters), zeros behind the last.
    fn one_hot(&self, text: Option<&Var>, n: usize) -> Result<Option<Var>> {
        let characters = self.sizes.characters;
        match (characters, text) {
            (0, _) => Ok(None),
            (_, Some(text)) if text.shape().len() == 2 && text.shape()[0] == n && text.dtype() == DType::I32 => {
                let all = text.graph().constant(Array::from_fn([1, 1, characters], |c| c as i32))?;
                Ok(Some(text.unsqueeze(2)?.equal(&all)?.cast(DType::F32)?))
            }
            (_, Some(text)) => {
                Err(Error::shape("handwriting", format!("the text of {n} lines is i32 ({n}, characters), not {}", text.ty())))
            }
            (_, None) => Err(Error::shape("handwriting", "the network reads what it writes, and there is no text")),
        }
    }
}

impl Memory {
    /// All tensors, in the same order each time.
    pub(super) fn tensors(&self) -> impl Iterator<Item = &Var> {
        let states = self.states.iter().flat_map(|State { h, c }| [h, c]);
        states.chain(self.place.iter().flat_map(|Place { kappa, seen }| [kappa, seen]))
    }

    /// The same with other tensors.
    pub(super) fn of(&self, mut each: impl FnMut(&Var) -> Result<Var>) -> Result<Self> {
        let states = self.states.iter().map(|State { h, c }| Ok(State { h: each(h)?, c: each(c)? })).collect::<Result<_>>()?;
        let place = self.place.as_ref().map(|Place { kappa, seen }| Ok::<_, Error>(Place { kappa: each(kappa)?, seen: each(seen)? }));
        Ok(Self { states, place: place.transpose()? })
    }
}
