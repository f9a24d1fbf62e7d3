//! Kernels: a WGSL file and the layout of its parameters.

use super::capabilities::{LANES, MATRICES};
use wgpu::Features;

/// One compute shader.
#[derive(Debug)]
pub struct Kernel {
    /// Its path under `shaders/`, without the extension.
    pub name: &'static str,
    /// Its text, with imports not yet expanded.
    pub source: &'static str,
    /// The fields of its `Params`, as the host lays them out.
    pub params: &'static [Field],
    /// A header that the text is complete with, for kernels that a launch always gives one.
    pub header: &'static str,
}

impl Kernel {
    /// What it needs beyond WebGPU's baseline: those for [`Capabilities::has_lanes`](super::Capabilities::has_lanes), and those on
    /// [matrices](super::Capabilities::matrices).
    pub fn needs(&self) -> Features {
        match self.name.rsplit('/').next() {
            Some(name) if name.ends_with("lanes") => LANES,
            Some("matrices") => MATRICES,
            _ => Features::empty(),
        }
    }
}

/// One field of a `Params` struct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name, the same on both sides.
    pub name: &'static str,
    /// Bytes from the start of the struct.
    pub offset: usize,
    /// Bytes.
    pub size: usize,
}

/// A `Params` struct that knows its own layout.
pub trait KernelParams: bytemuck::Pod {
    /// The fields in order.
    const FIELDS: &'static [Field];
}

/// Declares `Params` structs: `repr(C)`, Pod, zero by default, with their layout for the test that compares it with the WGSL struct.
///
/// WGSL aligns `vec4` to 16 bytes and `vec2` to 8: put `[u32; 4]` fields first, then `[u32; 2]`, then scalars.
macro_rules! params {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($field:ident: $ty:ty),* $(,)? }) => {
        $(#[$meta])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, bytemuck::Pod, bytemuck::Zeroable)]
        $vis struct $name { $(pub(crate) $field: $ty),* }

        impl $crate::gpu::KernelParams for $name {
            const FIELDS: &'static [$crate::gpu::Field] = &[$($crate::gpu::Field {
                name: stringify!($field),
                offset: std::mem::offset_of!($name, $field),
                size: std::mem::size_of::<$ty>(),
            }),*];
        }
    };
}
pub(crate) use params;

/// The kernel in `shaders/<name>.wgsl` with parameters of type `Params`; `header` is one it is complete with, if it needs any.
macro_rules! kernel {
    ($name:literal, $params:ty) => {
        $crate::gpu::kernel!($name, $params, header: "")
    };
    ($name:literal, $params:ty, header: $header:expr) => {
        $crate::gpu::Kernel {
            name: $name,
            source: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $name, ".wgsl")),
            params: <$params as $crate::gpu::KernelParams>::FIELDS,
            header: $header,
        }
    };
}
pub(crate) use kernel;
