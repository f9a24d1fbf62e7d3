//! Gradients held against central differences of the values themselves.
//!
//! The loss is the sum of `r y` with fixed numbers r of -1 to 1, added up in f64 from the outputs y of the references. With
//! `D(h) = (L(x + h) - L(x - h)) / 2 h` the estimate is `(4 D(h) - D(2 h)) / 3`, which is off by
//!
//! ```text
//! rounding     each y is rounded to f32 once, by at most 2^-24 |y|, and enters with weights 8 + 8 + 1 + 1 over 12 h:
//!              1.5 / h * 2^-24 * sum |r y|; what does not depend on x is the same in all four and cancels
//! truncation   h^4 / 30 times 4 and the fifth derivative, for which 1000 is taken: inputs are chosen away from poles and kinks
//! ```
//!
//! The inputs are multiples of 2^-12 below 4, so that x + h is exact. The gradient itself is f32: sums of at most some hundred terms
//! and functions within 6e-7 (3e-6 for tan), so 2^-24 * 100 for each unit of it and of 1, its scale; the bound allows three times that.

use crate::common::{Bound, compare, gpu, random};
use foveate::array::{Array, DType};
use foveate::graph::{Graph, Var};
use foveate::plan::{Device, Plan};

/// The step of the differences.
const STEP: f64 = 1.0 / 32.0;
/// What a fifth derivative may be.
const FIFTH: f64 = 1000.0;

/// Numbers of `low` to `high`, multiples of 2^-12.
pub fn between(shape: &[usize], seed: u64, low: f32, high: f32) -> Array {
    let values = random(shape, seed);
    let values = values.values::<f32>().unwrap();
    Array::from_fn(shape, |i| ((low + (values[i] + 1.0) / 2.0 * (high - low)) * 4096.0).round() / 4096.0)
}

/// Numbers of -1 to 1.
pub fn around(shape: &[usize], seed: u64) -> Array {
    between(shape, seed, -1.0, 1.0)
}

/// Numbers all different by at least an eighth, in no order, so that maxima do not change within two steps.
pub fn distinct(shape: &[usize], seed: u64) -> Array {
    let keys = random(shape, seed);
    let keys = keys.values::<f32>().unwrap();
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_by(|&a, &b| keys[a].total_cmp(&keys[b]));
    let mut values = vec![0.0f32; keys.len()];
    order.iter().enumerate().for_each(|(rank, &i)| values[i] = rank as f32 / 7.5 - keys.len() as f32 / 15.0);
    Array::from_fn(shape, |i| (values[i] * 4096.0).round() / 4096.0)
}

/// Holds the gradients of what `build` makes of `inputs`, with respect to those of f32, to differences; on the CPU and the GPU, and
/// there twice with the same bits.
#[track_caller]
pub fn check(name: &str, inputs: &[Array], build: impl Fn(&[Var]) -> foveate::Result<Var>) {
    checked(name, inputs, &build).unwrap_or_else(|e| panic!("{name}: {e}"));
}

/// Compiled once, not for each `build`.
fn checked(name: &str, inputs: &[Array], build: &dyn Fn(&[Var]) -> foveate::Result<Var>) -> Result<(), String> {
    let words = |e: foveate::Error| e.to_string();
    let graph = Graph::new();
    let names: Vec<String> = (0..inputs.len()).map(|i| format!("input{i}")).collect();
    let vars: Vec<Var> = names.iter().zip(inputs).map(|(n, a)| graph.input(n, a.ty())).collect::<Result<_, _>>().map_err(words)?;
    let y = build(&vars).map_err(words)?;
    let weights = random(y.shape(), 77);
    // An input, so that nothing of the gradient is computed when the plan is compiled.
    let factors = graph.input("factors", weights.ty()).map_err(words)?;
    let loss = y.mul(&factors).and_then(|p| p.reduce_sum(&[], false)).map_err(words)?;
    let floats: Vec<usize> = (0..inputs.len()).filter(|&i| inputs[i].dtype() == DType::F32).collect();
    let gradients = loss.gradient(&floats.iter().map(|&i| &vars[i]).collect::<Vec<_>>()).map_err(words)?;
    let outputs: Vec<&Var> = gradients.iter().collect();
    let run = |plan: &mut Plan, inputs: &[Array]| {
        let taken: Vec<String> = plan.inputs().map(|(name, _)| name.to_owned()).collect();
        let all = names.iter().map(String::as_str).zip(inputs).chain([("factors", &weights)]);
        plan.run(&all.filter(|(name, _)| taken.iter().any(|t| t == name)).collect::<Vec<_>>()).map_err(words)
    };

    let mut forward = Plan::compile(Device::Cpu, &[&y]).map_err(words)?;
    let on_the_host = run(&mut Plan::compile(Device::Cpu, &outputs).map_err(words)?, inputs)?;
    let mut plan = Plan::compile(Device::from(gpu()), &outputs).map_err(words)?;
    let on_the_gpu = run(&mut plan, inputs)?;
    for (again, first) in run(&mut plan, inputs)?.iter().zip(&on_the_gpu) {
        compare(again, first, None, Bound::Exact).map_err(|e| format!("a second run on the GPU: {e}"))?;
    }

    let factors = weights.to_f64();
    let mut products = |inputs: &[Array]| -> Result<Vec<f64>, String> {
        Ok(run(&mut forward, inputs)?[0].to_f64().iter().zip(&factors).map(|(y, r)| y * r).collect())
    };
    let size: f64 = products(inputs)?.iter().map(|p| p.abs()).sum();
    let noise = 1.5 / STEP * 2f64.powi(-24) * size + STEP.powi(4) / 30.0 * 4.0 * FIFTH;
    for (&input, (host, gpu)) in floats.iter().zip(on_the_host.iter().zip(&on_the_gpu)) {
        for i in 0..inputs[input].len() {
            let mut moved = |by: f64| -> Result<f64, String> {
                let mut inputs = inputs.to_vec();
                inputs[input].values_mut::<f32>().map_err(words)?[i] += by as f32;
                Ok(products(&inputs)?.iter().sum())
            };
            let mut difference = |step: f64| -> Result<f64, String> { Ok((moved(step)? - moved(-step)?) / (2.0 * step)) };
            let expected = (4.0 * difference(STEP)? - difference(2.0 * STEP)?) / 3.0;
            let allowed = noise + 300.0 * 2f64.powi(-24) * (1.0 + expected.abs());
            for (device, got) in [("the CPU", host.to_f64()[i]), ("the GPU", gpu.to_f64()[i])] {
                if (got - expected).abs() > allowed || got.is_nan() {
                    let place = format!("element {i} of input {input}, {}", inputs[input].ty());
                    return Err(format!("{name} on {device}: {place}: {got}, differences say {expected}, allowed {allowed:.1e}"));
                }
            }
        }
    }
    Ok(())
}
