//! The formulas, and how large a network is.

use crate::array::{Array, DType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::models::layers::{self, Affine, Fill, Layers};
use crate::nn::{Dropout, Random, Weights};

const NAME: &str = "smem-vqa";
/// What weights' metadata call [`SmemVqa::guide`].
pub(super) const GUIDED_BY: &str = "guided_by";
/// The number of slots in which there is no word.
const PAD: i32 = 0;

/// What votes for the places of the first look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Guide {
    /// Every word, the loudest counts.
    Words,
    /// The question as a whole.
    Question,
}

impl Guide {
    /// What recipes and metadata call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Question => "question",
        }
    }
}

/// The sizes of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmemVqa {
    /// Words that are known, number 0 standing for none.
    pub words: usize,
    /// T: words of a question at most.
    pub longest: usize,
    /// L: places of a photo.
    pub places: usize,
    /// M: numbers of a place.
    pub features: usize,
    /// N: numbers of a word's vector.
    pub embedding: usize,
    /// Answers to choose from.
    pub answers: usize,
    /// How often it looks: 0, 1 or 2 times.
    pub hops: usize,
    /// What says where it looks first.
    pub guide: Guide,
}

impl SmemVqa {
    /// The published sizes, on `GoogLeNet`.
    pub const PUBLISHED: Self =
        Self { words: 7477, longest: 25, places: 49, features: 1024, embedding: 1000, answers: 1031, hops: 2, guide: Guide::Words };
    /// The share of numbers that are dropped in training, as published.
    pub const DROPOUT: f32 = 0.4;

    /// Whether `weights` have a network's layers.
    pub fn has_layers_in(weights: &Weights) -> bool {
        ["words.weight", "evidence.weight", "answer.weight"].iter().all(|name| weights.contains(name))
    }

    /// The sizes of `weights`; what guides it is in their metadata.
    ///
    /// # Errors
    /// If a weight is missing or has other dimensions than it must, or the metadata say something else.
    pub fn of(weights: &Weights) -> Result<Self> {
        let [words, embedding] = weights.sizes("words.weight")?;
        let [longest] = weights.sizes("question.weight")?;
        let [_, features] = weights.sizes("evidence.weight")?;
        let [places, _] = weights.sizes("evidence.bias")?;
        let [answers, _] = weights.sizes("answer.weight")?;
        let hops = match ["attention.weight", "evidence2.weight"].map(|name| weights.contains(name)) {
            [false, _] => 0,
            [true, false] => 1,
            [true, true] => 2,
        };
        let guide = match weights.metadata().get(GUIDED_BY).map(String::as_str) {
            None | Some("words") => Guide::Words,
            Some("question") => Guide::Question,
            Some(other) => {
                let reason = format!("its metadata say {GUIDED_BY} '{other}'; it is words or question");
                return Err(Error::model(weights.source(), reason));
            }
        };
        Ok(Self { words, longest, places, features, embedding, answers, hops, guide })
    }

    /// Weights as training began with them: uniform in plus or minus 0.08, biases zero.
    ///
    /// # Errors
    /// If a size is 0, too large for a weight, or there are more than two hops.
    pub fn initial(&self, seed: u64) -> Result<Weights> {
        self.fresh(seed, |_| Fill::Within(0.08))
    }

    /// The same for small networks: uniform in plus or minus one over the root of a unit's inputs.
    ///
    /// # Errors
    /// As [`SmemVqa::initial`].
    pub fn initial_by_inputs(&self, seed: u64) -> Result<Weights> {
        self.fresh(seed, Fill::Uniform)
    }

    fn fresh(&self, seed: u64, fill: fn(usize) -> Fill<'static>) -> Result<Weights> {
        let graph = Graph::new();
        layers::fresh(&graph, seed, |layers| Network::begun(layers, *self, fill).map(|_| ()))
    }

    /// Names and shapes of the weights.
    ///
    /// # Errors
    /// As [`SmemVqa::initial`].
    pub fn tensors(&self) -> Result<Vec<(String, Vec<usize>)>> {
        let graph = Graph::new();
        layers::list(&graph, |layers| Network::new(layers, *self).map(|_| ()))
    }

    fn check(&self) -> Result<()> {
        let Self { words, longest, places, features, embedding, answers, hops, .. } = *self;
        if [words, longest, places, features, embedding, answers].contains(&0) || hops > 2 {
            return Err(Error::shape(NAME, format!("{self:?}: no size may be 0, and there are no more than 2 hops")));
        }
        Ok(())
    }
}

/// A network with its weights in a graph.
#[derive(Clone, Debug)]
pub struct Network {
    sizes: SmemVqa,
    words: Var,
    position: Var,
    question: Var,
    attention: Option<Places>,
    evidence: Places,
    again: Option<Places>,
    answer: Affine,
}

/// A matrix for what places have, and a bias for each place.
#[derive(Clone, Debug)]
struct Places {
    weight: Var,
    bias: Var,
}

/// What a network makes of questions.
#[derive(Clone, Debug)]
pub struct Asked {
    /// (m, answers).
    pub logits: Var,
    /// Of each hop how much of its attention each place had, (m, L).
    pub looked: Vec<Var>,
    /// What each word said of each place at the first hop, (m, T, L), if words guide it.
    pub votes: Option<Var>,
}

impl Places {
    fn new(layers: &mut Layers<'_>, name: &str, sizes: SmemVqa, fill: fn(usize) -> Fill<'static>) -> Result<Self> {
        let SmemVqa { places, features, embedding, .. } = sizes;
        Ok(Self {
            weight: layers.tensor(&format!("{name}.weight"), &[embedding, features], fill(features))?,
            bias: layers.tensor(&format!("{name}.bias"), &[places, embedding], Fill::Zeros)?,
        })
    }

    /// (n, L, N) of places (n, L, M).
    fn of(&self, places: &Var) -> Result<Var> {
        places.linear(&self.weight, None)?.add(&self.bias)
    }
}

impl Network {
    /// The network of these sizes, whose weights are `words`, `question`, `attention`, `evidence`, `evidence2` and `answer`, each a `.weight`
    /// and, but for the words, a `.bias`.
    ///
    /// # Errors
    /// If a size is 0 or there are more than two hops; if a weight is missing or of another shape, by name.
    pub fn new(layers: &mut Layers<'_>, sizes: SmemVqa) -> Result<Self> {
        Self::begun(layers, sizes, Fill::Uniform)
    }

    fn begun(layers: &mut Layers<'_>, sizes: SmemVqa, fill: fn(usize) -> Fill<'static>) -> Result<Self> {
        sizes.check()?;
        let SmemVqa { words, longest, embedding, answers, hops, .. } = sizes;
        Ok(Self {
            sizes,
            words: layers.tensor("words.weight", &[words, embedding], fill(1))?,
            position: layers.tensor("question.weight", &[longest], fill(longest))?,
            question: layers.tensor("question.bias", &[embedding], Fill::Zeros)?,
            attention: (hops > 0).then(|| Places::new(layers, "attention", sizes, fill)).transpose()?,
            evidence: Places::new(layers, "evidence", sizes, fill)?,
            again: (hops > 1).then(|| Places::new(layers, "evidence2", sizes, fill)).transpose()?,
            answer: layers.affine("answer", [embedding, answers], [fill(embedding), Fill::Zeros])?,
        })
    }

    /// What it makes of questions, i32 (m, T), 0 where there is no word, about photos with the places (n, L, M): m / n questions about each,
    /// one photo's after the other. Numbers that are no word's are taken for the nearest that is one.
    ///
    /// # Errors
    /// If a shape or dtype is another.
    pub fn asked(&self, places: &Var, words: &Var) -> Result<Asked> {
        self.answered(places, words, |x| Ok(x.clone()))
    }

    /// The same as it is trained: a share of `rate` of the places' numbers and of those before the answers is dropped.
    ///
    /// # Errors
    /// As [`Network::asked`]; if the rate is not in 0..1.
    pub fn asked_in_training(&self, places: &Var, words: &Var, rate: f32, random: &mut Random) -> Result<Asked> {
        self.answered(places, words, |x| random.dropout(x, rate, Dropout::Inverted))
    }

    fn answered(&self, places: &Var, words: &Var, mut dropped: impl FnMut(&Var) -> Result<Var>) -> Result<Asked> {
        let SmemVqa { longest: t, places: l, features, embedding, .. } = self.sizes;
        let (&[n, ..], &[m, ..]) = (places.shape(), words.shape()) else { return Err(self.other(places, words)) };
        if words.shape() != [m, t] || words.ty().dtype != DType::I32 || places.shape() != [n, l, features] || n == 0 || m % n != 0 {
            return Err(self.other(places, words));
        }
        let each = m / n;
        let vectors = self.vectors(words)?;
        let weighted = vectors.mul(&self.position.unsqueeze(1)?)?.reduce_sum(&[1], false)?;
        let question = weighted.add(&self.question)?.reshape([n, each, embedding])?;
        let places = dropped(places)?;
        let evidence = self.evidence.of(&places)?;
        let Some(attention) = &self.attention else {
            let all = evidence.reduce_mean(&[1], true)?.add(&question)?.reshape([m, embedding])?;
            return Ok(Asked { logits: self.answer.of(&all)?, looked: Vec::new(), votes: None });
        };
        let keys = attention.of(&places)?;
        let (votes, loudest) = match self.sizes.guide {
            Guide::Words => {
                let votes = vectors.reshape([n, each * t, embedding])?.matmul_transposed(&keys)?.reshape([m, t, l])?;
                (Some(votes.clone()), votes.reduce_max(&[1], false)?.reshape([n, each, l])?)
            }
            Guide::Question => (None, question.matmul_transposed(&keys)?),
        };
        // Of each hop alpha, (n, m / n, L), and what was seen, (n, m / n, N).
        let first = loudest.softmax(-1)?;
        let mut output = first.matmul(&evidence)?.add(&question)?;
        let mut looked = vec![first];
        if let Some(again) = &self.again {
            let second = output.matmul_transposed(&evidence)?.softmax(-1)?;
            output = output.add(&second.matmul(&again.of(&places)?)?)?;
            looked.push(second);
        }
        let hidden = output.reshape([m, embedding])?.relu()?;
        let hidden = if looked.len() > 1 { dropped(&hidden)? } else { hidden };
        let looked = looked.into_iter().map(|alpha| alpha.reshape([m, l])).collect::<Result<_>>()?;
        Ok(Asked { logits: self.answer.of(&hidden)?, looked, votes })
    }

    /// Of types that do not belong to it.
    fn other(&self, places: &Var, words: &Var) -> Error {
        let SmemVqa { longest: t, places: l, features, .. } = self.sizes;
        let reason = format!(
            "questions are {}, places {}; they must be i32 (m, {t}), m a multiple of n, and f32 (n, {l}, {features})",
            words.ty(),
            places.ty()
        );
        Error::shape(NAME, reason)
    }

    /// V, (m, T, N).
    fn vectors(&self, words: &Var) -> Result<Var> {
        let constant = |number: i32| words.graph().constant(Array::scalar(number));
        let last = i32::try_from(self.sizes.words).unwrap_or(i32::MAX).saturating_sub(1);
        let known = words.maximum(&constant(PAD)?)?.minimum(&constant(last)?)?;
        let there = known.not_equal(&constant(PAD)?)?.cast(DType::F32)?;
        self.words.gather(0, &known)?.mul(&there.unsqueeze(2)?)
    }
}
