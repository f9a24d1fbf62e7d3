//! Largest finite magnitudes of values, by which kernels scale: known ones written once, the others found in every run.

use super::layout::{self, Place};
use super::program::{Kind, Program};
use crate::array::Data;
use crate::error::Result;
use crate::gpu::Gpu;
use std::collections::HashMap;
use wgpu::{Buffer, BufferUsages, CommandEncoder};

/// One word for each value, at an offset that bindings may start at.
#[derive(Debug)]
pub(super) struct Largest {
    buffer: Option<Buffer>,
    /// Where the word of each value lies, aliases included.
    offsets: HashMap<usize, u64>,
    /// Where the words begin that are found in every run.
    found: u64,
}

impl Largest {
    /// Words for `values`, those first that are known now; `places` tell aliases.
    pub(super) fn new(gpu: &Gpu, program: &Program, places: &[Place], values: Vec<usize>) -> Result<Self> {
        if values.is_empty() {
            return Ok(Self { buffer: None, offsets: HashMap::new(), found: 0 });
        }
        let step = u64::from(gpu.capabilities().limits.min_storage_buffer_offset_alignment.max(16));
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST;
        let buffer = gpu.create_buffer("largest magnitudes", step * values.len() as u64, usage)?;
        let mut found = 0;
        for (&value, offset) in values.iter().zip((0..).step_by(usize::try_from(step).unwrap_or(usize::MAX))) {
            if let Kind::Constant(array) | Kind::Parameter(array) = &program.values[value].kind {
                let finite = |x: &f32| if x.is_finite() { x.abs().to_bits() } else { 0 };
                let most = if let Data::F32(values) = array.data() { values.iter().map(finite).max() } else { None };
                gpu.write_at(&buffer, offset, &most.unwrap_or(0).to_le_bytes());
                found = offset + step;
            }
        }
        let number = |value: usize| values.iter().position(|&v| v == layout::source(places, value));
        let offsets = (0..program.values.len()).filter_map(|value| Some((value, number(value)? as u64 * step))).collect();
        Ok(Self { buffer: Some(buffer), offsets, found })
    }

    /// Where the word of `value` lies.
    pub(super) fn place(&self, value: usize) -> Option<(&Buffer, u64)> {
        Some((self.buffer.as_ref()?, *self.offsets.get(&value)?))
    }

    /// Lets a run begin: nothing is found yet.
    pub(super) fn clear(&self, encoder: &mut CommandEncoder) {
        if let Some(buffer) = self.buffer.as_ref().filter(|buffer| self.found < buffer.size()) {
            encoder.clear_buffer(buffer, self.found, None);
        }
    }
}
