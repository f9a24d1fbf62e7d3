//! Values and gradients of losses against PyTorch's.

use crate::common::{Bound, compare, fixture, gpu};
use foveate::array::{Array, TensorType};
use foveate::graph::{Graph, Var};
use foveate::nn::init::normal;
use foveate::nn::loss::{
    CrossEntropy, Reduction, Reinforce, binary_cross_entropy_with_logits, clipped_cross_entropy, cross_entropy,
    cross_entropy_with_probabilities, doubly_stochastic, entropy, kl_div, mse_loss, nll_loss, reinforce, smooth_l1_loss,
};
use foveate::plan::{Device, Plan};
use std::collections::HashMap;

/// Losses under the names of losses.npz, each with what it has gradients of.
struct Losses {
    graph: Graph,
    inputs: Vec<(&'static str, Array)>,
    outputs: Vec<(String, Var)>,
}

impl Losses {
    fn input(&mut self, name: &'static str, array: Array) -> Var {
        let var = self.graph.input(name, array.ty()).unwrap();
        self.inputs.push((name, array));
        var
    }

    fn put(&mut self, name: &str, loss: foveate::Result<Var>, inputs: &[&Var]) {
        let loss = loss.unwrap_or_else(|e| panic!("{name}: {e}"));
        for (i, gradient) in if inputs.is_empty() { Vec::new() } else { loss.gradient(inputs).unwrap() }.into_iter().enumerate() {
            self.outputs.push((format!("{name}/{i}"), gradient));
        }
        self.outputs.push((name.to_owned(), loss));
    }
}

fn losses(fixture: &HashMap<String, Array>) -> Losses {
    let mut l = Losses { graph: Graph::new(), inputs: Vec::new(), outputs: Vec::new() };
    let drawn = |shape: &[usize], scale: f32, name: &str| normal(shape, scale, name, 1);
    let constant = |l: &Losses, value: f32| l.graph.constant(Array::scalar(value)).unwrap();

    let x = l.input("logits", drawn(&[3, 5, 2, 2], 2.0, "logits"));
    let labels = l.input("labels", fixture["labels"].clone());
    let targets = l.input("targets", fixture["targets"].clone());
    let weight = l.graph.constant(Array::from_fn([5], |i| 0.5 + 0.25 * i as f32)).unwrap();
    let options = |reduction| CrossEntropy { ignore_index: Some(255), reduction, ..CrossEntropy::default() };
    l.put("ce_mean", cross_entropy(&x, &labels, &options(Reduction::Mean)), &[&x]);
    l.put("ce_sum", cross_entropy(&x, &labels, &options(Reduction::Sum)), &[&x]);
    l.put("ce_batch", cross_entropy(&x, &labels, &options(Reduction::BatchMean)), &[&x]);
    l.put("ce_none", cross_entropy(&x, &labels, &options(Reduction::None)), &[]);
    let smooth = CrossEntropy { label_smoothing: 0.25, weight: Some(weight.clone()), ..options(Reduction::Mean) };
    l.put("ce_smooth", cross_entropy(&x, &labels, &smooth), &[&x]);
    let smooth = CrossEntropy { label_smoothing: 0.125, ..options(Reduction::Sum) };
    l.put("ce_smooth_sum", cross_entropy(&x, &labels, &smooth), &[&x]);
    l.put("ce_probabilities", cross_entropy_with_probabilities(&x, &targets, Reduction::Mean), &[&x]);
    let steep = x.mul(&constant(&l, 100.0)).unwrap();
    l.put("ce_steep", cross_entropy_with_probabilities(&steep, &targets, Reduction::Sum), &[&x]);
    l.put("nll", nll_loss(&x, &labels, &CrossEntropy { weight: Some(weight), ..options(Reduction::Mean) }), &[&x]);

    let answers = l.input("answers", fixture["answers"].clone());
    let yes = l.input("yes", fixture["yes"].clone());
    l.put("bce_mean", binary_cross_entropy_with_logits(&answers, &yes, Reduction::Mean), &[&answers]);
    l.put("bce_none", binary_cross_entropy_with_logits(&answers, &yes, Reduction::None), &[]);

    let log = x.log_softmax(1).unwrap();
    let likely = targets.greater(&constant(&l, 0.3)).unwrap().where_(&targets, &constant(&l, 0.0)).unwrap();
    l.put("kl_mean", kl_div(&log, &likely, false, Reduction::Mean), &[&x]);
    l.put("kl_batch", kl_div(&log, &targets.log().unwrap(), true, Reduction::BatchMean), &[&x]);

    let a = l.input("a", drawn(&[4, 6], 1.0, "a"));
    let b = l.input("b", drawn(&[4, 6], 1.0, "b"));
    l.put("mse", mse_loss(&a, &b, Reduction::Mean), &[&a, &b]);
    l.put("smooth_l1", smooth_l1_loss(&a, &b, 0.75, Reduction::Mean), &[&a, &b]);
    l.put("l1", smooth_l1_loss(&a, &b, 0.0, Reduction::Sum), &[&a, &b]);

    let p = l.input("probabilities", fixture["keras_input"].clone());
    l.put("keras", clipped_cross_entropy(&p, &targets, Reduction::Mean), &[&p]);

    let energies = l.input("energies", drawn(&[3, 6, 4], 1.0, "energies"));
    let reward = l.input("reward", drawn(&[3], 1.0, "reward"));
    let places = l.input("places", fixture["places"].clone());
    l.put("doubly", doubly_stochastic(&energies.softmax(2).unwrap(), 0.5), &[&energies]);
    let term = || -> foveate::Result<Var> {
        let log = energies.log_softmax(2)?;
        let chosen = log.gather_elements(2, &places.unsqueeze(2)?)?.squeeze(2)?.reduce_sum(&[1], false)?;
        let entropy = entropy(&log, 2)?.reduce_sum(&[1], false)?;
        let baseline = energies.graph().constant(Array::scalar(0.75f32))?;
        let term = reinforce(&reward, &chosen, Some(&entropy), &baseline, Reinforce::default())?;
        term.sub(&reward.reduce_mean(&[], false)?)
    };
    l.put("reinforce", term(), &[&energies, &reward]);
    l
}

#[test]
fn values_and_gradients_are_those_of_pytorch() {
    let fixture = fixture("losses");
    let Losses { inputs, outputs, .. } = losses(&fixture);
    for device in [Device::Cpu, Device::from(gpu())] {
        let mut plan = Plan::compile(&device, &outputs.iter().map(|(_, v)| v).collect::<Vec<_>>()).unwrap();
        let found = plan.run(&inputs.iter().map(|(name, array)| (*name, array)).collect::<Vec<_>>()).unwrap();
        let mut wrong = Vec::new();
        for ((name, _), found) in outputs.iter().zip(&found) {
            let expected = &fixture[name];
            let largest = expected.to_f64().iter().fold(0.0, |m: f64, v| m.max(v.abs()));
            // Exponentials and logarithms are within 6e-7 and sums of some ten terms within 10 * 2^-24 of the largest. Steep logits of
            // some 700 are rounded by 3e-5, which is what their exponentials, and so the gradients, of 100, are off by.
            let relative = if name.starts_with("ce_steep") { 4e-5 } else { 2e-6 };
            let bound = Bound::Near { absolute: relative * largest, relative };
            wrong.extend(compare(found, expected, None, bound).err().map(|e| format!("{name}: {e}")));
        }
        assert!(wrong.is_empty(), "{}:\n{}", device.name(), wrong.join("\n"));
    }
}

#[test]
fn what_is_ignored_has_no_gradient_and_means_divide_by_what_counts() {
    let fixture = fixture("losses");
    let Losses { inputs, outputs, .. } = losses(&fixture);
    let named: HashMap<&str, &Var> = outputs.iter().map(|(name, v)| (name.as_str(), v)).collect();
    let wanted = ["ce_sum/0", "ce_mean/0", "ce_sum", "ce_mean"].map(|name| named[name]);
    let mut plan = Plan::compile(Device::from(gpu()), &wanted).unwrap();
    let given: Vec<(&str, &Array)> = inputs.iter().filter(|(n, _)| plan.inputs().any(|(m, _)| m == *n)).map(|(n, a)| (*n, a)).collect();
    let [by_sum, by_mean, sum, mean] = <[Array; 4]>::try_from(plan.run(&given).unwrap()).unwrap().map(|a| a.to_f64());
    let labels = fixture["labels"].values::<i32>().unwrap();
    let counts = |place: usize| (0..5).contains(&labels[place]);
    let valid = (0..12).filter(|&place| counts(place)).count();
    assert_eq!(valid, 8);
    for i in 0..by_sum.len() {
        let place = i / 20 * 4 + i % 4;
        assert_eq!(by_sum[i] == 0.0, !counts(place), "element {i}");
        assert!((by_sum[i] - valid as f64 * by_mean[i]).abs() <= 4.0 * 2f64.powi(-24) * by_sum[i].abs(), "element {i}");
    }
    assert!((sum[0] - valid as f64 * mean[0]).abs() < 1e-5);
}

#[test]
fn nothing_that_counts_is_no_loss() {
    let graph = Graph::new();
    let x = graph.input("x", TensorType::f32([2, 3])).unwrap();
    let labels = graph.constant(Array::new([2], vec![255, -1]).unwrap()).unwrap();
    let loss = cross_entropy(&x, &labels, &CrossEntropy { ignore_index: Some(255), ..CrossEntropy::default() }).unwrap();
    let gradient = loss.gradient(&[&x]).unwrap().remove(0);
    let mut plan = Plan::compile(Device::Cpu, &[&loss, &gradient]).unwrap();
    let found = plan.run(&[("x", &normal(&[2, 3], 1.0, "x", 1))]).unwrap();
    assert_eq!(found[0].to_f64(), [0.0]);
    assert_eq!(found[1].to_f64(), [0.0; 6]);
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let graph = Graph::new();
    let input = |name: &str, ty| graph.input(name, ty).unwrap();
    let (x, y) = (input("x", TensorType::f32([2, 3, 4])), input("y", TensorType::f32([2, 3])));
    let labels = graph.constant(Array::full([2, 4], 1i32)).unwrap();
    let words = |result: foveate::Result<Var>| result.unwrap_err().to_string();
    let plain = CrossEntropy::default();
    assert!(cross_entropy(&x, &labels, &plain).is_ok());
    assert!(words(cross_entropy(&y, &labels, &plain)).contains("f32[2, 3] and i32[2, 4]"));
    assert!(words(nll_loss(&x, &y, &plain)).contains("nll_loss: scores are"));
    let wrong = CrossEntropy { weight: Some(y.clone()), ..plain.clone() };
    assert!(words(cross_entropy(&x, &labels, &wrong)).contains("class weights are f32 [3]"));
    assert!(words(cross_entropy(&x, &labels, &CrossEntropy { label_smoothing: 1.5, ..plain })).contains("1.5"));
    assert!(words(mse_loss(&x, &y, Reduction::Mean)).contains("f32[2, 3, 4] and target f32[2, 3]"));
    assert!(words(smooth_l1_loss(&x, &x, f32::NAN, Reduction::Mean)).contains("NaN"));
    assert!(words(doubly_stochastic(&y, 1.0)).contains("(images, words, places)"));
    let line = input("line", TensorType::f32([2]));
    assert!(words(reinforce(&line, &y, None, &line, Reinforce::default())).contains("f32[2] f32[2, 3]"));
    assert!(words(reinforce(&line, &line, None, &line, Reinforce::default())).contains("baseline"));
}
