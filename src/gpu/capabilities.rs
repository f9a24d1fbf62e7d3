//! What an open device can do, read once.

use crate::array::DType;
use crate::error::{Error, Result};
use std::ops::Range;
use wgpu::{DeviceType, Features, Limits};

/// What kernels for lanes need.
pub(super) const LANES: Features = Features::SUBGROUP.union(Features::SHADER_INT64);
/// What kernels on matrices need.
pub(super) const MATRICES: Features = Features::EXPERIMENTAL_COOPERATIVE_MATRIX.union(Features::SHADER_F16).union(Features::SUBGROUP);

/// Whether these are square matrices of f16 of this side, summed in f32.
fn multiplies(m: &wgpu::CooperativeMatrixProperties, side: u32) -> bool {
    use wgpu::CooperativeScalarType::{F16, F32};
    [m.m_size, m.n_size, m.k_size] == [side; 3] && m.ab_type == F16 && m.cr_type == F32
}

/// What kernel choice may depend on.
#[derive(Clone, Debug)]
pub struct Capabilities {
    /// The adapter's name.
    pub name: String,
    /// The driver's name and version.
    pub driver: String,
    /// The graphics API underneath.
    pub backend: wgpu::Backend,
    /// Whether shaders run on the CPU.
    pub software: bool,
    /// Enabled features.
    pub features: Features,
    /// Granted limits.
    pub limits: Limits,
    /// Smallest and largest subgroup.
    pub subgroup_sizes: (u32, u32),
    /// The side of the square matrices of f16 that subgroups, all of one size, multiply and sum in f32; `None` if they do not.
    pub matrices: Option<u32>,
    /// Whether kernels get their parameters from a storage buffer rather than from the uniform one that their text declares.
    ///
    /// lavapipe specialises a shader for the values of uniforms that its branches and loops depend on: it optimises the shader
    /// anew whenever bindings change, which costs some 2 ms a dispatch. So on software adapters, unless they are fully checked.
    pub params_in_storage: bool,
    /// Turns that the loops of an invocation may take together: any number, but on Mesa's software adapter.
    ///
    /// That one ends all of them after 65,535, without a word: what has not been added by then is missing. Some are left for loops whose turns
    /// no size decides. No capability tells, so it is known by its name.
    pub max_turns: usize,
}

/// A part of a tensor that one binding can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Bytes of the tensor's buffer to bind; the start is aligned as the device demands.
    pub bytes: Range<u64>,
    /// Elements from the start of the window to the first one wanted.
    pub skip: u32,
}

impl Capabilities {
    pub(super) fn read(device: &wgpu::Device, matrices: &[wgpu::CooperativeMatrixProperties], checked: bool) -> Self {
        let info = device.adapter_info();
        let ends_loops = info.name.contains("llvmpipe");
        Self {
            // Browsers tell nobody what they run on.
            name: if info.name.is_empty() { format!("unnamed adapter ({:?})", info.backend) } else { info.name },
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
            backend: info.backend,
            software: info.device_type == DeviceType::Cpu,
            features: device.features(),
            limits: device.limits(),
            subgroup_sizes: (info.subgroup_min_size, info.subgroup_max_size),
            // Elsewhere than on Vulkan matrices do not go to and from arrays of vectors.
            matrices: Some(matrices)
                .filter(|_| info.backend == wgpu::Backend::Vulkan && device.features().contains(MATRICES))
                .filter(|_| info.subgroup_min_size == info.subgroup_max_size)
                .and_then(|all| [16, 8].into_iter().find(|&side| all.iter().any(|m| multiplies(m, side)))),
            params_in_storage: info.device_type == DeviceType::Cpu && !checked,
            max_turns: if ends_loops { 60_000 } else { usize::MAX },
        }
    }

    /// A GPU of common limits and no optional features, for what is computed without opening one: WebGPU's defaults, and bindings of
    /// up to 2 GiB.
    pub fn common() -> Self {
        let most = 1 << 31;
        Self {
            name: "a GPU of common limits".to_owned(),
            driver: String::new(),
            backend: wgpu::Backend::Noop,
            software: false,
            features: Features::empty(),
            limits: Limits { max_storage_buffer_binding_size: most, max_buffer_size: most, ..Limits::default() },
            subgroup_sizes: (32, 32),
            matrices: None,
            params_in_storage: false,
            max_turns: usize::MAX,
        }
    }

    /// The same device for tensors of f32 that lie on it as f16: windows begin at multiples of twice as many bytes, since half of these
    /// are bound.
    pub(crate) fn for_halves(mut self) -> Self {
        self.limits.min_storage_buffer_offset_alignment = self.limits.min_storage_buffer_offset_alignment.saturating_mul(2);
        self
    }

    /// Whether a subgroup is one vector of 8 lanes of a CPU, and shaders have 64-bit integers: for kernels that load little and share
    /// what they load by shuffles, which on a CPU cost next to nothing.
    pub fn has_lanes(&self) -> bool {
        self.software && self.subgroup_sizes == (8, 8) && self.features.contains(LANES)
    }

    /// Whether a component of a vector in a storage buffer is stored alone: as an address of its own to Vulkan, and as naga writes it for
    /// Direct3D. A driver of Metal may write the whole vector, over what a neighbour stores.
    pub fn stores_components(&self) -> bool {
        matches!(self.backend, wgpu::Backend::Vulkan | wgpu::Backend::Dx12)
    }

    /// The most bytes that one storage binding can show a shader.
    pub fn max_binding(&self) -> u64 {
        self.limits.max_storage_buffer_binding_size
    }

    /// Refuses a dtype that shaders of this device cannot compute with.
    ///
    /// # Errors
    /// [`Error::Device`] for f64 where the adapter has no 64-bit floats.
    pub fn check_computes(&self, dtype: DType) -> Result<()> {
        if dtype == DType::F64 && !self.features.contains(Features::SHADER_F64) {
            return Err(Error::Device(format!("{} has no 64-bit floats", self.name)));
        }
        Ok(())
    }

    /// The window that holds `elements` of a tensor whose elements have `size` bytes. It starts and ends on whole `vec4`s.
    pub fn window(&self, elements: Range<u64>, size: u64) -> Window {
        let align = u64::from(self.limits.min_storage_buffer_offset_alignment.max(16));
        let start = elements.start * size / align * align;
        let skip = u32::try_from((elements.start * size - start) / size).unwrap_or(u32::MAX);
        Window { bytes: start..(elements.end * size).next_multiple_of(16), skip }
    }

    /// Cuts `rows` into the fewest ranges for which every tensor's window fits a binding.
    ///
    /// `row_bytes` are the bytes that one row takes in each tensor that is cut. `None` if a single row does not fit.
    pub fn cut(&self, rows: usize, row_bytes: &[u64]) -> Option<Vec<Range<usize>>> {
        let align = u64::from(self.limits.min_storage_buffer_offset_alignment.max(16));
        let widest = row_bytes.iter().copied().max().unwrap_or(0).max(1);
        if widest * rows as u64 <= self.max_binding() {
            return Some(std::iter::once(0..rows).collect());
        }
        // A window starts up to `align - 4` bytes before the row that it is for, and ends up to 12 after it, unless rows are
        // whole steps of alignment.
        let slack = |bytes: u64| if bytes.is_multiple_of(align) { 0 } else { align + 16 };
        let rows_of = |bytes: u64| self.max_binding().saturating_sub(slack(bytes)) / bytes.max(1);
        let most = usize::try_from(row_bytes.iter().copied().map(rows_of).min().unwrap_or(0)).unwrap_or(usize::MAX);
        if most == 0 {
            return None;
        }
        let parts = rows.div_ceil(most);
        let step = rows.div_ceil(parts);
        Some((0..rows).step_by(step).map(|start| start..rows.min(start + step)).collect())
    }
}
