//! fused: operators in one kernel. A plan makes it of the nodes of a graph; it is no operator that a graph has.
//!
//! ```text
//! output = last(.. second(first(inputs), inputs), ..)
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | inputs | those of the operators that none of them computes |
//! | output | as the last operator's |
//!
//! All are element-wise ([`Op::expression`]) and their outputs have one shape, but for the first, which may be any operator that can
//! finish what it stores ([`Finish`]), or the last, which may be one that computes its input where it reads it ([`Begin`]). An input may be a part of a larger tensor, which is read where it lies there. The reference is the
//! composition of the operators' references, so every operator's result is rounded where the kernel rounds it. A device may contract a
//! product and a sum of two operators into one rounding.

use super::{Argument, Begin, Candidate, Chain, Finish, Op, Site, Slice, Term};
use crate::array::{Array, DType, Data, TensorType};
use crate::error::{Error, Result};
use crate::gpu::Kernel;
use std::borrow::Cow;
use std::sync::Arc;

/// The kernel is one that [`Binary`](super::Binary) lists, or that of the first operator.
pub(super) const KERNELS: &[&Kernel] = &[];

/// Operators in one kernel.
#[derive(Clone, Debug)]
pub struct Fused {
    links: Vec<Link>,
}

/// One operator.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) op: Arc<dyn Op>,
    pub(crate) arguments: Vec<Source>,
}

/// What an operator is applied to.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// The input of this index.
    Input(usize),
    /// A part of the input of this index, of the output's shape, read where it lies.
    Part(usize, Slice),
    /// What the link of this index makes.
    Link(usize),
    /// One number.
    Known(Arc<Array>),
}

impl Fused {
    /// Those of `links`, in an order in which each finds its arguments computed. The inputs of a first link that is not element-wise
    /// must be the first inputs, in order.
    pub(crate) fn new(links: Vec<Link>) -> Self {
        Self { links }
    }

    /// For each link the types of its arguments, and its output's.
    fn types(&self, inputs: &[&TensorType]) -> Result<Vec<(Vec<TensorType>, TensorType)>> {
        let mut types: Vec<(Vec<TensorType>, TensorType)> = Vec::with_capacity(self.links.len());
        for link in &self.links {
            let ty = |source: &Source| match source {
                Source::Input(at) => Ok((*inputs.get(*at).ok_or_else(missing)?).clone()),
                Source::Part(at, slice) => slice.infer(&[inputs.get(*at).ok_or_else(missing)?])?.pop().ok_or_else(missing),
                Source::Link(at) => Ok(types.get(*at).ok_or_else(missing)?.1.clone()),
                Source::Known(array) => Ok(array.ty()),
            };
            let arguments = link.arguments.iter().map(ty).collect::<Result<Vec<_>>>()?;
            let output = link.op.infer(&arguments.iter().collect::<Vec<_>>())?;
            let [output] = <[TensorType; 1]>::try_from(output).map_err(|_| missing())?;
            types.push((arguments, output));
        }
        Ok(types)
    }

    /// The chain of its element-wise links, and what stands before or behind them.
    pub(crate) fn chain(&self, inputs: &[&TensorType]) -> Result<(Chain, Beside)> {
        let types = self.types(inputs)?;
        let expression =
            |(link, (arguments, _)): (&Link, &(Vec<TensorType>, TensorType))| link.op.expression(&arguments.iter().collect::<Vec<_>>());
        let mut pairs = self.links.iter().zip(&types);
        let other = |pair: &(&Link, &(Vec<TensorType>, TensorType))| expression(*pair).is_none();
        let beside = if let Some((_, (_, output))) = pairs.clone().next().filter(other) {
            pairs.next();
            Beside::First(output.clone())
        } else if let Some((_, (arguments, _))) = pairs.clone().next_back().filter(other) {
            pairs.next_back();
            Beside::Last(arguments.first().ok_or_else(missing)?.clone())
        } else {
            Beside::Nothing
        };
        let mut terms = Vec::new();
        for (link, pair) in pairs {
            let no_expression = || Error::unsupported("fused", format!("{} is not element-wise", link.op.name()));
            let argument = |(source, ty): (&Source, &TensorType)| {
                let argument = match source {
                    Source::Input(at) => Argument::Input(*at),
                    Source::Part(at, slice) => Argument::Part(*at, slice.walk(inputs.get(*at).ok_or_else(missing)?)?),
                    Source::Link(at) => Argument::Term(*at),
                    Source::Known(array) => Argument::Number(bits(array).ok_or_else(missing)?),
                };
                Ok((argument, ty.clone()))
            };
            let (arguments, output) = pair;
            terms.push(Term {
                expression: expression((link, pair)).ok_or_else(no_expression)?,
                arguments: link.arguments.iter().zip(arguments).map(argument).collect::<Result<_>>()?,
                output: output.clone(),
            });
        }
        Ok((Chain::of(terms)?, beside))
    }
}

/// What a chain stands beside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// Nothing.
    Nothing,
    /// The first operator, which has an output of this type and may finish with the chain.
    First(TensorType),
    /// The last operator, which has an input of this type and may begin with the chain.
    Last(TensorType),
}

/// The ways of `link` on the `input` that `chain` makes where it is read.
fn begun(chain: Chain, link: &Link, input: &TensorType, site: &Site<'_>) -> Result<Vec<Candidate>> {
    let whole = site.inputs.iter().all(|ty| ty.device_bytes() <= site.device.max_binding());
    let Some(begin) = Begin::of(chain).filter(|_| whole && link.op.begins()) else { return Ok(Vec::new()) };
    link.op.launch(&Site { inputs: &[input], begin: Some(&begin), ..*site })
}

fn missing() -> Error {
    Error::shape("fused", "an operator's argument is missing, or it has several outputs")
}

/// The bits of the one number of an array, if a shader may be given it so.
pub(crate) fn bits(array: &Array) -> Option<u32> {
    match array.data() {
        Data::F32(v) => <[f32; 1]>::try_from(v.as_slice()).ok().map(|[v]| v.to_bits()),
        Data::I32(v) => <[i32; 1]>::try_from(v.as_slice()).ok().map(|[v]| v.cast_unsigned()),
        Data::U32(v) => <[u32; 1]>::try_from(v.as_slice()).ok().map(|[v]| v),
        Data::Bool(v) => <[bool; 1]>::try_from(v.as_slice()).ok().map(|[v]| u32::from(v)),
        Data::F16(_) | Data::F64(_) => None,
    }
}

impl Op for Fused {
    fn name(&self) -> &'static str {
        "fused"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        Ok(vec![self.types(inputs)?.pop().ok_or_else(missing)?.1])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let mut made: Vec<Array> = Vec::with_capacity(self.links.len());
        for link in &self.links {
            let mut arguments: Vec<Cow<'_, Array>> = Vec::with_capacity(link.arguments.len());
            for source in &link.arguments {
                arguments.push(match source {
                    Source::Input(at) => Cow::Borrowed(*inputs.get(*at).ok_or_else(missing)?),
                    Source::Part(at, slice) => {
                        let whole = *inputs.get(*at).ok_or_else(missing)?;
                        Cow::Owned(slice.reference(&[whole])?.pop().ok_or_else(missing)?)
                    }
                    Source::Link(at) => Cow::Borrowed(made.get(*at).ok_or_else(missing)?),
                    Source::Known(array) => Cow::Borrowed(&**array),
                });
            }
            let mut output = link.op.reference(&arguments.iter().map(|array| &**array).collect::<Vec<_>>())?;
            drop(arguments);
            made.push(output.pop().ok_or_else(missing)?);
        }
        Ok(vec![made.pop().ok_or_else(missing)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let (chain, beside) = self.chain(site.inputs)?;
        let (output, link) = match (beside, &self.links[..]) {
            (Beside::First(output), [link, ..]) => (output, link),
            (Beside::Last(input), [.., link]) => return begun(chain, link, &input, site),
            _ => return chain.launch(self.name(), site),
        };
        let Some(finish) = Finish::of(chain, &output) else { return Ok(Vec::new()) };
        let own = site.inputs.get(..link.arguments.len()).ok_or_else(missing)?;
        let candidates = link.op.launch(&Site { inputs: own, outputs: &[&output], finish: Some(&finish), ..*site })?;
        // Not one that the operator thinks less of.
        Ok(candidates.into_iter().take_while(|c| c.finishes).collect())
    }

    fn multiply_adds(&self, inputs: &[&TensorType], _: &[&TensorType]) -> u64 {
        let types = self.types(inputs).unwrap_or_default();
        let of = |(link, (arguments, output)): (&Link, &(Vec<TensorType>, TensorType))| {
            link.op.multiply_adds(&arguments.iter().collect::<Vec<_>>(), &[output])
        };
        self.links.iter().zip(&types).map(of).fold(0, u64::saturating_add)
    }
}

/// Whether a shader can hold the elements of a chain.
pub(crate) fn chains(dtype: DType) -> bool {
    matches!(dtype, DType::F32 | DType::I32 | DType::U32 | DType::Bool)
}
