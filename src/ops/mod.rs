//! Operators: the contract, and one room for each.
//!
//! To add one: its file here, its shader, its case table under `tests/ops/`, a line in the list at the bottom.

mod adjoint;
mod begin;
mod broadcast;
mod chain;
mod check;
mod clear;
mod contract;
mod copy;
mod expression;
mod finish;
mod gradient;
mod map;
mod matrices;
mod nest;
mod parts;
mod planes;
mod rows;
mod slices;
mod sort;
mod together;
mod windows;

pub use begin::Begin;
pub(crate) use begin::{BEGIN_NUMBERS, Begun, UNBEGUN, begin_numbers, begun};
pub(crate) use chain::*;
pub(crate) use check::*;
pub use contract::{Candidate, Op, Precision, Site};
pub use expression::Expression;
pub use finish::Finish;
pub(crate) use finish::{FINISH_NUMBERS, Items, UNFINISHED, UNFINISHED_FOUR, finish_numbers, finished};
pub(crate) use gradient::*;
pub(crate) use matrices::{SCALED, largest};
pub(crate) use nest::*;
pub(crate) use rows::*;
use std::any::Any;
pub(crate) use together::{sum_of, waits};

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
    affine_grid3d,
    affine_sample,
    arg_reduce,
    attention,
    attention_gradient,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    batch_norm,
    batch_norm_training,
    binary,
    cast,
    center_crop_pad,
    clip,
    clip_gradient,
    col2im,
    compare,
    concat,
    conv2d,
    conv2d_weight,
    conv3d,
    conv_transpose2d,
    conv_transpose3d,
    cumsum,
    deform_conv2d,
    depth_to_space,
    det,
    detach,
    einsum,
    expand,
    fma_chain,
    fused,
    gather,
    gather_elements,
    gather_nd,
    gather_sum,
    global_pool2d,
    grid_sample,
    im2col,
    layer_norm,
    layer_norm_gradient,
    linear_recurrence,
    logical,
    lp_pool,
    lrn,
    lstm_cell,
    matmul,
    max_pool1d,
    max_pool2d,
    max_pool2d_gradient,
    max_pool3d,
    max_roi_pool,
    max_unpool,
    max_unpool2d,
    non_max_suppression,
    norms,
    one_hot,
    pad,
    qlinear,
    quantize_linear,
    quotient,
    random,
    recurrent,
    reduce,
    reshape,
    resize,
    reverse_sequence,
    roi_align,
    round_to,
    scatter,
    slice,
    softmax,
    split,
    topk,
    transpose,
    trilu,
    unary,
    upsample_argmax,
    where_,
    wrap_to,
}

/// `op` if it is a `T`: for operators that absorb others.
pub(crate) fn as_op<T: Op>(op: &dyn Op) -> Option<&T> {
    (op as &dyn Any).downcast_ref()
}
