//! How a program lies on a device: the kernel of each step, the place of each value, and the bytes they take. Needs no device.

use super::memory::{self, Life};
use super::program::{Kind, Program, Step};
use super::{Options, cpu};
use crate::array::TensorType;
use crate::error::{Error, Result};
use crate::gpu::{Binding, Capabilities, Slot};
use crate::ops::{Candidate, Site};

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
    pub(super) fn of(device: &Capabilities, program: &Program, options: Options) -> Result<Self> {
        let chosen = program.steps.iter().map(|step| choose(device, program, step, options)).collect::<Result<Vec<_>>>()?;
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
        Ok(Self { chosen, places, scratch, shared, sizes, used, bytes })
    }
}

/// The first candidate that the device can run.
pub(super) fn choose(device: &Capabilities, program: &Program, step: &Step, options: Options) -> Result<Candidate> {
    let inputs: Vec<&TensorType> = step.inputs.iter().map(|&v| program.ty(v)).collect();
    let outputs: Vec<&TensorType> = step.outputs.iter().map(|&v| program.ty(v)).collect();
    let site = Site { inputs: &inputs, outputs: &outputs, device, precision: options.precision, finish: None };
    let refused = |reason: String| Error::Device(format!("{} {}: {reason}", step.label, program.signature(step)));
    let mut reason = "there is no kernel for it".to_owned();
    for candidate in step.op.launch(&site)? {
        match misfit(&site, &candidate) {
            None => return Ok(candidate),
            Some(why) => reason = why,
        }
    }
    Err(refused(reason))
}

/// Why the device cannot run a candidate.
fn misfit(site: &Site<'_>, candidate: &Candidate) -> Option<String> {
    let (name, limits) = (&site.device.name, &site.device.limits);
    let most = u64::from(limits.max_compute_workgroups_per_dimension);
    for launch in &candidate.launches {
        let kernel = launch.kernel.name;
        let params = usize::from(site.device.params_in_storage);
        if launch.bindings.len() + params > limits.max_storage_buffers_per_shader_stage as usize {
            return Some(format!(
                "{kernel} binds {} buffers, {name} allows {}",
                launch.bindings.len(),
                limits.max_storage_buffers_per_shader_stage
            ));
        }
        if launch.groups > most * most {
            return Some(format!("{kernel} needs {} workgroups, {name} allows {most} x {most}", launch.groups));
        }
        for binding in &launch.bindings {
            let whole = slot_bytes(site, candidate, binding);
            let bytes = binding.bytes.as_ref().map_or(whole, |b| b.end.min(whole) - b.start.min(whole));
            if bytes > site.device.max_binding() {
                let most = site.device.max_binding();
                return Some(format!("{kernel} needs {bytes} bytes in one binding, {name} shows a shader at most {most}"));
            }
        }
    }
    None
}

fn slot_bytes(site: &Site<'_>, candidate: &Candidate, binding: &Binding) -> u64 {
    match binding.slot {
        Slot::Input(i) => site.inputs.get(i).map_or(0, |t| t.device_bytes()),
        Slot::Output(i) => site.outputs.get(i).map_or(0, |t| t.device_bytes()),
        Slot::Scratch(i) => candidate.scratch.get(i).map_or(0, |b| b.next_multiple_of(16)),
        Slot::Absent => 0,
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
