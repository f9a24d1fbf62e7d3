//! Compute pipelines with explicit layouts.

use super::half::halve;
use super::{Launch, StandIn, expand};
use crate::error::Result;

/// A compiled kernel and the layout of its bind group.
#[derive(Debug)]
pub struct Pipeline {
    /// The pipeline.
    pub pipeline: wgpu::ComputePipeline,
    /// The layout of bind group 0.
    pub layout: wgpu::BindGroupLayout,
}

/// How a device's shaders are compiled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    /// With all run-time checks.
    pub(super) checked: bool,
    /// `params` are a read-only storage buffer; see [`Capabilities::params_in_storage`](super::Capabilities).
    pub(super) params_in_storage: bool,
    /// The GPU whose matrices are spelt out for threads.
    pub(super) stand_in: Option<StandIn>,
}

/// What makes one pipeline differ from another.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    kernel: &'static str,
    header: String,
    constants: Vec<(&'static str, u64)>,
    /// Of each binding, whether it is written to and whether it is kept in f16.
    bindings: Vec<(bool, bool)>,
}

impl Key {
    pub(super) fn of(launch: &Launch) -> Self {
        Self {
            kernel: launch.kernel.name,
            header: launch.header.clone(),
            constants: launch.constants.iter().map(|&(name, value)| (name, value.to_bits())).collect(),
            bindings: launch.bindings.iter().map(|b| (b.write, b.half)).collect(),
        }
    }
}

/// # Errors
/// If a binding cannot be kept in f16 that should be.
pub(super) fn compile(device: &wgpu::Device, launch: &Launch, options: Options, cache: Option<&wgpu::PipelineCache>) -> Result<Pipeline> {
    let label = Some(launch.kernel.name);
    let Options { checked, params_in_storage, stand_in } = options;
    let mut text = expand(&launch.header, launch.kernel.source);
    if params_in_storage {
        text = text.replace("var<uniform> params", "var<storage, read> params");
    }
    let halves: Vec<usize> = launch.bindings.iter().zip(1..).filter(|(b, _)| b.half).map(|(_, number)| number).collect();
    if !halves.is_empty() {
        text = halve(launch.kernel.name, &text, &halves)?;
    }
    if let Some(stand_in) = stand_in {
        text = stand_in.spell_out(&text);
    }
    let source = wgpu::ShaderSource::Wgsl(text.into());
    let checks =
        wgpu::ShaderRuntimeChecks { force_loop_bounding: checked, int_div_checks: checked, ..wgpu::ShaderRuntimeChecks::checked() };
    // SAFETY: the text is the crate's own. Bounds checks stay on; every loop's bound is finite by construction
    // and every divisor is a size that the host has checked to be positive.
    let module = unsafe { device.create_shader_module_trusted(wgpu::ShaderModuleDescriptor { label, source }, checks) };
    let layout =
        device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &layout_entries(launch, params_in_storage) });
    let pipeline_layout =
        device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor { label, bind_group_layouts: &[Some(&layout)], immediate_size: 0 });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label,
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions { constants: &launch.constants, zero_initialize_workgroup_memory: false },
        cache,
    });
    Ok(Pipeline { pipeline, layout })
}

fn layout_entries(launch: &Launch, params_in_storage: bool) -> Vec<wgpu::BindGroupLayoutEntry> {
    let entry = |binding, ty| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
        count: None,
    };
    let storage = launch.bindings.iter().map(|b| wgpu::BufferBindingType::Storage { read_only: !b.write });
    let params = if params_in_storage { wgpu::BufferBindingType::Storage { read_only: true } } else { wgpu::BufferBindingType::Uniform };
    std::iter::once(params).chain(storage).zip(0..).map(|(ty, binding)| entry(binding, ty)).collect()
}
