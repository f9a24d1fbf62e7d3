//! Runs an ONNX model on the GPU: `cargo run --release --example onnx -- model.onnx N=1 H=320 W=320`
//!
//! Inputs are waves of numbers, open dimensions are given as NAME=SIZE. `foveate run` does the same with files and pictures.

use foveate::array::Array;
use foveate::gpu::Gpu;
use foveate::onnx::{Bindings, Elem, Model, Tensor};
use foveate::plan::Options;
use foveate::{Error, Result};
use std::collections::BTreeMap;
use std::time::Instant;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or_else(|| Error::shape("onnx", "give the path of a model"))?;
    let mut bindings = Bindings::default();
    for argument in arguments {
        let size = argument.rsplit_once('=').and_then(|(name, size)| Some((name.to_owned(), size.parse().ok()?)));
        let (name, size) = size.ok_or_else(|| Error::shape("onnx", format!("'{argument}' is not NAME=SIZE")))?;
        bindings.dims.insert(name, size);
    }
    let model = Model::open(path)?;
    let gpu = Gpu::new()?;
    let begin = Instant::now();
    let mut session = model.import(&bindings)?.session()?;
    println!("imported in {:.0?}", begin.elapsed());
    session.compile(&gpu, Options::default())?;
    println!("compiled in {:.0?} for {}", begin.elapsed(), gpu.capabilities().name);

    let mut inputs = Vec::new();
    for (port, shape) in session.inputs() {
        if port.elem != Elem::Float {
            return Err(Error::unsupported("onnx", format!("an input of type {} in this example", port.elem)));
        }
        let count: usize = shape.iter().product();
        let bytes: Vec<u8> = (0..count).flat_map(|i| (i as f32 * 0.37).sin().to_le_bytes()).collect();
        inputs.push((port.name.clone(), Tensor::new(port.elem, shape, bytes)?));
    }
    let given: Vec<(&str, &Tensor)> = inputs.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    let mut times = Vec::new();
    for _ in 0..10 {
        let begin = Instant::now();
        let outputs = session.run(&given)?;
        times.push(begin.elapsed());
        if times.len() == 1 {
            for (name, tensor) in &outputs {
                println!("{name}: {}{:?}, first {:?}", tensor.elem(), tensor.shape(), &tensor.floats()?[..tensor.len().min(4)]);
            }
        }
    }
    let first = times.remove(0);
    times.sort();
    println!("first run {first:.1?}, then {:.1?} (median of {})", times[times.len() / 2], times.len());

    // Where the time goes, by kernel.
    let arrays = session.arrays(&given)?;
    let named: Vec<(&str, &Array)> = arrays.iter().map(|(name, array)| (name.as_str(), array)).collect();
    if let Some(plan) = session.plan() {
        let mut kernels: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
        for row in plan.profile(&named)?.rows {
            let entry = kernels.entry(row.kernel).or_default();
            *entry = (entry.0 + 1, entry.1 + row.us);
        }
        let mut kernels: Vec<_> = kernels.into_iter().collect();
        kernels.sort_by(|a, b| b.1.1.total_cmp(&a.1.1));
        for (kernel, (count, us)) in kernels.into_iter().take(12) {
            println!("{kernel:32} {count:4} dispatches {:9.2} ms", us / 1e3);
        }
    }
    Ok(())
}
