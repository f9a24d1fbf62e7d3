//! Training in one plan: loss, gradients and updates of states in every run.

use super::differences::around;
use crate::common::gpu;
use foveate::array::{Array, TensorType};
use foveate::graph::{Graph, Var};
use foveate::plan::{Device, Plan};

const SAMPLES: usize = 16;
const HIDDEN: usize = 8;
const RATE: f64 = 0.125;
const STEPS: usize = 60;

/// The mean of `(w2 tanh(w1 x + b1) + b2 - y)^2`, and states that each run takes a step down its gradient.
fn network(graph: &Graph) -> foveate::Result<Var> {
    let x = graph.input("x", TensorType::f32([SAMPLES, 2]))?;
    let y = graph.input("y", TensorType::f32([SAMPLES, 1]))?;
    let states = start().map(|(name, array)| graph.state(name, array));
    let [w1, b1, w2, b2] = states.map(|state| state.unwrap());
    let error = x.linear(&w1, Some(&b1))?.tanh()?.linear(&w2, Some(&b2))?.sub(&y)?;
    let loss = error.mul(&error)?.reduce_mean(&[], false)?;
    let rate = graph.constant(Array::scalar(RATE as f32))?;
    let weights = [&w1, &b1, &w2, &b2];
    for (weight, gradient) in weights.into_iter().zip(loss.gradient(&weights)?) {
        graph.update(weight, &weight.sub(&gradient.mul(&rate)?)?)?;
    }
    Ok(loss)
}

fn start() -> [(&'static str, Array); 4] {
    let small = Array::full([1], 0.0f32);
    [("w1", around(&[HIDDEN, 2], 1)), ("b1", around(&[HIDDEN], 2)), ("w2", around(&[1, HIDDEN], 3)), ("b2", small)]
}

fn samples() -> (Array, Array) {
    let x = around(&[SAMPLES, 2], 4);
    let values = x.values::<f32>().unwrap();
    let y = Array::from_fn([SAMPLES, 1], |i| 2.0 * values[2 * i] * values[2 * i + 1]);
    (x, y)
}

/// The same in f64 with the derivatives written out: all losses, and the weights at the end.
fn by_hand() -> (Vec<f64>, Vec<Vec<f64>>) {
    let (x, y) = samples();
    let (x, y) = (x.to_f64(), y.to_f64());
    let [mut w1, mut b1, mut w2, mut b2] = start().map(|(_, array)| array.to_f64());
    let mut losses = Vec::new();
    for _ in 0..STEPS {
        let [mut by_w1, mut by_b1, mut by_w2, mut by_b2] = [&w1, &b1, &w2, &b2].map(|w| vec![0.0; w.len()]);
        let mut loss = 0.0;
        for (x, y) in x.chunks(2).zip(&y) {
            let hidden: Vec<f64> = (0..HIDDEN).map(|h| (w1[2 * h] * x[0] + w1[2 * h + 1] * x[1] + b1[h]).tanh()).collect();
            let error = hidden.iter().zip(&w2).map(|(h, w)| h * w).sum::<f64>() + b2[0] - y;
            loss += error * error / SAMPLES as f64;
            let by_output = 2.0 * error / SAMPLES as f64;
            by_b2[0] += by_output;
            for h in 0..HIDDEN {
                let by_sum = by_output * w2[h] * (1.0 - hidden[h] * hidden[h]);
                by_w2[h] += by_output * hidden[h];
                by_b1[h] += by_sum;
                by_w1[2 * h] += by_sum * x[0];
                by_w1[2 * h + 1] += by_sum * x[1];
            }
        }
        losses.push(loss);
        for (w, by) in [(&mut w1, by_w1), (&mut b1, by_b1), (&mut w2, by_w2), (&mut b2, by_b2)] {
            w.iter_mut().zip(by).for_each(|(w, by)| *w -= RATE * by);
        }
    }
    (losses, vec![w1, b1, w2, b2])
}

#[test]
fn a_loop_of_runs_descends_as_one_in_f64() {
    let (losses, weights) = by_hand();
    assert!(losses[STEPS - 1] < losses[0] / 4.0, "the problem is learned: {} to {}", losses[0], losses[STEPS - 1]);
    let (x, y) = samples();
    for device in [Device::Cpu, Device::from(gpu())] {
        let mut plan = Plan::compile(&device, &[&network(&Graph::new()).unwrap()]).unwrap();
        // A step changes a weight of at most 4 by rounding by 2^-23, of its value and of its share in the gradient; that adds up over
        // the steps, and is not enlarged much, since descent brings neighbours together: 60 * 4 * 2^-23 = 3e-5.
        for (step, expected) in losses.iter().enumerate() {
            let loss = plan.run(&[("x", &x), ("y", &y)]).unwrap()[0].to_f64()[0];
            assert!((loss - expected).abs() < 3e-5, "step {step} on {}: {loss}, in f64 {expected}", device.name());
        }
        for ((name, _), expected) in start().iter().zip(&weights) {
            let got = plan.state(name).unwrap().to_f64();
            let off = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(off < 3e-5, "{name} on {} is off by {off:e}", device.name());
        }
    }
}
