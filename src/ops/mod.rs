//! Operators: the contract, and one room for each.
//!
//! To add one: its file here, its shader, its case table under `tests/ops/`, a line in the list at the bottom.

mod broadcast;
mod check;
mod contract;
mod copy;
mod map;
mod nest;
mod rows;
mod windows;

pub(crate) use check::*;
pub use contract::{Candidate, Op, Precision, Site};
pub(crate) use nest::*;
pub(crate) use rows::*;

/// Declares each operator's module, re-exports what it makes public and gathers its kernels.
macro_rules! ops {
    ($($module:ident),* $(,)?) => {
        $(mod $module; pub use $module::*;)*

        /// Every kernel of every operator.
        pub fn kernels() -> Vec<&'static crate::gpu::Kernel> {
            [$($module::KERNELS),*].concat()
        }
    };
}

ops! {
    additive_attention,
    affine_grid,
    affine_sample,
    arg_reduce,
    attention,
    avg_pool2d,
    batch_norm,
    binary,
    cast,
    center_crop_pad,
    clip,
    col2im,
    compare,
    concat,
    conv2d,
    conv_transpose2d,
    deform_conv2d,
    det,
    expand,
    gather,
    gather_elements,
    global_pool2d,
    grid_sample,
    layer_norm,
    logical,
    lrn,
    matmul,
    max_pool2d,
    max_unpool,
    max_unpool2d,
    norms,
    pad,
    reduce,
    reshape,
    resize,
    roi_align,
    slice,
    softmax,
    split,
    transpose,
    unary,
    where_,
}
