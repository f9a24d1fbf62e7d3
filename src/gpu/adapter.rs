//! Finding an adapter by preference or by name, and opening it.

use super::{StandIn, waited};
use crate::error::{Error, Result};
use wgpu::{Backends, DeviceType, Features};

/// How to open a device.
#[derive(Clone, Debug)]
pub struct GpuOptions {
    /// Part of the adapter's name, its backend's or its driver's, in any case; `None` takes the best.
    pub adapter: Option<String>,
    /// Compile every shader as it is written and with all run-time checks: slow, for tests.
    pub checked: bool,
    /// Keep compiled pipelines on disk where the backend can.
    pub disk_cache: bool,
    /// Take the kernels that this GPU would, whatever the adapter: slow, for tests.
    pub stand_in: Option<StandIn>,
}

impl Default for GpuOptions {
    fn default() -> Self {
        Self { adapter: None, checked: false, disk_cache: true, stand_in: None }
    }
}

impl GpuOptions {
    /// The defaults, with the adapter that the environment variable `FOVEATE_ADAPTER` names.
    pub fn from_env() -> Self {
        let adapter = std::env::var("FOVEATE_ADAPTER").ok().filter(|name| !name.is_empty());
        Self { adapter, ..Self::default() }
    }
}

/// An adapter of this machine, not yet opened.
#[derive(Clone, Debug)]
pub struct Adapter {
    /// Name, driver and backend.
    pub info: wgpu::AdapterInfo,
    /// What it could enable.
    pub features: Features,
    /// The most it allows.
    pub limits: wgpu::Limits,
    /// Sizes and types of the matrices that its subgroups multiply together.
    pub matrices: Vec<wgpu::CooperativeMatrixProperties>,
}

/// What to tell a person whose machine has no adapter.
const NO_ADAPTER: &str = "no GPU adapter was found: install your GPU's Vulkan driver, or Mesa's software one \
    (Debian and Ubuntu: apt-get install mesa-vulkan-drivers), or ask for the CPU reference with --device cpu";

/// Features that kernels use where an adapter has them.
const WANTED: Features = Features::TIMESTAMP_QUERY
    .union(Features::SHADER_F16)
    .union(Features::SHADER_F64)
    .union(Features::SHADER_INT64)
    .union(Features::SUBGROUP)
    .union(Features::EXPERIMENTAL_COOPERATIVE_MATRIX)
    .union(Features::PIPELINE_CACHE);

/// All adapters, the preferred one first; none in a browser, which does not let anybody wait for its answer.
pub fn adapters() -> Vec<Adapter> {
    let described = |a: wgpu::Adapter| Adapter {
        info: a.get_info(),
        features: a.features(),
        limits: a.limits(),
        matrices: a.cooperative_matrix_properties(),
    };
    waited(async { Ok(ranked().await) }).unwrap_or_default().into_iter().map(described).collect()
}

/// An open device, and what its subgroups multiply.
pub(super) struct Opened {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) matrices: Vec<wgpu::CooperativeMatrixProperties>,
}

/// Opens the adapter that `options` ask for.
pub(super) async fn open(options: &GpuOptions) -> Result<Opened> {
    let found = ranked().await;
    if found.is_empty() {
        return Err(Error::Device(NO_ADAPTER.to_owned()));
    }
    let names: Vec<String> = found.iter().map(|a| a.get_info().name).collect();
    let adapter = match &options.adapter {
        None => found.into_iter().next(),
        Some(wanted) => found.into_iter().find(|a| answers_to(&a.get_info(), wanted)),
    };
    let Some(adapter) = adapter else {
        let wanted = options.adapter.as_deref().unwrap_or_default();
        return Err(Error::Device(format!("no adapter is called '{wanted}'; this machine has: {}", names.join(", "))));
    };
    let info = adapter.get_info();
    if info.device_type == DeviceType::Cpu {
        tracing::warn!("{} is a software adapter: every shader runs on the CPU", info.name);
    }
    let descriptor = wgpu::DeviceDescriptor {
        label: Some("foveate"),
        required_features: adapter.features() & WANTED,
        required_limits: adapter.limits(),
        // SAFETY: of the experimental features matrices alone are asked for. Their kernels are the crate's own, read and write inside
        // of their arrays, and compute nothing for anybody before every element of a product has been seen to be right.
        experimental_features: unsafe { wgpu::ExperimentalFeatures::enabled() },
        ..Default::default()
    };
    let opened = adapter.request_device(&descriptor).await;
    let (device, queue) = opened.map_err(|e| Error::Device(format!("{} could not be opened: {e}", info.name)))?;
    Ok(Opened { device, queue, matrices: adapter.cooperative_matrix_properties() })
}

async fn ranked() -> Vec<wgpu::Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let mut found = instance.enumerate_adapters(Backends::all()).await;
    found.retain(|a| a.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS));
    found.sort_by_key(|a| rank(a.get_info().device_type));
    found
}

fn rank(kind: DeviceType) -> u8 {
    match kind {
        DeviceType::DiscreteGpu => 0,
        DeviceType::IntegratedGpu => 1,
        DeviceType::VirtualGpu => 2,
        DeviceType::Other => 3,
        DeviceType::Cpu => 4,
    }
}

fn answers_to(info: &wgpu::AdapterInfo, wanted: &str) -> bool {
    let wanted = wanted.to_lowercase();
    [&info.name, &info.driver, &format!("{:?}", info.backend)].iter().any(|name| name.to_lowercase().contains(&wanted))
}
