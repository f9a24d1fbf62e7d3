//! Finishes: a chain of element-wise operators at the end of another operator's kernel, before the result is stored.

use super::{Chain, Reading};
use crate::array::{DType, TensorType};
use crate::gpu::{Launch, Slot};
use std::fmt::Write;

/// Vectors of four numbers in the parameters of every kernel that can finish.
pub(crate) const FINISH_NUMBERS: usize = 4;

/// What to do with each element of an output before it is stored: a bias, an activation, a sum with another tensor.
///
/// An operator whose `launch` is given one either applies it and says so with [`Candidate::finishes`](super::Candidate), or ignores it.
#[derive(Clone, Debug)]
pub struct Finish {
    chain: Chain,
    roles: Vec<Role>,
    /// The dimension of the output along which operands are vectors, if there are such.
    axis: Option<usize>,
    numbers: [[u32; 4]; FINISH_NUMBERS],
}

/// How an operand lies in relation to the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// One element for all.
    One,
    /// As the output does.
    Same,
    /// An element for each position of the axis.
    Along,
}

/// Which elements of its output a kernel holds at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Items {
    /// One.
    One,
    /// Four neighbours of one channel. `whole` if they are always a whole vector of the output's buffer.
    Row { whole: bool },
    /// Four neighbours, each of a channel of its own.
    Channels,
}

impl Finish {
    /// What `chain` does to an output of type `output`, its term 0; `None` if a kernel cannot do that where it stores.
    pub(crate) fn of(chain: Chain, output: &TensorType) -> Option<Self> {
        let numbers = chain.packed_numbers()?;
        let (mut axis, mut roles) = (None, Vec::new());
        for operand in &chain.operands {
            let long: Vec<usize> = (0..operand.shape.len()).filter(|&d| operand.shape[d] != 1).collect();
            roles.push(match long[..] {
                _ if operand.shape == output.shape => Role::Same,
                [] => Role::One,
                [at] if axis.is_none_or(|a| a == at) => {
                    axis = Some(at);
                    Role::Along
                }
                _ => return None,
            });
        }
        (output.dtype == DType::F32).then_some(Self { chain, roles, axis, numbers })
    }

    /// Whether a kernel can do it that knows the position along dimension `axis` of what it stores.
    pub(crate) fn fits(&self, axis: usize) -> bool {
        self.axis.is_none_or(|a| a == axis)
    }

    /// The function `finish`, and its operands from binding `first` on.
    fn header(&self, items: Items, first: usize) -> String {
        let mut text = self.chain.functions(if items == Items::One { 1 } else { 4 });
        for (k, (operand, role)) in self.chain.operands.iter().zip(&self.roles).enumerate() {
            let scalar = operand.dtype.wgsl();
            let whole = *role == Role::Same && items == Items::Row { whole: true };
            let ty = if whole { format!("vec4<{scalar}>") } else { scalar.to_owned() };
            let _ = writeln!(text, "@group(0) @binding({}) var<storage, read> operand{k}: array<{ty}>;", first + k);
        }
        let load = |k: usize, operand: &Reading| {
            let ty = if operand.dtype == DType::Bool { "Word" } else { "Element" };
            let four = |at: &str| format!("{ty}(operand{k}[{at}], operand{k}[{at} + 1u], operand{k}[{at} + 2u], operand{k}[{at} + 3u])");
            match (self.roles[k], items) {
                (Role::One, _) => format!("{ty}(operand{k}[0])"),
                (Role::Same, Items::One) => format!("operand{k}[at]"),
                (Role::Same, Items::Row { whole: true }) => format!("operand{k}[at / 4u]"),
                (Role::Same, _) => four("at"),
                (Role::Along, Items::Channels) => four("channel"),
                (Role::Along, _) => format!("{ty}(operand{k}[channel])"),
            }
        };
        let (body, result) = self.chain.body(Some("value"), "params.finish", load);
        let _ = writeln!(text, "fn finish(value: Element, at: u32, channel: u32) -> Element {{\n{body}    return {result};\n}}");
        text
    }
}

/// The numbers of a finish, zeros if there is none.
pub(crate) fn finish_numbers(finish: Option<&Finish>) -> [[u32; 4]; FINISH_NUMBERS] {
    finish.map_or([[0; 4]; FINISH_NUMBERS], |f| f.numbers)
}

/// The header of a kernel that holds one f32 at a time and does nothing to it.
pub(crate) const UNFINISHED: &str = "alias Element = f32;\n#import unfinished\n";
/// The same of one that holds four.
pub(crate) const UNFINISHED_FOUR: &str = "alias Element = vec4<f32>;\n#import unfinished\n";

/// `launch`, whose buffers are all bound, with `finish` or none on its `items`.
pub(crate) fn finished(launch: Launch, finish: Option<&Finish>, items: Items) -> Launch {
    let Some(finish) = finish else {
        return launch.header(if items == Items::One { UNFINISHED } else { UNFINISHED_FOUR });
    };
    let first = launch.bindings.len() + 1;
    let launch = launch.header(finish.header(items, first));
    finish.chain.operands.iter().fold(launch, |launch, operand| launch.bind(Slot::Input(operand.input), false, None))
}
