//! A program on a GPU: kernels chosen, buffers shared, bind groups made, all once.

use super::memory::{self, Life};
use super::program::{Kind, Program, Step};
use super::{Options, cpu};
use crate::array::TensorType;
use crate::error::{Error, Result};
use crate::gpu::{Binding, Gpu, Launch, Pipeline, Slot};
use crate::ops::{Candidate, Site};
use std::fmt::Write;
use std::sync::Arc;
use wgpu::BufferUsages;

#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) gpu: Gpu,
    pub(super) dispatches: Vec<Dispatch>,
    /// The buffer of each input.
    pub(super) inputs: Vec<Arc<wgpu::Buffer>>,
    /// The buffer of each state.
    pub(super) states: Vec<Arc<wgpu::Buffer>>,
    /// What to copy to `staging` after the dispatches.
    pub(super) downloads: Vec<Download>,
    /// What to copy to the states after that.
    pub(super) updates: Vec<Copy>,
    pub(super) staging: wgpu::Buffer,
    /// Buffers shared with other plans, held so that these find them.
    _shared: Vec<Arc<wgpu::Buffer>>,
    /// Whether `staging` may be mapped from a run that was not awaited to its end.
    pub(super) mapping: bool,
    bytes: Bytes,
}

/// One recorded dispatch.
#[derive(Debug)]
pub(super) struct Dispatch {
    pub(super) label: String,
    pub(super) kernel: &'static str,
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) bindings: wgpu::BindGroup,
    pub(super) groups: (u32, u32),
    /// Bytes of all bindings: what it moves at least, if it touches each once.
    pub(super) bytes: u64,
}

#[derive(Debug)]
pub(super) struct Download {
    pub(super) source: Arc<wgpu::Buffer>,
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

#[derive(Debug)]
pub(super) struct Copy {
    pub(super) source: Arc<wgpu::Buffer>,
    pub(super) target: Arc<wgpu::Buffer>,
    pub(super) bytes: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bytes {
    constants: u64,
    inputs: u64,
    working: u64,
    staging: u64,
}

/// Where a value lies before buffers exist.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// An input, constant or state: its own buffer.
    Own,
    /// The life of this index.
    Life(usize),
    /// Where another value lies.
    Alias(usize),
}

impl Compiled {
    pub(super) fn new(gpu: &Gpu, program: &Program, options: Options) -> Result<Self> {
        gpu.guarded(|| Self::build(gpu, program, options))
    }

    fn build(gpu: &Gpu, program: &Program, options: Options) -> Result<Self> {
        let chosen = program.steps.iter().map(|step| choose(gpu, program, step, options)).collect::<Result<Vec<_>>>()?;
        let (places, lives, scratch) = lay_out(program, &chosen);
        let (shared, sizes) = memory::assign(&lives);
        let storage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
        let own = |label: &str, bytes| Ok(Arc::new(gpu.create_buffer(label, bytes, storage)?));
        let pool = sizes.iter().map(|&bytes| own("intermediate values", bytes)).collect::<Result<Vec<_>>>()?;
        let inputs = program.inputs.iter().map(|(name, v)| own(name, program.ty(*v).device_bytes())).collect::<Result<Vec<_>>>()?;
        let states = program.states.iter().map(|s| own(&s.name, program.ty(s.value).device_bytes())).collect::<Result<Vec<_>>>()?;
        for (state, buffer) in program.states.iter().zip(&states) {
            gpu.write(buffer, &crate::gpu::transfer::to_bytes(&state.initial))?;
        }

        let mut bytes = Bytes { working: sizes.iter().sum(), ..Bytes::default() };
        bytes.inputs = program.inputs.iter().map(|(_, v)| program.ty(*v).device_bytes()).sum();
        bytes.inputs += program.states.iter().map(|s| program.ty(s.value).device_bytes()).sum::<u64>();
        let used = used_values(program);
        let mut weights = Vec::new();
        let mut buffers: Vec<Option<Arc<wgpu::Buffer>>> = Vec::with_capacity(program.values.len());
        for (value, info) in program.values.iter().enumerate() {
            buffers.push(match (&info.kind, places[value]) {
                (Kind::Input(index), _) => Some(Arc::clone(&inputs[*index])),
                (Kind::State(index), _) => Some(Arc::clone(&states[*index])),
                (Kind::Constant(array) | Kind::Parameter(array), _) if used[value] => {
                    bytes.constants += info.ty.device_bytes();
                    weights.push(gpu.shared_buffer("weights", array)?);
                    weights.last().cloned()
                }
                (Kind::Computed, Place::Life(life)) => Some(Arc::clone(&pool[shared[life]])),
                (Kind::Computed, Place::Alias(source)) => buffers[source].clone(),
                (Kind::Constant(_) | Kind::Parameter(_) | Kind::Computed, _) => None,
            });
        }

        let recorder = Recorder { gpu, buffers: &buffers, absent: own("absent", 256)?, params: Params::new(gpu, &chosen)? };
        let mut dispatches = Vec::new();
        for ((step, candidate), scratch) in program.steps.iter().zip(&chosen).zip(&scratch) {
            let scratch: Vec<_> = scratch.iter().map(|&life| Arc::clone(&pool[shared[life]])).collect();
            for launch in &candidate.launches {
                dispatches.push(recorder.record(dispatches.len(), program, step, launch, &scratch)?);
            }
        }

        let lost = || Error::Device("a value has no buffer".to_owned());
        let at = |value: usize| buffers[value].clone().ok_or_else(lost);
        let mut downloads = Vec::new();
        for &output in &program.outputs {
            let size = program.ty(output).device_bytes();
            downloads.push(Download { source: at(output)?, offset: bytes.staging, bytes: size });
            bytes.staging += size.next_multiple_of(8);
        }
        let staging = gpu.create_buffer("readback", bytes.staging, BufferUsages::MAP_READ | BufferUsages::COPY_DST)?;
        let updates = updates(gpu, program, &states, at)?;
        let gpu = gpu.clone();
        Ok(Self { gpu, dispatches, inputs, states, downloads, updates, staging, _shared: weights, mapping: false, bytes })
    }

    pub(super) fn device_bytes(&self) -> u64 {
        let Bytes { constants, inputs, working, staging } = self.bytes;
        constants + inputs + working + staging
    }

    pub(super) fn describe(&self, program: &Program) -> String {
        let mut text = String::new();
        for step in &program.steps {
            let _ = writeln!(text, "{:24} {}", step.label, program.signature(step));
            for d in self.dispatches.iter().filter(|d| d.label == step.label) {
                let groups = u64::from(d.groups.0) * u64::from(d.groups.1);
                let _ = writeln!(text, "    {:32} {groups:>8} workgroups {:>12} bytes bound", d.kernel, d.bytes);
            }
        }
        let Bytes { constants, inputs, working, staging } = self.bytes;
        let _ = writeln!(text, "{} nodes, {} dispatches on {}", program.steps.len(), self.dispatches.len(), self.gpu.capabilities().name);
        let _ = writeln!(text, "bytes: {constants} weights, {inputs} inputs and states, {working} intermediate, {staging} readback");
        text
    }
}

/// The first candidate that the device can run.
fn choose(gpu: &Gpu, program: &Program, step: &Step, options: Options) -> Result<Candidate> {
    let inputs: Vec<&TensorType> = step.inputs.iter().map(|&v| program.ty(v)).collect();
    let outputs: Vec<&TensorType> = step.outputs.iter().map(|&v| program.ty(v)).collect();
    let site = Site { inputs: &inputs, outputs: &outputs, device: gpu.capabilities(), precision: options.precision };
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

/// The copies that end a run. A next value that is itself a state goes through a spare buffer, so that states may be exchanged.
fn updates(
    gpu: &Gpu,
    program: &Program,
    states: &[Arc<wgpu::Buffer>],
    at: impl Fn(usize) -> Result<Arc<wgpu::Buffer>>,
) -> Result<Vec<Copy>> {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for (state, target) in program.states.iter().zip(states) {
        let Some(next) = state.next else { continue };
        let (mut source, bytes) = (at(next)?, program.ty(next).device_bytes());
        if Arc::ptr_eq(&source, target) {
            continue;
        }
        if states.iter().any(|s| Arc::ptr_eq(s, &source)) {
            let spare = Arc::new(gpu.create_buffer("state in transit", bytes, BufferUsages::COPY_SRC | BufferUsages::COPY_DST)?);
            first.push(Copy { source, target: Arc::clone(&spare), bytes });
            source = spare;
        }
        second.push(Copy { source, target: Arc::clone(target), bytes });
    }
    first.extend(second);
    Ok(first)
}

/// The parameters of all dispatches in one uniform buffer, one aligned slot each.
struct Params {
    buffer: wgpu::Buffer,
    offsets: Vec<u64>,
}

impl Params {
    fn new(gpu: &Gpu, chosen: &[Candidate]) -> Result<Self> {
        let limits = &gpu.capabilities().limits;
        let align = u64::from(limits.min_uniform_buffer_offset_alignment.max(limits.min_storage_buffer_offset_alignment).max(16));
        let (mut contents, mut offsets) = (Vec::new(), Vec::new());
        for launch in chosen.iter().flat_map(|c| &c.launches) {
            offsets.push(contents.len() as u64);
            contents.extend_from_slice(&launch.params);
            let end = (contents.len() as u64).next_multiple_of(align).max(align);
            contents.resize(usize::try_from(end).unwrap_or(usize::MAX), 0);
        }
        let buffer =
            gpu.create_buffer("params", contents.len() as u64, BufferUsages::UNIFORM | BufferUsages::STORAGE | BufferUsages::COPY_DST)?;
        gpu.write(&buffer, &contents)?;
        Ok(Self { buffer, offsets })
    }
}

struct Recorder<'a> {
    gpu: &'a Gpu,
    buffers: &'a [Option<Arc<wgpu::Buffer>>],
    absent: Arc<wgpu::Buffer>,
    params: Params,
}

impl Recorder<'_> {
    fn record(&self, number: usize, program: &Program, step: &Step, launch: &Launch, scratch: &[Arc<wgpu::Buffer>]) -> Result<Dispatch> {
        let pipeline = self.gpu.pipeline(launch);
        let params_bytes = (launch.params.len() as u64).next_multiple_of(16).max(16);
        let mut resources = vec![(&self.params.buffer, self.params.offsets[number], params_bytes)];
        let mut bytes = 0;
        for binding in &launch.bindings {
            let missing = || Error::Device(format!("{} binds {:?}, which does not exist", step.label, binding.slot));
            let value = |values: &[usize], i: usize| {
                let value = *values.get(i).ok_or_else(missing)?;
                Ok((self.buffers[value].as_ref().ok_or_else(missing)?, program.ty(value).device_bytes()))
            };
            let (buffer, whole) = match binding.slot {
                Slot::Input(i) => value(&step.inputs, i)?,
                Slot::Output(i) => value(&step.outputs, i)?,
                Slot::Scratch(i) => scratch.get(i).map(|b| (b, b.size())).ok_or_else(missing)?,
                Slot::Absent => (&self.absent, 256),
            };
            let (start, end) = binding.bytes.as_ref().map_or((0, whole), |b| (b.start, b.end.min(whole)));
            bytes += if binding.slot == Slot::Absent { 0 } else { end.saturating_sub(start) };
            resources.push((&**buffer, start, end.saturating_sub(start)));
        }
        let entries: Vec<_> = resources
            .into_iter()
            .zip(0..)
            .map(|((buffer, offset, size), binding)| wgpu::BindGroupEntry {
                binding,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size: std::num::NonZeroU64::new(size) }),
            })
            .collect();
        let label = Some(step.label.as_str());
        let bindings = self.gpu.create_bind_group(&wgpu::BindGroupDescriptor { label, layout: &pipeline.layout, entries: &entries });
        let groups = fold(launch.groups, self.gpu.capabilities().limits.max_compute_workgroups_per_dimension);
        Ok(Dispatch { label: step.label.clone(), kernel: launch.kernel.name, pipeline, bindings, groups, bytes })
    }
}

/// `groups` workgroups as rows of equal length, none longer than `most`.
fn fold(groups: u64, most: u32) -> (u32, u32) {
    let rows = groups.div_ceil(u64::from(most)).max(1);
    let row = groups.div_ceil(rows);
    (u32::try_from(row).unwrap_or(most), u32::try_from(rows).unwrap_or(most))
}
