//! The net and its optimisers in f64, derivatives written out.

use crate::net::Sizes;
use foveate::array::Array;

/// x (N, D) -> W1 (D, H), b1 -> relu -> W2 (H, C), b2 -> softmax.
pub struct Net {
    sizes: Sizes,
    /// W1, b1, W2, b2, or W1, W2.
    pub weights: Vec<Vec<f64>>,
    /// Whether there are biases.
    biased: bool,
}

/// A matrix of so many rows, the other way round.
fn turned(values: &[f64], rows: usize) -> Vec<f64> {
    let columns = values.len() / rows;
    (0..values.len()).map(|i| values[i % rows * columns + i / rows]).collect()
}

impl Net {
    /// Of W1 and W2, or of W1, b1, W2 and b2.
    pub fn new(sizes: Sizes, weights: &[Vec<f64>]) -> Self {
        Self { sizes, weights: weights.to_vec(), biased: weights.len() == 4 }
    }

    /// Of weights that are (outputs, inputs).
    pub fn transposing(sizes: Sizes, weights: &[Vec<f64>]) -> Self {
        let mut net = Self::new(sizes, weights);
        net.weights[0] = turned(&weights[0], sizes.hidden);
        net.weights[2] = turned(&weights[2], sizes.classes);
        net
    }

    /// The weights as (outputs, inputs).
    pub fn transposed(&self) -> Vec<Vec<f64>> {
        let mut weights = self.weights.clone();
        weights[0] = turned(&self.weights[0], self.sizes.inputs);
        weights[2] = turned(&self.weights[2], self.sizes.hidden);
        weights
    }

    /// Labels as probabilities.
    pub fn one_hot(&self, labels: &Array) -> Vec<f64> {
        let c = self.sizes.classes;
        let hot = |label: &i32| (0..c).map(|class| f64::from(u8::from(class as i32 == *label))).collect::<Vec<_>>();
        labels.values::<i32>().unwrap().iter().flat_map(hot).collect()
    }

    fn parts(&self) -> (&[f64], Vec<f64>, &[f64], Vec<f64>) {
        let none = |size| vec![0.0; size];
        match &self.weights[..] {
            [w1, b1, w2, b2] => (w1, b1.clone(), w2, b2.clone()),
            [w1, w2] => (w1, none(self.sizes.hidden), w2, none(self.sizes.classes)),
            other => panic!("{} weights", other.len()),
        }
    }

    /// Before the rectifier, and scores.
    fn forward(&self, x: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let Sizes { inputs, hidden, classes, .. } = self.sizes;
        let (w1, b1, w2, b2) = self.parts();
        let n = x.len() / inputs;
        let units: Vec<f64> = (0..n * hidden)
            .map(|i| (0..inputs).map(|k| x[i / hidden * inputs + k] * w1[k * hidden + i % hidden]).sum::<f64>() + b1[i % hidden])
            .collect();
        let score = |i: usize| (0..hidden).map(|k| units[i / classes * hidden + k].max(0.0) * w2[k * classes + i % classes]).sum::<f64>();
        let scores = (0..n * classes).map(|i| score(i) + b2[i % classes]).collect();
        (units, scores)
    }

    /// (N, C).
    pub fn scores(&self, x: &[f64]) -> Vec<f64> {
        self.forward(x).1
    }

    /// The sum of -log p(y) over `divisor`, and the gradients of W1, b1, W2 and b2; with p `clipped` to 1e-7 and 1 - 1e-7 if asked for.
    pub fn pass(&self, x: &[f64], y: &[f64], divisor: f64, clipped: bool) -> (f64, Vec<Vec<f64>>) {
        let Sizes { inputs, hidden, classes, .. } = self.sizes;
        let (units, scores) = self.forward(x);
        let (_, _, w2, _) = self.parts();
        let mut by = [inputs * hidden, hidden, hidden * classes, classes].map(|size| vec![0.0; size]);
        let mut loss = 0.0;
        for (n, (scores, y)) in scores.chunks(classes).zip(y.chunks(classes)).enumerate() {
            let largest = scores.iter().fold(f64::MIN, |m, s| m.max(*s));
            let total: f64 = scores.iter().map(|s| (s - largest).exp()).sum();
            let log: Vec<f64> = scores.iter().map(|s| s - largest - total.ln()).collect();
            let truth = y.iter().position(|t| *t == 1.0).unwrap();
            let (low, high) = (1e-7f64.ln(), (1.0 - 1e-7f64).ln());
            loss -= if clipped { log[truth].clamp(low, high) } else { log[truth] } / divisor;
            if clipped && !(low..=high).contains(&log[truth]) {
                continue;
            }
            let by_scores: Vec<f64> = log.iter().zip(y).map(|(l, t)| (l.exp() - t) / divisor).collect();
            for k in 0..hidden {
                let unit = units[n * hidden + k];
                for (class, by_score) in by_scores.iter().enumerate() {
                    by[2][k * classes + class] += unit.max(0.0) * by_score;
                }
                if unit > 0.0 {
                    let by_unit: f64 = by_scores.iter().enumerate().map(|(class, g)| g * w2[k * classes + class]).sum();
                    by[1][k] += by_unit;
                    (0..inputs).for_each(|d| by[0][d * hidden + k] += x[n * inputs + d] * by_unit);
                }
            }
            by[3].iter_mut().zip(&by_scores).for_each(|(b, g)| *b += g);
        }
        (loss, by.to_vec())
    }

    /// Takes from each weight what `of` says of its tensor, itself and its place; tensors are counted as in [`Net::pass`].
    pub fn step(&mut self, mut of: impl FnMut(usize, f64, usize) -> f64) {
        let stride = if self.biased { 1 } else { 2 };
        for (i, tensor) in self.weights.iter_mut().enumerate() {
            tensor.iter_mut().enumerate().for_each(|(k, w)| *w -= of(i * stride, *w, k));
        }
    }

    fn zeros(&self) -> Vec<Vec<f64>> {
        self.weights.iter().map(|w| vec![0.0; w.len()]).collect()
    }
}

/// Nesterov's momentum of 0.9, as Lasagne and Keras have it.
pub struct Momentum(Vec<Vec<f64>>);

impl Momentum {
    pub fn new(net: &Net) -> Self {
        Self(net.zeros())
    }

    pub fn nesterov(&mut self, net: &mut Net, gradients: &[Vec<f64>], rate: f64) {
        net.step(|i, _, k| {
            let v = &mut self.0[i][k];
            *v = 0.9 * *v - rate * gradients[i][k];
            -(0.9 * *v - rate * gradients[i][k])
        });
    }
}

/// Torch's of 2015.
pub struct Adam {
    m: Vec<Vec<f64>>,
    v: Vec<Vec<f64>>,
    t: i32,
}

impl Adam {
    pub fn new(net: &Net) -> Self {
        Self { m: net.zeros(), v: net.zeros(), t: 0 }
    }

    pub fn step(&mut self, net: &mut Net, gradients: &[Vec<f64>], rate: f64) {
        self.t += 1;
        let size = rate * (1.0 - 0.999f64.powi(self.t)).sqrt() / (1.0 - 0.9f64.powi(self.t));
        net.step(|i, _, k| {
            let (m, v, g) = (&mut self.m[i][k], &mut self.v[i][k], gradients[i][k]);
            *m = 0.9 * *m + 0.1 * g;
            *v = 0.999 * *v + 0.001 * g * g;
            size * *m / (v.sqrt() + 1e-8)
        });
    }
}

/// Fails unless both are within `allowed`.
#[track_caller]
pub fn near(name: &str, found: &[f64], expected: &[f64], allowed: f64) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let off: Vec<f64> = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).collect();
    let most = off.iter().fold(0.0, |m: f64, d| m.max(*d));
    assert!(off.iter().all(|d| *d <= allowed), "{name} is off by {most:e}, allowed {allowed:e}");
}
