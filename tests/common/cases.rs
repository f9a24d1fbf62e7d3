//! Case tables: each row is refused as it says, or reference = outside numbers and GPU = reference, by every kernel that there is for it;
//! some rows are also computed with tensors in f16, and some by kernels that note the largest magnitude of what they store.

use super::{Bound, Largest, compare, compare_halves, gpu};
use foveate::array::{Array, DType, Data, f16};
use foveate::gpu::{Gpu, expand};
use foveate::graph::Graph;
use foveate::ops::{Op, Precision, Site};
use foveate::plan::{Options, Plan};
use std::sync::Arc;

/// One row of an operator's case table.
pub struct Case {
    /// What it is about.
    pub name: String,
    /// The operator with its attributes.
    pub op: Arc<dyn Op>,
    /// Its inputs.
    pub inputs: Vec<Array>,
    /// What should come of it.
    pub expect: Expect,
    /// How far GPU and reference, and reference and outside numbers, may differ.
    pub bound: Bound,
    /// The fewest dispatches that the plan must take.
    pub dispatches: usize,
    /// A kernel that must be among them.
    pub kernel: Option<&'static str>,
}

/// What should come of a case.
pub enum Expect {
    /// The GPU agrees with the reference; there are no outside numbers for this row.
    Reference,
    /// These outputs, computed elsewhere.
    Outputs(Vec<Array>),
    /// A refusal whose message contains this.
    Refused(&'static str),
}

impl Case {
    /// A case without outside numbers, held to `bound`.
    pub fn new(name: impl Into<String>, op: impl Op + 'static, inputs: Vec<Array>, bound: Bound) -> Self {
        Self { name: name.into(), op: Arc::new(op), inputs, expect: Expect::Reference, bound, dispatches: 0, kernel: None }
    }

    /// The same, which must take at least so many dispatches: a tensor that is cut takes more than one.
    pub fn dispatches(mut self, least: usize) -> Self {
        self.dispatches = least;
        self
    }

    /// The same, which must run this kernel.
    pub fn kernel(mut self, name: &'static str) -> Self {
        self.kernel = Some(name);
        self
    }

    /// The same with outputs computed elsewhere.
    pub fn outputs(mut self, outputs: Vec<Array>) -> Self {
        self.expect = Expect::Outputs(outputs);
        self
    }

    /// A case that must be refused with a message that contains `text`.
    pub fn refused(name: impl Into<String>, op: impl Op + 'static, inputs: Vec<Array>, text: &'static str) -> Self {
        let mut case = Self::new(name, op, inputs, Bound::Exact);
        case.expect = Expect::Refused(text);
        case
    }
}

/// Of so many rows the first is computed in f16 too: each pipeline takes a while to compile.
const HALVES: usize = 5;
/// Of so many rows the first is also computed by kernels that note the largest magnitude.
const NOTED: usize = 4;

/// Runs all cases and reports every failing row together.
#[track_caller]
pub fn check(cases: Vec<Case>) {
    check_on(gpu(), cases);
}

/// [`check`] on a device of the test's own.
#[track_caller]
pub fn check_on(gpu: &Gpu, cases: Vec<Case>) {
    assert!(!cases.is_empty(), "an empty case table proves nothing");
    let computes_halves = gpu.capabilities().features.contains(wgpu::Features::SHADER_F16);
    let run = |(number, case): (usize, &Case)| {
        run(gpu, case, number.is_multiple_of(NOTED))?;
        if computes_halves && number.is_multiple_of(HALVES) { in_halves(gpu, case).map_err(|e| format!("in f16: {e}")) } else { Ok(()) }
    };
    let failures = cases.iter().enumerate().filter_map(|(number, case)| run((number, case)).err().map(|e| format!("{}: {e}", case.name)));
    let failures: Vec<String> = failures.collect();
    assert!(failures.is_empty(), "{} of {} cases failed:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

fn run(gpu: &Gpu, case: &Case, noted: bool) -> Result<(), String> {
    let graph = Graph::new();
    let names: Vec<String> = (0..case.inputs.len()).map(|i| format!("input{i}")).collect();
    let vars: Result<Vec<_>, _> = names.iter().zip(&case.inputs).map(|(name, array)| graph.input(name, array.ty())).collect();
    let outputs = vars.and_then(|vars| graph.apply_dyn(Arc::clone(&case.op), &vars.iter().collect::<Vec<_>>()));
    let outputs = match (outputs, &case.expect) {
        (Err(error), Expect::Refused(text)) => {
            let message = error.to_string();
            return if message.contains(text) { Ok(()) } else { Err(format!("refused with '{message}', which does not say '{text}'")) };
        }
        (Ok(_), Expect::Refused(text)) => return Err(format!("was not refused; expected '{text}'")),
        (Err(error), _) => return Err(format!("refused: {error}")),
        (Ok(outputs), _) => outputs,
    };
    let inputs: Vec<&Array> = case.inputs.iter().collect();
    let reference = case.op.reference(&inputs).map_err(|e| format!("reference: {e}"))?;
    for (i, (array, var)) in reference.iter().zip(&outputs).enumerate() {
        if array.ty() != *var.ty() {
            return Err(format!("reference output {i} is {}, infer said {}", array.ty(), var.ty()));
        }
    }
    said_how_long(gpu, case)?;
    let scale = match case.bound {
        Bound::Terms(_) => {
            let absolute: Vec<Array> = case.inputs.iter().map(absolute).collect();
            Some(case.op.reference(&absolute.iter().collect::<Vec<_>>()).map_err(|e| format!("reference: {e}"))?)
        }
        _ => None,
    };
    let scale = |i: usize| scale.as_ref().map(|s| &s[i]);
    if let Expect::Outputs(expected) = &case.expect {
        if expected.len() != reference.len() {
            return Err(format!("has {} outputs, {} are expected", reference.len(), expected.len()));
        }
        for (i, (array, expected)) in reference.iter().zip(expected).enumerate() {
            compare(array, expected, scale(i), case.bound).map_err(|e| format!("reference output {i} against the outside numbers: {e}"))?;
        }
    }
    let given: Vec<(&str, &Array)> = names.iter().map(String::as_str).zip(&case.inputs).collect();
    let vars: Vec<_> = outputs.iter().collect();
    for (way, mut plan) in Plan::ways(gpu, &vars, Options::default()).map_err(|e| format!("plan: {e}"))?.into_iter().enumerate() {
        let text = plan.describe();
        if way == 0 {
            dispatched(case, &text)?;
        }
        let computed = plan.run(&given).map_err(|e| format!("run: {e}"))?;
        let reference = case.op.expected(&inputs, &computed).map_err(|e| format!("reference: {e}"))?;
        for (i, (array, expected)) in computed.iter().zip(&reference).enumerate() {
            compare(array, expected, scale(i), case.bound).map_err(|e| format!("GPU output {i} against the reference: {e}\n{text}"))?;
        }
    }
    if noted && outputs[0].dtype() == DType::F32 {
        let largest = graph.apply_dyn(Arc::new(Largest), &[&outputs[0]]).map_err(|e| e.to_string())?;
        for mut plan in Plan::ways(gpu, &[&outputs[0], &largest[0]], Options::default()).map_err(|e| format!("plan: {e}"))? {
            // Twice, since what the first run found is there when the second begins.
            for _ in 0..2 {
                let computed = plan.run(&given).map_err(|e| format!("run: {e}"))?;
                let told = || format!("what notes the largest magnitude\n{}", plan.describe());
                compare(&computed[0], &reference[0], scale(0), case.bound).map_err(|e| format!("{e}: {}", told()))?;
                let expected = Largest.reference(&[&computed[0]]).map_err(|e| e.to_string())?;
                compare(&computed[1], &expected[0], None, Bound::Exact).map_err(|e| format!("{e}: {}", told()))?;
            }
        }
    }
    Ok(())
}

/// The best guess with tensors in f16, on inputs that f16 holds, is as near to the reference as in f32 and one rounding.
fn in_halves(gpu: &Gpu, case: &Case) -> Result<(), String> {
    let Some(inputs) = case.inputs.iter().map(halved).collect::<Option<Vec<Array>>>() else { return Ok(()) };
    let graph = Graph::new();
    let names: Vec<String> = (0..inputs.len()).map(|i| format!("input{i}")).collect();
    let vars: Result<Vec<_>, _> = names.iter().zip(&inputs).map(|(name, array)| graph.input(name, array.ty())).collect();
    let Ok(outputs) = vars.and_then(|vars| graph.apply_dyn(Arc::clone(&case.op), &vars.iter().collect::<Vec<_>>())) else { return Ok(()) };
    let reference = |inputs: &[Array]| case.op.reference(&inputs.iter().collect::<Vec<_>>()).map_err(|e| format!("reference: {e}"));
    let expected = reference(&inputs)?;
    let scale = reference(&inputs.iter().map(absolute).collect::<Vec<_>>()).ok().filter(|_| matches!(case.bound, Bound::Terms(_)));
    let options = Options { precision: Precision::F16, tuned: false, ..Options::default() };
    let mut plan = Plan::compile_with(gpu, &outputs.iter().collect::<Vec<_>>(), options).map_err(|e| format!("plan: {e}"))?;
    let given: Vec<(&str, &Array)> = names.iter().map(String::as_str).zip(&inputs).collect();
    let computed = plan.run(&given).map_err(|e| format!("run: {e}"))?;
    let bound = match case.bound {
        // Weights are factors of 11 digits there: together they are off by half of the last of the largest value.
        Bound::Near { absolute, relative } if plan.describe().contains("attention/matrices") => {
            let largest = inputs[2].to_f64().iter().fold(0.0, |most: f64, v| most.max(v.abs()));
            Bound::Near { absolute: absolute + 2f64.powi(-11) * largest, relative }
        }
        bound => bound,
    };
    for (i, (array, expected)) in computed.iter().zip(&expected).enumerate() {
        let close = compare_halves(array, expected, scale.as_ref().map(|s| &s[i]), bound);
        close.map_err(|e| format!("GPU output {i} against the reference: {e}\n{}", plan.describe()))?;
    }
    Ok(())
}

/// The same numbers as f16 holds them; `None` if it does not reach one of them.
fn halved(array: &Array) -> Option<Array> {
    let Data::F32(values) = array.data() else { return Some(array.clone()) };
    let reached = values.iter().all(|v| v.abs() <= f16::MAX.to_f32() || !v.is_finite());
    reached.then(|| Array::from_fn(array.shape(), |i| f16::from_f32(values[i]).to_f32()))
}

/// Whether the plan dispatches what the case says it must.
fn dispatched(case: &Case, plan: &str) -> Result<(), String> {
    let found = plan.lines().filter(|line| line.contains("workgroups")).count();
    if found < case.dispatches {
        return Err(format!("takes {found} dispatches, at least {} are expected:\n{plan}", case.dispatches));
    }
    match case.kernel {
        Some(kernel) if !plan.contains(&format!("{kernel} ")) => Err(format!("does not run {kernel}:\n{plan}")),
        _ => Ok(()),
    }
}

fn absolute(array: &Array) -> Array {
    match array.data() {
        Data::F32(v) => Array::from_fn(array.shape(), |i| v[i].abs()),
        _ => array.clone(),
    }
}

/// Whether every launch of a kernel with a loop whose end is no constant says how many turns its loops take: drivers may end longer ones.
fn said_how_long(gpu: &Gpu, case: &Case) -> Result<(), String> {
    let inputs: Vec<_> = case.inputs.iter().map(Array::ty).collect();
    let inputs: Vec<_> = inputs.iter().collect();
    let outputs = case.op.infer(&inputs).map_err(|e| e.to_string())?;
    let outputs: Vec<_> = outputs.iter().collect();
    let site =
        Site { inputs: &inputs, outputs: &outputs, device: gpu.capabilities(), precision: Precision::F32, finish: None, begin: None };
    let Ok(candidates) = case.op.launch(&site) else { return Ok(()) };
    let silent = candidates.iter().flat_map(|candidate| &candidate.launches).filter(|launch| launch.turns == 0 && launch.groups > 0);
    for launch in silent {
        if let Some(end) = open_end(&expand(&launch.header, launch.kernel.source)) {
            return Err(format!("a launch of {} says nothing of its turns, and one of its loops goes on while {end}", launch.kernel.name));
        }
    }
    Ok(())
}

/// The condition of a `for` in `text` that names something else than its own variable and constants, which are in capitals.
fn open_end(text: &str) -> Option<String> {
    let code: String = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let conditions = code.split("for (").skip(1).filter_map(|rest| {
        let variable = rest.trim_start_matches("var ").split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
        Some((variable.to_owned(), rest.split(';').nth(1)?.trim().to_owned()))
    });
    let mut open = conditions.filter(|(variable, condition)| {
        let words = condition.split(|c: char| !c.is_alphanumeric() && !"_.".contains(c));
        let known = |word: &str| word == variable || ["min", "max", "select", "u32", "i32"].contains(&word);
        words.into_iter().any(|word| word.starts_with(|c: char| c.is_lowercase()) && !known(word))
    });
    open.next().map(|(_, condition)| condition)
}
