//! Beams against NumPy's and against greedy captions; how often the device is asked.

use super::{COCO, NEAR, NETS, row, weights};
use crate::common::{compare, fixture, gpu};
use foveate::array::{Array, TensorType};
use foveate::gpu::Gpu;
use foveate::graph::Graph;
use foveate::models::show_attend_tell::{Attention, BeamSearch, Config, Decoder, END, captions};
use foveate::nn::Weights;
use foveate::plan::{Device, Plan};

#[test]
fn the_beam_finds_what_numpy_finds() {
    let arrays = fixture("show_attend_tell");
    for device in [Device::Cpu, Device::from(gpu())] {
        for (net, config) in NETS {
            let mut search = BeamSearch::new(&device, &weights(&arrays, net), config, 6, 3, &Attention::Soft).unwrap();
            for image in 0..2 {
                let part = |name: &str| arrays[&format!("{net}/beam{image}/{name}")].clone();
                let (words, costs) = (part("words"), part("costs"));
                let costs = costs.values::<f32>().unwrap();
                for (per_word, order) in [(false, "order"), (true, "order_per_word")] {
                    let found = search.captions(&row(&arrays[&format!("{net}/a")], image), 6, per_word).unwrap();
                    assert_eq!(found.len(), costs.len(), "{net} {image}: {found:?}");
                    for (found, at) in found.iter().zip(part(order).values::<i32>().unwrap()) {
                        let at = *at as usize;
                        let expected: Vec<i32> =
                            words.values::<i32>().unwrap()[6 * at..][..6].iter().copied().filter(|w| *w >= 0).collect();
                        assert_eq!(found.words, expected, "{net} {image} on {}", device.name());
                        assert!((found.cost - costs[at]).abs() < 1e-4, "{net}: {} for {}", found.cost, costs[at]);
                    }
                    if !per_word {
                        compare(&found[0].alphas, &part("alphas"), None, NEAR).unwrap();
                    }
                }
            }
        }
    }
}

/// Greedy captions of one image on the GPU.
fn greedy(gpu: &Gpu, weights: &Weights, config: Config, attention: &Attention, steps: usize) -> Plan {
    let graph = Graph::new();
    let a = graph.input("a", TensorType::f32([1, 6, config.features])).unwrap();
    let made = Decoder::new(&graph, weights, config).unwrap().greedy(&a, steps, attention).unwrap();
    Plan::compile(gpu, &[&made.words, &made.log_probabilities, &made.alphas]).unwrap()
}

#[test]
fn a_beam_of_one_is_greedy() {
    let arrays = fixture("show_attend_tell");
    for (net, config) in NETS {
        let weights = weights(&arrays, net);
        for image in 0..2 {
            let a = row(&arrays[&format!("{net}/a")], image);
            let made = greedy(gpu(), &weights, config, &Attention::Soft, 5).run(&[("a", &a)]).unwrap();
            let caption = captions(&made[0], &made[1], &made[2]).unwrap().remove(0);
            let mut search = BeamSearch::new(&Device::from(gpu()), &weights, config, 6, 1, &Attention::Soft).unwrap();
            let found = search.captions(&a, 5, false).unwrap().remove(0);
            let end = caption.ended.then_some(END);
            assert_eq!(found.words, caption.words.iter().copied().chain(end).collect::<Vec<_>>());
            assert!((f64::from(found.cost) - caption.cost).abs() < 1e-4);
            compare(&found.alphas, &caption.alphas, None, NEAR).unwrap();
        }
    }
}

/// How far `work` moves the number that wgpu gives submissions: one for each, and one for each buffer mapped to be read.
fn submissions<T>(gpu: &Gpu, work: impl FnOnce() -> T) -> (u64, T) {
    let number = || -> u64 {
        let text = format!("{:?}", gpu.queue().submit([]));
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        digits.parse().unwrap_or_else(|_| panic!("{text} has no number"))
    };
    let before = number();
    let made = work();
    (number() - before - 1, made)
}

/// The same for a plan of one addition: what cannot be less.
fn least(gpu: &Gpu) -> u64 {
    let graph = Graph::new();
    let x = graph.input("x", TensorType::f32([4])).unwrap();
    let mut plan = Plan::compile(gpu, &[&x.add(&x).unwrap()]).unwrap();
    submissions(gpu, || plan.run(&[("x", &Array::full([4], 1.0f32))]).unwrap()).0
}

#[test]
fn a_greedy_caption_is_one_submission() {
    let gpu = Gpu::new().unwrap(); // its own: the counters count for one test
    let arrays = fixture("show_attend_tell");
    let a = row(&arrays["coco/a"], 0);
    for steps in [1, 5] {
        let mut plan = greedy(&gpu, &weights(&arrays, "coco"), COCO, &Attention::Soft, steps);
        plan.run(&[("a", &a)]).unwrap();
        let allocated = gpu.counters();
        let (submitted, _) = submissions(&gpu, || plan.run(&[("a", &a)]).unwrap());
        assert_eq!(gpu.counters(), allocated, "nothing is allocated on the way");
        assert_eq!(submitted, least(&gpu), "{steps} words");
    }
}

#[test]
fn a_word_of_a_beam_is_one_submission_and_a_small_readback() {
    let gpu = Gpu::new().unwrap(); // its own: the counters count for one test
    let arrays = fixture("show_attend_tell");
    let mut search = BeamSearch::new(&Device::from(&gpu), &weights(&arrays, "coco"), COCO, 6, 3, &Attention::Soft).unwrap();
    // Nothing goes up; a score, a choice and the alphas of each caption come down.
    assert_eq!(search.step_plan().inputs().count(), 0);
    let down: Vec<_> = search.step_plan().outputs().map(|ty| ty.shape.clone()).collect();
    assert_eq!(down, [vec![3], vec![3], vec![3, 6]]);
    let a = row(&arrays["coco/a"], 0);
    let mut counted = |longest| {
        let allocated = gpu.counters();
        let (submitted, found) = submissions(&gpu, || search.captions(&a, longest, false).unwrap());
        assert!(found.iter().any(|caption| caption.words.len() == longest));
        assert_eq!(gpu.counters(), allocated, "nothing is allocated on the way");
        submitted
    };
    // The beginning is one, and each word one more.
    let made = [counted(1), counted(2), counted(3)];
    assert_eq!(made, [2, 3, 4].map(|times| times * least(&gpu)));
}
