//! The same program on the operators' references.

use super::program::{Kind, Program};
use crate::array::Array;
use crate::error::{Error, Result};
use std::borrow::Cow;

#[derive(Debug)]
pub(super) struct Interpreter {
    pub(super) states: Vec<Array>,
}

impl Interpreter {
    pub(super) fn new(program: &Program) -> Self {
        Self { states: program.states.iter().map(|s| (*s.initial).clone()).collect() }
    }

    pub(super) fn run(&mut self, program: &Program, given: &[&Array]) -> Result<Vec<Array>> {
        let last = last_uses(program);
        let mut live: Vec<Option<Cow<'_, Array>>> = program
            .values
            .iter()
            .map(|value| match &value.kind {
                Kind::Input(index) => Some(Cow::Borrowed(given[*index])),
                Kind::Constant(array) | Kind::Parameter(array) => Some(Cow::Borrowed(&**array)),
                Kind::State(index) => Some(Cow::Borrowed(&self.states[*index])),
                Kind::Computed => None,
            })
            .collect();
        let missing = || Error::shape("run", "a step reads a value that no step before it computes");
        for (number, step) in program.steps.iter().enumerate() {
            let inputs = step.inputs.iter().map(|&i| live[i].as_deref().ok_or_else(missing)).collect::<Result<Vec<_>>>()?;
            let results = step.op.reference(&inputs)?;
            for (&output, array) in step.outputs.iter().zip(results) {
                live[output] = Some(Cow::Owned(array));
            }
            for &value in step.inputs.iter().chain(&step.outputs).filter(|&&v| last[v] <= number) {
                live[value] = None;
            }
        }
        let take = |value: usize| live[value].as_deref().cloned().ok_or_else(missing);
        let outputs = program.outputs.iter().map(|&o| take(o)).collect();
        let next = program.states.iter().map(|s| s.next.map(take).transpose()).collect::<Result<Vec<_>>>()?;
        drop(live);
        for (state, next) in self.states.iter_mut().zip(next) {
            if let Some(next) = next {
                *state = next;
            }
        }
        outputs
    }
}

/// The last step that reads or writes each value; values that outlive the steps never end.
pub(super) fn last_uses(program: &Program) -> Vec<usize> {
    let mut last = vec![0; program.values.len()];
    for (number, step) in program.steps.iter().enumerate() {
        for &value in step.inputs.iter().chain(&step.outputs) {
            last[value] = number;
        }
    }
    let kept = program.outputs.iter().copied().chain(program.states.iter().flat_map(|s| s.next.into_iter().chain([s.value])));
    for value in kept {
        last[value] = usize::MAX;
    }
    for (value, last) in program.values.iter().zip(&mut last) {
        if !matches!(value.kind, Kind::Computed) {
            *last = usize::MAX;
        }
    }
    last
}
