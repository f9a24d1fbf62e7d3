//! How a program lies on a device: the kernel of each step, the place of each value, and the bytes they take. Needs no device.

use super::choose::Chooser;
use super::cpu;
use super::memory::{self, Life};
use super::program::{Kind, Program};
use crate::error::Result;
use crate::ops::Candidate;

/// What is decided before anything is made.
pub(super) struct Layout {
    /// The candidate of each step.
    pub(super) chosen: Vec<Candidate>,
    pub(super) places: Vec<Place>,
    /// The lives of each step's scratch.
    pub(super) scratch: Vec<Vec<usize>>,
    /// The shared buffer of each life.
    pub(super) shared: Vec<usize>,
    /// Bytes of each shared buffer.
    pub(super) sizes: Vec<u64>,
    /// Which values anything reads.
    pub(super) used: Vec<bool>,
    pub(super) bytes: Bytes,
}

/// Bytes by what they are for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bytes {
    pub(super) constants: u64,
    pub(super) inputs: u64,
    pub(super) working: u64,
    pub(super) staging: u64,
}

/// Where a value lies before buffers exist.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// An input, constant or state: its own buffer.
    Own,
    /// The life of this index.
    Life(usize),
    /// Where another value lies.
    Alias(usize),
}

impl Bytes {
    pub(super) fn total(&self) -> u64 {
        let Self { constants, inputs, working, staging } = self;
        [*constants, *inputs, *working, *staging].into_iter().fold(0, u64::saturating_add)
    }
}

impl Layout {
    pub(super) fn of(chooser: Chooser<'_>, program: &Program) -> Result<Self> {
        let chosen = program.steps.iter().map(|step| chooser.choose(program, step)).collect::<Result<Vec<_>>>()?;
        Ok(Self::with(program, chosen))
    }

    /// The layout of a program whose steps go the ways `chosen`.
    pub(super) fn with(program: &Program, chosen: Vec<Candidate>) -> Self {
        let (places, lives, scratch) = lay_out(program, &chosen);
        let (shared, sizes) = memory::assign(&lives);
        let used = used_values(program);
        let sum = |values: &mut dyn Iterator<Item = usize>| values.map(|v| program.ty(v).device_bytes()).fold(0, u64::saturating_add);
        let known = |v: &usize| used[*v] && matches!(program.values[*v].kind, Kind::Constant(_) | Kind::Parameter(_));
        let bytes = Bytes {
            constants: sum(&mut (0..program.values.len()).filter(known)),
            inputs: sum(&mut program.inputs.iter().map(|(_, v)| *v).chain(program.states.iter().map(|s| s.value))),
            working: sizes.iter().copied().fold(0, u64::saturating_add),
            staging: sum(&mut program.outputs.iter().copied()),
        };
        Self { chosen, places, scratch, shared, sizes, used, bytes }
    }
}

/// Places of all values, the lives to share buffers among, and the lives of each step's scratch.
fn lay_out(program: &Program, chosen: &[Candidate]) -> (Vec<Place>, Vec<Life>, Vec<Vec<usize>>) {
    let last = cpu::last_uses(program);
    let mut places = vec![Place::Own; program.values.len()];
    let mut lives: Vec<Life> = Vec::new();
    let mut scratch = Vec::new();
    for (number, (step, candidate)) in program.steps.iter().zip(chosen).enumerate() {
        if let (Some(input), [output]) = (candidate.alias, step.outputs.as_slice()) {
            let mut source = step.inputs[input];
            while let Place::Alias(further) = places[source] {
                source = further;
            }
            places[*output] = Place::Alias(source);
            if let Place::Life(life) = places[source] {
                lives[life].last = lives[life].last.max(last[*output]);
            }
        } else {
            for &output in &step.outputs {
                places[output] = Place::Life(lives.len());
                lives.push(Life { bytes: program.ty(output).device_bytes(), first: number, last: last[output] });
            }
        }
        let first = lives.len();
        lives.extend(candidate.scratch.iter().map(|&bytes| Life { bytes: bytes.next_multiple_of(16), first: number, last: number }));
        scratch.push((first..lives.len()).collect());
    }
    (places, lives, scratch)
}

/// Values that a step, an output or a state update reads: a constant that was folded away needs no buffer.
fn used_values(program: &Program) -> Vec<bool> {
    let mut used = vec![false; program.values.len()];
    let reads = program.steps.iter().flat_map(|s| &s.inputs).chain(&program.outputs);
    for value in reads.copied().chain(program.states.iter().filter_map(|s| s.next)) {
        used[value] = true;
    }
    used
}
