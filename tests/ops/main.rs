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
mod cumsum;
mod einsum;
mod expand;
mod gather;
mod gather_elements;
mod gather_nd;
mod global_pool2d;
mod grid_sample;
mod layer_norm;
mod logical;
mod matmul;
mod max_pool2d;
mod max_unpool2d;
mod one_hot;
mod pad;
mod rearranged;
mod reduce;
mod reshape;
mod resize;
mod reverse_sequence;
mod scatter;
mod slice;
mod softmax;
mod split;
mod topk;
mod transpose;
mod trilu;
mod unary;
mod where_;
mod windows;
