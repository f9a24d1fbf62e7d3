//! Measuring which kernel is fastest: each step that can go several ways goes all of them, turn by turn, on made-up numbers.
//!
//! Times are the least of several turns, so that what else the machine does counts little. A way that computes other numbers than the
//! last one, which serves everywhere, is never chosen.

use super::check::compare;
use super::choose::{Chooser, key, names};
use super::device::Compiled;
use super::layout::Layout;
use super::program::{Kind, Program, Step, Value};
use super::{Options, prepared};
use crate::array::{Array, DType, Data, TensorType};
use crate::error::Result;
use crate::gpu::{Choice, Gpu};
use crate::graph::Var;
use crate::ops::{Candidate, Precision, u32_of};
use half::f16;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

/// Turns that each way gets, if it does not fall behind before.
const TURNS: usize = 5;
/// A way that takes so many times as long as the best gets no further turn.
const BEHIND: f64 = 1.5;
/// Microseconds that a turn should take at least: timestamps are not fine.
const TURN: f64 = 200.0;
/// How many times as long as the best guess another way may take: where that is too long, none is tried.
const WORST: f64 = 20.0;

/// Bounds on what tuning may take.
#[derive(Clone, Copy, Debug)]
pub struct TuneOptions {
    /// How the plans that are tuned for will be compiled.
    pub plan: Options,
    /// Steps of which a single run might take longer than this are left as they are.
    pub longest: Duration,
    /// Steps whose ways together need more bytes than this are left as they are.
    pub memory: u64,
    /// Whether to measure again what was measured before.
    pub again: bool,
}

impl Default for TuneOptions {
    fn default() -> Self {
        Self { plan: Options::default(), longest: Duration::from_secs(1), memory: 2 << 30, again: false }
    }
}

/// A step that can go several ways.
#[derive(Clone, Debug)]
pub struct Tuned {
    /// Operator and number, as [`Plan::describe`](super::Plan::describe) has it.
    pub node: String,
    /// Types of its inputs and outputs.
    pub signature: String,
    /// Its ways, the best guess first.
    pub ways: Vec<Way>,
    /// Which of them plans go from now on.
    pub chosen: usize,
    /// Whether this was known before, from the same step or one of its class.
    pub known: bool,
    /// Why nothing was measured, if nothing was.
    pub left: Option<String>,
}

/// One way to compute a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// Its kernels.
    pub name: String,
    /// Microseconds, if it was measured.
    pub us: Option<f64>,
    /// How far its numbers are from those of the last way, if further than they may be: then it is not chosen.
    pub wrong: Option<String>,
}

/// Measures every step of the plan of `outputs` that can go several ways, and lets plans on this device go the fastest from now on.
/// `on` is told of each, with how many were done before and how many there are, and ends it by breaking. What was found is kept with
/// [`Choices::save`](crate::gpu::Choices::save).
///
/// # Errors
/// If the plan cannot be compiled, or the device fails or has no timestamps.
pub fn tune(gpu: &Gpu, outputs: &[&Var], options: TuneOptions, mut on: impl FnMut(&Tuned, usize, usize) -> ControlFlow<()>) -> Result<()> {
    options.plan.check(gpu)?;
    let chooser = Chooser::unmeasured(gpu.capabilities(), options.plan);
    let program = prepared(Program::of(outputs)?, &chooser, options.plan);
    let mut several = Vec::new();
    for step in &program.steps {
        let candidates = chooser.candidates(&program, step)?;
        if candidates.len() > 1 {
            several.push((step, candidates));
        }
    }
    let count = several.len();
    for (number, (step, candidates)) in several.into_iter().enumerate() {
        let tuned = tune_step(gpu, &chooser, &program, (step, candidates), options)?;
        if on(&tuned, number, count).is_break() {
            break;
        }
    }
    Ok(())
}

/// How many times as far as [`Plan::check`](super::Plan::check) allows a way may be from the last one, which computes in f32: factors
/// of 11 digits are off by 2^-11, and sums of a thousand products by some 2^-10 of the largest; the check allows 2^-12.
fn slack(precision: Precision) -> f64 {
    if precision == Precision::F32 { 1.0 } else { 16.0 }
}

fn tune_step(
    gpu: &Gpu,
    chooser: &Chooser<'_>,
    program: &Program,
    (step, candidates): (&Step, Vec<Candidate>),
    options: TuneOptions,
) -> Result<Tuned> {
    let key = key(program, step, options.plan.precision, &candidates);
    let signature = program.signature(step);
    let ways: Vec<Way> = names(&candidates).into_iter().map(|name| Way { name, us: None, wrong: None }).collect();
    let mut tuned = Tuned { node: step.label.clone(), signature, ways, chosen: 0, known: false, left: None };
    if let Some(choice) = gpu.choices().get(&key).filter(|_| !options.again) {
        for way in &mut tuned.ways {
            way.us = choice.times.iter().find(|(name, _)| *name == way.name).map(|(_, us)| *us);
        }
        tuned.chosen = tuned.ways.iter().position(|way| way.name == choice.name).unwrap_or(0);
        tuned.known = true;
        return Ok(tuned);
    }
    let alone = alone(program, step);
    let layouts: Vec<Layout> = candidates.into_iter().map(|candidate| Layout::with(chooser.device(), &alone, vec![candidate])).collect();
    let bytes = layouts.iter().map(|layout| layout.bytes.total()).fold(0, u64::saturating_add);
    if bytes > options.memory {
        tuned.left = Some(format!("its ways need {} MiB together, {} are allowed", bytes >> 20, options.memory >> 20));
        return Ok(tuned);
    }
    let inputs: Vec<Array> = alone.inputs.iter().map(|&(_, value)| made_up(alone.ty(value))).collect::<Result<_>>()?;
    let inputs: Vec<&Array> = inputs.iter().collect();
    let mut plans = Vec::new();
    for layout in layouts {
        let mut plan = Compiled::new(gpu, &alone, layout)?;
        plan.upload(&inputs)?;
        if plans.is_empty() {
            // Twice: a driver may compile in the first run.
            let first = plan.time(1, 2, Duration::ZERO)?.into_iter().fold(f64::INFINITY, f64::min);
            if first * WORST > options.longest.as_secs_f64() * 1e6 {
                tuned.left = Some(format!("one run takes {:.1} ms, so another way might take too long", first / 1e3));
                return Ok(tuned);
            }
        }
        plans.push(plan);
    }
    let mut results = plans.iter_mut().map(|plan| plan.run(&inputs)).collect::<Result<Vec<_>>>()?;
    let last = results.pop().unwrap_or_default();
    for (way, result) in tuned.ways.iter_mut().zip(&results) {
        let (worst, difference) = compare(result, &last);
        way.wrong = difference.filter(|_| worst > slack(options.plan.precision)).map(|difference| difference.to_string());
        if let Some(wrong) = &way.wrong {
            tracing::warn!("{} on {}: {} is not used: {wrong}", tuned.node, gpu.capabilities().name, way.name);
        }
    }
    measure(&mut plans, &mut tuned)?;
    let times = tuned.ways.iter().filter_map(|way| Some((way.name.clone(), way.us?))).collect();
    let name = tuned.ways[tuned.chosen].name.clone();
    gpu.choices().set(key, &Choice { name, of: format!("{} {}", step.op.name(), tuned.signature), times });
    Ok(tuned)
}

/// Times all ways that are right, turn by turn, and chooses.
fn measure(plans: &mut [Compiled], tuned: &mut Tuned) -> Result<()> {
    let mut turns: Vec<(usize, u32)> = Vec::new();
    for (number, plan) in plans.iter_mut().enumerate().filter(|(number, _)| tuned.ways[*number].wrong.is_none()) {
        let once = plan.time(1, 1, Duration::ZERO)?.into_iter().fold(TURN, f64::min);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before")]
        turns.push((number, (TURN / once).ceil().clamp(1.0, 1000.0) as u32));
    }
    for _ in 0..TURNS {
        for &(number, repeats) in &turns {
            let us = plans[number].time(repeats, 1, Duration::ZERO)?.into_iter().fold(f64::INFINITY, f64::min);
            let way = &mut tuned.ways[number];
            way.us = Some(way.us.map_or(us, |before| before.min(us)));
        }
        let us = |number: &usize| tuned.ways[*number].us.unwrap_or(f64::INFINITY);
        tuned.chosen = turns.iter().map(|(number, _)| *number).min_by(|a, b| us(a).total_cmp(&us(b))).unwrap_or(0);
        let best = us(&tuned.chosen);
        turns.retain(|(number, _)| us(number) <= BEHIND * best);
    }
    Ok(())
}

/// The program of one step, whose inputs are the program's unless they are known.
fn alone(program: &Program, step: &Step) -> Program {
    let mut alone = Program { values: Vec::new(), steps: Vec::new(), inputs: Vec::new(), outputs: Vec::new(), states: Vec::new() };
    let mut places: Vec<usize> = Vec::new();
    let mut place = |value: usize, computed: bool| {
        if let Some(found) = places.iter().position(|&v| v == value) {
            return found;
        }
        places.push(value);
        let kind = match &program.values[value].kind {
            kind @ (Kind::Constant(_) | Kind::Parameter(_)) => kind.clone(),
            _ if computed => Kind::Computed,
            _ => {
                alone.inputs.push((format!("input{}", places.len()), places.len() - 1));
                Kind::Input(alone.inputs.len() - 1)
            }
        };
        alone.values.push(Value { ty: Arc::clone(&program.values[value].ty), kind, half: program.values[value].half });
        places.len() - 1
    };
    let inputs: Vec<usize> = step.inputs.iter().map(|&v| place(v, false)).collect();
    let outputs: Vec<usize> = step.outputs.iter().map(|&v| place(v, true)).collect();
    alone.outputs.clone_from(&outputs);
    alone.steps.push(Step { op: Arc::clone(&step.op), inputs, outputs, label: step.label.clone(), origin: None });
    alone
}

/// Numbers between -1 and 1; of integers and truth values 0 and 1, which are indices almost everywhere.
fn made_up(ty: &TensorType) -> Result<Array> {
    let noise = |i: usize| (u32_of(i).wrapping_mul(0x9e37_79b9) ^ 0x85eb_ca6b).wrapping_mul(0xc2b2_ae35) >> 8;
    let float = |i: usize| noise(i) as f32 / (1 << 23) as f32 - 1.0;
    let bit = |i: usize| noise(i) >> 8 & 1;
    let all = 0..ty.elements();
    let data = match ty.dtype {
        DType::F32 => Data::F32(all.map(float).collect()),
        DType::F16 => Data::F16(all.map(|i| f16::from_f32(float(i))).collect()),
        DType::F64 => Data::F64(all.map(|i| f64::from(float(i))).collect()),
        DType::I32 => Data::I32(all.map(|i| bit(i).cast_signed()).collect()),
        DType::U32 => Data::U32(all.map(bit).collect()),
        DType::Bool => Data::Bool(all.map(|i| bit(i) != 0).collect()),
    };
    Array::from_data(ty.shape.clone(), data)
}
