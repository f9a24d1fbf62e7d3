//! Handwriting: narrow networks against PyTorch's nats, windows and gradients; the published sizes; lines of fonts; a network that learns; and
//! what the network that comes along writes.
#![expect(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test may fail where it stands")]

mod common;

use common::{Bound, compare, fixture, gpu};
use foveate::array::{Array, DType, TensorType};
use foveate::graph::{Graph, Var};
use foveate::models::Layers;
use foveate::models::handwriting::{
    Alphabet, FontLines, Handwriting, Line, Lines, Manner, Network, Paper, PenFont, Room, Scale, Style, Writer, weights, window_picture,
};
use foveate::nn::optimiser::{Adam, Optimiser, clip_by_global_norm};
use foveate::nn::{Weights, init};
use foveate::plan::{Device, Plan};
use foveate::train::Dataset;
use std::collections::HashMap;

const POINTS: usize = 7;

fn narrow(characters: usize, layers: usize) -> Handwriting {
    Handwriting { characters, layers, hidden: 6, window: if characters > 0 { 2 } else { 0 }, mixtures: 3 }
}

/// The weights that the fixture's script draws.
fn drawn(sizes: Handwriting) -> Weights {
    let one = |(name, shape): (String, Vec<usize>)| {
        let fan_in = if shape.len() > 1 { shape[shape.len() - 1] } else { 16 };
        let array = init::normal(&shape, 1.0 / (fan_in as f32).sqrt(), &name, 1);
        (name, array)
    };
    Weights::from_arrays("drawn", sizes.tensors().unwrap().into_iter().map(one)).as_states()
}

fn pen() -> Array {
    let (places, ups) = (init::normal(&[2, POINTS, 2], 1.0, "pen", 1), init::normal(&[2, POINTS], 1.0, "up", 1));
    let (places, ups) = (places.values::<f32>().unwrap(), ups.values::<f32>().unwrap());
    Array::from_fn([2, POINTS + 1, 3], |i| {
        let (k, point, line) = (i % 3, i / 3 % (POINTS + 1), i / 3 / (POINTS + 1));
        let Some(point) = point.checked_sub(1) else { return 0.0 };
        let at = line * POINTS + point;
        if k == 2 { f32::from(ups[at] > 0.5) } else { places[at * 2 + k] }
    })
}

/// Sums of at most 30 products through seven steps of three LSTMs, and densities whose exponents are up to about 20 in size: 1e-5 of the
/// largest value, 84 eps.
fn near(expected: &Array) -> Bound {
    let largest = expected.to_f64().iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    Bound::Near { absolute: 1e-5 * largest, relative: 0.0 }
}

#[test]
fn narrow_networks_read_and_learn_as_in_pytorch() {
    let expected: HashMap<String, Array> = fixture("handwriting").into_iter().collect();
    let pen = pen();
    let points = Array::new([2], vec![7, 5]).unwrap();
    let text = Array::new([2, 5], vec![0, 2, 1, 3, 1, 3, 0, 2, -1, -1]).unwrap();
    // Gradients of the third are clipped at a 2000th of what they are in the paper: of a loss of 2000 times as much they are clipped there.
    for (prefix, sizes, loss) in [("synthesis", narrow(4, 3), 1.0), ("prediction", narrow(0, 2), 1.0), ("clipped", narrow(4, 2), 2000.0f32)]
    {
        let (graph, weights) = (Graph::new(), drawn(sizes));
        let [x, count, text_var] =
            [("pen", &pen), ("points", &points), ("text", &text)].map(|(name, a)| graph.input(name, a.ty().clone()).unwrap());
        let network = Network::new(&mut Layers::load(&graph, &weights), sizes).unwrap();
        let read = network.read(&x, &count, Some(&text_var)).unwrap();
        let parameters = weights.states(&graph);
        let vars: Vec<&Var> = parameters.iter().map(|p| &p.var).collect();
        let times = |var: &Var, number: f32| var.mul(&graph.constant(Array::scalar(number)).unwrap()).unwrap();
        let gradients = times(&read.nats.reduce_mean(&[], false).unwrap(), loss).gradient(&vars).unwrap();
        let mut outputs = vec![("nats".to_owned(), read.nats.clone())];
        outputs.extend(read.phi.map(|phi| ("phi".to_owned(), phi)));
        for (parameter, gradient) in parameters.iter().zip(gradients) {
            outputs.push((format!("gradient.{}", parameter.name), times(&gradient, 1.0 / loss)));
        }
        assert_eq!(outputs.len(), expected.keys().filter(|key| key.starts_with(prefix)).count() - 1, "all but the mixtures");
        for device in [Device::from(gpu()), Device::Cpu] {
            let name = device.name().to_owned();
            let mut plan = Plan::compile(device, &outputs.iter().map(|(_, var)| var).collect::<Vec<_>>()).unwrap();
            let all = [("pen", &pen), ("points", &points), ("text", &text)];
            let found = plan.run(if sizes.characters > 0 { &all } else { &all[..2] }).unwrap();
            for ((key, _), found) in outputs.iter().zip(&found) {
                let expected = &expected[&format!("{prefix}.{key}")];
                compare(found, expected, None, near(expected)).unwrap_or_else(|e| panic!("{prefix}.{key} on {name}: {e}"));
            }
        }
    }
}

#[test]
fn the_published_networks_have_their_sizes() {
    let parameters = |sizes: Handwriting| sizes.tensors().unwrap().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum::<usize>();
    // 4 x 400 x (3 + 57 + 400 + 1) and 3 x 400; twice 400 inputs more; 30 x 401 of the window; 121 x 1201 of the mixture. "3.7 M"
    let synthesis = 737_600 + 1200 + 2 * (1_377_600 + 1200) + 12_030 + 145_321;
    assert_eq!(parameters(Handwriting::SYNTHESIS), synthesis);
    // "3.4 M", as has the single layer of 900.
    assert_eq!(parameters(Handwriting::PREDICTION), 646_400 + 1200 + 2 * (1_286_400 + 1200) + 145_321);
    assert_eq!(parameters(Handwriting { layers: 1, hidden: 900, ..Handwriting::PREDICTION }), 3_254_400 + 2700 + 121 * 901);
    let of = Handwriting::of(&Handwriting::SYNTHESIS.initial(1).unwrap()).unwrap();
    assert_eq!(of, Handwriting::SYNTHESIS);
    let error = Handwriting { window: 0, ..Handwriting::SYNTHESIS }.initial(1).unwrap_err().to_string();
    assert!(error.contains("characters and window"), "{error}");
}

/// A font of bars, dashes and rings, and a space.
fn font() -> PenFont {
    let svg = "<svg xmlns='http://www.w3.org/2000/svg'><font horiz-adv-x='300'><font-face units-per-em='1000'/>\
        <glyph unicode='l' d='M 100 600 L 100 0'/><glyph unicode='-' d='M 50 250 L 250 250'/><glyph unicode=' '/>\
        <glyph unicode='o' d='M 150 0 C 250 0 250 300 150 300 C 50 300 50 0 150 0'/></font></svg>";
    PenFont::parse("test.svg", svg).unwrap()
}

fn lines(count: usize, unsteady: f32) -> FontLines {
    let words = ["lo", "ol", "l-", "o", "-ll"].map(str::to_owned).to_vec();
    let manner = Manner { spacing: 0.15, unsteady, capitals: 0.5, numbers: 0.0, marks: 0.5 };
    FontLines::new(vec![font()], words, count, Room { points: 24, characters: 5 }, manner, 3).unwrap()
}

#[test]
fn lines_of_fonts_are_examples() {
    let data = lines(40, 1.0);
    // The font has neither capitals nor marks.
    assert_eq!(data.alphabet(), &Alphabet::new(" -lo".chars()).unwrap());
    assert_eq!(data.alphabet().read("l-?"), [2, 1, 4]);
    let names: Vec<String> = data.tensors().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["pen", "points", "text"]);
    let mut texts = Vec::new();
    for index in 0..data.len() {
        let example = data.example(index, 1).unwrap();
        assert_eq!(example, data.example(index, 1).unwrap(), "a visit is always the same");
        assert_ne!(example, data.example(index, 2).unwrap(), "and unlike others");
        for ((_, ty), array) in data.tensors().iter().zip(&example) {
            assert_eq!(&array.ty(), ty);
        }
        let line = data.line(index, 1).unwrap();
        let count = example[1].values::<i32>().unwrap()[0] as usize;
        assert!((1..=24).contains(&count) && count == line.points().len() && line.text.len() <= 5, "{line:?}");
        let pen = example[0].values::<f32>().unwrap();
        assert!(pen[..3] == [0.0; 3] && pen[3 * (count + 1)..].iter().all(|v| *v == 0.0) && pen[3 * count + 2] == 1.0);
        let [x, y, up] = data.scale().seen(line.points()[0]);
        assert_eq!(pen[3..6], [x, y, up]);
        texts.push(line.text);
    }
    texts.sort();
    texts.dedup();
    assert!(texts.len() > 5 && texts.iter().any(|text| text.contains(' ')), "{texts:?}");
    let steady = lines(1, 0.0);
    assert_eq!(steady.line(0, 5).unwrap().strokes, font().write(&steady.line(0, 5).unwrap().text, |_| ()).unwrap().resampled(0.15).strokes);

    let written = vec![Line { text: "lo".into(), strokes: vec![vec![[0.0, 0.0]; 3]] }, Line { text: "long".into(), strokes: vec![] }];
    let (room, scale) = (Room { points: 3, characters: 4 }, data.scale());
    assert_eq!(Lines::new(written.clone(), room, data.alphabet().clone(), scale).unwrap().len(), 1);
    let error = Lines::new(written, Room { points: 2, ..room }, data.alphabet().clone(), scale).unwrap_err().to_string();
    assert!(error.contains("none of 2 lines has 1 to 2 points"), "{error}");
    let error =
        FontLines::new(vec![font()], vec!["xyz".into()], 4, room, Manner { spacing: 0.1, ..steadily() }, 1).unwrap_err().to_string();
    assert!(error.contains("0 words that these have"), "{error}");
    let error = FontLines::new(vec![font()], vec!["l".into()], 4, Room { points: 0, ..room }, steadily(), 1).unwrap_err().to_string();
    assert!(error.contains("0 points and 4 characters"), "{error}");
    let vast = Room { characters: usize::MAX, ..room };
    assert!(Lines::new(Vec::new(), vast, data.alphabet().clone(), scale).unwrap_err().to_string().contains("1 to 65536"));
    // Numbers alone were asked for, and the font has none.
    let numbers = FontLines::new(vec![font()], vec!["ll".into()], 4, room, Manner { numbers: 1.0, ..steadily() }, 1);
    assert!(numbers.unwrap_err().to_string().contains("no line of 64 fits"), "two letters have more than three points");
    let numbers = FontLines::new(vec![font()], vec!["l".into()], 4, Room { points: 30, ..room }, Manner { numbers: 1.0, ..steadily() }, 1);
    assert!(numbers.unwrap().line(0, 0).unwrap().text.starts_with('l'));
}

fn steadily() -> Manner {
    Manner { spacing: 0.1, unsteady: 0.0, capitals: 0.0, numbers: 0.0, marks: 0.0 }
}

/// Words of eight letters, each a stroke in a direction of its own.
fn star() -> FontLines {
    let glyph = |k: usize| {
        let (y, x) = (k as f64 * std::f64::consts::FRAC_PI_4).sin_cos();
        format!("<glyph unicode='{}' d='M 0 0 L {:.0} {:.0}'/>", char::from(b'a' + k as u8), 900.0 * x, 900.0 * y)
    };
    let svg = format!("<svg><font horiz-adv-x='100'>{}</font></svg>", (0..8).map(glyph).collect::<String>());
    let letter = |word: usize, at: u32| char::from(b'a' + (word / 8usize.pow(at) % 8) as u8);
    let words = (0..4096).map(|word| (0..4).map(|at| letter(word, at)).collect()).collect();
    let manner = Manner { spacing: 1.0, unsteady: 0.2, capitals: 0.0, numbers: 0.0, marks: 0.0 };
    FontLines::new(vec![PenFont::parse("star.svg", &svg).unwrap()], words, 20_000, STAR, manner, 3).unwrap()
}

const STAR: Room = Room { points: 8, characters: 4 };

/// Batches of lines: pens, counts and texts.
fn batch(data: &FontLines, first: usize, count: usize) -> [Array; 3] {
    let all: Vec<Vec<Array>> = (first..first + count).map(|index| data.example(index, 0).unwrap()).collect();
    let floats = all.iter().flat_map(|e| e[0].values::<f32>().unwrap()).copied().collect::<Vec<_>>();
    let ints = |k: usize| all.iter().flat_map(|e| e[k].values::<i32>().unwrap()).copied().collect::<Vec<_>>();
    [
        Array::new([count, STAR.points + 1, 3], floats).unwrap(),
        Array::new([count], ints(1)).unwrap(),
        Array::new([count, STAR.characters], ints(2)).unwrap(),
    ]
}

/// Lines get likelier by what is learnt of others.
#[test]
fn a_network_learns_where_pens_go() {
    const BATCH: usize = 32;
    const STEPS: usize = 100;
    let data = star();
    let sizes = Handwriting { characters: data.alphabet().count(), layers: 2, hidden: 24, window: 3, mixtures: 8 };
    let (graph, weights) = (Graph::new(), sizes.initial(1).unwrap().as_states());
    let x = graph.input("pen", TensorType::f32([BATCH, STAR.points + 1, 3])).unwrap();
    let points = graph.input("points", TensorType::new(DType::I32, [BATCH])).unwrap();
    let text = graph.input("text", TensorType::new(DType::I32, [BATCH, STAR.characters])).unwrap();
    let read = Network::new(&mut Layers::load(&graph, &weights), sizes).unwrap().read(&x, &points, Some(&text)).unwrap();
    let loss = read.nats.reduce_mean(&[], false).unwrap();
    let parameters = weights.states(&graph);
    let gradients = loss.gradient(&parameters.iter().map(|p| &p.var).collect::<Vec<_>>()).unwrap();
    let (gradients, _) = clip_by_global_norm(&gradients, 20.0).unwrap();
    let rate = graph.constant(Array::scalar(0.01f32)).unwrap();
    Optimiser::Adam(Adam::default()).update(&parameters, &gradients, &rate).unwrap();
    let mut plan = Plan::compile(gpu(), &[&loss]).unwrap();
    let step = |step: usize| {
        let [pen, points, text] = batch(&data, step * BATCH, BATCH);
        plan.run(&[("pen", &pen), ("points", &points), ("text", &text)]).unwrap()[0].to_f64()[0]
    };
    let nats: Vec<f64> = (0..STEPS).map(step).collect();
    let mean = |nats: &[f64]| nats.iter().sum::<f64>() / nats.len() as f64;
    let (first, last) = (mean(&nats[..10]), mean(&nats[STEPS - 10..]));
    assert!(last < first - 10.0, "{first} nats a line at first, {last} in the end");
}

/// A writer of the network that comes along.
fn writer() -> Writer {
    Writer::new(&Device::from(gpu()), &weights().unwrap()).unwrap()
}

fn style(bias: f64, seed: u64) -> Style {
    Style { bias, seed, ..Style::default() }
}

#[test]
fn the_network_that_comes_along_writes_texts_to_their_end() {
    let (writer, texts) = (writer(), ["foveate", "Look 42", "a pen"]);
    let mut seen = Vec::new();
    let written = writer.write(&texts, &style(1.0, 1), |points| seen.push(points)).unwrap();
    assert!(seen.windows(2).all(|pair| pair[0] <= pair[1]) && seen[0] == 3, "progress: {seen:?}");
    for (written, text) in written.iter().zip(texts) {
        let (points, length) = (written.line.points().len(), text.len());
        assert!(written.ended && written.line.text == text, "{text}: {points} points");
        // Fonts have 8 to 20 points a character at this spacing.
        assert!((5 * length..25 * length).contains(&points), "{text}: {points} points");
        let phi = written.phi.as_ref().unwrap();
        assert_eq!(phi.shape(), [points, length]);
        // The window goes from the first character to the last, and back by no more than a character.
        let phi = phi.to_f64();
        let at: Vec<usize> = phi.chunks(length).map(|row| (0..length).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap()).collect();
        assert!(at[0] == 0 && at[points - 1] == length - 1, "{text}: {at:?}");
        let mut furthest = 0;
        for u in at {
            assert!(u + 2 > furthest, "{text}: from {furthest} back to {u}");
            furthest = furthest.max(u);
        }
        // Letters are a third of an em high, words run to the right.
        let all = written.line.strokes.iter().flatten();
        let [left, right] = [f32::min, f32::max].map(|of| all.clone().map(|p| p[0]).reduce(of).unwrap());
        assert!((0.2..1.0).contains(&((right - left) / length as f32)), "{text}: from {left} to {right}");
    }
    // A line does not depend on the others, nor on the run.
    let alone = writer.write(&texts[..1], &style(1.0, 1), |_| ()).unwrap();
    assert_eq!(alone[0].line, written[0].line);
    assert_ne!(writer.write(&texts[..1], &style(1.0, 2), |_| ()).unwrap()[0].line, written[0].line);
}

/// How far apart the points of two lines are, in ems.
fn apart(writer: &Writer, bias: f64) -> f64 {
    let lines = [1, 2].map(|seed| writer.write(&["la"], &style(bias, seed), |_| ()).unwrap().remove(0).line.points());
    let pairs = lines[0].iter().zip(&lines[1]).take(15);
    pairs.map(|(a, b)| f64::from((a[0] - b[0]).hypot(a[1] - b[1]))).sum::<f64>() / 15.0
}

#[test]
fn a_bias_makes_lines_alike() {
    let writer = writer();
    let [free, certain] = [0.0, 20.0].map(|bias| apart(&writer, bias));
    assert!(free > 0.01 && certain < 1e-4, "{free} and {certain} ems");
}

/// What has been written is likelier for the text that it says than for another.
#[test]
fn a_line_says_its_text() {
    let weights = weights().unwrap();
    let (scale, alphabet) = (Scale::of(&weights).unwrap(), Alphabet::of(&weights).unwrap().unwrap());
    let line = writer().write(&["brown fox"], &style(0.5, 3), |_| ()).unwrap().remove(0).line;
    let room = Room { points: line.points().len(), characters: 9 };
    let nats = |text: &str| {
        let line = Line { text: text.into(), ..line.clone() };
        let example = Lines::new(vec![line], room, alphabet.clone(), scale).unwrap().example(0, 0).unwrap();
        let graph = Graph::new();
        let inputs = [("pen", 0), ("points", 1), ("text", 2)].map(|(name, k)| {
            let batch = example[k].clone().reshaped([&[1], example[k].shape()].concat()).unwrap();
            (name, graph.input(name, batch.ty()).unwrap(), batch)
        });
        let network = Network::new(&mut Layers::load(&graph, &weights), Handwriting::of(&weights).unwrap()).unwrap();
        let nats = network.read(&inputs[0].1, &inputs[1].1, Some(&inputs[2].1)).unwrap().nats;
        let given: Vec<(&str, &Array)> = inputs.iter().map(|(name, _, array)| (*name, array)).collect();
        Plan::compile(gpu(), &[&nats]).unwrap().run(&given).unwrap()[0].to_f64()[0]
    };
    let (own, other) = (nats("brown fox"), nats("quick dog"));
    assert!(own < other - 50.0, "{own} nats for its own text, {other} for another");
}

#[test]
fn a_hand_is_gone_on_with_and_what_cannot_be_written_is_refused() {
    let writer = writer();
    let like = Some(Line { text: "l".into(), strokes: vec![vec![[0.1, 0.7], [0.1, 0.0]]] });
    let written = writer.write(&["la"], &Style { like, points: Some(9), ..style(1.0, 1) }, |_| ()).unwrap().remove(0);
    assert!(!written.ended && written.line.points().len() == 9);
    assert_eq!(written.phi.unwrap().shape(), [9, 2], "of the text alone");
    assert_ne!(written.line, writer.write(&["la"], &Style { points: Some(9), ..style(1.0, 1) }, |_| ()).unwrap()[0].line);

    let error = |texts: &[&str], style: Style| writer.write(texts, &style, |_| ()).unwrap_err().to_string();
    assert!(error(&["grüße"], style(1.0, 1)).contains("'ü' of 'grüße' has not been learnt"));
    assert!(error(&["a", ""], style(1.0, 1)).contains("an empty text"));
    assert!(error(&[], style(1.0, 1)).contains("0 texts"));
    assert!(error(&["a"], style(f64::NAN, 1)).contains("a bias of NaN"));
    let like = Some(Line { text: "é".into(), strokes: vec![] });
    assert!(error(&["a"], Style { like, ..style(1.0, 1) }).contains("'é'"));

    let unnamed = Weights::from_arrays(
        "mine",
        weights().unwrap().names().map(|name| (name.to_owned(), Array::clone(weights().unwrap().get(name).unwrap()))),
    );
    let error = Writer::new(&Device::Cpu, &unnamed).unwrap_err().to_string();
    assert!(error.contains("mine") && error.contains("offset_mean"), "{error}");

    // Without a text it goes on as long as it is told.
    let metadata = Scale { mean: [0.0; 2], deviation: [0.1; 2], spacing: 0.1 }.metadata();
    let blind = narrow(0, 2).initial(1).unwrap();
    let blind = metadata.into_iter().fold(blind, |weights, (key, value)| weights.with_metadata(key, &value));
    let blind = Writer::new(&Device::from(gpu()), &blind).unwrap();
    let written = blind.write(&[""], &Style { points: Some(30), ..style(0.0, 1) }, |_| ()).unwrap();
    assert!(written[0].line.points().len() == 30 && written[0].phi.is_none());
    assert!(blind.write(&["a"], &style(0.0, 1), |_| ()).unwrap_err().to_string().contains("has not learnt texts"));
    assert!(blind.write(&[""], &style(0.0, 1), |_| ()).unwrap_err().to_string().contains("how many points"));
}

#[test]
fn lines_are_drawn() {
    let line =
        |text: &str, x: f32| Line { text: text.into(), strokes: vec![vec![[x, 0.5], [x, 0.0]], vec![[x + 1.0, 0.0], [x + 1.0, 0.5]]] };
    let paper = Paper::new(&[line("a<\"", -7.0), line("b", 0.0)]).unwrap();
    assert_eq!(paper.points(), 8);
    // Margins of 0.3, a line is 0.8 above its base and 0.3 below.
    let ink = |points: usize| paper.ink(20.0, points).unwrap();
    let all = ink(8);
    assert_eq!(all.shape(), [1, 3, 56, 32]);
    let dark = |picture: &Array| picture.to_f64()[..56 * 32].iter().map(|v| 1.0 - v).sum::<f64>();
    // Half an em of a pen of 0.045 em: 9 pixels of four strokes, with round ends.
    assert!((dark(&all) - 4.0 * (10.0 * 0.9 + 0.64)).abs() < 4.0, "{}", dark(&all));
    assert!((dark(&ink(2)) * 4.0 - dark(&all)).abs() < 0.5 && dark(&ink(0)) == 0.0);
    let pixel = |picture: &Array, x: f32, y: f32| picture.to_f64()[(y * 20.0) as usize * 32 + (x * 20.0) as usize];
    assert!(pixel(&all, 0.3, 0.9) < 0.7 && pixel(&all, 1.3, 2.0) < 0.7 && pixel(&all, 0.8, 0.9) > 0.9);
    let svg = paper.svg();
    assert!(svg.contains("aria-label=\"a&lt;&quot;\" d=\"M30.0 60.0L30.0 110.0M130.0 110.0L130.0 60.0\""), "{svg}");
    assert!(Paper::new(&[line("far", f32::NAN)]).unwrap_err().to_string().contains("leaves the paper"));
    assert!(paper.ink(1e6, 8).is_err());

    let phi = Array::new([4, 1], vec![1.0f32, 0.5, 0.0, 2.0]).unwrap();
    let picture = window_picture(&line("b", 0.0), &phi).unwrap();
    let width = picture.shape()[3];
    // Twelve pixels for a point, in the row of the only character.
    let cells: Vec<f64> = (0..4).map(|t| picture.to_f64()[15 * width + 36 + 12 * t + 6]).collect();
    assert_eq!(cells, [1.0, 0.5, 0.0, 1.0]);
    let error = window_picture(&line("bb", 0.0), &phi).unwrap_err().to_string();
    assert!(error.contains("4 points of 'bb'"), "{error}");
}
