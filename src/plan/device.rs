//! A program on a GPU: kernels chosen, buffers shared, bind groups made, all once.

use super::largest::Largest;
use super::layout::{Bytes, Layout, runs_once};
use super::place::Place;
use super::program::{Kind, Program, Step};
use super::readback::{Output, Readback};
use crate::array::{DType, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Launch, Pipeline, Slot};
use crate::ops::Candidate;
use std::fmt::Write;
use std::sync::Arc;
use wgpu::BufferUsages;

#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) gpu: Gpu,
    pub(super) dispatches: Vec<Dispatch>,
    /// The buffer of each input, and what its elements are there.
    pub(super) inputs: Vec<(Arc<wgpu::Buffer>, DType)>,
    /// The buffer of each state.
    pub(super) states: Vec<Arc<wgpu::Buffer>>,
    pub(super) readback: Readback,
    /// What to copy to the states when the outputs have been read.
    pub(super) updates: Vec<Copy>,
    /// The buffer of each value that has one; those of intermediate values are shared by lifetime.
    pub(super) values: Vec<Option<Arc<wgpu::Buffer>>>,
    /// What each value is on the device.
    pub(super) types: Vec<Arc<TensorType>>,
    /// Largest magnitudes that dispatches find, to be 0 before a run.
    pub(super) largest: Largest,
    bytes: Bytes,
}

/// One recorded dispatch.
#[derive(Debug)]
pub(super) struct Dispatch {
    /// The number of the step it belongs to.
    pub(super) step: usize,
    pub(super) label: String,
    pub(super) kernel: &'static str,
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) bindings: wgpu::BindGroup,
    pub(super) groups: (u32, u32),
    /// Bytes of all bindings: what it moves at least, if it touches each once.
    pub(super) bytes: u64,
}

#[derive(Debug)]
pub(super) struct Copy {
    pub(super) source: Arc<wgpu::Buffer>,
    pub(super) target: Arc<wgpu::Buffer>,
    pub(super) bytes: u64,
}

impl Compiled {
    pub(super) fn new(gpu: &Gpu, program: &Program, layout: Layout) -> Result<Self> {
        gpu.guarded(|| Self::build(gpu, program, layout))
    }

    pub(super) async fn new_async(gpu: &Gpu, program: &Program, layout: Layout) -> Result<Self> {
        gpu.guarded_async(|| Self::build(gpu, program, layout)).await
    }

    fn build(gpu: &Gpu, program: &Program, layout: Layout) -> Result<Self> {
        let Layout { chosen, places, scratch, shared, sizes, used, asked, types, bytes } = layout;
        let largest = Largest::new(gpu, program, &places, &asked)?;
        let storage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
        let own = |label: &str, bytes| Ok(Arc::new(gpu.create_buffer(label, bytes, storage)?));
        let pool = sizes.iter().map(|&bytes| own("intermediate values", bytes)).collect::<Result<Vec<_>>>()?;
        let input = |(name, v): &(String, usize)| Ok((own(name, types[*v].device_bytes())?, types[*v].dtype));
        let inputs = program.inputs.iter().map(input).collect::<Result<Vec<_>>>()?;
        let states = program.states.iter().map(|s| own(&s.name, types[s.value].device_bytes())).collect::<Result<Vec<_>>>()?;
        for (state, buffer) in program.states.iter().zip(&states) {
            gpu.write(buffer, &crate::gpu::transfer::to_bytes(&state.initial, types[state.value].dtype))?;
        }

        let mut buffers: Vec<Option<Arc<wgpu::Buffer>>> = Vec::with_capacity(program.values.len());
        for (value, info) in program.values.iter().enumerate() {
            buffers.push(match (&info.kind, places[value]) {
                (Kind::Input(index), _) => Some(Arc::clone(&inputs[*index].0)),
                (Kind::State(index), _) => Some(Arc::clone(&states[*index])),
                (Kind::Constant(array) | Kind::Parameter(array), _) if used[value] => {
                    // Held here, so that other plans find it.
                    Some(gpu.shared_buffer("weights", array, types[value].dtype)?)
                }
                (Kind::Computed, Place::Life(life)) => Some(Arc::clone(&pool[shared[life]])),
                (Kind::Computed, Place::Alias(source)) => buffers[source].clone(),
                (Kind::Constant(_) | Kind::Parameter(_) | Kind::Computed, _) => None,
            });
        }

        gpu.compile(chosen.iter().flat_map(|candidate| &candidate.launches))?;
        let (absent, params) = (own("absent", 256)?, Params::new(gpu, &chosen)?);
        let recorder = Recorder { gpu, buffers: &buffers, types: &types, absent, largest: &largest, params };
        let (mut dispatches, mut once) = (Vec::new(), Vec::new());
        for (number, (candidate, scratch)) in chosen.iter().zip(&scratch).enumerate() {
            let (step, scratch) = (&program.steps[number], scratch.iter().map(|&life| Arc::clone(&pool[shared[life]])).collect::<Vec<_>>());
            for launch in &candidate.launches {
                let dispatch = recorder.record(dispatches.len() + once.len(), (number, step), launch, &scratch)?;
                if runs_once(program, step, launch) { &mut once } else { &mut dispatches }.push(dispatch);
            }
        }
        if !once.is_empty() {
            let mut encoder = gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            once.iter().for_each(|dispatch| dispatch.record(&mut pass));
            drop(pass);
            gpu.queue().submit([encoder.finish()]);
        }

        let lost = || Error::Device("a value has no buffer".to_owned());
        let at = |value: usize| buffers[value].clone().ok_or_else(lost);
        let output =
            |&value: &usize| Ok(Output { source: at(value)?, ty: Arc::clone(&program.values[value].ty), held: types[value].dtype });
        let readback = Readback::new(gpu, program.outputs.iter().map(output).collect::<Result<_>>()?)?;
        let updates = updates(gpu, program, &states, at)?;
        let gpu = gpu.clone();
        Ok(Self { gpu, dispatches, inputs, states, readback, updates, values: buffers, types, largest, bytes })
    }

    pub(super) fn device_bytes(&self) -> u64 {
        self.bytes.total()
    }

    pub(super) fn describe(&self, program: &Program) -> String {
        let mut text = String::new();
        for (number, step) in program.steps.iter().enumerate() {
            let _ = writeln!(text, "{:24} {}", step.label, step.signature(|value| &self.types[value]));
            for d in self.dispatches.iter().filter(|d| d.step == number) {
                let groups = u64::from(d.groups.0) * u64::from(d.groups.1);
                let _ = writeln!(text, "    {:32} {groups:>8} workgroups {:>12} bytes bound", d.kernel, d.bytes);
            }
        }
        let Bytes { constants, inputs, working, readback } = self.bytes;
        let _ = writeln!(text, "{} nodes, {} dispatches on {}", program.steps.len(), self.dispatches.len(), self.gpu.capabilities().name);
        let _ = writeln!(text, "bytes: {constants} weights, {inputs} inputs and states, {working} intermediate, {readback} readback");
        text
    }
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
    types: &'a [Arc<TensorType>],
    absent: Arc<wgpu::Buffer>,
    largest: &'a Largest,
    params: Params,
}

impl Recorder<'_> {
    fn record(&self, slot: usize, (number, step): (usize, &Step), launch: &Launch, scratch: &[Arc<wgpu::Buffer>]) -> Result<Dispatch> {
        let pipeline = self.gpu.pipeline(launch)?;
        let params_bytes = (launch.params.len() as u64).next_multiple_of(16).max(16);
        let mut resources = vec![(&self.params.buffer, self.params.offsets[slot], params_bytes)];
        let mut bytes = 0;
        for binding in &launch.bindings {
            let missing = || Error::Device(format!("{} binds {:?}, which does not exist", step.label, binding.slot));
            let value = |values: &[usize], i: usize| {
                let value = *values.get(i).ok_or_else(missing)?;
                Ok((self.buffers[value].as_ref().ok_or_else(missing)?, self.types[value].device_bytes()))
            };
            let measured = match binding.slot {
                Slot::Largest(input) => Some(step.inputs.get(input)),
                Slot::Noted => Some(step.outputs.first()),
                _ => None,
            };
            if let Some(value) = measured {
                let (buffer, offset) = value.and_then(|&value| self.largest.place(value)).ok_or_else(missing)?;
                resources.push((buffer, offset, 4));
                continue;
            }
            let (buffer, whole) = match binding.slot {
                Slot::Input(i) => value(&step.inputs, i)?,
                Slot::Output(i) => value(&step.outputs, i)?,
                Slot::Scratch(i) => scratch.get(i).map(|b| (b, b.size())).ok_or_else(missing)?,
                Slot::Absent | Slot::Largest(_) | Slot::Noted => (&self.absent, 256),
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
        Ok(Dispatch { step: number, label: step.label.clone(), kernel: launch.kernel.name, pipeline, bindings, groups, bytes })
    }
}

/// `groups` workgroups as rows of equal length, none longer than `most`.
fn fold(groups: u64, most: u32) -> (u32, u32) {
    let rows = groups.div_ceil(u64::from(most)).max(1);
    let row = groups.div_ceil(rows);
    (u32::try_from(row).unwrap_or(most), u32::try_from(rows).unwrap_or(most))
}
