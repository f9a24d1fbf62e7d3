//! GPU time of the operators, at sizes that a software adapter computes too: `cargo bench --bench ops [filter]`.
//!
//! `foveate bench` measures full sizes on real GPUs; this watches over changes of kernels.
#![expect(clippy::expect_used, reason = "a benchmark that fails stops")]

use criterion::{Criterion, criterion_group, criterion_main};
use foveate::Result;
use foveate::array::{Array, Hw, Pads, TensorType};
use foveate::gpu::Gpu;
use foveate::graph::{Graph, Var};
use foveate::ops::{AffineSample, Attention, Conv2d, ConvTranspose2d, GridSample};
use foveate::plan::Plan;
use std::cell::Cell;
use std::time::Duration;

/// Replays in one measurement: their mean is an iteration.
const REPLAYS: u32 = 10;

/// A name, and what builds the outputs to compute.
type Row = (&'static str, fn(&Inputs) -> Result<Var>);

/// One line for each: 0.1 GFLOP at most.
const ROWS: &[Row] = &[
    ("matmul/256x256x256", |t| t.f32([256, 256])?.matmul(&t.f32([256, 256])?)),
    ("matmul/255x255x255", |t| t.f32([255, 255])?.matmul(&t.f32([255, 255])?)),
    ("matmul/8 of 64x64x196", |t| t.f32([8, 64, 64])?.matmul(&t.f32([8, 64, 196])?)),
    ("matmul/vector 512x512", |t| t.f32([512])?.matmul(&t.f32([512, 512])?)),
    ("linear/64x256x256", |t| t.f32([64, 256])?.linear(&t.f32([256, 256])?, Some(&t.f32([256])?))),
    ("linear/1x1280x1000", |t| t.f32([1, 1280])?.linear(&t.f32([1000, 1280])?, Some(&t.f32([1000])?))),
    ("conv2d/3x3 64-64 @32", |t| t.conv([1, 64, 32, 32], [64, 64, 3, 3], conv(1, 1, 1))),
    ("conv2d/3x3 64-64 @31", |t| t.conv([1, 64, 31, 31], [64, 64, 3, 3], conv(1, 1, 1))),
    ("conv2d/3x3 stride 2 3-16 @256", |t| t.conv([1, 3, 256, 256], [16, 3, 3, 3], conv(2, 1, 1))),
    ("conv2d/1x1 64-64 @64", |t| t.conv([1, 64, 64, 64], [64, 64, 1, 1], conv(1, 0, 1))),
    ("conv2d/3x3 depthwise 72 @64", |t| t.conv([1, 72, 64, 64], [72, 1, 3, 3], conv(1, 1, 72))),
    ("conv2d/5x5 depthwise 96 @32", |t| t.conv([1, 96, 32, 32], [96, 1, 5, 5], conv(1, 2, 96))),
    ("conv2d/3x3 groups of 4, 32 @56", |t| t.conv([1, 32, 56, 56], [32, 4, 3, 3], conv(1, 1, 8))),
    ("conv2d/512-256 one pixel", |t| t.conv([1, 512, 1, 1], [256, 512, 1, 1], conv(1, 0, 1))),
    ("conv_transpose2d/fcn8s 16x16 stride 8, 6 channels", |t| t.deconv([1, 6, 70, 70], [6, 6, 16, 16], deconv(8, 0, 1))),
    ("conv_transpose2d/fcn32s 64x64 stride 32, 6 channels", |t| t.deconv([1, 6, 16, 16], [6, 6, 64, 64], deconv(32, 0, 1))),
    ("conv_transpose2d/dcgan 4x4 stride 2 64-32 @16", |t| t.deconv([1, 64, 16, 16], [64, 32, 4, 4], deconv(2, 1, 1))),
    ("conv_transpose2d/unet 2x2 stride 2 64-32 @32", |t| t.deconv([1, 64, 32, 32], [64, 32, 2, 2], deconv(2, 0, 1))),
    ("conv_transpose2d/depthwise 16x16 stride 8, 21 channels", |t| t.deconv([1, 21, 32, 32], [21, 1, 16, 16], deconv(8, 0, 21))),
    ("grid_sample/8x64 @32", |t| t.f32([8, 64, 32, 32])?.grid_sample(&t.f32([8, 32, 32, 2])?, GridSample::default())),
    ("grid_sample/3 @256", |t| t.f32([1, 3, 256, 256])?.grid_sample(&t.f32([1, 256, 256, 2])?, GridSample::default())),
    ("grid_sample/affine 3 @256", |t| {
        let attributes = AffineSample { size: Hw::square(256), sample: GridSample::default() };
        t.f32([1, 3, 256, 256])?.affine_sample(&t.f32([1, 2, 3])?, attributes)
    }),
    ("attention/2 heads of 256x64", |t| t.attention([1, 2, 256, 64], [1, 2, 256, 64])),
    ("attention/decode 8 heads of 1 to 1024x64", |t| t.attention([1, 8, 1, 64], [1, 8, 1024, 64])),
    ("attention/additive 4x196x512", |t| {
        let (projected, query, score) = (t.f32([4, 196, 512])?, t.f32([4, 512])?, t.f32([512])?);
        Ok(t.f32([4, 196, 512])?.additive_attention(&projected, &query, &score, None)?.0)
    }),
];

fn conv(stride: usize, padding: usize, groups: usize) -> Conv2d {
    Conv2d { stride: Hw::square(stride), padding: Pads::all(padding), groups, ..Default::default() }
}

fn deconv(stride: usize, padding: usize, groups: usize) -> ConvTranspose2d {
    ConvTranspose2d { stride: Hw::square(stride), padding: Pads::all(padding), groups, ..Default::default() }
}

/// Makes the inputs of a graph: nothing is known at compile time, so nothing is folded.
struct Inputs {
    graph: Graph,
    count: Cell<usize>,
}

impl Inputs {
    fn f32<const N: usize>(&self, shape: [usize; N]) -> Result<Var> {
        let count = self.count.get();
        self.count.set(count + 1);
        self.graph.input(&format!("input{count}"), TensorType::f32(shape))
    }

    fn conv(&self, input: [usize; 4], weight: [usize; 4], attributes: Conv2d) -> Result<Var> {
        self.f32(input)?.conv2d(&self.f32(weight)?, Some(&self.f32([weight[0]])?), attributes)
    }

    fn deconv(&self, input: [usize; 4], weight: [usize; 4], attributes: ConvTranspose2d) -> Result<Var> {
        self.f32(input)?.conv_transpose2d(&self.f32(weight)?, None, attributes)
    }

    fn attention(&self, query: [usize; 4], key: [usize; 4]) -> Result<Var> {
        self.f32(query)?.attention(&self.f32(key)?, &self.f32(key)?, None, Attention::default())
    }
}

/// Numbers in -0.5..0.5.
fn numbers(ty: &TensorType) -> Array {
    Array::from_fn(ty.shape.clone(), |i| (i * 7919 % 1013) as f32 / 1013.0 - 0.5)
}

fn ops(criterion: &mut Criterion) {
    let gpu = Gpu::new().expect("a GPU adapter");
    for (name, build) in ROWS {
        criterion.bench_function(name, |bencher| {
            let output = build(&Inputs { graph: Graph::new(), count: Cell::new(0) }).expect("a graph");
            let mut plan = Plan::compile(&gpu, &[&output]).expect("a plan");
            let arrays: Vec<(String, Array)> = plan.inputs().map(|(name, ty)| (name.to_owned(), numbers(ty))).collect();
            let given: Vec<(&str, &Array)> = arrays.iter().map(|(name, array)| (name.as_str(), array)).collect();
            plan.run(&given).expect("a run");
            bencher.iter_custom(|iterations| {
                let us = plan.time(REPLAYS, 1, Duration::ZERO).expect("timestamps")[0];
                Duration::from_secs_f64(us * 1e-6 * iterations as f64)
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    targets = ops
}
criterion_main!(benches);
