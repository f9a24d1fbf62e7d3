//! The recogniser of phones: narrow networks against PyTorch's scores, alignments and gradients, features against Kaldi's, the published size, a
//! window that holds, a beam that finds what a search of all sequences finds, and `foveate train` and `listen` as a person uses them.
#![expect(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test may fail where it stands")]

mod common;
#[path = "common/program.rs"]
mod program;

use common::{Bound, compare, fixture, gpu, random};
use foveate::array::Array;
use foveate::array::picture::Picture;
use foveate::graph::{Graph, Var};
use foveate::models::Layers;
use foveate::models::arsg::{
    Arsg, Filterbank, Hearing, MEASURED, Manner, NOTHING, Network, Recogniser, Recording, Recordings, Room, SAMPLE_PHONES, Sound, listened,
    sample,
};
use foveate::models::sentences::{END, Language, Side, Unit, sentence_loss};
use foveate::nn::{Weights, init};
use foveate::plan::{Device, Plan};
use foveate::train::Dataset;
use program::{assert_code, foveate, program, text};
use std::collections::HashMap;
use std::path::Path;

const LENGTHS: [usize; 3] = [7, 4, 5];
const TARGETS: [&[i32]; 3] = [&[2, 5, 0], &[3, 4, 1, 5, 0], &[4, 0]];
const FEATURES: usize = 6;

fn narrow(filters: usize, smoothed: bool) -> Arsg {
    let width = if filters > 0 { 3 } else { 0 };
    Arsg { features: FEATURES, layers: 2, hidden: 3, decoder: 4, alignment: 5, filters, width, smoothed, maxout: 3, phones: 6 }
}

/// The weights that the fixture's script draws.
fn drawn(sizes: Arsg) -> Weights {
    let one = |(name, shape): (String, Vec<usize>)| {
        let fan_in = if shape.len() > 1 { shape[shape.len() - 1] } else { 16 };
        let array =
            if name == MEASURED[1] { Array::full(&*shape, 0.8f32) } else { init::normal(&shape, 1.0 / (fan_in as f32).sqrt(), &name, 1) };
        (name, array)
    };
    Weights::from_arrays("drawn", sizes.tensors().unwrap().into_iter().map(one))
}

fn network(graph: &Graph, weights: &Weights, sizes: Arsg) -> Network {
    Network::new(&mut Layers::load(graph, weights), sizes).unwrap()
}

/// The fixture's recordings in a batch, padded by more than any needs.
fn recordings(frames: usize) -> Array {
    let each: Vec<Vec<f32>> = (0..3)
        .map(|i| init::normal(&[LENGTHS[i], FEATURES], 1.0, &format!("recording {i}"), 1).values::<f32>().unwrap().to_vec())
        .collect();
    Array::from_fn([3, frames, FEATURES], |at| each[at / (frames * FEATURES)].get(at % (frames * FEATURES)).copied().unwrap_or(NOTHING))
}

fn padded(rows: &[&[i32]], places: usize) -> Array {
    Array::from_fn([rows.len(), places], |i| rows[i / places].get(i % places).copied().unwrap_or(-1))
}

/// Sums of at most 16 products through two layers of up to 7 steps of GRUs and 5 steps of another, whose weights let no error grow: 2e-5 of the
/// largest value, 170 eps.
fn near(expected: &Array) -> Bound {
    let largest = expected.to_f64().iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    Bound::Near { absolute: 2e-5 * largest, relative: 0.0 }
}

#[test]
fn narrow_networks_listen_and_learn_as_in_pytorch() {
    let expected: HashMap<String, Array> = fixture("arsg").into_iter().collect();
    for (prefix, filters, smoothed, sharpness) in [("location", 2, false, 1.5), ("smoothed", 2, true, 1.0), ("content", 0, false, 1.0)] {
        let (sizes, graph, manner) = (narrow(filters, smoothed), Graph::new(), Manner { sharpness, window: None });
        let weights = drawn(sizes).as_states();
        let [sound, target] = [("sound", recordings(9)), ("target", padded(&TARGETS, 6))];
        let [x, y] = [&sound, &target].map(|(name, array)| graph.input(name, array.ty()).unwrap());
        let (scores, looked) = network(&graph, &weights, sizes).forced(&x, &y, manner).unwrap();
        let loss = sentence_loss(&scores, &y).unwrap();
        let parameters: Vec<_> = weights.states(&graph).into_iter().filter(|p| !MEASURED.contains(&p.name.as_str())).collect();
        let gradients = loss.gradient(&parameters.iter().map(|p| &p.var).collect::<Vec<_>>()).unwrap();
        let outputs: Vec<&Var> = [&loss, &scores, &looked].into_iter().chain(&gradients).collect();
        for device in [Device::from(gpu()), Device::Cpu] {
            let name = device.name().to_owned();
            let found = Plan::compile(device, &outputs).unwrap().run(&[("sound", &sound.1), ("target", &target.1)]).unwrap();
            let held = |key: &str, found: &Array| {
                let expected = &expected[&format!("{prefix}.{key}")];
                compare(found, expected, None, near(expected)).unwrap_or_else(|e| panic!("{prefix}.{key} on {name}: {e}"));
            };
            held("loss", &found[0]);
            for (i, target) in TARGETS.iter().enumerate() {
                let part = |array: &Array, columns: usize| {
                    let (steps, wide) = (array.shape()[1], array.shape()[2]);
                    let values = array.values::<f32>().unwrap();
                    Array::from_fn([target.len(), columns], |at| values[(i * steps + at / columns) * wide + at % columns])
                };
                held(&format!("scores.{i}"), &part(&found[1], 6));
                held(&format!("looked.{i}"), &part(&found[2], LENGTHS[i]));
                let beyond: f64 = found[2].to_f64().chunks(9).skip(6 * i).take(6).flat_map(|row| &row[LENGTHS[i]..]).sum();
                assert_eq!(beyond, 0.0, "nothing behind the end is listened to");
            }
            for (p, found) in parameters.iter().zip(&found[3..]) {
                held(&format!("gradient.{}", p.name), found);
            }
        }
    }
}

#[test]
fn published_network_has_the_published_size() {
    let count: usize = Arsg::TIMIT.tensors().unwrap().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
    // 4.4 million as the paper's formulas have it; 246 numbers of these are measured.
    assert_eq!(count, 4_357_775);
    for sizes in [narrow(2, false), narrow(2, true), narrow(0, false)] {
        assert_eq!(Arsg::of(&sizes.initial(3).unwrap()).unwrap(), sizes);
    }
}

/// Kaldi computes in f32: logarithms of energies of some 1e9, whose rounding is 1e-7 of them, and in bands of silence more.
#[test]
fn features_are_those_of_kaldi() {
    let arrays: HashMap<String, Array> = fixture("arsg").into_iter().collect();
    for (rate, bands) in [(16_000, 40), (8_000, 23)] {
        let samples = arrays[&format!("sound {rate}")].values::<f32>().unwrap();
        let sound = Sound::new(samples.iter().map(|s| s / 32768.0).collect(), rate).unwrap();
        let filterbank = Filterbank { rate, bands };
        let found = filterbank.of(&sound).unwrap();
        assert_eq!(found.shape(), [filterbank.frames(samples.len()), filterbank.features()]);
        compare(&found, &arrays[&format!("features {rate}")], None, Bound::Near { absolute: 2e-3, relative: 1e-4 }).unwrap();
    }
    for (filterbank, seconds, part) in [
        (Filterbank { rate: 16_000, bands: 400 }, 1.0, "400 bands are too many"),
        (Filterbank { rate: 1000, bands: 3 }, 1.0, "4000 samples a second and a band are the least"),
        (Filterbank::SPEECH, 0.02, "no frame of 0.025 s"),
    ] {
        let sound = Sound::new(vec![0.0; (16_000.0 * seconds) as usize], 16_000).unwrap();
        let error = filterbank.of(&sound).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

/// Of scores that say nothing a window leaves the frames around the median, and the first phone looks at the first frames.
#[test]
fn a_window_holds() {
    let (sizes, graph) = (narrow(0, false), Graph::new());
    let weights = drawn(sizes).replaced("deaf", [("align.score".to_owned(), Array::full([5], 0.0f32))]);
    let net = network(&graph, &weights, sizes);
    let sound = graph.constant(recordings(9)).unwrap();
    let heard = net.hear(&sound).unwrap();
    let (state, first) = net.begin(&heard).unwrap();
    let before = graph.constant(Array::from_fn([3, 9], |at| [0.0, 0.1, 0.1, 0.2, 0.2, 0.4, 0.0, 0.0, 0.0][at % 9])).unwrap();
    let looks = [&first, &before].map(|before| {
        let manner = Manner { window: Some(1), ..Manner::default() };
        net.look(&heard, &state, before, manner).unwrap().alpha
    });
    let found = Plan::compile(gpu(), &[&looks[0], &looks[1]]).unwrap().run(&[]).unwrap();
    let row = |found: &Array, i: usize| found.values::<f32>().unwrap()[9 * i..][..9].to_vec();
    for i in 0..3 {
        assert_eq!(row(&found[0], i)[..3], [0.5, 0.5, 0.0]);
    }
    // The sums are 0, 0.1, 0.2, 0.4 and 0.6: the median is frame 4, of which the second recording has no neighbour but 3.
    let third = 1.0 / 3.0;
    assert_eq!(row(&found[1], 0), [0.0, 0.0, 0.0, third, third, third, 0.0, 0.0, 0.0]);
    assert_eq!(row(&found[1], 1), [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
}

/// `weights` with phones a, b, c and d behind the two that all have, and a rate.
fn speaking(weights: Weights, phones: &str) -> Weights {
    let language = Language::learnt(Unit::Words, [phones], 9).unwrap().metadata(Side::Target);
    let rate = Filterbank { rate: 8000, bands: 1 }.metadata();
    language.into_iter().chain([rate]).fold(weights, |weights, (key, value)| weights.with_metadata(key, &value))
}

/// As wide as there are phones, a beam keeps every first phone: so it finds the likeliest of all sequences of two.
#[test]
fn a_beam_finds_the_likeliest_phones() {
    for (filters, smoothed) in [(2, false), (2, true), (0, false)] {
        let sizes = narrow(filters, smoothed);
        let weights = speaking(drawn(sizes), "a b c d");
        let sound = Sound::new(random(&[1600], 3).values::<f32>().unwrap().to_vec(), 8000).unwrap();
        let mut recogniser = Recogniser::new(&Device::from(gpu()), &weights, 6, Manner::default()).unwrap();
        let found = recogniser.recognise(&sound, 2).unwrap();
        let features = recogniser.filterbank().of(&sound).unwrap();
        let frames = features.shape()[0];
        let values = features.values::<f32>().unwrap();
        let all: Vec<[i32; 2]> = (0..36).map(|i| [i / 6, i % 6]).collect();
        let rows: Vec<&[i32]> = all.iter().map(|phones| &phones[..]).collect();
        let graph = Graph::new();
        let x = graph.constant(Array::from_fn([36, frames, FEATURES], |at| values[at % values.len()])).unwrap();
        let y = graph.constant(padded(&rows, 2)).unwrap();
        let (scores, looked) = network(&graph, &weights, sizes).forced(&x, &y, Manner::default()).unwrap();
        let logs = scores.log_softmax(-1).unwrap().gather_elements(2, &y.unsqueeze(2).unwrap()).unwrap();
        let made = Plan::compile(gpu(), &[&logs, &looked]).unwrap().run(&[]).unwrap();
        let logs = made[0].values::<f32>().unwrap();
        let mut expected: Vec<(f32, Vec<i32>)> = Vec::new();
        for (i, phones) in all.iter().enumerate() {
            match phones {
                [END, END] => expected.push((logs[2 * i], vec![END])),
                [END, _] => {}
                _ => expected.push((logs[2 * i] + logs[2 * i + 1], phones.to_vec())),
            }
        }
        expected.sort_by(|a, b| b.0.total_cmp(&a.0));
        assert_eq!(found.len(), 6);
        for (found, (log, phones)) in found.iter().zip(&expected) {
            assert_eq!(&found.phones, phones);
            assert!((found.log_probability - log).abs() < 1e-4, "{} {log}", found.log_probability);
        }
        let said = &found[0].phones;
        let place = all.iter().position(|phones| phones.starts_with(said)).unwrap();
        let theirs = &made[1].values::<f32>().unwrap()[place * 2 * frames..][..said.len() * frames];
        let theirs = Array::new([said.len(), frames], theirs.to_vec()).unwrap();
        compare(&found[0].alphas, &theirs, None, Bound::Near { absolute: 1e-5, relative: 0.0 }).unwrap();
    }
    let error = |weights: &Weights| Recogniser::new(&Device::from(gpu()), weights, 1, Manner::default()).unwrap_err().to_string();
    let weights = drawn(narrow(2, false));
    assert!(error(&weights).contains("no 'target_unit' in its metadata"), "{}", error(&weights));
    let wrong = speaking(weights, "a b c");
    assert!(error(&wrong).contains("has 5 phones, its layers 6"), "{}", error(&wrong));
}

#[test]
fn wrong_sizes_and_inputs_are_refused() {
    for (wrong, part) in [
        (Arsg { hidden: 0, ..narrow(2, false) }, "no size may be 0"),
        (Arsg { width: 4, ..narrow(2, false) }, "4 frames wide; an odd number has a middle"),
    ] {
        let error = wrong.initial(1).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let (graph, weights) = (Graph::new(), drawn(narrow(2, false)));
    let net = network(&graph, &weights, narrow(2, false));
    let [sound, other, flat] = [vec![2, 5, 6], vec![2, 5, 7], vec![5, 6]].map(|shape| graph.constant(Array::full(shape, 1.0f32)).unwrap());
    let phones = graph.constant(Array::full([3, 2], 2i32)).unwrap();
    for (error, part) in [
        (net.hear(&other).unwrap_err(), "of 7 features; it hears 6"),
        (net.hear(&flat).unwrap_err(), "(B, frames, features)"),
        (net.forced(&sound, &phones, Manner::default()).unwrap_err(), "of phones i32[3, 2]"),
        (net.greedy(&sound, 0, Manner::default()).unwrap_err(), "0 phones"),
        (listened(&Array::full([4, 6], 0.0f32), &["a"], &Array::full([1, 5], 0.2f32)).unwrap_err(), "1 phones with weights f32[1, 5]"),
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

/// Recordings of tones, a tenth of a second each, and their names.
fn tones(folder: &Path, count: usize) -> Vec<Recording> {
    let spec = hound::WavSpec { channels: 1, sample_rate: 8000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let one = |i: usize| {
        let said: Vec<usize> = (0..2 + i % 2).map(|k| (i / 2 / 3usize.pow(k as u32) + k) % 3).collect();
        let path = folder.join(format!("{i}.wav"));
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        for n in 0..800 * said.len() {
            // Loud in the middle of each.
            let (hertz, loud) = ([400.0, 900.0, 2000.0][said[n / 800]], (n % 800 / 8) as f64 * (99 - n % 800 / 8) as f64);
            let sample = 4.0 * loud * (2.0 * std::f64::consts::PI * hertz * n as f64 / 8000.0).sin();
            writer.write_sample(sample as i16).unwrap();
        }
        writer.finalize().unwrap();
        Recording { path, phones: said.iter().map(|tone| ["low", "mid", "high"][*tone]).collect::<Vec<_>>().join(" ") }
    };
    (0..count).map(one).collect()
}

#[test]
fn recordings_become_examples() {
    let folder = tempfile::tempdir().unwrap();
    let recordings = tones(folder.path(), 4);
    let language = Language::learnt(Unit::Words, recordings.iter().map(|r| r.phones.as_str()), 9).unwrap();
    let filterbank = Filterbank { rate: 8000, bands: 8 };
    let set = |room, hearing| Recordings::new(recordings.clone(), room, language.clone(), filterbank, hearing, 1);
    let room = Room { frames: 40, phones: 3 };
    let plain = set(room, Hearing::default()).unwrap();
    assert_eq!(plain.len(), 4);
    let [sound, target] = <[Array; 2]>::try_from(plain.example(0, 0).unwrap()).unwrap();
    let heard = filterbank.of(&Sound::open(&recordings[0].path).unwrap()).unwrap();
    let (values, own) = (sound.values::<f32>().unwrap(), heard.values::<f32>().unwrap());
    assert_eq!(&values[..own.len()], own);
    assert!(values[own.len()..].iter().all(|v| *v == NOTHING));
    let said = language.read(&recordings[0].phones);
    assert_eq!(target.values::<i32>().unwrap(), [&said[..], &[-1]].concat());
    // Moments make means of 0 and deviations of 1.
    let [mean, deviation] = plain.moments().unwrap().map(|array| array.to_f64());
    let frames: Vec<f64> = (0..4).flat_map(|i| filterbank.of(&Sound::open(&recordings[i].path).unwrap()).unwrap().to_f64()).collect();
    let normal: Vec<f64> = frames.iter().enumerate().map(|(at, x)| (x - mean[at % 27]) / deviation[at % 27]).collect();
    let count = (frames.len() / 27) as f64;
    let column = |power: i32| normal.iter().skip(5).step_by(27).map(|x| x.powi(power)).sum::<f64>() / count;
    assert!(column(1).abs() < 1e-4 && (column(2) - 1.0).abs() < 1e-3, "{} {}", column(1), column(2));
    // Each visit sounds otherwise, and again the same.
    let noisy = set(room, Hearing { speed: 0.1, noise: 0.1, gain: 6.0 }).unwrap();
    assert_ne!(noisy.example(0, 0).unwrap(), noisy.example(0, 1).unwrap());
    assert_eq!(noisy.example(0, 1).unwrap(), noisy.example(0, 1).unwrap());
    // Three tones have 28 frames, and 31 if they are slower by a tenth.
    assert_eq!(set(Room { frames: 28, ..room }, Hearing { speed: 0.1, ..Hearing::default() }).unwrap().len(), 2);
    let error = set(Room { frames: 5, ..room }, Hearing::default()).unwrap_err().to_string();
    assert!(error.contains("none of 4 has 1 to 5 frames and 1 to 3 phones"), "{error}");
    assert!(set(room, Hearing { noise: -1.0, ..Hearing::default() }).is_err());
}

#[test]
fn the_network_that_comes_along_hears_the_recording_that_does() {
    let heard = foveate(&["listen", "--json"]);
    assert_code(&heard, 0);
    let object: serde_json::Value = serde_json::from_str(text(&heard.stdout).trim()).unwrap();
    assert_eq!(object["phones"].as_str(), Some(SAMPLE_PHONES));
    let aligned = foveate(&["listen", "--align", "--json"]);
    assert_code(&aligned, 0);
    let object: serde_json::Value = serde_json::from_str(text(&aligned.stdout).trim()).unwrap();
    let times: Vec<f64> = object["seconds"].as_array().unwrap().iter().map(|time| time.as_f64().unwrap()).collect();
    assert_eq!(times.len(), 18);
    // One after the other, but that it may look at a neighbour for what it hears there.
    let forward = times.windows(2).all(|pair| pair[1] > pair[0] - 0.15) && times[17] - times[0] > 1.5;
    assert!(forward && *times.last().unwrap() < sample().unwrap().seconds(), "{times:?}");
}

const RECIPE: &str = r#"
[network]
system = "arsg"
layers = 1
hidden = 12
decoder = 16
alignment = 12
filters = 3
width = 7
maxout = 12

[data]
kind = "recordings"
train = "list.tsv"
test = "list.tsv"
rate = 8000
bands = 12
frames = 32
phones = 3

[train]
batch = 9
steps = 160
report = 40
evaluate = 160
clip_norm = 5.0

[optimiser]
kind = "adam"

[schedule]
kind = "fixed"
base = 0.01
"#;

/// Tones by name are learnt in some hundred steps, and heard by `foveate listen`, also when they are repeated.
#[test]
fn what_was_trained_listens() {
    let folder = tempfile::tempdir().unwrap();
    let recordings = tones(folder.path(), 36);
    let list: String = recordings.iter().map(|r| format!("{}\t{}\n", r.path.file_name().unwrap().to_string_lossy(), r.phones)).collect();
    std::fs::write(folder.path().join("list.tsv"), list).unwrap();
    std::fs::write(folder.path().join("tones.toml"), RECIPE).unwrap();
    let run = |arguments: &[&str]| program().args(arguments).current_dir(folder.path()).output().unwrap();
    let trained = run(&["train", "tones.toml", "--data", ".", "--output", "run"]);
    assert_code(&trained, 0);
    for file in ["weights.safetensors", "listened.png"] {
        assert!(folder.path().join("run").join(file).exists(), "{file}");
    }
    std::fs::write(folder.path().join("bare.tsv"), "1.wav\n").unwrap();
    std::fs::write(folder.path().join("other.tsv"), "1.wav\tlow loud\n").unwrap();
    let model = ["--model", "run/weights.safetensors"];
    let heard = run(&[&["listen", "1.wav", "--picture", "heard.png", "--json", "--beam", "3"], &model[..]].concat());
    assert_code(&heard, 0);
    let object: serde_json::Value = serde_json::from_str(text(&heard.stdout).trim()).unwrap();
    assert_eq!((object["phones"].as_str(), object["ended"].as_bool()), (Some(recordings[1].phones.as_str()), Some(true)), "{object}");
    assert!(Picture::open(folder.path().join("heard.png")).is_ok());
    let counted = run(&[&["listen", "--file", "list.tsv", "--beam", "3"], &model[..]].concat());
    assert_code(&counted, 0);
    let rate = |output: &str| output.split("phone error rate ").last().unwrap().split(' ').next().unwrap().parse::<f64>().unwrap();
    let errors = text(&counted.stderr);
    assert!(rate(&errors) < 10.0, "{errors}");
    assert_eq!(text(&counted.stdout).lines().count(), 36);
    let longer =
        run(&[&["listen", "--file", "list.tsv", "--beam", "1", "--repeat", "2", "--window", "12", "--sharpness", "1.5"], &model[..]]
            .concat());
    assert_code(&longer, 0);
    assert!(text(&longer.stdout).lines().all(|line| line.contains('\t')));

    // Told the phones, it says when they are: in the middle of their tones, about.
    let aligned = run(&[&["listen", "--file", "list.tsv", "--align", "--repeat", "2"], &model[..]].concat());
    assert_code(&aligned, 0);
    assert!(text(&aligned.stderr).contains(": phones lost "), "{}", text(&aligned.stderr));
    let aligned = run(&[&["listen", "--file", "list.tsv", "--align", "--json"], &model[..]].concat());
    assert_code(&aligned, 0);
    let mut late = Vec::new();
    for line in text(&aligned.stdout).lines() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        let (phones, times) = (object["phones"].as_str().unwrap().split(' ').count(), object["seconds"].as_array().unwrap());
        assert_eq!(times.len(), phones, "{object}");
        late.extend(times.iter().take(phones).enumerate().map(|(k, time)| (time.as_f64().unwrap() - 0.05 - 0.1 * k as f64).abs()));
    }
    let near = late.iter().filter(|late| **late < 0.1).count();
    assert!(near * 10 > late.len() * 7, "{near} of {}: {late:?}", late.len());

    assert!(text(&foveate(&["listen", "--help"]).stdout).contains("foveate listen --timit TIMIT --folded"));
    for (arguments, part) in [
        (vec!["listen", "1.wav", "2.wav", "--picture", "a.png"], "is of one recording, and there is 2.wav too"),
        (vec!["listen", "list.tsv"], "no WAV file"),
        (vec!["listen", "1.wav", "--sharpness", "0"], "must be positive"),
        (vec!["listen", "1.wav", "--longest", "0"], "0 is not in 1..=100000"),
        (vec!["listen", "--timit", "."], "has no TEST"),
        (vec!["listen", "--align", "--file", "bare.tsv"], "1.wav: has no phones in the list"),
        (vec!["listen", "--align", "--file", "other.tsv"], "1.wav: the network has not learnt 'loud'"),
    ] {
        let refused = run(&[&arguments[..], &model[..]].concat());
        assert_ne!(refused.status.code(), Some(0));
        assert!(text(&refused.stderr).contains(part), "{arguments:?}: {}", text(&refused.stderr));
    }
    for (recipe, part) in [
        (RECIPE.replace("\"recordings\"", "\"timit\""), "of kind 'timit' with train or test"),
        (RECIPE.replace("train = \"list.tsv\"\n", ""), "of kind 'recordings' without train and test"),
        (RECIPE.replace("maxout = 12", "maxout = 12\nloud = 1"), "loud"),
        (RECIPE.replace("phones = 3", "phones = 3\nloud = 1"), "loud"),
    ] {
        std::fs::write(folder.path().join("wrong.toml"), recipe).unwrap();
        let refused = run(&["train", "wrong.toml", "--data", ".", "--output", "wrong"]);
        assert_ne!(refused.status.code(), Some(0));
        assert!(text(&refused.stderr).contains(part), "{}", text(&refused.stderr));
    }
}
