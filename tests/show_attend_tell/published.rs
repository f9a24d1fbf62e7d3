//! The network at its published sizes.

use crate::common::{Bound, compare, gpu, random};
use foveate::array::{Array, TensorType};
use foveate::graph::Graph;
use foveate::models::show_attend_tell::{Attention, Config, Decoder, annotations};
use foveate::nn::Weights;
use foveate::plan::{Cost, Device, Plan};

/// The published network with zeros for weights.
fn zeros(config: Config) -> Weights {
    Weights::from_arrays("zeros", config.parameters().into_iter().map(|(name, shape)| (name, Array::full(shape, 0.0f32))))
}

#[test]
fn the_published_network_has_the_size_and_cost_of_the_specification() {
    let (k, m, n, d) = (10_000, 512, 1800, 512);
    let lstm = m * 4 * n + n * 4 * n + d * 4 * n + 4 * n;
    let attention = d * d + n * d + d + d * d + d + d + 1 + n + 1;
    let begin = (d * d + d) + 2 * (d * n + n);
    let readout = (n * m + m) + (d * m + m) + (m * k + k);
    assert_eq!(Config::COCO.parameter_count(), k * m + lstm + attention + begin + readout);
    // 35.3 M: the LSTM 20.3, words 5.1, output 5.1, initial states 2.1, attention 1.4, L_h and L_z 1.2.
    assert_eq!(Config::COCO.parameter_count(), 35_333_450);

    let graph = Graph::new();
    let decoder = Decoder::new(&graph, &zeros(Config::COCO), Config::COCO).unwrap();
    let features = graph.input("conv5", TensorType::f32([1, 512, 14, 14])).unwrap();
    let (image, state) = decoder.begin(&annotations(&features).unwrap()).unwrap();
    assert_eq!(image.projected.shape(), [1, 196, 512]);
    assert_eq!((state.h.shape(), state.c.shape()), (&[1, 1800][..], &[1, 1800][..]));
    // 105 M products per image.
    let once = Cost::of(&[&image.projected, &state.h, &state.c]).unwrap().multiply_adds;
    assert_eq!(once, (2 * 196 * d * d + d * d + 2 * d * n) as u64);

    let word = graph.input("word", TensorType::new(foveate::array::DType::I32, [1])).unwrap();
    let previous = decoder.embedded(&word).unwrap();
    let step = decoder.step(&image, &state, Some(&previous), &Attention::Soft, 0).unwrap();
    assert_eq!(step.alpha.shape(), [1, 196]);
    assert_eq!(step.log_probabilities.shape(), [1, 10_000]);
    assert_eq!(step.state.h.shape(), [1, 1800]);
    assert_eq!(step.beta.as_ref().unwrap().shape(), [1, 1]);
    // 27.8 M products per word.
    let all = Cost::of(&[&step.log_probabilities, &step.state.h]).unwrap().multiply_adds;
    let per_word = (m + n + d) * 4 * n + n * d + 2 * 196 * d + n + n * m + d * m + m * k;
    assert_eq!(all - once, per_word as u64);
    assert_eq!((all - once + 50_000) / 100_000, 278);

    // 13 words, some 466 M; the first word has no vector to multiply.
    let caption = decoder.greedy(&image.annotations, 13, &Attention::Soft).unwrap();
    assert_eq!(caption.alphas.shape(), [1, 13, 196]);
    let cost = Cost::of(&[&caption.words, &caption.alphas]).unwrap().multiply_adds;
    assert_eq!(cost, once + 13 * per_word as u64 - (m * 4 * n) as u64);
}

#[test]
fn the_published_network_makes_the_words_of_the_references() {
    let arrays = Config::COCO.parameters().into_iter().enumerate().map(|(i, (name, shape))| {
        // Uniform numbers whose products with a row of ones vary by about 1; louder scores, so that alpha is not flat.
        let scale = if name == "decoder_U_att" { 0.5 } else { (3.0 / shape.first().map_or(1.0, |n| *n as f32)).sqrt() };
        let values = random(&shape, i as u64);
        let values = values.values::<f32>().unwrap();
        (name, Array::from_fn(shape, |i| scale * values[i]))
    });
    let weights = Weights::from_arrays("random", arrays);
    let features = random(&[1, 512, 14, 14], 77);
    let values = features.values::<f32>().unwrap();
    let features = Array::from_fn([1, 512, 14, 14], |i| values[i].max(0.0));
    let graph = Graph::new();
    let input = graph.input("conv5", features.ty()).unwrap();
    let decoder = Decoder::new(&graph, &weights, Config::COCO).unwrap();
    let made = decoder.greedy(&annotations(&input).unwrap(), 2, &Attention::Soft).unwrap();
    let outputs = [&made.words, &made.log_probabilities, &made.alphas];
    let on = |device: Device| Plan::compile(device, &outputs).unwrap().run(&[("conv5", &features)]).unwrap();
    let (on_gpu, on_cpu) = (on(Device::from(gpu())), on(Device::Cpu));
    assert_eq!(on_gpu[0], on_cpu[0]);
    // Sums of up to 1800 products, and two steps of them.
    let near = Bound::Near { absolute: 1e-4, relative: 1e-4 };
    compare(&on_gpu[1], &on_cpu[1], None, near).unwrap();
    compare(&on_gpu[2], &on_cpu[2], None, near).unwrap();
}
