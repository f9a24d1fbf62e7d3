//! Operators as another device would run them: kernels meant for GPUs, or for small bindings, on the adapter of the tests.

use foveate::Result;
use foveate::array::{Array, TensorType};
use foveate::gpu::{Capabilities, Slot};
use foveate::ops::{Candidate, Op, Precision, Site};
use std::sync::Arc;

use super::gpu;

/// An operator that is told of a device other than the one it runs on.
#[derive(Clone, Debug)]
pub struct Elsewhere {
    op: Arc<dyn Op>,
    change: fn(&mut Capabilities),
    kernel: Option<&'static str>,
}

/// Makes a device one that shows a shader 4 KiB at a time, from multiples of 256 bytes on.
pub fn small_bindings(device: &mut Capabilities) {
    device.limits.max_storage_buffer_binding_size = 4096;
    device.limits.min_storage_buffer_offset_alignment = 256;
}

/// Makes a device a software adapter whose subgroups are the 8 lanes of a vector, as lavapipe's are.
pub fn with_lanes(device: &mut Capabilities) {
    (device.software, device.subgroup_sizes, device.matrices) = (true, (8, 8), None);
    device.features |= wgpu::Features::SUBGROUP | wgpu::Features::SHADER_INT64;
}

/// The kernels of the launches that `op` would have first for these f32 inputs, on the adapter of the tests changed by `change`.
pub fn launches(op: &dyn Op, change: impl Fn(&mut Capabilities), shapes: &[&[usize]]) -> Vec<&'static str> {
    let mut device = gpu().capabilities().clone();
    change(&mut device);
    let types: Vec<TensorType> = shapes.iter().map(|&shape| TensorType::f32(shape)).collect();
    let types: Vec<&TensorType> = types.iter().collect();
    let outputs = op.infer(&types).unwrap();
    let outputs: Vec<&TensorType> = outputs.iter().collect();
    let site = Site { inputs: &types, outputs: &outputs, device: &device, precision: Precision::F32, finish: None, begin: None };
    op.launch(&site).unwrap()[0].launches.iter().map(|l| l.kernel.name).collect()
}

impl Elsewhere {
    /// `op` on a device that differs by `change`.
    pub fn new(op: impl Op + 'static, change: fn(&mut Capabilities)) -> Self {
        Self::of(Arc::new(op), change)
    }

    /// [`Elsewhere::new`] for an operator that is shared already.
    pub fn of(op: Arc<dyn Op>, change: fn(&mut Capabilities)) -> Self {
        Self { op, change, kernel: None }
    }

    /// `op` as a GPU would run it.
    pub fn gpu(op: impl Op + 'static) -> Self {
        Self::new(op, |device| device.software = false)
    }

    /// `op` as a software adapter runs it whose subgroups are not the 8 lanes of a vector.
    pub fn without_lanes(op: impl Op + 'static) -> Self {
        Self::new(op, |device| (device.software, device.subgroup_sizes, device.matrices) = (true, (4, 4), None))
    }

    /// `op` cut into the windows of a device with [`small_bindings`].
    pub fn windows(op: impl Op + 'static) -> Self {
        Self::new(op, small_bindings)
    }

    /// `op` by `kernel`, which is for lanes, where the adapter of the tests has them; by every other one elsewhere.
    pub fn lanes(op: impl Op + 'static, kernel: &'static str) -> Self {
        Self { kernel: gpu().capabilities().has_lanes().then_some(kernel), ..Self::new(op, |_| {}) }
    }

    /// Only the candidates whose every launch is of `kernel`.
    pub fn only(mut self, kernel: &'static str) -> Self {
        self.kernel = Some(kernel);
        self
    }
}

impl Op for Elsewhere {
    fn name(&self) -> &'static str {
        self.op.name()
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        self.op.infer(inputs)
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        self.op.reference(inputs)
    }

    fn expected(&self, inputs: &[&Array], found: &[Array]) -> Result<Vec<Array>> {
        self.op.expected(inputs, found)
    }

    fn exact(&self, slot: Slot) -> bool {
        self.op.exact(slot)
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let mut device = site.device.clone();
        (self.change)(&mut device);
        let mut candidates = self.op.launch(&Site { device: &device, ..*site })?;
        if let Some(kernel) = self.kernel {
            candidates.retain(|c| c.launches.iter().all(|l| l.kernel.name == kernel));
        }
        Ok(candidates)
    }
}
