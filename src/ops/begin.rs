//! Beginnings: a chain of element-wise operators in front of another operator's kernel, whose elements are computed where they are read.

use super::{Chain, Nest, Reading, Walk, dense, number_name, u32_of, wrapped};
use crate::array::elements;
use crate::gpu::{Launch, Slot};
use std::fmt::Write;
use std::ops::Range;

/// Vectors of four numbers in the parameters of every kernel that can begin.
pub(crate) const BEGIN_NUMBERS: usize = 8;

/// The header of a kernel that begins with nothing.
pub(crate) const UNBEGUN: &str = "#import unbegun\n";

/// What to compute each element of an input of, where the tensor itself need not exist: a difference, a product with another tensor.
///
/// An operator that says [`Op::begins`](super::Op::begins) has one input, and reads it so where it is given one. The tensors that its
/// site is for are the chain's then, and so are the inputs that its launches bind.
#[derive(Clone, Debug)]
pub struct Begin {
    chain: Chain,
    shape: Vec<usize>,
}

/// A beginning as a kernel reads it that goes along an axis.
#[derive(Clone, Debug)]
pub(crate) struct Begun<'a> {
    chain: &'a Chain,
    /// Elements of an item: four neighbours, or one.
    pub(crate) lanes: usize,
    /// The functions `row_of` and `begin`, and the operands from binding 2 on.
    header: String,
    /// The numbers that these read.
    pub(crate) numbers: [[u32; 4]; BEGIN_NUMBERS],
}

impl Begin {
    /// What `chain` makes of tensors that are bound whole.
    pub(crate) fn of(chain: Chain) -> Option<Self> {
        let shape = chain.output().ok()?.shape.clone();
        (!chain.operands.is_empty()).then_some(Self { chain, shape })
    }

    /// For a kernel that goes along dimensions `axis` as if they were one: `None` if an operand is no regular walk then, or the numbers
    /// are too many.
    ///
    /// Operand k lies at `start + sum over kept loops of index * stride + position along the axis * step`.
    pub(crate) fn along(&self, axis: Range<usize>) -> Option<Begun<'_>> {
        let beside = |all: &[i64]| [&all[..axis.start], &all[axis.end..]].concat();
        let kept: Vec<usize> = [&self.shape[..axis.start], &self.shape[axis.end..]].concat();
        let rowwise = elements(&self.shape[axis.end..]) == 1;
        let walks: Vec<Walk> = self.chain.operands.iter().map(Reading::walk).collect();
        let mut steps = Vec::with_capacity(walks.len());
        for walk in &walks {
            let own = Walk::new(walk.strides[axis.clone()].to_vec());
            let sizes = &self.shape[axis.clone()];
            let nest = Nest::new("fused", sizes, [Walk::new(dense(sizes)), own]).ok()?;
            let [step] = nest.walks[1].strides[..] else { return None };
            steps.push(step);
        }
        let mut through: [Walk; super::MOST_OPERANDS + 1] = std::array::from_fn(|_| Walk::new(vec![0; kept.len()]));
        through[0] = Walk::new(dense(&kept));
        for (walk, through) in walks.iter().zip(&mut through[1..]) {
            *through = Walk { start: walk.start, strides: beside(&walk.strides) };
        }
        let nest = Nest::new("fused", &kept, through).ok()?;
        // Four neighbours lie along the axis, or beside it: one element for all of them, or a vector of the operand.
        let across = |k: usize| if rowwise { steps[k] } else { nest.walks[k + 1].inner() };
        let elsewhere = |k: usize| {
            let Walk { start, strides } = &nest.walks[k + 1];
            let loops = nest.sizes.iter().zip(strides).filter(|(size, _)| **size > 1);
            let mut others: Vec<i64> = loops.map(|(_, &stride)| stride).collect();
            if !rowwise {
                others.pop();
                others.push(steps[k]);
            }
            others.push(*start);
            others
        };
        let fits = |k: usize| across(k) == 0 || (across(k) == 1 && elsewhere(k).iter().all(|stride| stride % 4 == 0));
        let len = if rowwise { elements(&self.shape[axis.clone()]) } else { nest.inner() };
        let lanes = if len.is_multiple_of(4) && (0..walks.len()).all(fits) { 4 } else { 1 };
        let vectors = (0..walks.len()).map(|k| lanes == 4 && across(k) == 1).collect();
        Layout { begin: self, nest, steps, rowwise, vectors, lanes }.begun()
    }
}

/// How the operands of a beginning lie.
struct Layout<'a, const N: usize> {
    begin: &'a Begin,
    /// Loops over what is beside the axis.
    nest: Nest<N>,
    /// How far each operand moves along the axis.
    steps: Vec<i64>,
    /// Whether the axis is what is innermost.
    rowwise: bool,
    /// Which operands are read a vector at a time.
    vectors: Vec<bool>,
    lanes: usize,
}

impl<'a, const N: usize> Layout<'a, N> {
    fn begun(&self) -> Option<Begun<'a>> {
        let chain = &self.begin.chain;
        let mut more = Vec::new();
        let mut number = |value: u32| {
            more.push(value);
            number_name("params.begin", chain.count_numbers() + more.len() - 1)
        };
        let mut header = chain.functions(self.lanes);
        let (mut fields, mut rows) = (String::new(), String::new());
        // Where the row is in every loop, from the innermost on.
        let loops = self.nest.sizes.len();
        let mut places = String::from("    var rest = kept;\n");
        for (i, &size) in self.nest.sizes.iter().rev().enumerate() {
            if i + 1 < loops {
                let size = number(u32_of(if self.rowwise || i > 0 { size } else { size / self.lanes }));
                let _ = writeln!(places, "    let at{i} = rest % {size};\n    rest /= {size};");
            } else {
                let _ = writeln!(places, "    let at{i} = rest;");
            }
        }
        let mut loads = Vec::with_capacity(chain.operands.len());
        for (k, operand) in chain.operands.iter().enumerate() {
            let (walk, scalar, item) = (&self.nest.walks[k + 1], operand.dtype.wgsl(), super::item(operand.dtype));
            let vector = self.vectors[k];
            let unit = if vector { 4 } else { 1 };
            let mut place = number(wrapped(walk.start / unit));
            for (i, &stride) in walk.strides.iter().rev().enumerate().filter(|(_, stride)| **stride != 0) {
                // The innermost loop of vectors counts these.
                let stride = if vector && i == 0 && !self.rowwise { 1 } else { stride / unit };
                let _ = if stride == 1 { write!(place, " + at{i}") } else { write!(place, " + at{i} * {}", number(wrapped(stride))) };
            }
            let ty = if vector { format!("vec4<{scalar}>") } else { scalar.to_owned() };
            let _ = writeln!(header, "@group(0) @binding({}) var<storage, read> operand{k}: array<{ty}>;", k + 2);
            let step = if vector && self.rowwise { 1 } else { self.steps[k] / unit };
            // What is one for the whole axis is read once.
            if step == 0 {
                let _ = writeln!(fields, "    item{k}: {item},");
                let _ = writeln!(rows, "    row.item{k} = {item}(operand{k}[{place}]);");
                loads.push(format!("row.item{k}"));
            } else {
                let along = if step == 1 { "at".to_owned() } else { format!("at * {}", number(wrapped(step))) };
                let _ = writeln!(fields, "    place{k}: u32,");
                let _ = writeln!(rows, "    row.place{k} = {place};");
                loads.push(format!("{item}(operand{k}[row.place{k} + {along}])"));
            }
        }
        let (body, result) = chain.body(None, "params.begin", |k, _| loads[k].clone());
        let _ = writeln!(
            header,
            "struct Row {{\n{fields}}}\n\
             fn row_of(outer: u32, x: u32) -> Row {{\n    let kept = outer * params.inner + x;\n{places}    var row: Row;\n{rows}    return row;\n}}\n\
             fn begin(row: Row, at: u32) -> Item {{\n{body}    return {result};\n}}"
        );
        let numbers = chain.packed_numbers(&more)?;
        Some(Begun { chain, lanes: self.lanes, header, numbers })
    }
}

/// The numbers of a beginning, zeros if there is none.
pub(crate) fn begin_numbers(begun: Option<&Begun<'_>>) -> [[u32; 4]; BEGIN_NUMBERS] {
    begun.map_or([[0; 4]; BEGIN_NUMBERS], |b| b.numbers)
}

/// `launch`, whose output is bound and nothing else, with what it reads.
pub(crate) fn begun(launch: Launch, begun: &Begun<'_>) -> Launch {
    let launch = launch.header(&*begun.header);
    begun.chain.operands.iter().fold(launch, |launch, operand| launch.bind(Slot::Input(operand.input), false, None))
}
