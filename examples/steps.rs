//! A recurrence whose state never leaves the GPU: a point on the unit circle, turned a little at every run.
//!
//!     cargo run --release --example steps

use foveate::array::Array;
use foveate::gpu::Gpu;
use foveate::graph::Graph;
use foveate::plan::Plan;

fn main() -> foveate::Result<()> {
    let graph = Graph::new();
    let (sin, cos) = std::f32::consts::FRAC_PI_6.sin_cos();
    let turn = graph.parameter(Array::new([2, 2], vec![cos, -sin, sin, cos])?)?;
    let point = graph.state("point", Array::new([1, 2], vec![1.0f32, 0.0])?)?;
    let next = point.linear(&turn, None)?;
    graph.update(&point, &next)?;

    let mut plan = Plan::compile(&Gpu::new()?, &[&next])?;
    for step in 1..=12 {
        let outputs = plan.run(&[])?;
        println!("{:>3} degrees: {:?}", 30 * step, outputs[0].values::<f32>()?);
    }
    Ok(())
}
