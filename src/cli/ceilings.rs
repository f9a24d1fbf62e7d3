//! What a device can do at most, measured: the numbers that a kernel's own are a share of.

use foveate::Result;
use foveate::array::{Array, TensorType};
use foveate::gpu::Gpu;
use foveate::graph::Graph;
use foveate::ops::FmaChain;
use foveate::plan::Plan;
use serde::Serialize;
use std::time::{Duration, Instant};

/// Measured, not promised by a data sheet.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Ceilings {
    /// f32 products and sums, 10^9 of either a second, by chains in registers.
    pub(super) gflops: f64,
    /// Bytes read and written, 10^9 a second, by a sum of a tensor and a number.
    pub(super) gbytes: f64,
    /// 10^9 bytes a second of an input that a run brings to the device.
    pub(super) upload: f64,
    /// 10^9 bytes a second of an output that a run brings back, into memory that is there.
    pub(super) readback: f64,
}

impl Ceilings {
    /// # Errors
    /// If the device has no timestamps or not enough memory.
    pub(super) fn measure(gpu: &Gpu) -> Result<Self> {
        // Enough elements to fill a large GPU, and to leave its caches; few where a CPU does the work.
        let software = gpu.capabilities().software;
        let (chains, moved, steps) = if software { (1 << 15, 1 << 23, 256) } else { (1 << 23, 1 << 26, 2048) };
        let graph = Graph::new();
        let x = graph.input("x", TensorType::f32([chains]))?;
        // Stays near 1 whatever the steps.
        let chained = x.fma_chain(FmaChain { steps, scale: 0.5, shift: 0.5 })?;
        let flops = 2.0 * chains as f64 * f64::from(steps);
        let gflops = flops / microseconds(&mut Plan::compile(gpu, &[&chained])?)? / 1e3;

        let graph = Graph::new();
        let x = graph.input("x", TensorType::f32([moved]))?;
        let sum = x.add(&graph.input("one", TensorType::f32([]))?)?;
        let bytes = 8.0 * moved as f64;
        let gbytes = bytes / microseconds(&mut Plan::compile(gpu, &[&sum])?)? / 1e3;

        let carried: usize = if software { 1 << 24 } else { 1 << 26 };
        let graph = Graph::new();
        let x = graph.input("x", TensorType::f32([carried]))?;
        let there = Array::full([carried], 1.0);
        let mut plan = Plan::compile(gpu, &[&x.narrow(0, 0, 1)?])?;
        let upload = rate(&there, || plan.run(&[("x", &there)]).map(drop))?;

        let mut plan = Plan::compile(gpu, &[&Graph::new().state("x", there.clone())?])?;
        let mut back = Vec::new();
        let readback = rate(&there, || plan.run_into(&[], &mut back))?;
        Ok(Self { gflops, gbytes, upload, readback })
    }
}

/// 10^9 bytes a second of `carried` in the best of ten runs, by the host's clock.
fn rate(carried: &Array, mut run: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut best = Duration::MAX;
    for _ in 0..10 {
        let start = Instant::now();
        run()?;
        best = best.min(start.elapsed());
    }
    Ok(carried.ty().device_bytes() as f64 / best.as_secs_f64() / 1e9)
}

/// The best of ten passes: a ceiling is what the device reaches undisturbed.
fn microseconds(plan: &mut Plan) -> Result<f64> {
    Ok(plan.time(1, 10, Duration::from_millis(150))?.into_iter().fold(f64::MAX, f64::min))
}
