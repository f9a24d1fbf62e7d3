//! Expressions: what one element of an operator's output is, where nothing but the elements at its place decides that.

use std::borrow::Cow;

/// One element of the output as WGSL of the inputs' elements at its place.
///
/// The text calls the inputs' elements `x`, `y`, `z`, `u`, `v` in order. Each is one number or a vector of neighbours: f32 and the
/// other numbers have type `Element`, bool has `Word` (0 or 1), and so has the result. `Int`, `Flag` and `Float` are of the same width.
/// `alpha` and `beta` are [`Expression::numbers`], `low` and `high` are [`Expression::words`]; they are no part of the text, so that
/// operators that differ in them alone share a pipeline.
///
/// ```
/// use foveate::ops::Expression;
///
/// let leaky = Expression::new("select(x, x * alpha, x < Element(0.0))").numbers([0.1, 0.0]);
/// assert_eq!(leaky.numbers[0], 0.1);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    /// The WGSL.
    pub text: Cow<'static, str>,
    /// The include that it needs.
    pub import: Option<&'static str>,
    /// `alpha` and `beta`.
    pub numbers: [f32; 2],
    /// `low` and `high`.
    pub words: [u32; 2],
    /// Whether a small change of an input may change the output by much, as in a comparison. A kernel may then be right and still not
    /// agree with its reference, unless both are given the very same elements: so it reads them from memory.
    pub jumps: bool,
    /// The dimension of the first input along which all others are vectors; `None` where they broadcast as NumPy has it.
    pub along: Option<usize>,
}

impl Expression {
    /// An expression without parameters.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), import: None, numbers: [0.0; 2], words: [0; 2], jumps: false, along: None }
    }

    /// The same, which needs the include `name`, if any.
    pub fn import(self, name: impl Into<Option<&'static str>>) -> Self {
        Self { import: name.into(), ..self }
    }

    /// The same with `alpha` and `beta`.
    pub fn numbers(self, numbers: [f32; 2]) -> Self {
        Self { numbers, ..self }
    }

    /// The same with `low` and `high`.
    pub fn words(self, words: [u32; 2]) -> Self {
        Self { words, ..self }
    }

    /// The same, which jumps if `jumps`.
    pub fn jumping(self, jumps: bool) -> Self {
        Self { jumps, ..self }
    }

    /// The same, all of whose inputs but the first are vectors along dimension `axis` of that.
    pub fn along(self, axis: usize) -> Self {
        Self { along: Some(axis), ..self }
    }

    /// The same parameters as words.
    pub(crate) fn parameters(&self) -> [u32; 4] {
        let ([alpha, beta], [low, high]) = (self.numbers, self.words);
        [alpha.to_bits(), beta.to_bits(), low, high]
    }
}
