//! The sizes and choices that training options fix, and the parameters that follow from them.

use crate::array::elements;
use crate::error::Result;
use crate::nn::Weights;

/// The options of the published code that change what is computed, by what they are called there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// K: words of the vocabulary, `n_words`.
    pub words: usize,
    /// m: the size of a word's vector, `dim_word`.
    pub embedding: usize,
    /// n: the size of the states, `dim`.
    pub hidden: usize,
    /// D: the size of an annotation, and of the attention's hidden layer, `ctx_dim`.
    pub features: usize,
    /// 1, and one more for each hidden layer before the initial states, `n_layers_init`.
    pub init_layers: usize,
    /// 1, and one more for each further layer of the annotations' projection, `n_layers_att`.
    pub attention_layers: usize,
    /// 1, and one more for each hidden layer before the logits, `n_layers_out`.
    pub output_layers: usize,
    /// Whether beta gates the context, `selector`.
    pub selector: bool,
    /// Whether the word before goes into the logits, `prev2out`.
    pub previous_to_output: bool,
    /// Whether the context goes into the logits, `ctx2out`.
    pub context_to_output: bool,
    /// Whether it was trained with dropout, `use_dropout`.
    pub dropout: bool,
}

impl Config {
    /// As published for COCO.
    pub const COCO: Self = Self {
        words: 10_000,
        embedding: 512,
        hidden: 1800,
        features: 512,
        init_layers: 2,
        attention_layers: 2,
        output_layers: 1,
        selector: true,
        previous_to_output: true,
        context_to_output: true,
        dropout: true,
    };

    /// The network that `weights` are of: sizes by the tensors', layers, `selector` and `ctx2out` by the names that are there. `prev2out`
    /// and `use_dropout` have no parameters; they are what the file's metadata say, else true as in the published scripts.
    ///
    /// [`Decoder::new`](super::Decoder::new) refuses what does not fit the rest.
    ///
    /// # Errors
    /// If a tensor that says a size is missing or has another number of dimensions, by name.
    pub fn of(weights: &Weights) -> Result<Self> {
        let [words, embedding] = weights.sizes("Wemb")?;
        let [hidden, _] = weights.sizes("decoder_U")?;
        let [features, _] = weights.sizes("decoder_Wc_att")?;
        let layers = |name: fn(usize) -> String| 1 + (1..).take_while(|i| weights.contains(&name(*i))).count();
        Ok(Self {
            words,
            embedding,
            hidden,
            features,
            init_layers: layers(|i| format!("ff_init_{i}_W")),
            attention_layers: layers(|i| format!("decoder_W_att_{i}")),
            output_layers: layers(|i| format!("ff_logit_h{i}_W")),
            selector: weights.contains("decoder_W_sel"),
            previous_to_output: weights.flag("prev2out")?.unwrap_or(true),
            context_to_output: weights.contains("ff_logit_ctx_W"),
            dropout: weights.flag("use_dropout")?.unwrap_or(true),
        })
    }

    /// Name and shape of every parameter.
    pub fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        let Self { words, embedding: m, hidden: n, features: d, .. } = *self;
        let gates = n.saturating_mul(4);
        let mut all = Vec::new();
        let mut add = |name: &str, shape: &[usize]| all.push((name.to_owned(), shape.to_vec()));
        add("Wemb", &[words, m]);
        for i in 1..self.init_layers {
            add(&format!("ff_init_{i}_W"), &[d, d]);
            add(&format!("ff_init_{i}_b"), &[d]);
        }
        for name in ["ff_state", "ff_memory"] {
            add(&format!("{name}_W"), &[d, n]);
            add(&format!("{name}_b"), &[n]);
        }
        add("decoder_W", &[m, gates]);
        add("decoder_U", &[n, gates]);
        add("decoder_b", &[gates]);
        add("decoder_Wc", &[d, gates]);
        add("decoder_Wc_att", &[d, d]);
        add("decoder_Wd_att", &[n, d]);
        add("decoder_b_att", &[d]);
        for i in 1..self.attention_layers {
            add(&format!("decoder_W_att_{i}"), &[d, d]);
            add(&format!("decoder_b_att_{i}"), &[d]);
        }
        add("decoder_U_att", &[d, 1]);
        add("decoder_c_tt", &[1]);
        if self.selector {
            add("decoder_W_sel", &[n, 1]);
            add("decoder_b_sel", &[]);
        }
        add("ff_logit_lstm_W", &[n, m]);
        add("ff_logit_lstm_b", &[m]);
        if self.context_to_output {
            add("ff_logit_ctx_W", &[d, m]);
            add("ff_logit_ctx_b", &[m]);
        }
        for i in 1..self.output_layers {
            add(&format!("ff_logit_h{i}_W"), &[m, m]);
            add(&format!("ff_logit_h{i}_b"), &[m]);
        }
        add("ff_logit_W", &[m, words]);
        add("ff_logit_b", &[words]);
        all
    }

    /// What dropout touches: whether once per image or for each word, and how many values. The hidden layers before the initial states come
    /// first, then the LSTM's state before the logits, then the layers of the logits.
    pub(super) fn dropped(&self) -> impl Iterator<Item = (bool, usize)> {
        let before = (1..self.init_layers).map(|_| (true, self.features));
        before.chain([(false, self.hidden)]).chain((0..self.output_layers.max(1)).map(|_| (false, self.embedding)))
    }

    /// How many numbers the parameters are.
    pub fn parameter_count(&self) -> usize {
        self.parameters().iter().fold(0, |sum: usize, (_, shape)| sum.saturating_add(elements(shape)))
    }
}
