//! Case tables of all operators.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail where it stands")]

#[path = "../common/mod.rs"]
mod common;

mod additive_attention;
mod affine_grid;
mod affine_sample;
mod arg_reduce;
mod attention;
mod avg_pool2d;
mod batch_norm;
mod binary;
mod cast;
mod clip;
mod compare;
mod concat;
mod conv2d;
mod conv_transpose2d;
mod expand;
mod gather;
mod gather_elements;
mod global_pool2d;
mod grid_sample;
mod layer_norm;
mod logical;
mod matmul;
mod max_pool2d;
mod max_unpool2d;
mod pad;
mod reduce;
mod reshape;
mod resize;
mod slice;
mod softmax;
mod split;
mod transpose;
mod unary;
mod vision;
mod where_;
mod windows;
