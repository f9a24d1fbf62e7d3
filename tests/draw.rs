//! DRAW: narrow networks against PyTorch's nats, drawings, windows and gradients; the published sizes; windows that read and write what
//! they should; and a network that learns to look where the digit is.
#![expect(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test may fail where it stands")]

mod common;

use common::{Bound, compare, fixture, gpu};
use foveate::array::{Array, Hw, TensorType};
use foveate::graph::{Graph, Var};
use foveate::models::Layers;
use foveate::models::draw::{Draw, Glimpses};
use foveate::models::stn::Network;
use foveate::nn::loss::{CrossEntropy, cross_entropy};
use foveate::nn::{Weights, init};
use foveate::plan::{Cost, Device, Plan};
use foveate::train::About;
use std::collections::HashMap;

/// The networks of draw.npz: through windows, on the whole picture, and through windows of a single filter.
fn narrow(sides: Option<(usize, usize)>) -> Draw {
    let size = Hw::new(7, 9);
    Draw { channels: 2, size, glimpses: 3, hidden: 6, latent: 4, read: sides.map(|s| s.0), write: sides.map(|s| s.1) }
}

fn looking() -> Glimpses {
    Glimpses { channels: 2, size: Hw::new(7, 9), glimpses: 3, side: 3, hidden: 6, classes: 3 }
}

/// The weights that the fixture's script draws, of these names and shapes.
fn drawn<'a>(tensors: impl IntoIterator<Item = (&'a str, &'a [usize])>) -> Weights {
    let one = |(name, shape): (&str, &[usize])| {
        let fan_in = if shape.len() > 1 { shape[shape.len() - 1] } else { 16 };
        (name.to_owned(), init::normal(shape, 1.0 / (fan_in as f32).sqrt(), name, 1))
    };
    Weights::from_arrays("drawn", tensors.into_iter().map(one)).as_states()
}

fn weights_of(net: &Draw) -> Weights {
    let first = net.init(1).unwrap();
    drawn(first.names().map(|name| (name, first.get(name).unwrap().shape())))
}

fn image() -> Array {
    let normal = init::normal(&[2, 2, 7, 9], 1.0, "image", 1);
    Array::from_fn([2, 2, 7, 9], |i| f32::from(normal.values::<f32>().unwrap()[i] > 0.0))
}

fn noise() -> Array {
    init::normal(&[3, 2, 4], 1.0, "noise", 1)
}

/// Sums of at most 270 products through three steps of two LSTMs and filters whose exponents are up to about 50 in size: 1e-5 of the
/// largest value, 84 eps.
fn near(expected: &Array) -> Bound {
    let largest = expected.to_f64().iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    Bound::Near { absolute: 1e-5 * largest, relative: 0.0 }
}

/// Each of `found`, by name, as the fixture has it under `prefix`.
fn compare_all(expected: &HashMap<String, Array>, prefix: &str, found: &[(String, Array)], device: &str) {
    for (name, found) in found {
        let expected = &expected[&format!("{prefix}.{name}")];
        compare(found, expected, None, near(expected)).unwrap_or_else(|e| panic!("{prefix}.{name} on {device}: {e}"));
    }
}

/// Tensors of one shape, one behind the other in a new first dimension.
fn stacked(vars: &[&Var]) -> Var {
    let vars: Vec<Var> = vars.iter().map(|var| var.unsqueeze(0).unwrap()).collect();
    foveate::ops::concat(&vars.iter().collect::<Vec<_>>(), 0).unwrap()
}

#[test]
fn narrow_networks_draw_and_learn_as_in_pytorch() {
    let expected: HashMap<String, Array> = fixture("draw").into_iter().collect();
    for (prefix, sides) in [("windows", Some((3, 4))), ("whole", None), ("single", Some((1, 1)))] {
        let (net, graph) = (narrow(sides), Graph::new());
        let weights = weights_of(&net);
        let [x, eps] = [("image", image()), ("noise", noise())].map(|(name, a)| graph.input(name, a.ty().clone()).unwrap());
        let seen = net.seen(&mut Layers::load(&graph, &weights), &x, &eps).unwrap();
        let mut outputs = vec![("nats", seen.nats.clone()), ("divergence", seen.divergence.clone())];
        outputs.push(("canvases", stacked(&seen.moments.iter().map(|m| &m.canvas).collect::<Vec<_>>())));
        if sides.is_some() {
            let written = seen.moments.iter().map(|m| m.written.as_ref().unwrap());
            outputs.push(("places", stacked(&seen.read.iter().zip(written).flat_map(|(r, w)| [r, w]).collect::<Vec<_>>())));
        }
        let mut outputs: Vec<(String, Var)> = outputs.into_iter().map(|(name, var)| (name.to_owned(), var)).collect();
        let parameters = weights.states(&graph);
        let vars: Vec<&Var> = parameters.iter().map(|p| &p.var).collect();
        let gradients = seen.nats.reduce_mean(&[], false).unwrap().gradient(&vars).unwrap();
        outputs.extend(parameters.iter().map(|p| format!("gradient.{}", p.name)).zip(gradients));
        assert_eq!(parameters.len(), if sides.is_some() { 15 } else { 11 }, "every weight is learned");
        for device in [Device::from(gpu()), Device::Cpu] {
            let name = device.name().to_owned();
            let mut plan = Plan::compile(device, &outputs.iter().map(|(_, var)| var).collect::<Vec<_>>()).unwrap();
            let found = plan.run(&[("image", &image()), ("noise", &noise())]).unwrap();
            let found: Vec<_> = outputs.iter().map(|(name, _)| name.clone()).zip(found).collect();
            compare_all(&expected, prefix, &found, &name);
        }
    }
}

#[test]
fn glimpses_name_and_learn_as_in_pytorch() {
    let (expected, net, graph) = (fixture("draw").into_iter().collect(), looking(), Graph::new());
    let tensors = net.tensors().unwrap();
    let weights = drawn(tensors.iter().map(|(name, shape)| (name.as_str(), &shape[..])));
    let x = graph.input("image", net.input(2)).unwrap();
    let output = net.build(&mut Layers::load(&graph, &weights), &x).unwrap();
    let label = graph.constant(Array::new([2], vec![2, 0]).unwrap()).unwrap();
    let loss = cross_entropy(&output.logits, &label, &CrossEntropy::default()).unwrap();
    let parameters = weights.states(&graph);
    let gradients = loss.gradient(&parameters.iter().map(|p| &p.var).collect::<Vec<_>>()).unwrap();
    let mut outputs = vec![("logits".to_owned(), output.logits.clone())];
    outputs.push(("places".to_owned(), stacked(&output.warps.iter().map(|w| &w.theta).collect::<Vec<_>>())));
    outputs.extend(parameters.iter().map(|p| format!("gradient.{}", p.name)).zip(gradients));
    assert_eq!(outputs.len(), 2 + 6);
    let mut plan = Plan::compile(gpu(), &outputs.iter().map(|(_, var)| var).collect::<Vec<_>>()).unwrap();
    let found = plan.run(&[("image", &image())]).unwrap();
    let found: Vec<_> = outputs.iter().map(|(name, _)| name.clone()).zip(found).collect();
    compare_all(&expected, "glimpses", &found, "the GPU");
}

#[test]
fn the_published_networks_have_their_sizes() {
    let (graph, weights) = (Graph::new(), Draw::MNIST.init(1).unwrap());
    // Encoder 4 x 256 x (8 + 256 + 256 + 1), decoder 4 x 256 x (100 + 256 + 1), mean and deviation 200 x 257, two windows 5 x 257,
    // patch 25 x 257; and what is learnt of the start, 2 x 256 + 784.
    assert_eq!(weights.parameters(), 533_504 + 365_568 + 51_400 + 2570 + 6425 + 1296);
    let latent = graph.input("latent", TensorType::f32([64, 1, 100])).unwrap();
    let moments = Draw::MNIST.drawn(&mut Layers::load(&graph, &weights), &latent).unwrap();
    assert_eq!((moments.len(), moments[63].canvas.shape()), (64, &[1, 1, 28, 28][..]));
    let whole = Draw { read: None, write: None, ..Draw::MNIST };
    // 4 x 256 x (2 x 784 + 256 + 256 + 1), and the patch 784 x 257.
    assert_eq!(whole.init(1).unwrap().parameters(), 2_130_944 + 365_568 + 51_400 + 201_488 + 1296);

    let net = Glimpses::CLUTTERED;
    assert_eq!(net.parameters().unwrap(), 410_624 + 1285 + 2570);
    let (graph, weights) = (Graph::new(), net.init(1).unwrap());
    let image = graph.input("image", net.input(1)).unwrap();
    let output = net.build(&mut Layers::load(&graph, &weights), &image).unwrap();
    // 8 x (12 x 100 x 100 + 12 x 12 x 100 + 400 x 1024 + 256 x 5) + 256 x 10.
    assert_eq!(Cost::of(&[&output.logits]).unwrap().multiply_adds, 8 * (120_000 + 14_400 + 409_600 + 1280) + 2560);
}

/// What it makes up is ink on paper: few grey pixels, and about as much ink as MNIST's digits have, 13 % of their pixels.
#[test]
fn the_network_that_comes_along_draws_with_ink() {
    let (graph, weights) = (Graph::new(), foveate::models::draw::weights().unwrap());
    let net = Draw::of(&weights).unwrap();
    assert_eq!(net, Draw { glimpses: 10, hidden: 128, latent: 16, read: Some(5), write: Some(5), ..Draw::MNIST });
    let latent = graph.input("latent", TensorType::f32([10, 32, 16])).unwrap();
    let moments = net.drawn(&mut Layers::load(&graph, &weights), &latent).unwrap();
    let ink = moments[9].canvas.sigmoid().unwrap();
    let drawn = Plan::compile(gpu(), &[&ink]).unwrap().run(&[("latent", &init::normal(&[10, 32, 16], 1.0, "drawings", 1))]).unwrap();
    let pixels = drawn[0].values::<f32>().unwrap();
    let share = |inside: fn(&f32) -> bool| pixels.iter().filter(|&p| inside(p)).count() as f64 / pixels.len() as f64;
    let (black, white) = (share(|&p| p < 0.1), share(|&p| p > 0.5));
    assert!(black > 0.7 && (0.06..0.25).contains(&white), "{black} of the pixels are paper, {white} ink");
}

#[test]
fn weights_tell_their_network() {
    let nets = [narrow(Some((3, 4))), narrow(None), Draw { read: None, ..narrow(Some((3, 4))) }, Draw::MNIST];
    for net in nets {
        let weights = net.metadata().iter().fold(net.init(1).unwrap(), |weights, (key, value)| weights.with_metadata(key, value));
        assert_eq!(Draw::of(&weights).unwrap(), net);
    }
    let error = Draw::of(&Draw::MNIST.init(1).unwrap()).unwrap_err().to_string();
    assert!(error.contains("'glimpses'"), "{error}");
    let error = Draw::of(&Draw::MNIST.init(1).unwrap().with_metadata("glimpses", "many")).unwrap_err().to_string();
    assert!(error.contains("'many'"), "{error}");

    let about = About { size: Some(Hw::new(7, 9)), ..About::new(3) };
    let net = Glimpses { channels: 3, ..looking() };
    let weights = net.init(1).unwrap().with_metadata("glimpses", "3");
    assert_eq!(Glimpses::of(&weights, &about).unwrap(), net);
}

#[test]
fn what_does_not_fit_is_refused() {
    let (net, graph) = (narrow(Some((3, 4))), Graph::new());
    let weights = net.init(1).unwrap();
    let [x, eps] = [("image", image()), ("noise", noise())].map(|(name, a)| graph.input(name, a.ty().clone()).unwrap());
    let wide = graph.input("wide", TensorType::f32([2, 2, 9, 9])).unwrap();
    let mut layers = Layers::load(&graph, &weights);
    let said = |error: foveate::Error, part: &str| assert!(error.to_string().contains(part), "{error}");
    said(net.seen(&mut layers, &wide, &eps).unwrap_err(), "[2, 2, 7, 9]");
    said(net.drawn(&mut layers, &x).unwrap_err(), "f32[3, n, 4]");
    said(Draw { hidden: 0, ..net.clone() }.init(1).unwrap_err(), "may be 0");
    said(Draw { write: Some(5), ..net }.seen(&mut layers, &x, &eps).unwrap_err(), "write.weight");
}
