//! Which of an operator's ways a step goes: the first that the device can run, or the one that was measured to be fastest.

use super::Options;
use super::program::{Program, Step};
use crate::array::TensorType;
use crate::error::{Error, Result};
use crate::gpu::cache::hash;
use crate::gpu::{Binding, Capabilities, Choices, Gpu, Slot, expand};
use crate::ops::{Candidate, Precision, Site};
use std::borrow::Cow;
use std::fmt::Write;

/// What tells whether a device multiplies matrices rightly.
type Test = fn(&Gpu) -> bool;

/// All that the choice of a kernel may depend on.
#[derive(Clone, Debug)]
pub(super) struct Chooser<'a> {
    device: Cow<'a, Capabilities>,
    /// The device itself, if it is there, with the test that it has to pass before a step goes by its matrices.
    gpu: Option<(&'a Gpu, Test)>,
    precision: Precision,
    choices: Option<&'a Choices>,
}

impl<'a> Chooser<'a> {
    /// For a device that is there, with what was measured on it if `options` want that.
    pub(super) fn of(gpu: &'a Gpu, options: Options, test: Test) -> Self {
        let choices = Some(gpu.choices()).filter(|choices| options.tuned && !choices.is_empty());
        Self { choices, gpu: Some((gpu, test)), ..Self::unmeasured(gpu.capabilities(), options) }
    }

    /// For a device that nothing was measured on.
    pub(super) fn unmeasured(device: &'a Capabilities, options: Options) -> Self {
        let halves = options.precision == Precision::F16;
        let device = if halves { Cow::Owned(device.clone().for_halves()) } else { Cow::Borrowed(device) };
        Self { device, gpu: None, precision: options.precision, choices: None }
    }

    /// What operators are told that the device can do.
    pub(super) fn device(&self) -> &Capabilities {
        &self.device
    }

    /// The way that a step goes.
    pub(super) fn choose(&self, program: &Program, step: &Step) -> Result<Candidate> {
        let mut candidates = self.candidates(program, step)?;
        let fastest = self.choices.filter(|_| candidates.len() > 1).and_then(|choices| {
            let choice = choices.get(&key(program, step, self.precision, &candidates))?;
            names(&candidates).iter().position(|name| *name == choice.name)
        });
        let best = fastest.unwrap_or(0);
        if is_on_matrices(&candidates[best]) && self.gpu.is_some_and(|(gpu, test)| !gpu.matrices_work(|| test(gpu))) {
            candidates.retain(|candidate| !is_on_matrices(candidate));
            return Ok(candidates.swap_remove(0));
        }
        Ok(candidates.swap_remove(best))
    }

    /// The ways that the device can go, the best guess first: one at least.
    pub(super) fn candidates(&self, program: &Program, step: &Step) -> Result<Vec<Candidate>> {
        let inputs: Vec<&TensorType> = step.inputs.iter().map(|&v| program.ty(v)).collect();
        let outputs: Vec<&TensorType> = step.outputs.iter().map(|&v| program.ty(v)).collect();
        let site = Site { inputs: &inputs, outputs: &outputs, device: &self.device, precision: self.precision, finish: None, begin: None };
        let mut reason = "there is no kernel for it".to_owned();
        let mut candidates = step.op.launch(&site)?;
        candidates.retain(|candidate| {
            let misfit = misfit(&site, candidate);
            let fits = misfit.is_none();
            reason = misfit.unwrap_or_else(|| std::mem::take(&mut reason));
            fits
        });
        if candidates.is_empty() {
            return Err(Error::Device(format!("{} {}: {reason}", step.label, program.signature(step))));
        }
        Ok(candidates)
    }
}

/// Whether a way multiplies matrices by subgroups, which a driver may do wrongly.
pub(super) fn is_on_matrices(candidate: &Candidate) -> bool {
    candidate.launches.iter().any(|launch| launch.kernel.needs().contains(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX))
}

/// A name for each of a step's ways: its kernels, and which of those with these kernels it is.
pub(super) fn names(candidates: &[Candidate]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let mut kernels: Vec<&str> = candidate.launches.iter().map(|launch| launch.kernel.name).collect();
        kernels.dedup();
        let kernels = kernels.join(" + ");
        let before = names.iter().filter(|name| name.split(" #").next() == Some(kernels.as_str())).count();
        names.push(if before == 0 { kernels } else { format!("{kernels} #{}", before + 1) });
    }
    names
}

/// What a choice is made for: the operator with its attributes, the class of each shape, the precision, and the shaders' texts.
pub(super) fn key(program: &Program, step: &Step, precision: Precision, candidates: &[Candidate]) -> String {
    let mut key = format!("{} {:016x}", step.op.name(), hash(format!("{:?}", step.op).as_bytes()));
    for &value in step.inputs.iter().chain(&step.outputs) {
        let ty = program.ty(value);
        let _ = write!(key, " {}[{}]", ty.dtype, ty.shape.iter().map(|&size| class(size)).collect::<Vec<_>>().join(" "));
    }
    let texts = candidates.iter().flat_map(|c| &c.launches).map(|l| expand(&l.header, l.kernel.source));
    let texts = texts.fold(0u64, |sum, text| sum.rotate_left(1) ^ hash(text.as_bytes()));
    let _ = write!(key, " {precision:?} {texts:016x}");
    key
}

/// Sizes that want the same kernel: small ones are a class each; others by the power of 2 below, and what divides them of 64, 16 and 4.
fn class(size: usize) -> String {
    let divides = [64, 16, 4].into_iter().find(|d| size.is_multiple_of(*d)).unwrap_or(1);
    if size <= 8 { size.to_string() } else { format!("2^{}/{divides}", size.ilog2()) }
}

/// Why the device cannot go a way.
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
        if launch.turns > site.device.max_turns as u64 {
            let most = site.device.max_turns;
            return Some(format!("loops of {kernel} take {} turns, which {name} may cut off: it is sure of {most}", launch.turns));
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
        Slot::Largest(_) | Slot::Noted => 4,
        Slot::Absent => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_sorted_by_power_and_divisor() {
        assert_eq!(
            [1, 8, 9, 12, 15, 16, 60, 64, 65, 640].map(class),
            ["1", "8", "2^3/1", "2^3/4", "2^3/1", "2^4/16", "2^5/4", "2^6/64", "2^6/1", "2^9/64"]
        );
    }
}
