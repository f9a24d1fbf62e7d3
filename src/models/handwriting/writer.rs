//! Writing: a point for each line at a time, drawn on the host of what the device makes of the one before. What the network knows stays
//! on the device.

use super::alphabet::Alphabet;
use super::mixture;
use super::network::{Handwriting, Network};
use super::pen::{Line, Point, Scale};
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::models::layers::Layers;
use crate::nn::Weights;
use crate::plan::{Device, Plan};
use crate::train::Numbers;

/// The most points of a line, for each of its characters and besides, where nothing is said.
const POINTS: usize = 40;

/// A network that writes.
#[derive(Clone, Debug)]
pub struct Writer {
    device: Device,
    weights: Weights,
    sizes: Handwriting,
    alphabet: Option<Alphabet>,
    scale: Scale,
}

/// How lines are written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Style {
    /// 0 writes as the network has seen it; from there on upwards more carefully, as it likes best (section 5.4 of the paper).
    pub bias: f64,
    /// Another number gives other lines.
    pub seed: u64,
    /// A line that the network goes on with, in its hand (section 5.5 of the paper): an em is 1.
    pub like: Option<Line>,
    /// The most points of a line; 40 for each character and 40 more where nothing is said.
    pub points: Option<usize>,
}

/// A line that was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// The line; an em is 1.
    pub line: Line,
    /// Where the window was, (points, characters), if the network has one.
    pub phi: Option<Array>,
    /// Whether the network came to the text's end before there were no points left.
    pub ended: bool,
}

/// A line under way.
struct Pen {
    /// Characters, and the most points.
    text: usize,
    most: usize,
    random: Numbers,
    points: Vec<Point>,
    phi: Vec<f32>,
    ended: bool,
}

impl Writer {
    /// The writer of `weights`, as training wrote them.
    ///
    /// # Errors
    /// If weights or metadata are missing or do not belong together.
    pub fn new(device: &Device, weights: &Weights) -> Result<Self> {
        let (sizes, scale) = (Handwriting::of(weights)?, Scale::of(weights)?);
        let alphabet = Alphabet::of(weights)?;
        let known = alphabet.as_ref().map_or(0, Alphabet::count);
        if known != sizes.characters {
            let reason = format!("its metadata name {known} characters, with all others as one, and its window sees {}", sizes.characters);
            return Err(Error::model(weights.source(), reason));
        }
        Ok(Self { device: device.clone(), weights: weights.clone(), sizes, alphabet, scale })
    }

    /// Its sizes.
    pub fn sizes(&self) -> Handwriting {
        self.sizes
    }

    /// A line for each of `texts`, all at once; of a network without a window they are empty, and each goes on to the last of its points.
    /// `progress` is told how many points all lines have together, now and then.
    ///
    /// # Errors
    /// If a text is empty or has a character that the network has not learnt: which; if a network without a window is given texts; if the
    /// device fails or a point is no number.
    pub fn write(&self, texts: &[&str], style: &Style, mut progress: impl FnMut(usize)) -> Result<Vec<Written>> {
        self.check(texts, style)?;
        let before = style.like.as_ref().map_or(String::new(), |like| format!("{} ", like.text));
        let whole: Vec<Vec<i32>> = texts.iter().map(|text| self.numbers(&format!("{before}{text}"))).collect();
        let skipped = self.numbers(&before).len();
        let (n, longest) = (texts.len(), whole.iter().map(Vec::len).max().unwrap_or(0) + 1);
        let text = Array::from_fn([n, longest], |i| whole[i / longest].get(i % longest).copied().unwrap_or(-1));
        let mut plan = self.plan(n, longest)?;
        let mut inputs = vec![("text", &text)];
        inputs.truncate(usize::from(self.alphabet.is_some()));

        let mut pens: Vec<Pen> = (0..n).map(|i| Pen::new(whole[i].len() - skipped, style, i)).collect();
        let known: Vec<Point> = style.like.iter().flat_map(|like| like.resampled(self.scale.spacing).points()).collect();
        let mut next = vec![[0.0f32; 3]; n];
        let mut mixtures = step(&mut plan, &inputs, &next)?;
        for point in known {
            next.fill(self.scale.seen(point));
            mixtures = step(&mut plan, &inputs, &next)?;
        }
        while pens.iter().any(Pen::writes) {
            for (i, pen) in pens.iter_mut().enumerate().filter(|(_, pen)| pen.writes()) {
                let (place, up) = mixture::drawn(row(&mixtures[0], n, i)?, style.bias, &mut pen.random);
                let point = self.scale.on_paper(place, up);
                if !point.iter().all(|v| v.is_finite()) {
                    let reason = format!("point {} of '{}' is {point:?}", pen.points.len() + 1, texts[i]);
                    return Err(Error::model(self.weights.source(), reason));
                }
                next[i] = [place[0], place[1], f32::from(up)];
                pen.points.push(point);
            }
            progress(pens.iter().map(|pen| pen.points.len()).sum());
            mixtures = step(&mut plan, &inputs, &next)?;
            for (i, pen) in pens.iter_mut().enumerate().filter(|(_, pen)| !pen.ended) {
                if let Some(phi) = mixtures.get(1) {
                    pen.look(row(phi, n, i)?.get(skipped..).unwrap_or_default());
                }
            }
        }
        pens.into_iter().zip(texts).map(|(pen, text)| pen.written(text)).collect()
    }

    fn check(&self, texts: &[&str], style: &Style) -> Result<()> {
        let wrong = |reason: String| Err(Error::shape("handwriting", reason));
        if texts.is_empty() || style.points == Some(0) || !(0.0..=100.0).contains(&style.bias) {
            let Style { bias, points, .. } = style;
            return wrong(format!(
                "{} texts, a bias of {bias} and at most {points:?} points; one is the least, and biases are 0 to 100",
                texts.len()
            ));
        }
        let Some(alphabet) = &self.alphabet else {
            return match (texts.iter().find(|text| !text.is_empty()), style.points) {
                (Some(text), _) => {
                    wrong(format!("'{text}' for a network that has not learnt texts: it goes on with lines, whatever they say"))
                }
                (None, None) => wrong("how many points to go on for is not said, and no text says it".to_owned()),
                (None, Some(_)) => Ok(()),
            };
        };
        for text in texts.iter().copied().chain(style.like.as_ref().map(|like| like.text.as_str())) {
            if text.is_empty() {
                return wrong("an empty text".to_owned());
            }
            if let Some(letter) = alphabet.unknown(text) {
                let known: String = alphabet.metadata().into_iter().map(|(_, characters)| characters).collect();
                return wrong(format!("'{letter}' of '{text}' has not been learnt; what has are '{known}'"));
            }
        }
        Ok(())
    }

    fn numbers(&self, text: &str) -> Vec<i32> {
        self.alphabet.as_ref().map_or_else(Vec::new, |alphabet| alphabet.read(text))
    }

    /// A plan of one point of `n` lines.
    fn plan(&self, n: usize, longest: usize) -> Result<Plan> {
        let graph = Graph::new();
        let network = Network::new(&mut Layers::load(&graph, &self.weights), self.sizes)?;
        let pen = graph.input("pen", TensorType::f32([n, 3]))?;
        let text = self.alphabet.as_ref().map(|_| graph.input("text", TensorType::new(DType::I32, [n, longest]))).transpose()?;
        let mut count = 0;
        let before = network.begin(&pen, n, text.as_ref())?.of(|first| {
            count += 1;
            graph.state(&format!("memory {count}"), Array::full(first.shape(), 0.0f32))
        })?;
        let next = network.step(&pen, text.as_ref(), &before)?;
        before.tensors().zip(next.memory.tensors()).try_for_each(|(before, after)| graph.update(before, after))?;
        Plan::compile(&self.device, &[&next.mixture].into_iter().chain(&next.phi).collect::<Vec<_>>())
    }
}

/// What follows the points `pen`.
fn step(plan: &mut Plan, inputs: &[(&str, &Array)], pen: &[Point]) -> Result<Vec<Array>> {
    let pen = Array::new([pen.len(), 3], pen.iter().flatten().copied().collect::<Vec<_>>())?;
    plan.run(&[inputs, &[("pen", &pen)]].concat())
}

/// Row `i` of `n`.
fn row(array: &Array, n: usize, i: usize) -> Result<&[f32]> {
    let each = array.len() / n.max(1);
    Ok(&array.values::<f32>()?[i * each..][..each])
}

impl Pen {
    fn new(text: usize, style: &Style, line: usize) -> Self {
        let (most, random) = (style.points.unwrap_or(POINTS * (text + 1)), Numbers::new(style.seed, &format!("writing {line}")));
        Self { text, most, random, points: Vec::new(), phi: Vec::new(), ended: false }
    }

    /// Whether it goes on.
    fn writes(&self) -> bool {
        !self.ended && self.points.len() < self.most
    }

    /// Where the window is at the last point, `phi`: a line ends where it is behind the text more than anywhere else.
    fn look(&mut self, phi: &[f32]) {
        let Some((text, behind)) = phi.split_at_checked(self.text).filter(|_| self.phi.len() < self.points.len() * self.text) else {
            return;
        };
        self.phi.extend(text);
        self.ended = behind.first().is_some_and(|behind| text.iter().all(|phi| phi < behind));
    }

    fn written(self, text: &str) -> Result<Written> {
        let phi = (self.text > 0).then(|| Array::new([self.points.len(), self.text], self.phi)).transpose()?;
        Ok(Written { line: Line::of(text, &self.points), phi, ended: self.ended })
    }
}
