//! `foveate devices`

use clap::Args;
use foveate::Result;
use foveate::gpu::{Adapter, adapters};
use std::process::ExitCode;
use wgpu::Features;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  foveate devices                              the preferred adapter comes first
  foveate segment --adapter llvmpipe me.jpg    any part of a name chooses an adapter")]
pub(super) struct Devices {}

/// Features that kernels may use, as people call them.
const FEATURES: [(&str, Features); 6] = [
    ("timestamps", Features::TIMESTAMP_QUERY),
    ("f16", Features::SHADER_F16),
    ("f64", Features::SHADER_F64),
    ("subgroups", Features::SUBGROUP),
    ("cooperative matrices", Features::EXPERIMENTAL_COOPERATIVE_MATRIX),
    ("pipeline cache", Features::PIPELINE_CACHE),
];

impl Devices {
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "the shape of a command")]
    pub(super) fn run(self) -> Result<ExitCode> {
        let found = adapters();
        if found.is_empty() {
            println!("No adapters. Install your GPU's Vulkan driver, or Mesa's software one (apt-get install mesa-vulkan-drivers).");
            return Ok(ExitCode::FAILURE);
        }
        found.iter().for_each(print);
        Ok(ExitCode::SUCCESS)
    }
}

fn print(adapter: &Adapter) {
    let (info, limits) = (&adapter.info, &adapter.limits);
    let kind = match info.device_type {
        wgpu::DeviceType::DiscreteGpu => "discrete GPU",
        wgpu::DeviceType::IntegratedGpu => "integrated GPU",
        wgpu::DeviceType::VirtualGpu => "virtual GPU",
        wgpu::DeviceType::Cpu => "software, runs on the CPU",
        wgpu::DeviceType::Other => "of unknown kind",
    };
    let features: Vec<&str> = FEATURES.iter().filter(|(_, f)| adapter.features.contains(*f)).map(|(name, _)| *name).collect();
    println!("{}\n  {:?}, {kind}; {} {}", info.name, info.backend, info.driver, info.driver_info);
    println!("  features    {}", features.join(", "));
    println!("  subgroups   {} to {} invocations", info.subgroup_min_size, info.subgroup_max_size);
    if !adapter.matrices.is_empty() {
        let size = |m: &wgpu::CooperativeMatrixProperties| {
            format!("{}x{}x{} of {:?} summed in {:?}", m.m_size, m.n_size, m.k_size, m.ab_type, m.cr_type)
        };
        println!("  matrices    {}", adapter.matrices.iter().map(size).collect::<Vec<_>>().join(", "));
    }
    println!(
        "  workgroups  {} invocations, {} bytes of shared memory",
        limits.max_compute_invocations_per_workgroup, limits.max_compute_workgroup_storage_size
    );
    println!(
        "  bindings    {} storage buffers of at most {} each; a buffer at most {}",
        limits.max_storage_buffers_per_shader_stage,
        size(limits.max_storage_buffer_binding_size),
        size(limits.max_buffer_size)
    );
}

/// Bytes as people read them.
fn size(bytes: u64) -> String {
    match bytes {
        b if b >= 1 << 30 => format!("{:.2} GiB", b as f64 / f64::from(1 << 30)),
        b => format!("{:.1} MiB", b as f64 / f64::from(1 << 20)),
    }
}
