//! Operators that compute what another one makes on the way: a sampler its grid, a convolution the zeros around its input, a transposed
//! convolution only what a crop leaves of it.

use super::program::{Program, Step};
use crate::array::TensorType;

/// `program` with every operator taken up by the only one that reads it, where that one can.
pub(super) fn absorb(mut program: Program) -> Program {
    let mut readers = vec![0usize; program.values.len()];
    let read = program.steps.iter().flat_map(|s| &s.inputs).chain(&program.outputs).copied();
    read.chain(program.states.iter().filter_map(|s| s.next)).for_each(|value| readers[value] += 1);
    let mut at = 0;
    while at < program.steps.len() {
        let found = (0..program.steps[at].inputs.len()).find_map(|input| absorbed(&program, at, input, &readers));
        match found {
            // The new step may absorb in turn.
            Some((maker, step)) => {
                program.steps[at] = step;
                program.steps.remove(maker);
                at -= 1;
            }
            None => at += 1,
        }
    }
    program
}

/// The step at `at` with the maker of its input `input` taken up, and where that stands.
fn absorbed(program: &Program, at: usize, input: usize, readers: &[usize]) -> Option<(usize, Step)> {
    let step = &program.steps[at];
    let value = step.inputs[input];
    if readers[value] != 1 {
        return None;
    }
    // Mostly not far before.
    let maker = program.steps[..at].iter().rposition(|s| s.outputs == [value])?;
    let made = &program.steps[maker];
    let op = step.op.absorb(input, made.op.as_ref(), program.ty(value))?;
    let mut inputs = step.inputs.clone();
    inputs.splice(input..=input, made.inputs.iter().copied());
    let types: Vec<&TensorType> = inputs.iter().map(|&v| program.ty(v)).collect();
    let same = op.infer(&types).is_ok_and(|outputs| outputs.iter().eq(step.outputs.iter().map(|&v| program.ty(v))));
    let origins: Vec<&str> = [&made.origin, &step.origin].into_iter().filter_map(|o| o.as_deref()).collect();
    let origin = (!origins.is_empty()).then(|| origins.join(", ").into());
    let number = step.label.rsplit('#').next().unwrap_or_default();
    let label = format!("{}#{number}", op.name());
    same.then(|| (maker, Step { op, inputs, outputs: step.outputs.clone(), label, origin }))
}
