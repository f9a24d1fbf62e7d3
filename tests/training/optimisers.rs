//! Optimisers against PyTorch's, and against what others compute, written out in f64.

use crate::common::{Bound, compare, fixture, gpu};
use foveate::array::{Array, TensorType};
use foveate::graph::{Graph, Var};
use foveate::nn::init::normal;
use foveate::nn::optimiser::{
    AdaDelta, Adam, AdamForm, Averaging, GravesRmsProp, MomentumForm, Optimiser, Parameter, RmsProp, Sgd, average, clip_by_global_norm,
    clip_by_value,
};
use foveate::plan::{Device, Plan};

const SHAPES: [&[usize]; 2] = [&[4, 4], &[8]];
const RATES: [f32; 4] = [0.125, 0.125, 0.0625, 0.03125];

fn cases() -> Vec<(&'static str, f32, Optimiser)> {
    let sgd = Sgd { momentum: 0.9, ..Sgd::default() };
    let (caffe, lasagne) = (Sgd { form: MomentumForm::Caffe, ..sgd }, Sgd { form: MomentumForm::Lasagne, ..sgd });
    vec![
        ("sgd", 1.0, Optimiser::Sgd(Sgd { weight_decay: 0.25, ..Sgd::default() })),
        ("pytorch_momentum", 1.0, Optimiser::Sgd(Sgd { dampening: 0.25, weight_decay: 0.25, ..sgd })),
        ("pytorch_nesterov", 1.0, Optimiser::Sgd(Sgd { nesterov: true, ..sgd })),
        ("caffe", 1.0, Optimiser::Sgd(Sgd { weight_decay: 0.25, ..caffe })),
        ("caffe_nesterov", 1.0, Optimiser::Sgd(Sgd { nesterov: true, ..caffe })),
        ("lasagne_momentum", 1.0, Optimiser::Sgd(lasagne)),
        ("lasagne_nesterov", 1.0, Optimiser::Sgd(Sgd { nesterov: true, ..lasagne })),
        ("adam", 1.0, Optimiser::Adam(Adam { weight_decay: 0.25, ..Adam::default() })),
        (
            "adam_w",
            1.0,
            Optimiser::Adam(Adam { beta1: 0.8, beta2: 0.99, epsilon: 0.125, weight_decay: 0.25, decoupled: true, ..Adam::default() }),
        ),
        ("torch_adam", 1.0, Optimiser::Adam(Adam { form: AdamForm::Torch, epsilon: 0.125, ..Adam::default() })),
        ("rms_prop", 1.0, Optimiser::RmsProp(RmsProp { weight_decay: 0.25, ..RmsProp::default() })),
        (
            "rms_prop_centred",
            1.0,
            Optimiser::RmsProp(RmsProp { smoothing: 0.9, epsilon: 0.125, centred: true, momentum: 0.5, weight_decay: 0.0 }),
        ),
        ("graves", 1.0, Optimiser::GravesRmsProp(GravesRmsProp::default())),
        ("ada_delta", 8.0, Optimiser::AdaDelta(AdaDelta::default())),
    ]
}

#[test]
fn four_steps_are_those_of_pytorch_and_of_the_published_loops() {
    let fixture = fixture("optimisers");
    let mut wrong = Vec::new();
    for (name, times, optimiser) in cases() {
        let graph = Graph::new();
        let parameter = |i: usize| Parameter::new(&graph, &format!("w{i}"), normal(SHAPES[i], 1.0, &format!("w{i}"), 1)).unwrap();
        let parameters = [parameter(0), parameter(1).multiplied(2.0, 0.0)];
        let gradients: Vec<Var> = (0..2).map(|i| graph.input(&format!("g{i}"), TensorType::f32(SHAPES[i])).unwrap()).collect();
        let rate = graph.input("rate", TensorType::f32([])).unwrap();
        optimiser.update(&parameters, &gradients, &rate).unwrap();
        for device in [Device::Cpu, Device::from(gpu())] {
            let mut plan = Plan::compile(&device, &[&parameters[0].var, &parameters[1].var]).unwrap();
            for (step, base) in RATES.iter().enumerate() {
                let given = [0, 1].map(|i| normal(SHAPES[i], 1.0, &format!("g{i}/{step}"), 1));
                plan.run(&[("g0", &given[0]), ("g1", &given[1]), ("rate", &Array::scalar(base * times))]).unwrap();
                for (i, shape) in SHAPES.iter().enumerate() {
                    let all = fixture[&format!("{name}/{i}")].values::<f32>().unwrap();
                    let size = shape.iter().product::<usize>();
                    let expected = Array::new(*shape, all[step * size..(step + 1) * size].to_vec()).unwrap();
                    // Each step rounds some eight numbers up to 8 by 2^-24 of them, and shares such as 0.99 are f32, which moves
                    // a root by 1e-6 of it and steps, up to 2.5, by as much: 4 (8 * 8 * 2^-24 + 2.5e-6) at most after four.
                    let found = plan.state(&format!("w{i}")).unwrap();
                    let bound = Bound::Near { absolute: 2.5e-5, relative: 0.0 };
                    wrong.extend(compare(&found, &expected, None, bound).err().map(|e| format!("{name} w{i} step {step}: {e}")));
                }
            }
            assert_eq!(plan.state("optimiser/step").unwrap(), Array::scalar(4i32), "{name}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// w after each step down w^2 / 2, from 1 at rate 0.1.
fn down_a_parabola(optimiser: Optimiser, steps: usize) -> Vec<f64> {
    let graph = Graph::new();
    let w = Parameter::new(&graph, "w", Array::scalar(1.0f32)).unwrap();
    let half = graph.constant(Array::scalar(0.5f32)).unwrap();
    let loss = w.var.mul(&w.var).unwrap().mul(&half).unwrap();
    let rate = graph.constant(Array::scalar(0.1f32)).unwrap();
    optimiser.update(std::slice::from_ref(&w), &loss.gradient(&[&w.var]).unwrap(), &rate).unwrap();
    let mut plan = Plan::compile(Device::from(gpu()), &[&loss]).unwrap();
    let mut step = || {
        plan.run(&[]).unwrap();
        plan.state("w").unwrap().to_f64()[0]
    };
    (0..steps).map(|_| step()).collect()
}

#[test]
fn three_steps_down_a_parabola_are_those_computed_by_hand() {
    let sgd = Sgd { momentum: 0.9, nesterov: true, form: MomentumForm::Lasagne, ..Sgd::default() };
    // v = -0.1, -0.171, -0.20871...: w = 1 - 0.09 - 0.1, then 0.81 - 0.9 * 0.171 - 0.081, then 0.5751 + 0.9 v - 0.05751 with
    // v = -0.9 * 0.171 - 0.05751 = -0.21141.
    let nesterov = [0.81, 0.5751, 0.327_321];
    // The first step is the rate. Then m = 0.9 * 0.1 + 0.1 * 0.9 = 0.18 and v = 0.000999 + 0.00081 = 0.001809, corrected 0.18 / 0.19 and
    // 0.001809 / 0.001999: a step of 0.1 * 0.9473684 / 0.9512958. Then m = 0.162 + 0.0800412846 and v = 0.001807191 + 0.000640660724,
    // over 0.271 and 0.002997001.
    let second = 0.9 - 0.1 * (0.18 / 0.19) / (0.001_809f64 / 0.001_999).sqrt();
    let m = 0.9 * 0.18 + 0.1 * second;
    let v: f64 = 0.999 * 0.001_809 + 0.001 * second * second;
    let adam = [0.9, second, second - 0.1 * (m / 0.271) / (v / 0.002_997_001).sqrt()];
    assert!((second - 0.800_412_8).abs() < 1e-6, "{second}");
    let forms = [AdamForm::Paper, AdamForm::Torch].map(|form| Optimiser::Adam(Adam { form, ..Adam::default() }));
    for (optimiser, expected) in [(Optimiser::Sgd(sgd), nesterov), (forms[0], adam), (forms[1], adam)] {
        for (step, (found, expected)) in down_a_parabola(optimiser, 3).iter().zip(expected).enumerate() {
            // Some ten roundings of numbers up to 1 a step; Torch's epsilon is a relative 3e-7 of the first root.
            assert!((found - expected).abs() < 2e-6, "{optimiser:?}, step {step}: {found}, by hand {expected}");
        }
    }
}

#[test]
fn gradients_are_clipped_together_or_one_by_one() {
    let graph = Graph::new();
    let g = [Array::new([2], vec![3.0f32, -4.0]).unwrap(), Array::new([1, 1], vec![12.0f32]).unwrap()];
    let vars: Vec<Var> = g.iter().enumerate().map(|(i, a)| graph.input(&format!("g{i}"), a.ty()).unwrap()).collect();
    let (halved, norm) = clip_by_global_norm(&vars, 6.5).unwrap();
    let (whole, _) = clip_by_global_norm(&vars, 13.0).unwrap();
    let cut = clip_by_value(&vars, 3.5).unwrap();
    let outputs: Vec<&Var> = [&norm].into_iter().chain(&halved).chain(&whole).chain(&cut).collect();
    let mut plan = Plan::compile(Device::from(gpu()), &outputs).unwrap();
    let found: Vec<Vec<f64>> = plan.run(&[("g0", &g[0]), ("g1", &g[1])]).unwrap().iter().map(Array::to_f64).collect();
    let expected = [&[13.0][..], &[1.5, -2.0], &[6.0], &[3.0, -4.0], &[12.0], &[3.0, -3.5], &[3.5]];
    assert_eq!(found, expected);
    // No gradient at all has norm 0 and stays.
    let nothing = [Array::full([2], 0.0f32), Array::full([1, 1], 0.0f32)];
    let found = plan.run(&[("g0", &nothing[0]), ("g1", &nothing[1])]).unwrap();
    assert!(found.iter().all(|a| a.to_f64().iter().all(|v| *v == 0.0)));
    assert!(clip_by_global_norm(&[], 1.0).is_err() && clip_by_global_norm(&vars, 0.0).is_err() && clip_by_value(&vars, f32::NAN).is_err());
}

#[test]
fn averages_follow_the_parameters() {
    // Parameters that go from 8 down by 1 in every run. Exponential: 7, 6 and 5 come into 8 by a quarter.
    for (averaging, expected) in [(Averaging::Exponential(0.75), [7.75f32, 7.3125, 6.734_375]), (Averaging::Mean, [7.0, 6.5, 6.0])] {
        let graph = Graph::new();
        let parameters = [Parameter::new(&graph, "w", Array::full([4], 8.0f32)).unwrap()];
        assert!(average(&parameters, averaging).unwrap_err().to_string().contains("'w' is no f32 state that is updated"));
        let ones = [graph.constant(Array::full([4], 1.0f32)).unwrap()];
        Optimiser::Sgd(Sgd::default()).update(&parameters, &ones, &graph.constant(Array::scalar(1.0f32)).unwrap()).unwrap();
        let averages = average(&parameters, averaging).unwrap();
        assert_eq!(averages[0].shape(), [4]);
        let mut plan = Plan::compile(Device::from(gpu()), &[&parameters[0].var]).unwrap();
        for expected in expected {
            plan.run(&[]).unwrap();
            assert_eq!(plan.state("w/average").unwrap(), Array::full([4], expected), "{averaging:?}");
        }
    }
}

#[test]
fn a_parameter_without_rate_stays_and_what_has_no_meaning_is_refused() {
    let graph = Graph::new();
    let still = Parameter::new(&graph, "still", Array::full([2], 1.0f32)).unwrap().multiplied(0.0, 1.0);
    let gradient = graph.constant(Array::full([2], 1.0f32)).unwrap();
    let rate = graph.input("rate", TensorType::f32([])).unwrap();
    let plain = Optimiser::Sgd(Sgd::default());
    let words = |result: foveate::Result<()>| result.unwrap_err().to_string();
    let parameters = std::slice::from_ref(&still);
    plain.update(parameters, std::slice::from_ref(&gradient), &rate).unwrap();
    let mut plan = Plan::compile(Device::Cpu, &[&still.var]).unwrap();
    assert_eq!(plan.inputs().count(), 0, "nothing of the optimiser is there");
    plan.run(&[]).unwrap();
    assert_eq!(plan.state("still").unwrap(), Array::full([2], 1.0f32));

    assert!(words(plain.update(parameters, &[], &rate)).contains("1 parameters have 0 gradients"));
    assert!(words(plain.update(parameters, std::slice::from_ref(&rate), &rate)).contains("'still' is f32[2], its gradient f32[]"));
    assert!(words(plain.update(parameters, std::slice::from_ref(&gradient), &gradient)).contains("the learning rate is f32[]"));
    for wrong in [
        Optimiser::Sgd(Sgd { momentum: 1.0, ..Sgd::default() }),
        Optimiser::Sgd(Sgd { nesterov: true, ..Sgd::default() }),
        Optimiser::Sgd(Sgd { momentum: 0.5, dampening: 0.5, form: MomentumForm::Caffe, ..Sgd::default() }),
        Optimiser::Adam(Adam { beta2: -0.1, ..Adam::default() }),
        Optimiser::RmsProp(RmsProp { epsilon: f32::NAN, ..RmsProp::default() }),
    ] {
        assert!(wrong.update(parameters, std::slice::from_ref(&gradient), &rate).is_err(), "{wrong:?}");
    }
    let moving = Parameter { rate: 1.0, ..still };
    let twice = [moving.clone(), moving];
    let gradients = [gradient.clone(), gradient];
    let momentum = Optimiser::Sgd(Sgd { momentum: 0.5, ..Sgd::default() });
    assert!(words(momentum.update(&twice, &gradients, &rate)).contains("'still/momentum' already"));
}
