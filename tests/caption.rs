//! Captions from photos: the encoders against plain loops, sizes and costs of the published networks, and the command.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail where it stands")]

mod common;

use common::{Bound, compare, gpu};
use foveate::array::picture::{Picture, write_png};
use foveate::array::{Array, TensorType};
use foveate::gpu::Gpu;
use foveate::graph::Graph;
use foveate::models::captioning::{Captioner, Search, System};
use foveate::models::rnn_captioning::{self, Form};
use foveate::models::show_attend_tell::{self, annotations};
use foveate::models::vgg::{Depth, Top, Vgg};
use foveate::nn::{Weights, init};
use foveate::plan::{Cost, Device, Plan};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const ASTRONAUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/astronaut.png");

/// VGG with 2 to 16 channels.
const NARROW: Vgg = Vgg { depth: Depth::Vgg19, divisor: 32 };
const ATTEND: show_attend_tell::Config =
    show_attend_tell::Config { words: 9, embedding: 6, hidden: 8, features: 16, ..show_attend_tell::Config::COCO };
const TALK: rnn_captioning::Config =
    rnn_captioning::Config { form: Form::NeuralTalk { once: false }, features: 128, embedding: 6, hidden: 8, words: 9 };
const WORDS: [&str; 9] = ["<eos>", "UNK", "an", "astronaut", "smiles", "before", "the", "shuttle", "encyclopaedically"];

/// Numbers whose products with a row of ones vary by about `scale`; those that meet VGG's features, which are some hundred, by less.
fn drawn(name: &str, shape: &[usize], seed: u64) -> Array {
    let draws = init::Draws::new(seed, name);
    let meets = ["ff_init_1_W", "decoder_Wc", "decoder_Wc_att", "ff_logit_ctx_W", "We"].contains(&name);
    let inputs = shape.first().map_or(1.0, |n| *n as f32);
    let scale = if meets { 0.02 } else { 1.5 } / inputs.sqrt();
    Array::from_fn(shape, |i| scale * draws.normal(i))
}

fn attend(seed: u64) -> Weights {
    Weights::from_arrays("attend", ATTEND.parameters().into_iter().map(|(name, shape)| (name.clone(), drawn(&name, &shape, seed))))
}

fn talk(seed: u64) -> Weights {
    let arrays = TALK.parameters().into_iter().map(|(name, shape)| (name.to_owned(), drawn(name, &shape, seed)));
    Weights::from_arrays("talk", arrays)
}

fn vgg(vgg: Vgg, top: Top) -> Weights {
    vgg.initial(top, 5).unwrap()
}

/// A 3 x 3 convolution with its `ReLU`, of (c, h, w).
fn conv(x: &[f64], side: usize, weight: &Array, bias: &[f64]) -> Vec<f64> {
    let [outputs, inputs, 3, 3] = *weight.shape() else { panic!("{}", weight.ty()) };
    let w = weight.to_f64();
    let mut made = Vec::new();
    for (o, (y, x0)) in (0..outputs).flat_map(|o| (0..side * side).map(move |p| (o, (p / side, p % side)))) {
        let mut sum = bias[o];
        for (i, (dy, dx)) in (0..inputs).flat_map(|i| (0..9).map(move |k| (i, (k / 3, k % 3)))) {
            if (1..=side).contains(&(y + dy)) && (1..=side).contains(&(x0 + dx)) {
                sum += w[((o * inputs + i) * 3 + dy) * 3 + dx] * x[(i * side + y + dy - 1) * side + x0 + dx - 1];
            }
        }
        made.push(sum.max(0.0));
    }
    made
}

/// The encoder by plain loops over data (3, side, side).
fn loops(weights: &Weights, counts: [usize; 5], top: Top, data: &Array) -> Vec<f64> {
    let get = |name: &str| weights.get(name).unwrap();
    let (mut x, mut side) = (data.to_f64(), data.shape()[3]);
    for (stage, count) in (1..).zip(counts) {
        for j in 1..=count {
            let name = format!("conv{stage}_{j}");
            x = conv(&x, side, get(&format!("{name}.weight")), &get(&format!("{name}.bias")).to_f64());
        }
        if stage == 5 && top == Top::Conv5 {
            return x;
        }
        let (half, before) = (side / 2, x);
        let largest = |i: usize| {
            let (c, y, x) = (i / half / half, i / half % half, i % half);
            [0, 1, side, side + 1].map(|d| before[(c * side + 2 * y) * side + 2 * x + d]).into_iter().fold(f64::MIN, f64::max)
        };
        x = (0..before.len() / 4).map(largest).collect();
        side = half;
    }
    for name in ["fc6", "fc7"] {
        let (w, b) = (get(&format!("{name}.weight")).to_f64(), get(&format!("{name}.bias")).to_f64());
        x = b.iter().zip(w.chunks_exact(x.len())).map(|(b, w)| (b + w.iter().zip(&x).map(|(w, x)| w * x).sum::<f64>()).max(0.0)).collect();
    }
    x
}

#[test]
fn the_encoders_are_what_plain_loops_make() {
    let cases = [
        (Vgg { depth: Depth::Vgg19, divisor: 16 }, [2, 2, 4, 4, 4], Top::Conv5, 32),
        (Vgg { depth: Depth::Vgg16, divisor: 64 }, [2, 2, 3, 3, 3], Top::Fc7, 224),
    ];
    for (network, counts, top, side) in cases {
        let biased = network.parameters(top).unwrap().into_iter().map(|p| {
            let draws = init::Draws::new(9, &p.name);
            let bias = Array::from_fn(&*p.shape, |i| 4.0 * draws.normal(i));
            (p.name.clone(), if p.shape.len() == 1 { bias } else { init::he_normal(&p.shape, &p.name, 9) })
        });
        let weights = Weights::from_arrays("drawn", biased.collect::<Vec<_>>());
        assert_eq!(Vgg::of(&weights).unwrap(), network);
        let draws = init::Draws::new(3, "data");
        let data = Array::from_fn([1, 3, side, side], |i| 64.0 * draws.normal(i));
        let expected = loops(&weights, counts, top, &data);
        assert!(expected.iter().filter(|v| **v > 0.0).count() * 8 > expected.len(), "nearly all is cut off");
        let graph = Graph::new();
        let made = network.forward(&weights, &graph.input("data", data.ty()).unwrap(), top).unwrap();
        let wanted = Array::from_fn(made.shape(), |i| expected[i] as f32);
        // Sums of hundreds of products through up to 18 layers: 100 eps of the largest.
        let largest = expected.iter().fold(0.0, |m: f64, v| m.max(*v));
        let near = Bound::Near { absolute: 1.2e-5 * largest, relative: 1e-5 };
        for device in [Device::Cpu, Device::from(gpu())] {
            let found = Plan::compile(&device, &[&made]).unwrap().run(&[("data", &data)]).unwrap().remove(0);
            compare(&found, &wanted, None, near).unwrap_or_else(|e| panic!("{network:?} on {}: {e}", device.name()));
        }
        if top == Top::Fc7 {
            // The same kernels as a convolution's, as fully convolutional networks have them.
            let arrays = weights.names().map(|name| (name.to_owned(), Array::clone(weights.get(name).unwrap())));
            let shaped = arrays.map(|(name, array)| match (&*name, array.shape()[0], array.len()) {
                ("fc6.weight", outputs, len) => (name, array.reshaped([outputs, len / outputs / 49, 7, 7]).unwrap()),
                ("fc7.weight", outputs, len) => (name, array.reshaped([outputs, len / outputs, 1, 1]).unwrap()),
                _ => (name, array),
            });
            let kernels = Weights::from_arrays("kernels", shaped.collect::<Vec<_>>());
            let graph = Graph::new();
            let made = network.forward(&kernels, &graph.input("data", data.ty()).unwrap(), top).unwrap();
            let found = Plan::compile(gpu(), &[&made]).unwrap().run(&[("data", &data)]).unwrap().remove(0);
            compare(&found, &wanted, None, near).unwrap();
        }
    }
}

#[test]
fn the_published_encoders_have_their_sizes_and_costs() {
    for (depth, counts, to_conv5, to_fc7) in
        [(Depth::Vgg16, [2, 2, 3, 3, 3], 14_714_688, 134_260_544), (Depth::Vgg19, [2, 2, 4, 4, 4], 20_024_384, 139_570_240)]
    {
        let vgg = Vgg::new(depth);
        let count = |top| vgg.parameters(top).unwrap().iter().map(foveate::models::Parameter::len).sum::<usize>();
        assert_eq!((count(Top::Conv5), count(Top::Fc7)), (to_conv5, to_fc7));
        let (mut products, mut inputs) = (0, 3);
        for ((stage, count), channels) in (0u32..).zip(counts).zip([64, 128, 256, 512, 512]) {
            for _ in 0..count {
                products += 9 * inputs * channels * (224u64 >> stage).pow(2);
                inputs = channels;
            }
        }
        let data = Graph::new().input("data", TensorType::f32([1, 3, 224, 224])).unwrap();
        let cost = |top| Cost::of(&[&vgg.outline(&data, top).unwrap()]).unwrap().multiply_adds;
        assert_eq!(cost(Top::Conv5), products);
        // 15.35 G and 19.5 G.
        assert_eq!(products / 10_000_000, if depth == Depth::Vgg16 { 1534 } else { 1950 });
        let data = Graph::new().input("data", TensorType::f32([1, 3, 224, 224])).unwrap();
        let fc7 = Cost::of(&[&vgg.outline(&data, Top::Fc7).unwrap()]).unwrap().multiply_adds;
        assert_eq!(fc7, products + 25_088 * 4096 + 4096 * 4096);
    }
}

#[test]
fn photo_and_thirteen_words_of_the_published_network_cost_what_the_specification_says() {
    let config = show_attend_tell::Config::COCO;
    let zeros = config.parameters().into_iter().map(|(name, shape)| (name, Array::full(shape, 0.0f32)));
    let weights = Weights::from_arrays("zeros", zeros);
    let graph = Graph::new();
    let data = graph.input("data", TensorType::f32([1, 3, 224, 224])).unwrap();
    let conv5 = Vgg::new(Depth::Vgg19).outline(&data, Top::Conv5).unwrap();
    let places = annotations(&conv5).unwrap();
    assert_eq!(places.shape(), [1, 196, 512]);
    let decoder = show_attend_tell::Decoder::new(&graph, &weights, config).unwrap();
    let made = decoder.greedy(&places, 13, &show_attend_tell::Attention::Soft).unwrap();
    let [encoder, all] = [&conv5, &made.words].map(|var| Cost::of(&[var]).unwrap().multiply_adds);
    // 105 M once per image and 27.8 M for each of 13 words, the first without a word before it.
    let words = all - encoder;
    assert!((460_000_000..472_000_000).contains(&words), "{words}");
}

/// How far `work` moves the number that wgpu gives submissions: one for each, and one for each buffer mapped to be read.
fn submissions<T>(gpu: &Gpu, work: impl FnOnce() -> T) -> u64 {
    let number = || -> u64 {
        let text = format!("{:?}", gpu.queue().submit([]));
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        digits.parse().unwrap_or_else(|_| panic!("{text} has no number"))
    };
    let before = number();
    work();
    number() - before - 1
}

#[test]
fn a_greedy_caption_of_a_photo_is_one_submission_and_a_beam_of_one_finds_the_same() {
    let gpu = Gpu::new().unwrap(); // its own: the counters count for one test
    let photo = Picture::open(ASTRONAUT).unwrap().rgb;
    let (encoder, decoder) = (vgg(NARROW, Top::Conv5), attend(4));
    let search = Search { beam: 1, longest: 4, per_word: false, hard: false, looked: false };
    let device = Device::from(&gpu);
    let mut captioner = Captioner::new(&device, &encoder, &decoder, System::of(&decoder).unwrap(), search).unwrap();
    let greedy = captioner.caption(&photo).unwrap();
    let allocated = gpu.counters();
    let submitted = submissions(&gpu, || captioner.caption(&photo).unwrap());
    assert_eq!(gpu.counters(), allocated, "nothing is allocated on the way");
    let graph = Graph::new();
    let x = graph.input("x", TensorType::f32([4])).unwrap();
    let mut plan = Plan::compile(&gpu, &[&x.add(&x).unwrap()]).unwrap();
    assert_eq!(submitted, submissions(&gpu, || plan.run(&[("x", &Array::full([4], 1.0f32))]).unwrap()));

    // The same photo's features, searched with a beam of one.
    let graph = Graph::new();
    let input = graph.input("photo", photo.ty()).unwrap();
    let seen = foveate::models::vgg::centre(&input).unwrap();
    let conv5 = NARROW.forward(&encoder, &foveate::models::data(&seen).unwrap(), Top::Conv5).unwrap();
    let places = Plan::compile(&gpu, &[&annotations(&conv5).unwrap()]).unwrap().run(&[("photo", &photo)]).unwrap().remove(0);
    let soft = show_attend_tell::Attention::Soft;
    let mut beam = show_attend_tell::BeamSearch::new(&device, &decoder, ATTEND, 196, 1, &soft).unwrap();
    let found = beam.captions(&places, 4, false).unwrap().remove(0);
    let end = greedy.ended.then_some(0);
    assert_eq!(found.words, greedy.words.iter().copied().chain(end).collect::<Vec<_>>());
    assert!((f64::from(found.cost) + greedy.log_probability).abs() < 1e-3, "{} {}", found.cost, greedy.log_probability);
}

fn foveate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_foveate")).arg("caption").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What the command printed; fails with everything it said if it ended otherwise.
#[track_caller]
fn said(arguments: &[&str], code: i32) -> (String, String) {
    let output = foveate(arguments);
    let (out, error) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "stdout: {out}\nstderr: {error}");
    (out, error)
}

/// Files of weights and words in a folder.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn save(&self, name: &str, weights: &Weights) -> String {
        let path = self.path(name);
        weights.save(&path).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn text(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }
}

fn json(line: &str) -> serde_json::Value {
    serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))
}

/// Whether a row of pixels has ink on paper.
fn ink(picture: &Picture, rows: std::ops::Range<usize>, columns: std::ops::Range<usize>) -> usize {
    let values = picture.rgb.values::<f32>().unwrap();
    rows.flat_map(|y| columns.clone().map(move |x| y * picture.size.w + x)).filter(|i| values[*i] < 0.5).count()
}

#[test]
fn the_built_in_photo_is_captioned_and_drawn() {
    let files = Files::new();
    let all = attend(4).joined(vgg(NARROW, Top::Conv5)).unwrap();
    let weights = files.save("all.safetensors", &all.with_metadata("vocabulary", &serde_json::to_string(&WORDS).unwrap()));
    let looked = files.path("looked");
    let common = ["--weights", &weights, "--longest", "7"];
    let (out, error) = said(&[&common[..], &["--attention", looked.to_str().unwrap()]].concat(), 0);
    assert!(error.contains("Show, Attend and Tell of 9 words on VGG-19"), "{error}");
    assert!(out.starts_with("astronaut.png: ") && out.contains("log probability -") && out.contains(" ms"), "{out}");
    let on_cpu = json(said(&[&common[..], &["--json", "--device", "cpu"]].concat(), 0).0.trim());
    let caption = on_cpu["caption"].as_str().unwrap();
    assert!(!caption.is_empty() && caption.split(' ').all(|word| WORDS.contains(&word)), "{caption}");
    assert!(out.starts_with(&format!("astronaut.png: {caption}")), "{out} {caption}");
    let words = on_cpu["words"].as_array().unwrap().len();
    assert!(on_cpu["log_probability"].as_f64().unwrap() < 0.0);

    // The photo and a panel for each word, four or so to a row, the words under them.
    let sheet = Picture::open(looked.join("astronaut.png")).unwrap();
    let columns = (words + 1).clamp(3, 6);
    assert_eq!(sheet.size.w, 12 + columns * 236);
    assert!(ink(&sheet, 12..46, 12..sheet.size.w - 12) > 100, "there is no title");
    let top = 12 + 34 + 12;
    for i in 1..=words.min(columns - 1) {
        let (y, x) = (top + i / columns * 262, 12 + i % columns * 236);
        assert!(ink(&sheet, y + 226..y + 250, x..x + 224) > 20, "panel {i} has no word");
        assert_eq!(ink(&sheet, y..y + 250, x + 224..x + 236), 0, "something lies between panels {i} and {}", i + 1);
    }
    if let Some(kept) = std::env::var_os("FOVEATE_KEEP_SHEET") {
        std::fs::copy(looked.join("astronaut.png"), kept).unwrap();
    }
}

/// What has learnt hard attention sees by it, unless told otherwise.
#[test]
fn attention_is_as_it_was_learnt() {
    let files = Files::new();
    let save = |name: &str, learnt: &str| {
        let all = attend(4).joined(vgg(NARROW, Top::Conv5)).unwrap();
        files.save(name, &all.with_metadata("attn_type", learnt))
    };
    let (hard, soft) = (save("hard.safetensors", "stochastic"), save("soft.safetensors", "deterministic"));
    let told = |weights: &str, more: &[&str]| {
        let (out, error) = said(&[&["--weights", weights, "--longest", "3", "--json"], more].concat(), 0);
        (error.contains("VGG-19, hard attention"), json(out.trim())["log_probability"].as_f64().unwrap())
    };
    let (by_hard, by_soft) = (told(&hard, &[]), told(&soft, &[]));
    assert!(by_hard.0 && !by_soft.0 && by_hard.1 != by_soft.1, "{by_hard:?} {by_soft:?}");
    assert_eq!(told(&soft, &["--hard"]), by_hard);
    assert_eq!(told(&hard, &["--hard=false"]), by_soft);
    let error = said(&["-w", &save("odd.safetensors", "both")], 1).1;
    assert!(error.contains("odd.safetensors") && error.contains("attn_type is 'both'"), "{error}");
}

#[test]
fn a_folder_is_captioned_although_a_photo_fails() {
    let files = Files::new();
    let (weights, encoder) = (files.save("talk.safetensors", &talk(2)), files.save("vgg.safetensors", &vgg(NARROW, Top::Fc7)));
    let photos = files.path("photos");
    std::fs::create_dir(&photos).unwrap();
    let photo = Picture::open(ASTRONAUT).unwrap();
    let values = photo.rgb.values::<f32>().unwrap();
    let small =
        |h: usize, w: usize| Array::from_fn([1, 3, h, w], |i| values[(i / h / w * 512 + i / w % h * 512 / h) * 512 + i % w * 512 / w]);
    write_png(photos.join("a.png"), &small(64, 48)).unwrap();
    write_png(photos.join("line.png"), &small(1, 300)).unwrap();
    std::fs::write(photos.join("noise.jpg"), "no picture").unwrap();
    let common = ["--weights", &weights, "--encoder", &encoder, "--longest", "5", photos.to_str().unwrap()];
    for more in [&["--json"][..], &["--json", "--beam", "3"], &["--json", "--beam", "3", "--per-word", "--device", "cpu"]] {
        let (out, error) = said(&[&common[..], more].concat(), 1);
        let lines: Vec<_> = out.lines().map(json).collect();
        assert_eq!(lines.len(), 2, "{out}");
        assert!(lines[0]["photo"].as_str().unwrap().ends_with("a.png") && lines[0]["caption"].is_null());
        assert!(!lines[1]["words"].as_array().unwrap().is_empty() || lines[1]["ended"] == true);
        assert!(error.contains("noise.jpg") && error.contains("1 of 3 photos failed"), "{error}");
        assert!(error.contains("--vocabulary") && error.contains("NeuralTalk's RNN of 9 words on VGG-19"), "{error}");
    }
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let files = Files::new();
    let encoder = files.save("vgg.safetensors", &vgg(NARROW, Top::Conv5));
    let to_fc7 = files.save("fc7.safetensors", &vgg(NARROW, Top::Fc7));
    let (shown, told) = (files.save("attend.safetensors", &attend(1)), files.save("talk.safetensors", &talk(1)));
    let words = |count: usize| (0..count).map(|i| format!("word{i}\n")).collect::<String>();
    let (eight, nine) = (files.text("eight.txt", &words(8)), files.text("nine.txt", &words(9)));
    let other = files.save("other.safetensors", &Weights::from_arrays("other", [("conv.weight".to_owned(), Array::scalar(1.0f32))]));
    let without = |name: &str| {
        let all = attend(1);
        let kept = all.names().filter(|n| *n != name).map(|n| (n.to_owned(), Array::clone(all.get(n).unwrap())));
        files.save("without.safetensors", &Weights::from_arrays("without", kept.collect::<Vec<_>>()))
    };
    let misshapen = |name: &str| {
        let all = attend(1);
        let other = |n: &str| if n == name { Array::full([3, 3], 0.0f32) } else { Array::clone(all.get(n).unwrap()) };
        files.save("misshapen.safetensors", &Weights::from_arrays("misshapen", all.names().map(|n| (n.to_owned(), other(n)))))
    };
    let wide = files.save("wide.safetensors", &vgg(Vgg { divisor: 16, ..NARROW }, Top::Conv5));
    let lstm = files.save("lstm.safetensors", &Weights::from_arrays("lstm", [("WLSTM".to_owned(), Array::scalar(1.0f32))]));
    let refused = |arguments: &[&str], code: i32, parts: &[&str]| {
        let (_, error) = said(&[arguments, &["--device", "cpu"]].concat(), code);
        for part in parts {
            assert!(error.contains(part), "{arguments:?}: no '{part}' in {error}");
        }
    };
    refused(&["-w", &other], 1, &["other.safetensors", "is no captioner", "conv.weight"]);
    refused(&["-w", &encoder], 1, &["vgg.safetensors", "is no captioner"]);
    refused(&["-w", &lstm], 1, &["WLSTM"]);
    refused(&["-w", &shown], 1, &["attend.safetensors", "conv5_3", "--encoder"]);
    refused(&["-w", &shown, "--encoder", &told], 1, &["talk.safetensors", "neither VGG-16 nor VGG-19"]);
    refused(&["-w", &told, "--encoder", &encoder], 1, &["no tensor 'fc6.weight'"]);
    refused(&["-w", &shown, "--encoder", &wide], 1, &["features of 32 numbers", "takes 16"]);
    refused(&["-w", &shown, "--encoder", &encoder, "--vocabulary", &eight], 1, &["eight.txt", "8 words, the network 9"]);
    refused(&["-w", &told, "--encoder", &to_fc7, "--vocabulary", &eight], 1, &["eight.txt", "8 words, the network 9"]);
    refused(&["-w", &without("decoder_Wd_att"), "--encoder", &encoder], 1, &["without.safetensors", "decoder_Wd_att"]);
    refused(&["-w", &without("Wemb"), "--encoder", &encoder], 1, &["without.safetensors", "Wemb"]);
    refused(&["-w", &misshapen("ff_logit_W"), "--encoder", &encoder], 1, &["'ff_logit_W' is f32[3, 3], the network's is f32[6, 9]"]);
    refused(&["-w", &told, "--encoder", &to_fc7, "--attention", "x"], 1, &["--attention is about attention", "NeuralTalk"]);
    refused(&["-w", &told, "--encoder", &to_fc7, "--hard"], 1, &["--hard is about attention"]);
    refused(&["-w", &shown, "--encoder", &encoder, "--set", "rnn_feed_once=true"], 1, &["--set rnn_feed_once", "Show, Attend"]);
    refused(&["-w", &shown, "--encoder", &encoder, "--set", "selector=true"], 2, &["prev2out"]);
    refused(&["-w", &shown, "--encoder", &encoder, "--per-word"], 1, &["--per-word", "--beam"]);
    refused(&["-w", &shown, "--encoder", &encoder, "--beam", "10"], 1, &["10 sentences at once of 9 words"]);
    refused(&["-w", &shown, "--encoder", &encoder, "--beam", "0"], 1, &["0 sentences at once"]);
    refused(&["-w", &shown, "--encoder", &encoder, "--longest", "0"], 2, &["--longest"]);
    refused(&["-w", &shown, "--encoder", &encoder, "--vocabulary", &nine, "nowhere.jpg"], 1, &["nowhere.jpg"]);
    assert!(!Path::new("x").exists());
}

#[test]
fn help_has_examples() {
    let (out, _) = said(&["--help"], 0);
    assert!(out.contains("Examples:") && out.contains("--attention") && out.contains("--per-word"), "{out}");
}
