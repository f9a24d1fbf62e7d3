//! Finishes: a chain of element-wise operators at the end of another operator's kernel, before the result is stored.

use super::{Chain, Nest, Reading, Walk, dense, number_name, u32_of, wrapped};
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

/// The loops over a part of an operand, and where their numbers stand among those of the finish: the start, then from the innermost loop
/// on size and stride.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Loops {
    count: usize,
    first: usize,
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
    /// As the output does, in a larger tensor.
    Part(Loops),
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
        let (mut axis, mut roles, mut places) = (None, Vec::new(), Vec::new());
        for operand in &chain.operands {
            if let Some(part) = &operand.part {
                let nest = Nest::new("fused", &output.shape, [Walk::new(dense(&output.shape)), part.clone()]).ok()?;
                roles.push(Role::Part(Loops { count: nest.sizes.len(), first: chain.count_numbers() + places.len() }));
                places.push(wrapped(nest.walks[1].start));
                let loops = nest.sizes.iter().zip(&nest.walks[1].strides).rev();
                loops.for_each(|(&size, &stride)| places.extend([u32_of(size), wrapped(stride)]));
                continue;
            }
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
        let numbers = chain.packed_numbers(&places)?;
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
        for (k, role) in self.roles.iter().enumerate() {
            if let Role::Part(loops) = role {
                text.push_str("#import divide\n");
                text.push_str(&loops.place(k));
            }
        }
        let load = |k: usize, operand: &Reading| {
            let ty = if operand.dtype == DType::Bool { "Word" } else { "Element" };
            let four = |at: &str| format!("{ty}(operand{k}[{at}], operand{k}[{at} + 1u], operand{k}[{at} + 2u], operand{k}[{at} + 3u])");
            match (self.roles[k], items) {
                (Role::One, _) => format!("{ty}(operand{k}[0])"),
                (Role::Same, Items::One) => format!("operand{k}[at]"),
                (Role::Same, Items::Row { whole: true }) => format!("operand{k}[at / 4u]"),
                (Role::Same, _) => four("at"),
                (Role::Part(_), Items::One) => format!("operand{k}[place{k}(at)]"),
                (Role::Part(_), _) => {
                    let each = [0, 1, 2, 3].map(|i| format!("operand{k}[place{k}(at + {i}u)]"));
                    format!("{ty}({})", each.join(", "))
                }
                (Role::Along, Items::Channels) => four("channel"),
                (Role::Along, _) => format!("{ty}(operand{k}[channel])"),
            }
        };
        let (body, result) = self.chain.body(Some("value"), "params.finish", load);
        let _ = writeln!(text, "fn finish(value: Element, at: u32, channel: u32) -> Element {{\n{body}    return {result};\n}}");
        text
    }
}

impl Loops {
    /// The function `place` of operand `k`: where it has the element that belongs to the output's element `at`.
    fn place(self, k: usize) -> String {
        let number = |i: usize| number_name("params.finish", self.first + i);
        let mut text = format!("fn place{k}(at: u32) -> u32 {{\n    var place = {};\n    var rest = at;\n", number(0));
        for i in 0..self.count {
            let (size, stride) = (number(1 + 2 * i), number(2 + 2 * i));
            if i + 1 < self.count {
                let _ = writeln!(text, "    let part{i} = divide(rest, {size});");
                let _ = writeln!(text, "    place += part{i}.y * {stride};\n    rest = part{i}.x;");
            } else {
                let _ = writeln!(text, "    place += rest * {stride};");
            }
        }
        text.push_str("    return place;\n}\n");
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

/// `launch`, whose buffers are all bound, with `finish` or none on its `items`. Kernels that finish note the magnitudes of what they store.
pub(crate) fn finished(launch: Launch, finish: Option<&Finish>, items: Items) -> Launch {
    let launch = launch.notes(true);
    let Some(finish) = finish else {
        return launch.header(if items == Items::One { UNFINISHED } else { UNFINISHED_FOUR });
    };
    let first = launch.bindings.len() + 1;
    let launch = launch.header(finish.header(items, first));
    finish.chain.operands.iter().fold(launch, |launch, operand| launch.bind(Slot::Input(operand.input), false, None))
}
