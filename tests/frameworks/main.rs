//! The six packages of `examples/six_frameworks`: their gradients, and their trajectories against loops in f64.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail where it stands")]

#[path = "../../examples/six_frameworks/caffe.rs"]
mod caffe;
#[path = "../common/mod.rs"]
mod common;
#[path = "../gradient/differences.rs"]
#[expect(dead_code, reason = "the tests of operators use the rest")]
mod differences;
#[path = "../../examples/six_frameworks/keras.rs"]
mod keras;
#[path = "../../examples/six_frameworks/lasagne.rs"]
mod lasagne;
mod loops;
#[path = "../../examples/six_frameworks/net.rs"]
#[expect(dead_code, reason = "the lecture's sizes are for GPUs")]
mod net;
#[path = "../../examples/six_frameworks/tensorflow.rs"]
mod tensorflow;
#[path = "../../examples/six_frameworks/theano.rs"]
mod theano;
#[path = "../../examples/six_frameworks/torch.rs"]
mod torch;

use common::{gpu, random_below};
use differences::{around, check};
use foveate::array::Array;
use foveate::graph::Graph;
use foveate::plan::{Device, Plan};
use loops::{Adam, Momentum, Net, near};
use net::{Sizes, Trained};

const SMALL: Sizes = Sizes { samples: 16, inputs: 12, hidden: 8, classes: 3 };

fn device() -> Device {
    Device::from(gpu())
}

/// Losses and parameters are those of the loop. Each step rounds numbers up to `size` some ten times by 2^-24 of them, and descent
/// brings neighbours together rather than apart.
fn same(trained: &Trained, losses: &[f64], net: &Net, transposed: bool, size: f64) {
    let steps = losses.len() as f64;
    let allowed = 10.0 * 2f64.powi(-24) * size * steps.sqrt();
    near("losses", &trained.losses, losses, allowed);
    let expected = if transposed { net.transposed() } else { net.weights.clone() };
    for ((name, found), expected) in trained.parameters.iter().zip(&expected) {
        near(name, &found.to_f64(), expected, allowed);
    }
}

#[test]
fn tensorflow_descends_as_in_f64() {
    let start = tensorflow::start(SMALL);
    let mut net = Net::new(SMALL, &start.map(|(_, a)| a.to_f64()));
    let (x, y) = (SMALL.examples("x").to_f64(), SMALL.one_hot("y").unwrap().to_f64());
    let mut losses = Vec::new();
    for _ in 0..100 {
        let (loss, gradients) = net.pass(&x, &y, 1.0, false);
        losses.push(loss);
        net.step(|i, _, k| f64::from(tensorflow::RATE) * gradients[i][k]);
    }
    let trained = tensorflow::train(&device(), SMALL, 100).unwrap();
    assert!(losses[0] > 20.0 * losses[99], "{} to {}", losses[0], losses[99]);
    same(&trained, &losses, &net, false, losses[0]);
}

#[test]
fn torch_descends_as_in_f64_on_new_data_every_time() {
    let mut net = Net::transposing(SMALL, &torch::start(SMALL).map(|(_, a)| a.to_f64()));
    let mut adam = Adam::new(&net);
    let mut losses = Vec::new();
    for step in 0..6 {
        let [x, y] = <[_; 2]>::try_from(torch::data(SMALL, step)).unwrap().map(|(_, a)| a);
        let (loss, gradients) = net.pass(&x.to_f64(), &net.one_hot(&y), SMALL.samples as f64, false);
        losses.push(loss);
        adam.step(&mut net, &gradients, f64::from(torch::RATE));
    }
    let trained = torch::train(&device(), SMALL, 6).unwrap();
    assert_eq!(trained.updates, 6);
    // The first steps of Adam are as large for a small gradient as for a large one, and a small one has fewer digits.
    same(&trained, &losses, &net, true, 8.0);
}

#[test]
fn theano_gives_loss_scores_and_gradients() {
    let (loss, scores, gradients) = theano::call(&device(), SMALL).unwrap();
    let shapes = SMALL.shapes();
    let weights = [0, 1].map(|i| foveate::nn::init::normal(&shapes[i], 0.01, ["w1", "w2"][i], net::SEED).to_f64());
    let reference = Net::new(SMALL, &weights);
    let (x, y) = (SMALL.examples("x").to_f64(), SMALL.one_hot("y").unwrap().to_f64());
    let (expected, by) = reference.pass(&x, &y, SMALL.samples as f64, false);
    near("loss", &[loss], &[expected], 1e-6);
    near("scores", &scores.to_f64(), &reference.scores(&x), 1e-8);
    near("dW1", &gradients[0].to_f64(), &by[0], 1e-8);
    near("dW2", &gradients[1].to_f64(), &by[2], 1e-8);
}

#[test]
fn lasagne_descends_as_in_f64_and_knows_64_examples_by_heart() {
    let sizes = Sizes { samples: 64, inputs: 100, hidden: 32, classes: 10 };
    let mut net = Net::new(sizes, &lasagne::start(sizes).map(|(_, a)| a.to_f64()));
    let mut momentum = Momentum::new(&net);
    let (x, y) = (sizes.examples("x").to_f64(), sizes.one_hot("y").unwrap().to_f64());
    let mut losses = Vec::new();
    for _ in 0..100 {
        let (loss, gradients) = net.pass(&x, &y, sizes.samples as f64, false);
        losses.push(loss);
        momentum.nesterov(&mut net, &gradients, f64::from(0.01f32));
    }
    let trained = lasagne::train(&device(), sizes, 0.01, 100).unwrap();
    same(&trained, &losses, &net, false, 1.0);
    assert!(trained.losses[99] < 0.1, "{}", trained.losses[99]);
}

#[test]
fn an_epoch_of_keras_has_32_updates() {
    let sizes = Sizes { samples: 1000, ..SMALL };
    let mut net = Net::new(sizes, &lasagne::start(sizes).map(|(_, a)| a.to_f64()));
    let mut momentum = Momentum::new(&net);
    let (x, y) = (sizes.examples("x").to_f64(), sizes.one_hot("y").unwrap().to_f64());
    let mut losses = Vec::new();
    for epoch in 0..2 {
        let batches = keras::batches(1000, 32, epoch);
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [&[32; 31][..], &[8]].concat());
        let mut all = batches.concat();
        assert!((0..1000).any(|i| all[i] != i), "it is shuffled");
        all.sort_unstable();
        assert!(all.into_iter().eq(0..1000));
        for batch in batches {
            let rows = |values: &[f64], width: usize| batch.iter().flat_map(|r| values[r * width..][..width].to_vec()).collect::<Vec<_>>();
            let (loss, gradients) = net.pass(&rows(&x, 12), &rows(&y, 3), batch.len() as f64, true);
            losses.push(loss);
            momentum.nesterov(&mut net, &gradients, f64::from(0.001f32));
        }
    }
    assert_ne!(keras::batches(1000, 32, 0), keras::batches(1000, 32, 1));
    let trained = keras::train(&device(), sizes, 32, 0.001, 2).unwrap();
    assert_eq!((trained.updates, trained.losses.len()), (64, 64));
    same(&trained, &losses, &net, false, 1.0);
}

#[test]
fn keras_on_the_whole_batch_is_lasagne() {
    let lasagne = lasagne::train(&device(), SMALL, 0.01, 12).unwrap();
    let keras = keras::train(&device(), SMALL, SMALL.samples, 0.01, 12).unwrap();
    assert!(lasagne.losses[11] < 0.9 * lasagne.losses[0]);
    near("losses", &keras.losses, &lasagne.losses, 2e-6);
    for ((name, a), (_, b)) in keras.parameters.iter().zip(&lasagne.parameters) {
        near(name, &a.to_f64(), &b.to_f64(), 2e-6);
    }
}

#[test]
fn caffe_descends_as_in_f64_and_goes_on_from_snapshots() {
    let sizes = Sizes { samples: 40, ..SMALL };
    let folder = tempfile::tempdir().unwrap();
    caffe::convert(folder.path(), sizes).unwrap();
    let solver = caffe::Solver { batch: 16, ..caffe::Solver::new(sizes, 8) };
    let graph = Graph::new();
    let start = caffe::parameters(&graph, &solver.net, 12, None).unwrap();
    assert_eq!(start.iter().map(|p| (p.rate, p.decay)).collect::<Vec<_>>(), [(1.0, 1.0), (2.0, 0.0), (1.0, 1.0), (2.0, 0.0)]);
    let mut plan = Plan::compile(Device::Cpu, &start.iter().map(|p| &p.var).collect::<Vec<_>>()).unwrap();
    let weights: Vec<Vec<f64>> = plan.run(&[]).unwrap().iter().map(Array::to_f64).collect();

    let mut net = Net::transposing(sizes, &weights);
    let mut velocity: Vec<Vec<f64>> = net.weights.iter().map(|w| vec![0.0; w.len()]).collect();
    let (x, y) = (sizes.examples("x").to_f64(), sizes.one_hot("y").unwrap().to_f64());
    let mean: Vec<f64> = (0..12).map(|i| x[i..].iter().step_by(12).sum::<f64>() / 40.0).collect();
    let mut losses = Vec::new();
    for iter in 0..8 {
        let rows: Vec<usize> = (0..16).map(|row| (16 * iter + row) % 40).collect();
        let batch: Vec<f64> = rows.iter().flat_map(|r| (0..12).map(|i| x[12 * r + i] - mean[i]).collect::<Vec<_>>()).collect();
        let targets: Vec<f64> = rows.iter().flat_map(|r| y[3 * r..3 * r + 3].to_vec()).collect();
        let (loss, gradients) = net.pass(&batch, &targets, 16.0, false);
        losses.push(loss);
        let rate = if iter < 4 { 0.01 } else { 0.001 };
        net.step(|i, w, k| {
            let (times, decay) = if i % 2 == 0 { (1.0, 5e-4) } else { (2.0, 0.0) };
            velocity[i][k] = 0.9 * velocity[i][k] + rate * times * (gradients[i][k] + decay * w);
            velocity[i][k]
        });
    }
    let trained = caffe::train(&device(), folder.path(), &solver, None, None).unwrap();
    same(&trained, &losses, &net, true, 1.0);

    let further = caffe::train(&device(), folder.path(), &solver, None, Some(4)).unwrap();
    assert_eq!(further.losses, trained.losses[4..]);
    assert_eq!(further.updates, 8);
    assert_eq!(further.parameters, trained.parameters);

    // Fine-tuning: a layer with another name starts anew, the other one as it was.
    let mut tuned = solver;
    tuned.net[1].name = "fc2_new";
    tuned.max_iter = 0;
    let model = folder.path().join("snapshot_iter_8.caffemodel.safetensors");
    let begun = caffe::train(&device(), folder.path(), &tuned, Some(&model), None).unwrap();
    assert_eq!(begun.parameters[..2], trained.parameters[..2]);
    assert_ne!(begun.parameters[2].1, trained.parameters[2].1);
    tuned.net[0].outputs = 9;
    let refusal = caffe::train(&device(), folder.path(), &tuned, Some(&model), None).unwrap_err().to_string();
    assert!(refusal.contains("'fc1.weight' is f32[8, 12], the network's is f32[9, 12]"), "{refusal}");
}

#[test]
fn the_gradient_of_the_sum_is_that_of_the_mean_as_often_as_there_are_examples() {
    let graph = Graph::new();
    let given = [("x", SMALL.examples("x")), ("y", SMALL.one_hot("y").unwrap()), ("labels", SMALL.labels("y"))];
    let [x, y, labels] = given.each_ref().map(|(name, array)| graph.input(name, array.ty()).unwrap());
    let weights = tensorflow::start(SMALL);
    let [w1, w2] = weights.each_ref().map(|(name, array)| graph.input(name, array.ty()).unwrap());
    let sum = tensorflow::loss(&x, &y, &w1, &w2).unwrap().gradient(&[&w1, &w2]).unwrap();
    let mean = theano::loss(&x, &labels, &w1, &w2).unwrap().0.gradient(&[&w1, &w2]).unwrap();
    let outputs: Vec<_> = sum.iter().chain(&mean).collect();
    let all: Vec<(&str, &Array)> = given.iter().chain(&weights).map(|(name, array)| (*name, array)).collect();
    let found = Plan::compile(device(), &outputs).unwrap().run(&all).unwrap();
    for i in 0..2 {
        let (sum, mean) = (found[i].to_f64(), found[i + 2].to_f64());
        let largest = sum.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        assert!(largest > 1.0);
        // Sums of 16 products in one order.
        near("gradient", &mean.iter().map(|g| 16.0 * g).collect::<Vec<_>>(), &sum, 16.0 * 2f64.powi(-23) * largest);
    }
}

#[test]
fn gradients_are_those_of_differences() {
    let (n, d, h, c) = (3, 4, 5, 3);
    // No unit is nearer to its kink than two steps of the differences move it.
    let inputs = |seed: u64| [around(&[n, d], seed), around(&[d, h], seed + 1), around(&[h], seed + 2)];
    let apart = |seed: &u64| {
        let [x, w, b] = inputs(*seed).map(|a| a.to_f64());
        (0..n * h).all(|i| ((0..d).map(|k| x[i / h * d + k] * w[k * h + i % h]).sum::<f64>() + b[i % h]).abs() > 0.07)
    };
    let seed = (1..1000).find(apart).unwrap();
    let [x, w1, b1] = inputs(seed);
    let (w2, b2) = (around(&[h, c], seed + 3), around(&[c], seed + 4));
    let labels = random_below(&[n], seed, c as u32);
    let hot = Array::from_fn([n, c], |i| f32::from(labels.values::<i32>().unwrap()[i / c] == (i % c) as i32));
    let turned = |a: &Array| {
        let [rows, columns] = *a.shape() else { panic!("{}", a.ty()) };
        Array::from_fn([columns, rows], |i| a.values::<f32>().unwrap()[i % rows * columns + i / rows])
    };
    // Where there are no biases, they are the last row of W1, and x has ones for them.
    let x_one =
        Array::from_fn([n, d + 1], |i| if i % (d + 1) == d { 1.0 } else { x.values::<f32>().unwrap()[i / (d + 1) * d + i % (d + 1)] });
    let w_bias =
        Array::from_fn([d + 1, h], |i| if i / h == d { b1.values::<f32>().unwrap()[i % h] } else { w1.values::<f32>().unwrap()[i] });

    check("TensorFlow", &[x_one.clone(), hot.clone(), w_bias.clone(), w2.clone()], |v| tensorflow::loss(&v[0], &v[1], &v[2], &v[3]));
    check("Theano", &[x_one, labels.clone(), w_bias, w2.clone()], |v| Ok(theano::loss(&v[0], &v[1], &v[2], &v[3])?.0));
    let all = |labels: &Array, w1: Array, w2: Array| [x.clone(), labels.clone(), w1, b1.clone(), w2, b2.clone()];
    check("Torch", &all(&labels, turned(&w1), turned(&w2)), |v| torch::loss(&v[0], &v[1], [&v[2], &v[3], &v[4], &v[5]]));
    check("Lasagne", &all(&labels, w1.clone(), w2.clone()), |v| {
        let scores = lasagne::scores(&v[0], [&v[2], &v[3], &v[4], &v[5]])?;
        foveate::nn::loss::cross_entropy(&scores, &v[1], &foveate::nn::loss::CrossEntropy::default())
    });
    check("Keras", &all(&hot, w1, w2), |v| {
        let three = v[0].graph().constant(Array::scalar(n as f32))?;
        keras::loss(&v[0], &v[1], &three, [&v[2], &v[3], &v[4], &v[5]])
    });
}
