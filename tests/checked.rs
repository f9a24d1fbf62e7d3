//! Shaders compiled with all run-time checks compute what the references do: none relies on their absence.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail where it stands")]

mod common;

use common::{Bound, Case, Elsewhere, check_on, gpu, random, random_below};
use foveate::array::Hw;
use foveate::gpu::{Gpu, GpuOptions};
use foveate::ops::*;

/// The tests' adapter, with every check compiled in.
fn checked() -> Gpu {
    let adapter = Some(gpu().capabilities().name.clone());
    Gpu::open(&GpuOptions { adapter, checked: true, disk_cache: false, ..GpuOptions::default() }).unwrap()
}

#[test]
fn every_family() {
    // Functions of numbers below 1, exponentials and positions among pixels included: a few roundings of numbers near 1.
    let near = Bound::Near { absolute: 1e-5, relative: 1e-5 };
    // Positions in an image of 9 pixels a side are off by its size in roundings, times what neighbours differ by.
    let pixels = Bound::Near { absolute: 1e-4, relative: 0.0 };
    let conv = |groups| Conv2d { groups, ..Default::default() };
    let (image, weight) = (|| random(&[2, 6, 9, 11], 1), || random(&[6, 5, 3, 3], 2));
    let size = MaxUnpool2d { output_size: Some(Hw::new(9, 11)), ..Default::default() };
    let query = || vec![random(&[2, 2, 9, 12], 1), random(&[2, 2, 17, 12], 2), random(&[2, 2, 17, 8], 3)];
    let back = || [query(), vec![random(&[2, 2, 9, 8], 4), random(&[2, 2, 9, 8], 5)]].concat();
    let resize = |mode| Resize { mode, ..Resize::to(Hw::new(20, 7)) };
    let sum = Reduce { kind: ReduceKind::Mean, axes: vec![1], keepdims: true };
    let deconv = ConvTranspose2d { stride: Hw::square(2), ..Default::default() };
    check_on(
        &checked(),
        vec![
            Case::new("conv2d", conv(1), vec![image(), random(&[5, 6, 3, 3], 2)], Bound::Terms(54)),
            Case::new("conv2d on a GPU", Elsewhere::gpu(conv(1)), vec![image(), random(&[5, 6, 3, 3], 2)], Bound::Terms(54)),
            Case::new("depthwise", conv(6), vec![image(), random(&[6, 1, 3, 3], 2)], Bound::Terms(9)),
            Case::new("conv_transpose2d", deconv, vec![image(), weight()], Bound::Terms(54)),
            Case::new("conv_transpose2d on a GPU", Elsewhere::gpu(deconv), vec![image(), weight()], Bound::Terms(54)),
            Case::new("grid_sample", GridSample::default(), vec![image(), random(&[2, 5, 7, 2], 3)], pixels),
            Case::new("resize", resize(ResizeMode::Bilinear), vec![image()], pixels),
            Case::new("resize bicubic", resize(ResizeMode::Bicubic), vec![image()], pixels),
            Case::new("max_pool2d", MaxPool2dWithIndices::default(), vec![image()], Bound::Exact),
            Case::new("max_unpool2d", size, vec![random(&[2, 6, 4, 5], 1), random_below(&[2, 6, 4, 5], 2, 99)], Bound::Exact),
            Case::new("attention", Attention::default(), query(), near),
            Case::new("attention on a GPU", Elsewhere::gpu(Attention::default()), query(), near),
            Case::new("attention_gradient", AttentionGradient::default(), back(), near),
            Case::new("attention_gradient on a GPU", Elsewhere::gpu(AttentionGradient::default()), back(), near),
            Case::new("softmax", Softmax { axis: -1, log: false }, vec![random(&[9, 65], 1)], near),
            Case::new("mean", sum, vec![random(&[9, 65], 1)], near),
            Case::new("matmul", Matmul::default(), vec![random(&[9, 17], 1), random(&[17, 5], 2)], Bound::Terms(17)),
            Case::new(
                "matmul on a GPU",
                Elsewhere::gpu(Matmul::default()),
                vec![random(&[9, 17], 1), random(&[17, 5], 2)],
                Bound::Terms(17),
            ),
            Case::new("transpose", Transpose { perm: vec![2, 0, 1] }, vec![random(&[3, 5, 7], 1)], Bound::Exact),
            Case::new("binary", Binary::Add, vec![random(&[3, 5, 7], 1), random(&[7], 2)], Bound::Exact),
        ],
    );
}
