//! Largest finite magnitudes of values, by which kernels scale. Known ones are written once. The others are found in every run: by the
//! kernels that store the values, if they can note them, else by launches of their own.

use super::place::{Place, source};
use super::program::{Kind, Program, Step};
use crate::array::Data;
use crate::error::Result;
use crate::gpu::{Capabilities, Gpu, Launch, Slot};
use crate::ops::{Candidate, largest};
use std::collections::{BTreeMap, HashMap};
use wgpu::{Buffer, BufferUsages, CommandEncoder};

/// The values whose largest magnitude kernels ask for, and in which of several buffers each has its word: the first is for those that are
/// known when the plan is compiled. A dispatch must not read from the buffer that it notes in, so the others share two buffers or more.
#[derive(Debug, Default)]
pub(super) struct Asked(BTreeMap<usize, usize>);

impl Asked {
    /// What the ways `chosen` for a program's steps ask for: launches are told to note it, or others are put before the first that asks.
    pub(super) fn of(device: &Capabilities, program: &Program, places: &[Place], chosen: &mut [Candidate]) -> Self {
        let first = |(number, step): (usize, &Step)| Some((*step.outputs.first()?, number));
        let makers: HashMap<usize, usize> = program.steps.iter().enumerate().filter_map(first).collect();
        let mut asked = Self::default();
        for (number, step) in program.steps.iter().enumerate() {
            let mut before = Vec::new();
            for (input, value) in asked_by(step, &chosen[number], places).collect::<Vec<_>>() {
                if asked.0.contains_key(&value) {
                    continue;
                }
                let maker = makers.get(&value).copied();
                let buffer = if program.is_known(value) {
                    0
                } else if let Some(maker) = maker.filter(|&maker| note(device, &mut chosen[maker])) {
                    let read = asked_by(&program.steps[maker], &chosen[maker], places).map(|(_, value)| asked.0.get(&value));
                    let read: Vec<_> = read.collect();
                    (1..).find(|buffer| !read.contains(&Some(buffer))).unwrap_or(1)
                } else {
                    before.extend(largest(device, input, program.ty(value).elements()));
                    1
                };
                asked.0.insert(value, buffer);
            }
            chosen[number].launches.splice(0..0, before);
        }
        asked
    }

    /// The values with words in each buffer.
    fn by_buffer(&self) -> Vec<Vec<usize>> {
        let mut values = vec![Vec::new(); self.0.values().map(|buffer| buffer + 1).max().unwrap_or(0)];
        self.0.iter().for_each(|(&value, &buffer)| values[buffer].push(value));
        values
    }
}

/// The inputs whose largest magnitudes a step asks for, with the values as which they lie on the device.
fn asked_by<'a>(step: &'a Step, candidate: &'a Candidate, places: &'a [Place]) -> impl Iterator<Item = (usize, usize)> + 'a {
    candidate.launches.iter().flat_map(|launch| &launch.bindings).filter_map(|binding| match binding.slot {
        Slot::Largest(input) => step.inputs.get(input).map(|&value| (input, source(places, value))),
        _ => None,
    })
}

/// Lets the way that a step goes note the largest magnitude of its first output, if all kernels can that store of it.
fn note(device: &Capabilities, candidate: &mut Candidate) -> bool {
    let stores = |launch: &&mut Launch| launch.bindings.iter().any(|binding| binding.slot == Slot::Output(0));
    let spare = device.limits.max_storage_buffers_per_shader_stage as usize - usize::from(device.params_in_storage);
    let mut storing: Vec<_> = candidate.launches.iter_mut().filter(stores).collect();
    let can = storing.iter().all(|launch| launch.notes && launch.bindings.len() < spare);
    if can {
        storing.iter_mut().for_each(|launch| **launch = launch.clone().noting());
    }
    can
}

/// One word for each value, at an offset that bindings may start at.
#[derive(Debug)]
pub(super) struct Largest {
    /// The first has the words of what is known.
    buffers: Vec<Buffer>,
    /// Buffer and offset of each value's word, aliases included.
    words: HashMap<usize, (usize, u64)>,
}

impl Largest {
    /// Words for what is `asked`; `places` tell aliases.
    pub(super) fn new(gpu: &Gpu, program: &Program, places: &[Place], asked: &Asked) -> Result<Self> {
        let step = u64::from(gpu.capabilities().limits.min_storage_buffer_offset_alignment.max(16));
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST;
        let mut words = HashMap::new();
        let mut buffers = Vec::new();
        for values in asked.by_buffer() {
            let buffer = gpu.create_buffer("largest magnitudes", step * values.len().max(1) as u64, usage)?;
            for (&value, number) in values.iter().zip(0..) {
                if let Kind::Constant(array) | Kind::Parameter(array) = &program.values[value].kind {
                    let finite = |x: &f32| if x.is_finite() { x.abs().to_bits() } else { 0 };
                    let most = if let Data::F32(values) = array.data() { values.iter().map(finite).max() } else { None };
                    gpu.write_at(&buffer, number * step, &most.unwrap_or(0).to_le_bytes());
                }
                words.insert(value, (buffers.len(), number * step));
            }
            buffers.push(buffer);
        }
        let aliases = (0..program.values.len()).filter_map(|value| Some((value, *words.get(&source(places, value))?)));
        let words = aliases.collect();
        Ok(Self { buffers, words })
    }

    /// Where the word of `value` lies.
    pub(super) fn place(&self, value: usize) -> Option<(&Buffer, u64)> {
        self.words.get(&value).map(|&(buffer, offset)| (&self.buffers[buffer], offset))
    }

    /// Lets a run begin: nothing is found yet.
    pub(super) fn clear(&self, encoder: &mut CommandEncoder) {
        self.buffers.iter().skip(1).for_each(|buffer| encoder.clear_buffer(buffer, 0, None));
    }
}
