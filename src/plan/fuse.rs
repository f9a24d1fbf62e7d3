//! Fusing: element-wise operators become one kernel, and where they follow an operator that can finish what it stores, part of its; or
//! where one follows them that computes its input as it reads it, part of that one's.
//!
//! A group grows from an operator towards its inputs: an operator joins whose output none but the group reads, so that the output need
//! not exist. The group then stands where its last operator stood. Which operators are element-wise, and which can finish, they say
//! themselves; a group that no kernel computes on the device stays apart.

use super::absorb::absorb;
use super::choose::Chooser;
use super::program::{Kind, Program, Step};
use crate::array::{DType, TensorType};
use crate::ops::{Expression, Fused, Link, Slice, Source, as_op, bits, chains};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Operators in a group at most: the text of a kernel grows with each.
const MOST_LINKS: usize = 16;
/// Steps that any operand may lie and wait for the end of its group; behind that they may not be larger than what is not there instead.
const NEAR: usize = 20;

/// `program` with groups in place of the operators that are theirs, after operators have absorbed what they can.
pub(super) fn fuse(program: Program, chooser: &Chooser<'_>) -> Program {
    let program = absorb(program);
    let mut search = Search::of(&program, chooser);
    let mut groups: HashMap<usize, Step> = HashMap::new();
    for root in (0..program.steps.len()).rev() {
        if let Some((members, step)) = search.group(root) {
            members.iter().for_each(|&m| search.taken[m] = true);
            groups.insert(root, step);
        }
    }
    let taken = search.taken;
    let mut steps = Vec::with_capacity(program.steps.len());
    for (number, step) in program.steps.into_iter().enumerate() {
        match groups.remove(&number) {
            Some(group) => steps.push(group),
            None if taken[number] => {}
            None => steps.push(step),
        }
    }
    Program { steps, ..program }
}

/// What is known of the operators while groups are formed.
struct Search<'a> {
    program: &'a Program,
    chooser: &'a Chooser<'a>,
    /// The steps that read each value, an output or a state counting as one that does not exist.
    readers: Vec<BTreeSet<usize>>,
    /// The step that computes each value, if it computes nothing else.
    maker: Vec<Option<usize>>,
    /// The expression of each step, if it is element-wise.
    expressions: Vec<Option<Expression>>,
    /// Steps that are in groups.
    taken: Vec<bool>,
}

impl<'a> Search<'a> {
    fn of(program: &'a Program, chooser: &'a Chooser<'a>) -> Self {
        let mut readers = vec![BTreeSet::new(); program.values.len()];
        let mut maker = vec![None; program.values.len()];
        for (number, step) in program.steps.iter().enumerate() {
            for &value in &step.inputs {
                readers[value].insert(number);
            }
            if let [output] = step.outputs[..] {
                maker[output] = Some(number);
            }
        }
        for value in program.outputs.iter().copied().chain(program.states.iter().filter_map(|s| s.next)) {
            readers[value].insert(usize::MAX);
        }
        let expressions = program.steps.iter().map(|step| expression(program, step)).collect();
        Self { program, chooser, readers, maker, expressions, taken: vec![false; program.steps.len()] }
    }

    /// The group that ends with step `root`, if one does: its members and the step that it becomes.
    fn group(&self, root: usize) -> Option<(BTreeSet<usize>, Step)> {
        let begins = self.begins(root);
        if self.taken[root] || (self.expressions[root].is_none() && !begins) {
            return None;
        }
        let mut members = BTreeSet::from([root]);
        let mut refused = BTreeSet::new();
        while let Some(next) = self.candidates(&members).find(|p| self.expressions[*p].is_some() && !refused.contains(p)) {
            members.insert(next);
            if members.len() > MOST_LINKS || self.fused(None, &members, &BTreeSet::new()).is_none() {
                members.remove(&next);
                refused.insert(next);
            }
        }
        // What is cut out of a larger tensor may be read there, or not.
        let (parts, none) = (self.parts(root, &members), BTreeSet::new());
        let choices = if parts.is_empty() { vec![&none] } else { vec![&parts, &none] };
        if begins && self.finishes(root, &members) {
            return None;
        }
        // The latest first: what the others compute is there by then.
        let firsts = self.candidates(&members).filter(|p| self.expressions[*p].is_none() && !parts.contains(p)).map(Some);
        for first in firsts.filter(|_| !begins).chain([None]) {
            for &parts in choices.iter().filter(|parts| first.is_some() || members.len() + parts.len() > 1) {
                if let Some(step) = self.fused(first, &members, parts).filter(|step| self.computes(step)) {
                    members.extend(first.iter().chain(parts));
                    return Some((members, step));
                }
            }
        }
        None
    }

    /// Whether `root` computes its input where it reads it.
    fn begins(&self, root: usize) -> bool {
        let step = &self.program.steps[root];
        step.op.begins() && step.inputs.iter().chain(&step.outputs).all(|&v| chains(self.ty(v).dtype))
    }

    /// The shape of what the operators of a group make that ends with `root`.
    fn extent(&self, root: usize) -> &[usize] {
        let step = &self.program.steps[root];
        &self.ty(if self.begins(root) { step.inputs[0] } else { step.outputs[0] }).shape
    }

    /// Whether an operator that can finish what it stores does what `members` compute for `root`: then it is where they belong.
    fn finishes(&self, root: usize, members: &BTreeSet<usize>) -> bool {
        let others: BTreeSet<usize> = members.iter().copied().filter(|&m| m != root).collect();
        let mut firsts = self.candidates(members).filter(|p| self.expressions[*p].is_none());
        let none = BTreeSet::new();
        !others.is_empty() && firsts.any(|first| self.fused(Some(first), &others, &none).is_some_and(|step| self.computes(&step)))
    }

    /// Steps that cut out of a larger tensor what the group alone reads, and nothing else does.
    fn parts(&self, root: usize, members: &BTreeSet<usize>) -> BTreeSet<usize> {
        let step = |number: usize| &self.program.steps[number];
        let part = |value: usize| {
            let maker = self.maker[value].filter(|m| !self.taken[*m] && !members.contains(m))?;
            let plain = as_op::<Slice>(&*step(maker).op).is_some_and(Slice::is_plain);
            let alone = self.readers[value].is_subset(members) && self.ty(step(maker).outputs[0]).shape == self.extent(root);
            (plain && alone && self.frees(maker, root, members)).then_some(maker)
        };
        members.iter().flat_map(|&m| step(m).inputs.iter().copied()).filter_map(part).collect()
    }

    /// Steps that may join a group, the latest first: what they compute is read by the group alone, has its shape, and is read by no
    /// operator to which its last digits matter.
    fn candidates(&self, members: &BTreeSet<usize>) -> impl Iterator<Item = usize> + use<> {
        let joins = |value: usize| {
            let readers = &self.readers[value];
            let inexact = self.ty(value).dtype == DType::F32;
            let jumps = |step: &usize| self.expressions[*step].as_ref().is_some_and(|e| e.jumps);
            let maker = self.maker[value].filter(|m| !self.taken[*m] && !members.contains(m))?;
            let shape = &self.ty(value).shape;
            let alike = members.last().is_some_and(|&root| self.extent(root) == shape && self.frees(maker, root, members));
            (alike && readers.is_subset(members) && !(inexact && readers.iter().any(jumps))).then_some(maker)
        };
        let values = members.iter().flat_map(|&m| self.program.steps[m].inputs.iter().copied());
        values.filter_map(joins).collect::<BTreeSet<_>>().into_iter().rev()
    }

    /// Whether no more lies on the device if `maker` is computed as late as `root`: its output does not, but what it reads has to wait.
    /// A sum over the steps of a sequence would have all of its terms wait for the last one.
    fn frees(&self, maker: usize, root: usize, members: &BTreeSet<usize>) -> bool {
        let waits = |value: &&usize| {
            let readers = &self.readers[**value];
            let computed = matches!(self.program.values[**value].kind, Kind::Computed);
            computed && readers.is_disjoint(members) && readers.last().is_some_and(|last| last.saturating_add(NEAR) < root)
        };
        let step = &self.program.steps[maker];
        let bytes = |value: &usize| self.ty(*value).device_bytes();
        step.inputs.iter().filter(waits).map(bytes).fold(0, u64::saturating_add) <= step.outputs.iter().map(bytes).sum()
    }

    /// `members`, behind `first` if there is one, as one step that reads `parts` where they lie; `None` if they cannot be put together.
    fn fused(&self, first: Option<usize>, members: &BTreeSet<usize>, parts: &BTreeSet<usize>) -> Option<Step> {
        let program = self.program;
        let order: Vec<usize> = first.into_iter().chain(members.iter().copied()).collect();
        // The first one's inputs are the step's first, whatever they are.
        let mut inputs = first.map(|f| program.steps[f].inputs.clone()).unwrap_or_default();
        let mut links = Vec::with_capacity(order.len());
        for (index, &number) in order.iter().enumerate() {
            let step = &program.steps[number];
            let own = first.is_some() && index == 0;
            let argument = |(at, &value): (usize, &usize)| {
                if own {
                    return Source::Input(at);
                }
                if let Some(link) = order.iter().position(|&s| program.steps[s].outputs[0] == value) {
                    return Source::Link(link);
                }
                if let Kind::Constant(array) = &program.values[value].kind
                    && bits(array).is_some()
                {
                    return Source::Known(Arc::clone(array));
                }
                let part = self.maker[value].filter(|maker| parts.contains(maker)).map(|maker| &program.steps[maker]);
                let read = part.map_or(value, |part| part.inputs[0]);
                let at = inputs.iter().position(|&v| v == read).unwrap_or_else(|| {
                    inputs.push(read);
                    inputs.len() - 1
                });
                match part.and_then(|part| as_op::<Slice>(&*part.op)) {
                    Some(slice) => Source::Part(at, slice.clone()),
                    None => Source::Input(at),
                }
            };
            let arguments = step.inputs.iter().enumerate().map(argument).collect();
            links.push(Link { op: Arc::clone(&step.op), arguments });
        }
        let fused = Fused::new(links);
        let types: Vec<&TensorType> = inputs.iter().map(|&v| self.ty(v)).collect();
        fused.chain(&types).ok()?;
        let root = *order.last()?;
        let all = || parts.iter().chain(&order);
        let names: Vec<&str> = all().map(|&s| program.steps[s].op.name()).collect();
        let mut origins: Vec<&str> = all().filter_map(|&s| program.steps[s].origin.as_deref()).collect();
        origins.dedup();
        Some(Step {
            op: Arc::new(fused),
            inputs,
            outputs: program.steps[root].outputs.clone(),
            label: format!("{}#{root}", names.join("+")),
            origin: (!origins.is_empty()).then(|| origins.join(", ").into()),
        })
    }

    /// Whether the device has a kernel for it.
    fn computes(&self, step: &Step) -> bool {
        self.chooser.candidates(self.program, step).is_ok()
    }

    fn ty(&self, value: usize) -> &TensorType {
        self.program.ty(value)
    }
}

/// The expression of a step that may be part of a chain.
fn expression(program: &Program, step: &Step) -> Option<Expression> {
    let types: Vec<&TensorType> = step.inputs.iter().map(|&v| program.ty(v)).collect();
    let all = step.inputs.iter().chain(&step.outputs).all(|&v| chains(program.ty(v).dtype));
    step.op.expression(&types).filter(|_| all && step.outputs.len() == 1)
}
