//! Chains: element-wise operators composed, as WGSL. The kernel of operators on broadcast operands is a chain of one.

use super::{Candidate, Cut, Expression, MAX_LOOPS, Nest, Op, Part, Site, WORKGROUP, Walk, aliases, dense, groups, u32_of, vector};
use crate::array::{DType, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Capabilities, Kernel, Launch, kernel, params};
use std::fmt::Write;

/// Operands that a chain reads from memory at most: with the output and, on software adapters, the parameters, these are the eight
/// buffers that any device binds.
pub(crate) const MOST_OPERANDS: usize = 6;
/// Neighbours of a row that an invocation computes on software adapters: places are divided out, and what is repeated along the row loaded,
/// once for all of them. Elsewhere neighbours belong to neighbouring invocations, which load them together.
const ITEMS: usize = 8;
/// Numbers that are given to a chain as parameters at most.
pub(crate) const MOST_NUMBERS: usize = 32;

params! {
    struct Params {
        strides: [[u32; 4]; 16],
        sizes: [[u32; 4]; 2],
        starts: [[u32; 4]; 2],
        numbers: [[u32; 4]; 8],
        count: u32,
        output_start: u32,
    }
}

/// A chain on broadcast operands; the header is the chain.
pub(super) static ELEMENTWISE: Kernel = kernel!("elementwise", Params, header: "alias Element = f32;\nalias Output = f32;\n\
    @group(0) @binding(1) var<storage, read> operand0: array<f32>;\n\
    @group(0) @binding(2) var<storage, read_write> output: array<f32>;\n\
    fn chain(index: u32, first: vec4<u32>, second: vec4<u32>, items: u32) { output[index] = operand0[first.x]; }\n");

/// What an operator of a chain is applied to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Argument {
    /// The input of this index.
    Input(usize),
    /// A part of the input of this index that has the output's shape.
    Part(usize, Walk),
    /// What the operator of this index before it makes.
    Term(usize),
    /// One number that is known: its bits.
    Number(u32),
}

/// One operator of a chain.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    pub(crate) expression: Expression,
    /// Its arguments and their types.
    pub(crate) arguments: Vec<(Argument, TensorType)>,
    pub(crate) output: TensorType,
}

/// An input as a chain reads it: its index, and its shape with as many dimensions as the output, 1 where it is repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) input: usize,
    pub(crate) dtype: DType,
    pub(crate) shape: Vec<usize>,
    /// How the output moves through it, if it is a part of the input.
    pub(crate) part: Option<Walk>,
}

impl Reading {
    /// How the output moves through it.
    pub(crate) fn walk(&self) -> Walk {
        let own = || dense(&self.shape).into_iter().zip(&self.shape).map(|(stride, &size)| if size == 1 { 0 } else { stride }).collect();
        self.part.clone().unwrap_or_else(|| Walk::new(own()))
    }
}

/// Element-wise operators in an order in which each finds its arguments computed. The last one makes the output.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    terms: Vec<Term>,
    /// The dtype of all that is not bool.
    dtype: DType,
    /// What is read from memory, each once.
    pub(crate) operands: Vec<Reading>,
    /// What is given as parameters: the known numbers, and those of the expressions that name them.
    numbers: Vec<u32>,
    /// For each term, where each of its arguments is.
    places: Vec<Vec<Place>>,
    /// For each term, where `alpha`, `beta`, `low` and `high` are among the numbers, if it names them.
    parameters: Vec<[Option<usize>; 4]>,
}

/// Where an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Operand(usize),
    Term(usize),
    Number(usize),
}

const PARAMETERS: [&str; 4] = ["alpha", "beta", "low", "high"];
const ARGUMENTS: [&str; 5] = ["x", "y", "z", "u", "v"];

/// Whether WGSL has the word.
fn names(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == word)
}

impl Chain {
    /// The chain of `terms`, or why it is none.
    pub(crate) fn of(terms: Vec<Term>) -> Result<Self> {
        let refused = |reason: String| Err(Error::unsupported("fused", reason));
        let Some(output) = terms.last().map(|t| t.output.shape.clone()) else { return refused("of no operators".to_owned()) };
        let types = || terms.iter().flat_map(|t| t.arguments.iter().map(|(_, ty)| ty).chain([&t.output]));
        let dtype = types().map(|ty| ty.dtype).find(|d| *d != DType::Bool).unwrap_or(DType::Bool);
        if let Some(other) = types().find(|ty| ty.dtype != dtype && ty.dtype != DType::Bool) {
            return refused(format!("{dtype} and {other}"));
        }
        let mut chain =
            Self { terms: Vec::new(), dtype, operands: Vec::new(), numbers: Vec::new(), places: Vec::new(), parameters: Vec::new() };
        for term in &terms {
            let mut places = Vec::new();
            for (at, (argument, ty)) in term.arguments.iter().enumerate() {
                let shape = aligned(&term.expression, at, ty, output.len());
                let mut operand = |input, part| {
                    let operand = Reading { input, dtype: ty.dtype, shape: shape.clone(), part };
                    Place::Operand(place(&mut chain.operands, operand))
                };
                places.push(match argument {
                    Argument::Input(input) => operand(*input, None),
                    Argument::Part(input, walk) => operand(*input, Some(walk.clone())),
                    Argument::Term(index) => Place::Term(*index),
                    Argument::Number(bits) => Place::Number(place(&mut chain.numbers, *bits)),
                });
            }
            let words = term.expression.parameters();
            let named = std::array::from_fn(|i| names(&term.expression.text, PARAMETERS[i]).then(|| place(&mut chain.numbers, words[i])));
            chain.places.push(places);
            chain.parameters.push(named);
        }
        chain.terms = terms;
        let (operands, numbers) = (chain.operands.len(), chain.numbers.len());
        if operands > MOST_OPERANDS || numbers > MOST_NUMBERS {
            return refused(format!("of {operands} operands and {numbers} numbers; {MOST_OPERANDS} and {MOST_NUMBERS} are the most"));
        }
        Ok(chain)
    }

    /// The type of the result.
    pub(crate) fn output(&self) -> Result<&TensorType> {
        self.terms.last().map(|t| &t.output).ok_or_else(|| Error::shape("fused", "a chain of no operators"))
    }

    /// The numbers, and `more` behind them, in as many vectors as a kernel has for them; `None` if they are more.
    pub(crate) fn packed_numbers<const N: usize>(&self, more: &[u32]) -> Option<[[u32; 4]; N]> {
        let mut packed = [[0; 4]; N];
        let slots = packed.as_flattened_mut();
        let (own, rest) = slots.split_at_mut_checked(self.numbers.len())?;
        own.copy_from_slice(&self.numbers);
        rest.get_mut(..more.len())?.copy_from_slice(more);
        Some(packed)
    }

    /// How many numbers it has itself.
    pub(crate) fn count_numbers(&self) -> usize {
        self.numbers.len()
    }

    /// The names of types, the includes, and a function `term<i>` for each operator.
    pub(crate) fn functions(&self, width: usize) -> String {
        let mut text = aliases(self.dtype, width);
        let mut seen = Vec::new();
        for import in self.terms.iter().filter_map(|t| t.expression.import) {
            if !seen.contains(&import) {
                seen.push(import);
                let _ = writeln!(text, "#import {import}");
            }
        }
        for (i, (term, parameters)) in self.terms.iter().zip(&self.parameters).enumerate() {
            let arguments = term.arguments.iter().zip(ARGUMENTS).map(|((_, ty), name)| format!("{name}: {}", item(ty.dtype)));
            let words = PARAMETERS.iter().zip(parameters).enumerate().filter(|(_, (_, at))| at.is_some());
            let words = words.map(|(k, (name, _))| format!("{name}: {}", if k < 2 { "f32" } else { "u32" }));
            let list = arguments.chain(words).collect::<Vec<_>>().join(", ");
            let _ = writeln!(text, "fn term{i}({list}) -> {} {{ return {}; }}", item(term.output.dtype), term.expression.text);
        }
        text
    }

    /// The statements that compute the terms one after the other, and the name of the result. `load` writes how an operand is read,
    /// `given` is the name of what stands for the term that is not computed here, if one does; `numbers` that of the parameters.
    pub(crate) fn body(&self, given: Option<&str>, numbers: &str, load: impl Fn(usize, &Reading) -> String) -> (String, String) {
        let mut text = String::new();
        for (i, operand) in self.operands.iter().enumerate() {
            let _ = writeln!(text, "    let operand_{i} = {};", load(i, operand));
        }
        // Terms count from the one that is given, if one is.
        let first = usize::from(given.is_some());
        let term = |index: usize| match given {
            Some(name) if index == 0 => name.to_owned(),
            _ => format!("term_{}", index - first),
        };
        let number = |at: usize| number_name(numbers, at);
        for (i, (places, parameters)) in self.places.iter().zip(&self.parameters).enumerate() {
            let types = self.terms[i].arguments.iter().map(|(_, ty)| ty.dtype);
            let arguments = places.iter().zip(types).map(|(place, dtype)| match *place {
                Place::Operand(at) => format!("operand_{at}"),
                Place::Term(at) => term(at),
                Place::Number(at) => match dtype {
                    DType::Bool | DType::U32 => format!("{}({})", item(dtype), number(at)),
                    _ => format!("{}(bitcast<{}>({}))", item(dtype), dtype.wgsl(), number(at)),
                },
            });
            let words = parameters.iter().enumerate().filter_map(|(k, at)| {
                let word = number((*at)?);
                Some(if k < 2 { format!("bitcast<f32>({word})") } else { word })
            });
            let list = arguments.chain(words).collect::<Vec<_>>().join(", ");
            let _ = writeln!(text, "    let term_{i} = term{i}({list});");
        }
        (text, format!("term_{}", self.terms.len().saturating_sub(1)))
    }

    /// Launches over every element of the output, cut where bindings are too small.
    pub(crate) fn launch(&self, op: &'static str, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let output = self.output()?;
        site.device.check_computes(self.dtype)?;
        let nest = self.nest(op, &output.shape)?;
        let mut bytes = [0; NEST];
        let mut each = [4; NEST];
        (bytes[0], each[0]) = (output.device_bytes(), output.dtype.device_bytes());
        for ((operand, bytes), each) in self.operands.iter().zip(&mut bytes[1..]).zip(&mut each[1..]) {
            (*bytes, *each) = (site.inputs[operand.input].device_bytes(), operand.dtype.device_bytes());
        }
        let parts = nest.parts_of(op, site.device, bytes, each, Cut::Outermost)?;
        let launches = parts.iter().map(|part| self.launch_part(part, output, site.device)).collect::<Result<Vec<_>>>()?;
        Ok(vec![Candidate::of(launches)])
    }

    /// The loops over the output and every operand; those that are not there stand still.
    fn nest(&self, op: &'static str, output: &[usize]) -> Result<Nest<NEST>> {
        let still = || Walk::new(vec![0; output.len()]);
        let mut walks: [Walk; NEST] = std::array::from_fn(|_| still());
        walks[0] = Walk::new(dense(output));
        self.operands.iter().zip(&mut walks[1..]).for_each(|(operand, walk)| *walk = operand.walk());
        Nest::new(op, output, walks)
    }

    fn launch_part(&self, part: &Part<NEST>, output: &TensorType, device: &Capabilities) -> Result<Launch> {
        let nest = &part.nest;
        // Four f64 are more than the 16 bytes that buffers are multiples of.
        let width = if self.dtype == DType::F64 { 1 } else { nest.width(true) };
        let items = if device.software && nest.sizes.len() > 1 { ITEMS } else { 1 };
        let fours = device.has_lanes() && width == 4;
        let many = || Error::unsupported("fused", format!("{} numbers as parameters", self.numbers.len()));
        let mut params = Params {
            strides: [[0; 4]; 16],
            sizes: nest.packed_sizes(width),
            starts: [[0; 4]; 2],
            numbers: self.packed_numbers(&[]).ok_or_else(many)?,
            count: u32_of(nest.count(width * items)),
            output_start: nest.packed_start(0, width),
        };
        let mut header = self.functions(width);
        if fours {
            header.push_str("#import fours\n");
        }
        let _ = writeln!(header, "alias Output = {};", if fours { "Four" } else { item(output.dtype) });
        for (k, operand) in self.operands.iter().enumerate() {
            params.starts[k / 4][k % 4] = nest.packed_start(k + 1, width);
            let strides = nest.packed_strides(k + 1, width);
            for (d, stride) in strides.as_flattened().iter().enumerate() {
                params.strides[2 * d + k / 4][k % 4] = *stride;
            }
            let ty = match (nest.repeats(k + 1), fours) {
                (true, _) => operand.dtype.wgsl().to_owned(),
                (false, true) => "Four".to_owned(),
                (false, false) => vector(operand.dtype.wgsl(), width),
            };
            let _ = writeln!(header, "@group(0) @binding({}) var<storage, read> operand{k}: array<{ty}>;", k + 1);
        }
        let last = self.operands.len() + 1;
        let _ = writeln!(header, "@group(0) @binding({last}) var<storage, read_write> output: array<Output>;");
        // One loop from each element to the next needs no arithmetic, and a driver sees that an element is the same for all.
        let flat = nest.walks.iter().all(|walk| matches!(walk.strides[..], [0 | 1]));
        let place = |k: usize| (k / 4, ["x", "y", "z", "w"][k % 4]);
        let mut row = String::new();
        for (k, operand) in self.operands.iter().enumerate().filter(|(k, _)| nest.repeats(k + 1)) {
            let (half, lane) = place(k);
            let at = if flat { format!("params.starts[{half}].{lane}") } else { format!("{}.{lane}", ["first", "second"][half]) };
            let _ = writeln!(row, "    let row_{k} = {}(operand{k}[{at}]);", item(operand.dtype));
        }
        let load = |k: usize, operand: &Reading| {
            let (half, lane) = place(k);
            let at = match (nest.repeats(k + 1), flat) {
                (true, _) => return format!("row_{k}"),
                (false, true) => format!("params.starts[{half}].{lane} + index + i"),
                (false, false) => format!("{}.{lane} + i * params.strides[{half}].{lane}", ["first", "second"][half]),
            };
            let read = format!("operand{k}[{at}]");
            if fours { format!("bitcast<{}>(words({read}))", item(operand.dtype)) } else { format!("{}({read})", item(operand.dtype)) }
        };
        let (body, result) = self.body(None, "params.numbers", load);
        // What a last vector has beyond the end would count too.
        let notes = self.dtype == DType::F32 && output.dtype == DType::F32 && output.elements().is_multiple_of(width);
        let (note, noted) = if notes { (format!("    note({result}, {width}u);\n"), "    noted();\n") } else { (String::new(), "") };
        if notes {
            header.push_str("#import noted\n");
        }
        let result = if fours { format!("four_words(bitcast<vec4<u32>>({result}))") } else { result };
        let _ = writeln!(
            header,
            "fn chain(index: u32, first: vec4<u32>, second: vec4<u32>, items: u32) {{\n{row}    for (var i = 0u; i < ITEMS; i++) {{\n\
             if (i >= items) {{ break; }}\n{body}{note}    output[params.output_start + index + i] = {result};\n    }}\n{noted}}}"
        );
        let launch = Launch::new(&ELEMENTWISE, &params, groups(nest.count(width * items), WORKGROUP)).header(header).notes(notes);
        let launch = launch.constant("LOOPS", u32_of(nest.sizes.len())).constant("ITEMS", u32_of(items));
        let inputs = self.operands.iter().zip(&part.windows[1..]);
        Ok(inputs.fold(launch, |launch, (operand, window)| launch.input_window(operand.input, window)).output_window(0, &part.windows[0]))
    }
}

/// The output, and the most operands.
const NEST: usize = MOST_OPERANDS + 1;
const _: () = assert!(MAX_LOOPS == 8 && MOST_OPERANDS <= 8, "strides are packed for 8 loops and 8 operands");

/// Where number `at` is in the parameters called `numbers`.
pub(crate) fn number_name(numbers: &str, at: usize) -> String {
    format!("{numbers}[{}].{}", at / 4, ["x", "y", "z", "w"][at % 4])
}

/// The WGSL name of the elements of a dtype in a chain.
pub(crate) fn item(dtype: DType) -> &'static str {
    if dtype == DType::Bool { "Word" } else { "Element" }
}

/// Where `value` is in `list`, put there if it was not.
fn place<T: PartialEq>(list: &mut Vec<T>, value: T) -> usize {
    list.iter().position(|v| *v == value).unwrap_or_else(|| {
        list.push(value);
        list.len() - 1
    })
}

/// The shape of argument `at` with `rank` dimensions.
fn aligned(expression: &Expression, at: usize, ty: &TensorType, rank: usize) -> Vec<usize> {
    match expression.along {
        Some(axis) if at > 0 => {
            let mut shape = vec![1; rank];
            if let (Some(slot), Some(&size)) = (shape.get_mut(axis), ty.shape.first()) {
                *slot = size;
            }
            shape
        }
        _ => [vec![1; rank.saturating_sub(ty.rank())], ty.shape.clone()].concat(),
    }
}

/// The launch of an operator by its expression: a chain of one.
pub(crate) fn launch_elements(op: &dyn Op, site: &Site<'_>) -> Result<Vec<Candidate>> {
    let (Some(expression), Some(&output)) = (op.expression(site.inputs), site.outputs.first()) else {
        return Err(Error::unsupported(op.name(), "there is no expression of its elements"));
    };
    let arguments = site.inputs.iter().enumerate().map(|(i, ty)| (Argument::Input(i), (*ty).clone())).collect();
    Chain::of(vec![Term { expression, arguments, output: output.clone() }])?.launch(op.name(), site)
}
