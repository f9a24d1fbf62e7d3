//! An operator that tells the largest finite magnitude of a tensor, as kernels on matrices are told it.

use foveate::array::{Array, DType, TensorType};
use foveate::error::Result;
use foveate::gpu::{Field, Kernel, KernelParams, Launch, Slot};
use foveate::ops::{Candidate, Op, Site};

/// Of f32 numbers of any shape the bits of the largest finite magnitude, an i32.
#[derive(Debug)]
pub struct Largest;

#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Params {
    none: u32,
}

impl KernelParams for Params {
    const FIELDS: &'static [Field] = &[Field { name: "none", offset: 0, size: 4 }];
}

static COPY: Kernel = Kernel {
    name: "test/largest",
    source: "@group(0) @binding(1) var<storage, read> largest: u32;\n\
        @group(0) @binding(2) var<storage, read_write> output: array<u32>;\n\
        @compute @workgroup_size(1)\n\
        fn main() { output[0] = largest; }\n",
    params: Params::FIELDS,
    header: "",
};

impl Op for Largest {
    fn name(&self) -> &'static str {
        "largest"
    }

    fn infer(&self, _: &[&TensorType]) -> Result<Vec<TensorType>> {
        Ok(vec![TensorType::new(DType::I32, [1])])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let finite = |x: &f32| if x.is_finite() { x.abs().to_bits() } else { 0 };
        let most = inputs[0].values::<f32>()?.iter().map(finite).max().unwrap_or(0);
        Ok(vec![Array::full([1], most.cast_signed())])
    }

    fn launch(&self, _: &Site<'_>) -> Result<Vec<Candidate>> {
        let launch = Launch::new(&COPY, &Params { none: 0 }, 1).bind(Slot::Largest(0), false, None).output(0);
        Ok(vec![Candidate::one(launch)])
    }
}
