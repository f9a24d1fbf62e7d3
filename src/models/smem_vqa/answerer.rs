//! A photo and a question in; answers out, and where was looked for them.

use super::network::GUIDED_BY;
use super::{Network, SmemVqa};
use crate::array::{Array, DType, Hw, TensorType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::models::Layers;
use crate::models::encoder::Encoder;
use crate::models::sentences::{END, Language, UNKNOWN, Unit};
use crate::nn::Weights;
use crate::ops::stack;
use crate::plan::{Device, PlanCache};
use serde::de::DeserializeOwned;

const NAME: &str = "smem-vqa";
/// Where metadata have the words of questions and the answers, JSON lists.
const WORDS: &str = "question_words";
const ANSWERS: &str = "answers";

/// What weights say beside the encoder's size: the words of questions, the answers, and what guides the network.
pub fn metadata(sizes: &SmemVqa, language: &Language, answers: &[String]) -> [(&'static str, String); 3] {
    let list = |words: &[String]| serde_json::Value::from(words).to_string();
    [(WORDS, list(language.vocabulary().words())), (ANSWERS, list(answers)), (GUIDED_BY, sizes.guide.name().to_owned())]
}

/// What a network says of a question.
#[derive(Clone, Debug)]
pub struct Answer {
    /// All answers with their probabilities, the likeliest first.
    pub answers: Vec<(String, f32)>,
    /// The part of the photo that it saw, (1, 3, h, w), RGB in 0..1.
    pub seen: Array,
    /// Of each hop how much of its attention each place had, (hops, L).
    pub looked: Array,
    /// Which word, by its place in the question, spoke the loudest for the place that was looked at most at the first hop, if words say where.
    pub loudest: Option<usize>,
}

/// A network that answers questions about photos of any size, one after the other.
#[derive(Debug)]
pub struct Answerer {
    plans: PlanCache,
    sizes: SmemVqa,
    grid: Hw,
    encoder: &'static str,
    language: Language,
    answers: Vec<String>,
}

impl Answerer {
    /// The network of `weights`, with its encoder, as `foveate train` writes it.
    ///
    /// # Errors
    /// If a parameter or what metadata must say is missing, or they do not belong together.
    pub fn new(device: &Device, weights: &Weights) -> Result<Self> {
        let wrong = |reason: String| Error::model(weights.source(), reason);
        if !SmemVqa::has_layers_in(weights) {
            return Err(wrong(
                "has no 'words.weight', 'evidence.weight' and 'answer.weight': it is no network that answers questions".to_owned(),
            ));
        }
        let (sizes, encoder) = (SmemVqa::of(weights)?, Encoder::of(weights)?);
        let language = Language::of_words(Unit::Words, list(weights, WORDS)?)?;
        let answers: Vec<String> = list(weights, ANSWERS)?;
        if (language.words(), answers.len()) != (sizes.words, sizes.answers) {
            let reason = format!(
                "its metadata have {} words and {} answers, the network {} and {}",
                language.words(),
                answers.len(),
                sizes.words,
                sizes.answers
            );
            return Err(wrong(reason));
        }
        let build = Build { encoder, sizes, weights: weights.clone() };
        // What is wrong with the weights is said before the first photo is read.
        let graph = Graph::new();
        let Hw { h, w } = encoder.pictures();
        let photo = graph.input("photo", TensorType::f32([1, 3, h, w]))?;
        build.outputs(&graph, &photo, &graph.input("words", TensorType::new(DType::I32, [1, sizes.longest]))?)?;
        let plans = PlanCache::new(device, 2, move |graph, inputs| build.outputs(graph, &inputs[0], &inputs[1]));
        Ok(Self { plans, sizes, grid: encoder.grid(), encoder: encoder.name(), language, answers })
    }

    /// In a line, for people.
    pub fn name(&self) -> String {
        let SmemVqa { hops, words, answers, .. } = self.sizes;
        let looks = ["a bag of words", "SMem-VQA of one hop", "SMem-VQA of two hops"][hops.min(2)];
        format!("{looks} on {}: {words} words, {answers} answers", self.encoder)
    }

    /// How the places lie that it looks at, row by row.
    pub const fn grid(&self) -> Hw {
        self.grid
    }

    /// How often it looks.
    pub const fn hops(&self) -> usize {
        self.sizes.hops
    }

    /// The words that it knows.
    pub fn words(&self) -> &[String] {
        // The first two are no words: the end, and what is unknown.
        self.language.vocabulary().words().get(2..).unwrap_or_default()
    }

    /// The answers that it chooses from.
    pub fn answers(&self) -> &[String] {
        &self.answers
    }

    /// The words of a question as the network reads them.
    ///
    /// # Errors
    /// If there are none, or more than it has room for.
    pub fn parts(&self, question: &str) -> Result<Vec<String>> {
        let question = crate::models::captioning::words(question);
        let parts: Vec<String> = question.split_whitespace().map(str::to_owned).collect();
        match parts.len() {
            0 => Err(Error::shape(NAME, "the question has no words")),
            count if count > self.sizes.longest => {
                Err(Error::shape(NAME, format!("the question has {count} words, the network has room for {}", self.sizes.longest)))
            }
            _ => Ok(parts),
        }
    }

    /// Those of a question's words that it does not know.
    ///
    /// # Errors
    /// As [`Answerer::parts`].
    pub fn unknown(&self, question: &str) -> Result<Vec<String>> {
        let is_unknown = |part: &String| self.language.read(part).first() == Some(&UNKNOWN);
        Ok(self.parts(question)?.into_iter().filter(is_unknown).collect())
    }

    /// What it says of each of these questions about `photo` (1, 3, h, w), RGB in 0..1, which is seen once for all of them.
    ///
    /// # Errors
    /// If the photo has another shape, there are no questions, one has no words or too many, or the device fails.
    pub fn ask(&mut self, photo: &Array, questions: &[String]) -> Result<Vec<Answer>> {
        if questions.is_empty() {
            return Err(Error::shape(NAME, "there are no questions"));
        }
        let (longest, places) = (self.sizes.longest, self.sizes.places);
        let read = questions.iter().map(|question| Ok(self.language.read(&self.parts(question)?.join(" ")))).collect::<Result<Vec<_>>>()?;
        let words = Array::from_fn([read.len(), longest], |i| read[i / longest].get(i % longest).copied().unwrap_or(END));
        let mut outputs = self.plans.run(&[("photo", photo), ("words", &words)])?.into_iter();
        let mut next = || outputs.next().ok_or_else(|| Error::shape(NAME, "an output is missing"));
        let (probabilities, seen, looked) = (next()?, next()?, next()?);
        let votes = outputs.next();
        let votes = votes.as_ref().map(Array::values::<f32>).transpose()?;
        let hops = looked.shape().get(1).copied().unwrap_or(1);
        let each = probabilities.values::<f32>()?.chunks_exact(self.answers.len()).zip(looked.values::<f32>()?.chunks_exact(hops * places));
        let answer = |(i, (probabilities, looked)): (usize, (&[f32], &[f32]))| {
            let mut answers: Vec<(String, f32)> = self.answers.iter().cloned().zip(probabilities.iter().copied()).collect();
            answers.sort_by(|a, b| b.1.total_cmp(&a.1));
            let own = votes.map(|votes| &votes[i * longest * places..][..(read[i].len() - 1) * places]);
            let loudest = own.and_then(|votes| loudest(votes, &looked[..places]));
            Ok(Answer { answers, seen: seen.clone(), looked: Array::new([hops, places], looked.to_vec())?, loudest })
        };
        each.enumerate().map(answer).collect()
    }
}

/// Of votes (words, L) the loudest for the place that is looked at most; none if no word spoke for it, and silence did.
fn loudest(votes: &[f32], looked: &[f32]) -> Option<usize> {
    let place = (0..looked.len()).max_by(|a, b| looked[*a].total_cmp(&looked[*b]))?;
    let said = |word: &usize| votes[word * looked.len() + place];
    (0..votes.len() / looked.len()).max_by(|a, b| said(a).total_cmp(&said(b))).filter(|word| said(word) > 0.0)
}

fn list<T: DeserializeOwned>(weights: &Weights, key: &str) -> Result<Vec<T>> {
    let wrong = |reason: String| Error::model(weights.source(), reason);
    let text = weights.metadata().get(key).ok_or_else(|| wrong(format!("has no '{key}' in its metadata")))?;
    serde_json::from_str(text).map_err(|e| wrong(format!("'{key}' in its metadata is no list of words: {e}")))
}

/// What the plan of a photo and of questions is made of.
struct Build {
    encoder: Encoder,
    sizes: SmemVqa,
    weights: Weights,
}

impl Build {
    /// Probabilities, (m, answers), the part that was seen, where was looked, (m, hops, L), and what words say, (m, T, L), if they do.
    fn outputs(&self, graph: &Graph, photo: &Var, words: &Var) -> Result<Vec<Var>> {
        let (encoder, grid, sizes) = (self.encoder, self.encoder.grid(), self.sizes);
        if (grid.area(), encoder.size()) != (sizes.places, sizes.features) {
            let reason = format!(
                "{} has {} places of {} numbers, the network takes {} of {}",
                encoder.name(),
                grid.area(),
                encoder.size(),
                sizes.places,
                sizes.features
            );
            return Err(Error::model(self.weights.source(), reason));
        }
        let seen = encoder.seen(photo)?;
        let places = encoder.annotations(&self.weights, &encoder.features(&self.weights, &seen)?)?;
        let asked = Network::new(&mut Layers::load(graph, &self.weights), sizes)?.asked(&places, words)?;
        let looked = match &asked.looked[..] {
            [] => graph.constant(Array::full([words.shape()[0], 1, sizes.places], 1.0 / sizes.places as f32))?,
            all => stack(all, 1)?,
        };
        let mut outputs = vec![asked.logits.softmax(-1)?, seen, looked];
        outputs.extend(asked.votes);
        Ok(outputs)
    }
}
