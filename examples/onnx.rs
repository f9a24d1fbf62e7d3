//! Runs an ONNX model on the GPU: `cargo run --release --example onnx -- model.onnx N=1 H=320 W=320`
//!
//! Inputs are waves of numbers; open dimensions are given as NAME=SIZE, those without a name as INPUT=SIZE,SIZE,... The model runs as
//! it is and with every operator in a kernel of its own. `foveate run` does the same with files and pictures.

use foveate::array::Array;
use foveate::gpu::Gpu;
use foveate::onnx::{Bindings, Elem, Model, Tensor};
use foveate::plan::Options;
use foveate::{Error, Result};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or_else(|| Error::shape("onnx", "give the path of a model"))?;
    let mut bindings = Bindings::default();
    for argument in arguments {
        let wrong = || Error::shape("onnx", format!("'{argument}' is not NAME=SIZE or INPUT=SIZE,SIZE,.."));
        let (name, sizes) = argument.rsplit_once('=').ok_or_else(wrong)?;
        let sizes = sizes.split(',').map(|size| size.parse().map_err(|_| wrong())).collect::<Result<Vec<usize>>>()?;
        match sizes[..] {
            [size] => drop(bindings.dims.insert(name.to_owned(), size)),
            _ => drop(bindings.values.insert(name.to_owned(), Arc::new(waves(Elem::Float, sizes)?))),
        }
    }
    let model = Model::open(path)?;
    let gpu = Gpu::new()?;
    let begin = Instant::now();
    let mut session = model.import(&bindings)?.session()?;
    println!("imported in {:.0?}", begin.elapsed());
    let mut apart = model.import(&bindings)?.session()?;

    let mut inputs = Vec::new();
    for (port, shape) in session.inputs() {
        if port.elem != Elem::Float {
            return Err(Error::unsupported("onnx", format!("an input of type {} in this example", port.elem)));
        }
        inputs.push((port.name.clone(), waves(port.elem, shape.to_vec())?));
    }
    let given: Vec<(&str, &Tensor)> = inputs.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();

    // The plan as it is, and with every operator in a kernel of its own.
    let mut times = [Vec::new(), Vec::new()];
    for (i, session) in [&mut session, &mut apart].into_iter().enumerate() {
        let (begin, pipelines) = (Instant::now(), gpu.counters().pipelines);
        session.compile(&gpu, Options { fusion: i == 0, ..Options::default() })?;
        let compiled = begin.elapsed();
        let outputs = session.run(&given)?;
        let name = ["together", "apart"][i];
        println!(
            "{name}: compiled in {compiled:.1?}, first run {:.1?}, {} pipelines more",
            begin.elapsed(),
            gpu.counters().pipelines - pipelines
        );
        for (name, tensor) in &outputs {
            println!("{name}: {}{:?}, first {:?}", tensor.elem(), tensor.shape(), &tensor.floats()?[..tensor.len().min(4)]);
        }
    }
    for _ in 0..9 {
        for (session, times) in [&mut session, &mut apart].into_iter().zip(&mut times) {
            let begin = Instant::now();
            session.run(&given)?;
            times.push(begin.elapsed());
        }
    }
    times.iter_mut().for_each(|t| t.sort());
    println!("median of {} runs: {:.1?} together, {:.1?} apart", times[0].len(), times[0][4], times[1][4]);

    // Where the time goes, by kernel.
    let arrays = session.arrays(&given)?;
    let named: Vec<(&str, &Array)> = arrays.iter().map(|(name, array)| (name.as_str(), array)).collect();
    for plan in [session.plan(), apart.plan()].into_iter().flatten() {
        let rows = plan.profile(&named)?.rows;
        println!("{} dispatches, {} bytes bound", rows.len(), rows.iter().map(|r| r.bytes).sum::<u64>());
        let mut kernels: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
        for row in rows {
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

fn waves(elem: Elem, shape: Vec<usize>) -> Result<Tensor> {
    let count: usize = shape.iter().product();
    let bytes: Vec<u8> = (0..count).flat_map(|i| (i as f32 * 0.37).sin().to_le_bytes()).collect();
    Tensor::new(elem, shape, bytes)
}
