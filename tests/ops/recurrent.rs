//! lstm, gru, rnn: case table.

use crate::common::{Bound, Case, Elsewhere, check, compare, fixture, gpu, on_the_host, random, random_below};
use foveate::array::{Array, TensorType};
use foveate::gpu::Launch;
use foveate::graph::{Graph, Var};
use foveate::ops::{
    Cell, Direction, GateOrder, Gru, Lstm, Op, Precision, Recurrence, RecurrenceGradient, Recurrent, RecurrentActivation as A,
    RecurrentInputs, Site,
};
use foveate::plan::{Device, Options, Plan};
use std::collections::{BTreeSet, HashMap};

/// A gate's sum has at most 40 products and four terms, all below 1: 44 roundings of 2^-24 of up to 10 are 3e-5 at the very
/// worst, a few 1e-7 as they fall, and activations here have slopes up to 1. An error in a state comes back into the next step
/// through a gate of the weights, which is drawn so that what comes back is less than what went in, and the forgetting halves
/// it again: errors add up over a few steps, not over T.
const BOUND: Bound = Bound::Near { absolute: 4e-6, relative: 4e-6 };

/// The layer that a case is about.
#[derive(Clone, Debug)]
enum Layer {
    Lstm(Lstm),
    Gru(Gru),
    Rnn(Recurrent),
}

impl Layer {
    fn common(&mut self) -> &mut Recurrent {
        match self {
            Self::Lstm(lstm) => &mut lstm.common,
            Self::Gru(gru) => &mut gru.common,
            Self::Rnn(rnn) => rnn,
        }
    }

    fn apply(&self, x: &Var, w: &Var, r: &Var, others: RecurrentInputs<'_>) -> foveate::Result<Vec<Var>> {
        Ok(match self {
            Self::Lstm(lstm) => x.lstm(w, r, others, lstm).map(|(y, h, c)| vec![y, h, c])?,
            Self::Gru(gru) => x.gru(w, r, others, gru).map(|(y, h)| vec![y, h])?,
            Self::Rnn(rnn) => x.rnn(w, r, others, rnn).map(|(y, h)| vec![y, h])?,
        })
    }
}

const INPUTS: [&str; 8] = ["x", "w", "r", "b", "sequence_lens", "initial_h", "initial_c", "p"];

/// Builds the layer over the inputs that are there; runs it on the host and the first so many ways on the GPU; compares the first with the
/// outputs that are there and the others with it.
fn agrees(arrays: &HashMap<String, Array>, case: &str, layer: &Layer, ways: usize) -> Result<(), String> {
    let graph = Graph::new();
    let given: Vec<(&str, &Array)> = INPUTS.iter().filter_map(|name| Some((*name, arrays.get(&format!("{case}/{name}"))?))).collect();
    let vars: HashMap<&str, Var> = given.iter().map(|(name, array)| (*name, graph.input(name, array.ty()).unwrap())).collect();
    let others = RecurrentInputs {
        b: vars.get("b"),
        sequence_lens: vars.get("sequence_lens"),
        initial_h: vars.get("initial_h"),
        initial_c: vars.get("initial_c"),
        p: vars.get("p"),
    };
    let outputs = layer.apply(&vars["x"], &vars["w"], &vars["r"], others).map_err(|e| e.to_string())?;
    let outputs: Vec<&Var> = outputs.iter().collect();
    let host = Plan::compile(Device::Cpu, &outputs).and_then(|mut plan| plan.run(&given)).map_err(|e| e.to_string())?;
    for mut way in Plan::ways(gpu(), &outputs, Options::default()).map_err(|e| e.to_string())?.into_iter().take(ways) {
        let device = way.run(&given).map_err(|e| e.to_string())?;
        for ((name, host), device) in ["y", "y_h", "y_c"].iter().zip(&host).zip(&device) {
            let text = way.describe();
            compare(device, host, None, BOUND).map_err(|e| format!("GPU {name} against the reference: {e}\n{text}"))?;
        }
    }
    let mut compared = 0;
    for (name, host) in ["y", "y_h", "y_c"].iter().zip(&host) {
        if let Some(expected) = arrays.get(&format!("{case}/{name}")) {
            compare(host, expected, None, BOUND).map_err(|e| format!("reference {name} against the outside numbers: {e}"))?;
            compared += 1;
        }
    }
    if compared == 0 { Err("nothing to compare with".to_owned()) } else { Ok(()) }
}

#[track_caller]
fn all_agree(file: &str, layer: impl Fn(&str) -> Layer, cases: usize, ways: usize) {
    let arrays = fixture(file);
    let names: BTreeSet<&str> = arrays.keys().filter_map(|key| key.split_once('/')).map(|(case, _)| case).collect();
    assert_eq!(names.len(), cases);
    let failed: Vec<String> =
        names.iter().filter_map(|case| Some(format!("{case}: {}", agrees(&arrays, case, &layer(case), ways).err()?))).collect();
    assert!(failed.is_empty(), "{} of {cases} cases failed:\n{}", failed.len(), failed.join("\n"));
}

fn kind(name: &str) -> Layer {
    match name {
        _ if name.contains("lstm") => Layer::Lstm(Lstm::default()),
        _ if name.contains("gru") => Layer::Gru(Gru::default()),
        _ => Layer::Rnn(Recurrent::default()),
    }
}

fn of_onnx_runtime(case: &str) -> Layer {
    let mut layer = kind(case);
    let both = ["both ways", "clip", "everything", "activations", "bidirectional"].iter().any(|word| case.contains(word));
    if both {
        layer.common().direction = Direction::Bidirectional;
    } else if case.ends_with("reverse") || case.starts_with("gru odd linear") {
        layer.common().direction = Direction::Reverse;
    }
    layer.common().clip = match case {
        "lstm everything" => Some(0.9),
        _ if case.ends_with("clip") => Some(0.3),
        _ if case.starts_with("gru linear") => Some(0.7),
        _ => None,
    };
    match &mut layer {
        Layer::Lstm(lstm) => lstm.input_forget = case == "lstm input forget",
        Layer::Gru(gru) => gru.linear_before_reset = case.contains("linear 1"),
        Layer::Rnn(_) => {}
    }
    let list = |names: &[&str], alphas: &[f32], betas: &[f32]| A::list(names, alphas, betas).unwrap();
    layer.common().activations = match case {
        "lstm activations" => {
            let names = ["HardSigmoid", "ScaledTanh", "Softsign", "Sigmoid", "LeakyRelu", "Affine"];
            list(&names, &[0.3, 1.5, 0.2, 0.8], &[0.4, 0.7, -0.1])
        }
        "gru activations" => list(&["HardSigmoid", "Elu", "Sigmoid", "Softplus"], &[0.3, 0.7], &[0.4]),
        "rnn Relu" => vec![A::Relu],
        "rnn Tanh" => vec![A::Tanh],
        "rnn Sigmoid" => vec![A::Sigmoid],
        "rnn Affine" => vec![A::Affine { alpha: 0.7, beta: 0.2 }],
        "rnn LeakyRelu" => vec![A::LeakyRelu { alpha: 0.3 }],
        "rnn ThresholdedRelu" => vec![A::ThresholdedRelu { alpha: 0.2 }],
        "rnn ScaledTanh" => vec![A::ScaledTanh { alpha: 1.3, beta: 0.6 }],
        "rnn HardSigmoid" => vec![A::HardSigmoid { alpha: 0.3, beta: 0.6 }],
        "rnn Elu" => vec![A::Elu { alpha: 0.8 }],
        "rnn Softsign" => vec![A::Softsign],
        "rnn Softplus" => vec![A::Softplus],
        _ => vec![],
    };
    layer
}

#[test]
fn onnx_runtime() {
    all_agree("recurrent", of_onnx_runtime, 30 + 4 + 7 + 11, 1);
}

#[test]
fn onnx_conformance() {
    let layer = |case: &str| {
        let mut layer = kind(case);
        layer.common().batch_first = case.ends_with("batchwise");
        layer
    };
    all_agree("recurrent_onnx", layer, 12, 1);
}

#[test]
fn pytorch() {
    let layer = |case: &str| {
        let mut layer = kind(case);
        layer.common().direction = Direction::Bidirectional;
        layer.common().gates = GateOrder::Pytorch;
        if let Layer::Gru(gru) = &mut layer {
            gru.linear_before_reset = true;
        }
        layer
    };
    all_agree("recurrent_torch", layer, 6, usize::MAX);
}

/// PyTorch's gradients, in f64 and rounded once: of sums of up to 600 steps and sequences, 2e-5 of the largest of each tensor.
#[test]
fn gradients_of_pytorch() {
    let arrays = fixture("recurrent_torch");
    for case in ["lstm", "gru", "rnn", "lstm long", "gru long", "rnn long"] {
        let of = |key: &str| arrays.get(&format!("{case}/{key}"));
        let mut layer = kind(case);
        layer.common().direction = Direction::Bidirectional;
        layer.common().gates = GateOrder::Pytorch;
        if let Layer::Gru(gru) = &mut layer {
            gru.linear_before_reset = true;
        }
        let graph = Graph::new();
        let given: Vec<(&str, &Array)> = INPUTS.iter().filter_map(|name| Some((*name, of(name)?))).collect();
        let vars: HashMap<&str, Var> = given.iter().map(|(name, array)| (*name, graph.input(name, array.ty()).unwrap())).collect();
        let others = RecurrentInputs {
            b: vars.get("b"),
            sequence_lens: vars.get("sequence_lens"),
            initial_h: vars.get("initial_h"),
            initial_c: vars.get("initial_c"),
            p: None,
        };
        let outputs = layer.apply(&vars["x"], &vars["w"], &vars["r"], others).unwrap();
        let loss = outputs
            .iter()
            .zip(["loss_y", "loss_y_h", "loss_y_c"])
            .map(|(output, name)| output.mul(&graph.constant(of(name).unwrap().clone()).unwrap()).unwrap().reduce_sum(&[], false).unwrap());
        let loss = loss.reduce(|a, b| a.add(&b).unwrap()).unwrap();
        let learnt: Vec<&str> = given.iter().map(|(name, _)| *name).filter(|name| *name != "sequence_lens").collect();
        let gradients = loss.gradient(&learnt.iter().map(|name| &vars[name]).collect::<Vec<_>>()).unwrap();
        let ways = Plan::ways(gpu(), &gradients.iter().collect::<Vec<_>>(), Options::default()).unwrap();
        let host = Plan::compile(Device::Cpu, &gradients.iter().collect::<Vec<_>>()).unwrap();
        for mut plan in [host].into_iter().chain(ways.into_iter().take(2)) {
            for (name, found) in learnt.iter().zip(plan.run(&given).unwrap()) {
                let expected = of(&format!("grad_{name}")).unwrap();
                let largest = expected.to_f64().iter().fold(0.0, |m: f64, v| m.max(v.abs()));
                let bound = Bound::Near { absolute: 2e-5 * largest, relative: 0.0 };
                compare(&found, expected, None, bound).unwrap_or_else(|e| panic!("{case}: {name}: {e}\n{}", plan.describe()));
            }
        }
    }
}

const LSTM: Cell = Cell::Lstm { input_forget: false };
const GRU: Cell = Cell::Gru { linear_before_reset: true };
const RESET: Cell = Cell::Gru { linear_before_reset: false };

/// The steps alone, with all that can be given but peepholes.
fn steps(cell: Cell, direction: Direction) -> Recurrence {
    let attributes = Recurrent { direction, ..Default::default() };
    let initial_c = cell == LSTM;
    Recurrence { cell, attributes, bias: true, peepholes: false, sequence_lens: true, initial_h: true, initial_c }
}

/// Inputs for [`steps`]: time, batch, units.
fn inputs(op: &Recurrence, [t, b, h]: [usize; 3]) -> Vec<Array> {
    let gates = match op.cell {
        Cell::Lstm { .. } => 4,
        Cell::Gru { .. } => 3,
        Cell::Rnn => 1,
    };
    let d = op.attributes.direction.count();
    let (x, state) = if op.attributes.batch_first { ([b, t], [b, d, h]) } else { ([t, b], [d, b, h]) };
    let r = random(&[d, gates * h, h], 2);
    let r = Array::from_fn(r.shape(), |i| r.values::<f32>().unwrap()[i] / (h as f32).sqrt());
    let mut inputs = vec![random(&[x[0], x[1], d * gates * h], 1), r];
    inputs.extend(op.bias.then(|| random(&[d, 2 * gates * h + if op.peepholes { 3 * h } else { 0 }], 3)));
    inputs.extend(op.sequence_lens.then(|| random_below(&[b], 4, t as u32 + 1)));
    inputs.extend(op.initial_h.then(|| random(&state, 5)));
    inputs.extend(op.initial_c.then(|| random(&state, 6)));
    inputs
}

/// Teams of one invocation and of several, whole vectors and none, both layouts; empty sequences keep their states.
#[test]
fn steps_alone() {
    let mut cases = Vec::new();
    for cell in [LSTM, GRU, RESET, Cell::Rnn] {
        for (size, first) in [([4, 5, 12], false), ([3, 3, 7], true)] {
            let mut op = steps(cell, Direction::Bidirectional);
            op.attributes.batch_first = first;
            let given = inputs(&op, size);
            let name = format!("{cell:?} {size:?}");
            cases.push(Case::new(name.clone(), op.clone(), given.clone(), BOUND));
            cases.push(Case::new(format!("{name} of a GPU"), Elsewhere::gpu(op), given, BOUND));
        }
    }
    // More sequences and units than a tile has, in whole vectors and not.
    for (cell, size, first) in [(LSTM, [2, 70, 20], false), (GRU, [2, 66, 19], true), (LSTM, [2, 5, 33], true), (GRU, [1, 17, 8], false)] {
        let mut op = steps(cell, Direction::Bidirectional);
        op.attributes.batch_first = first;
        let given = inputs(&op, size);
        cases.push(Case::new(format!("{cell:?} {size:?}"), op, given, BOUND));
    }
    check(cases);
}

#[test]
fn sizes() {
    let mut lstm = steps(LSTM, Direction::Forward);
    (lstm.sequence_lens, lstm.peepholes) = (false, true);
    let without = |cell, t, b, h| {
        let mut op = steps(cell, Direction::Reverse);
        (op.bias, op.sequence_lens, op.initial_h, op.initial_c) = (false, false, false, false);
        let given = inputs(&op, [t, b, h]);
        (op, given)
    };
    let (many, many_inputs) = without(Cell::Rnn, 1, 2100, 260);
    let (one, one_inputs) = without(LSTM, 1, 1, 1);
    // Sums of 260 products of numbers below 1/16 and 1.
    let wide = Bound::Near { absolute: 1e-5, relative: 0.0 };
    let empty = {
        let mut given = inputs(&steps(RESET, Direction::Reverse), [2, 3, 4]);
        given[3] = Array::new([3], vec![0, -5, 99]).unwrap();
        given
    };
    check(vec![
        Case::new("two steps and peepholes", lstm.clone(), inputs(&lstm, [2, 1, 8]), BOUND),
        Case::new("many invocations a unit", Elsewhere::gpu(lstm.clone()), inputs(&lstm, [3, 2, 260]), wide),
        Case::new("one of everything", one, one_inputs, BOUND),
        Case::new("lengths out of range", steps(RESET, Direction::Reverse), empty, BOUND),
        Case::new("more than 65,535 workgroups", Elsewhere::gpu(many), many_inputs, BOUND),
    ]);
}

#[test]
fn dispatches() {
    let count = |cell, t| {
        let graph = Graph::new();
        let mut op = steps(cell, Direction::Bidirectional);
        op.sequence_lens = false;
        let given = inputs(&op, [t, 2, 4]);
        let vars: Vec<Var> = given.iter().enumerate().map(|(i, a)| graph.input(&i.to_string(), a.ty()).unwrap()).collect();
        let outputs = graph.apply(op, &vars.iter().collect::<Vec<_>>()).unwrap();
        let plan = Plan::compile(Device::Gpu(gpu().clone()), &outputs.iter().collect::<Vec<_>>()).unwrap().describe();
        plan.lines().filter(|line| line.contains("workgroups")).count()
    };
    assert_eq!([count(LSTM, 1), count(GRU, 1), count(Cell::Rnn, 1)], [1; 3]);
    assert_eq!([count(LSTM, 7), count(GRU, 7), count(RESET, 7)], [7, 7, 14]);
}

/// The way back, whose slopes let less through than comes in: errors are those of a few steps, as there.
#[test]
fn backward() {
    let mut cases = Vec::new();
    for cell in [LSTM, GRU, RESET, Cell::Rnn] {
        for [d, t, b, h] in [[2, 4, 5, 12], [1, 3, 3, 7], [2, 2, 21, 36], [1, 1, 1, 1]] {
            for holds in [false, true].into_iter().take(if matches!(cell, Cell::Gru { .. }) { 1 } else { 2 }) {
                let op = RecurrenceGradient { cell, reversed_from: d - 1, holds };
                let (gates, slopes, states) = match cell {
                    Cell::Lstm { .. } => (4, 6, 2),
                    Cell::Gru { linear_before_reset } => (3, if linear_before_reset { 4 } else { 5 }, 1),
                    Cell::Rnn => (1, 1, 1),
                };
                let narrow = random(&[d, h, gates * h], 3);
                let r = Array::from_fn(narrow.shape(), |i| narrow.values::<f32>().unwrap()[i] / (h as f32).sqrt());
                let slopes = random(&[d, t, b, (slopes + usize::from(holds)) * h], 2);
                let slopes = Array::from_fn(slopes.shape(), |i| slopes.values::<f32>().unwrap()[i] / 2.0);
                let given = vec![random(&[d, t, b, h], 1), slopes, r, random(&[d, b, states * h], 4)];
                let name = format!("{cell:?} {:?} {holds}", [d, t, b, h]);
                cases.push(Case::new(name.clone(), op, given.clone(), BOUND));
                cases.push(Case::new(format!("{name} of a GPU"), Elsewhere::gpu(op), given, BOUND));
            }
        }
    }
    let op = RecurrenceGradient { cell: GRU, reversed_from: 1, holds: false };
    let given = vec![random(&[1, 2, 3, 4], 1), random(&[1, 2, 3, 20], 2), random(&[1, 4, 12], 3), random(&[1, 3, 4], 4)];
    cases.push(Case::refused("slopes", op, given, "slopes must be f32[1, 2, 3, 16], it is f32[1, 2, 3, 20]"));
    check(cases);
}

/// What every WebGPU device allows.
#[test]
fn eight_storage_buffers() {
    for cell in [LSTM, GRU, RESET, Cell::Rnn] {
        for sequence_lens in [false, true] {
            let op = Recurrence { sequence_lens, ..steps(cell, Direction::Bidirectional) };
            let types: Vec<TensorType> = inputs(&op, [3, 2, 4]).iter().map(Array::ty).collect();
            let inputs: Vec<&TensorType> = types.iter().collect();
            let outputs = op.infer(&inputs).unwrap();
            let outputs: Vec<&TensorType> = outputs.iter().collect();
            let site = Site {
                inputs: &inputs,
                outputs: &outputs,
                device: gpu().capabilities(),
                precision: Precision::F32,
                finish: None,
                begin: None,
            };
            let launches = op.launch(&site).unwrap().into_iter().flat_map(|way| way.launches);
            let of_any = |launch: &Launch| launch.kernel.name != "recurrent/matrices";
            assert!(launches.filter(of_any).all(|launch| launch.bindings.len() <= 8), "{op:?}");
        }
    }
}

#[test]
fn refused() {
    let op = |change: fn(&mut Recurrence)| {
        let mut op = steps(LSTM, Direction::Forward);
        change(&mut op);
        op
    };
    let good = inputs(&op(|_| ()), [2, 3, 4]);
    let with = |index: usize, array: Array| {
        let mut inputs = good.clone();
        inputs[index] = array;
        inputs
    };
    let cases = vec![
        Case::refused("five inputs", op(|_| ()), good[..5].to_vec(), "takes 6 inputs, 5 were given"),
        Case::refused("a matrix", op(|_| ()), with(0, random(&[2, 48], 1)), "x must be (T, B, I)"),
        Case::refused("r", op(|_| ()), with(1, random(&[1, 12, 4], 1)), "r must be f32[1, 16, 4], it is f32[1, 12, 4]"),
        Case::refused("columns", op(|_| ()), with(0, random(&[2, 3, 12], 1)), "must have 16 columns"),
        Case::refused("b", op(|_| ()), with(2, random(&[1, 16], 1)), "must be f32[1, 32], it is f32[1, 16]"),
        Case::refused("lengths of floats", op(|_| ()), with(3, random(&[3], 1)), "sequence_lens must be i32[3]"),
        Case::refused("initial_h", op(|_| ()), with(4, random(&[3, 1, 4], 1)), "initial_h must be f32[1, 3, 4]"),
        Case::refused("initial_c", op(|_| ()), with(5, random(&[1, 3, 5], 1)), "initial_c must be f32[1, 3, 4]"),
        Case::refused("directions", op(|op| op.attributes.direction = Direction::Bidirectional), good.clone(), "r must be f32[2, 16, 4]"),
        Case::refused("activations", op(|op| op.attributes.activations = vec![A::Tanh]), good.clone(), "takes 3 activations or none, 1"),
        Case::refused("alpha", op(|op| op.attributes.activations = vec![A::Elu { alpha: f32::NAN }; 3]), good.clone(), "an activation Elu"),
        Case::refused("clip", op(|op| op.attributes.clip = Some(-1.0)), good.clone(), "clip is -1; it must be positive"),
        Case::refused("hidden_size", op(|op| op.attributes.hidden_size = Some(5)), good.clone(), "hidden_size is 5"),
        Case::refused("a gru's c", op(|op| op.cell = GRU), good, "initial_c and p are an lstm's"),
    ];
    check(cases);
    let graph = Graph::new();
    let var = |name: &str, shape: &[usize]| graph.input(name, TensorType::f32(shape)).unwrap();
    let (x, w, r) = (var("x", &[2, 3, 5]), var("w", &[1, 16, 6]), var("r", &[1, 16, 4]));
    let error = x.lstm(&w, &r, RecurrentInputs::default(), &Lstm::default()).unwrap_err().to_string();
    assert!(error.contains("w must be f32[1, 16, 5]"), "{error}");
    let long = [var("long", &[65_537, 1, 4]), var("wl", &[1, 1, 4]), var("rl", &[1, 1, 1])];
    let error = long[0].rnn(&long[1], &long[2], RecurrentInputs::default(), &Recurrent::default()).unwrap_err().to_string();
    assert!(error.contains("65537 time steps"), "{error}");
    assert!(A::list(&["Sinh"], &[], &[]).unwrap_err().to_string().contains("an activation 'Sinh'"));
}

/// A running mean: z = sigmoid(0) = 1/2, n = x.
#[test]
fn method() {
    let constant = |shape: &[usize], values: Vec<f32>| Array::new(shape, values).unwrap();
    let x = constant(&[3, 1, 1], vec![8.0, 0.0, 16.0]);
    let (w, r) = (constant(&[1, 3, 1], vec![0.0, 0.0, 1.0]), constant(&[1, 3, 1], vec![0.0; 3]));
    let attributes = Gru {
        common: Recurrent { activations: A::list(&["Sigmoid", "Affine"], &[], &[]).unwrap(), ..Default::default() },
        ..Default::default()
    };
    let outputs = on_the_host(&[x, w, r], |v| {
        let (y, last) = v[0].gru(&v[1], &v[2], RecurrentInputs::default(), &attributes)?;
        Ok(vec![y, last])
    });
    compare(&outputs[0], &constant(&[3, 1, 1, 1], vec![4.0, 2.0, 9.0]), None, Bound::Exact).unwrap();
    compare(&outputs[1], &constant(&[1, 1, 1], vec![9.0]), None, Bound::Exact).unwrap();
}
