//! A dispatch for each step: where its states lie, and what its text is.

use super::kinds::{Kind, Params};
use super::{Cell, Recurrence, Sizes, Strides};
use crate::array::{DType, TensorType};
use crate::error::Result;
use crate::gpu::Slot;
use crate::ops::copy::{copies, gathering};
use crate::ops::{Candidate, Op, Site, Walk, aliases, dense, item_header, u32_of};
use std::fmt::Write as _;

/// What a dispatch computes, as the shader calls it, and the gates that it needs products of.
#[derive(Clone, Copy, Debug)]
struct Phase {
    name: &'static str,
    gates: &'static [usize],
}

impl Phase {
    /// Columns of the product, for kernels that know no units: four for the gates of each, or, where no gate needs another's, each gate's.
    fn columns(self, sizes: Sizes) -> usize {
        sizes.hidden * if matches!(self.name, "LSTM" | "GRU") { 4 } else { self.gates.len() }
    }
}

impl Cell {
    fn phases(self) -> &'static [Phase] {
        const RESET: Phase = Phase { name: "RESET", gates: &[0, 1] };
        const AFTER: Phase = Phase { name: "AFTER", gates: &[2] };
        match self {
            Self::Lstm { .. } => &[Phase { name: "LSTM", gates: &[0, 1, 2, 3] }],
            Self::Gru { linear_before_reset: true } => &[Phase { name: "GRU", gates: &[0, 1, 2] }],
            Self::Gru { linear_before_reset: false } => &[RESET, AFTER],
            Self::Rnn => &[Phase { name: "RNN", gates: &[0] }],
        }
    }
}

/// Storage buffers beyond those that every step binds: an lstm's c before and after, or in place, r * h, and the lengths.
/// No more than two at once, so that eight do for all, but for those on matrices.
#[derive(Clone, Copy, Debug)]
struct Extra {
    slot: Slot,
    write: bool,
}

impl Recurrence {
    pub(super) fn candidates(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let sizes = self.sizes(site.inputs)?;
        self.kinds(site, sizes).into_iter().map(|kind| self.candidate(site, sizes, kind)).collect()
    }

    fn candidate(&self, site: &Site<'_>, sizes: Sizes, kind: Kind) -> Result<Candidate> {
        let given = self.given();
        let steps = sizes.steps;
        let lstm = matches!(self.cell, Cell::Lstm { .. });
        let phases = self.cell.phases();

        let mut launches = Vec::new();
        // With lengths there is no binding left to keep c before and c after apart, and no need: each unit reads only its own.
        let in_place = lstm && self.sequence_lens;
        if let Some(c) = given.c.filter(|_| in_place) {
            let shape = &site.outputs[2].shape;
            let nest = gathering(self.name(), DType::F32, shape, Walk::new(dense(shape)))?;
            launches.extend(copies(self.name(), site, c, 2, &nest)?);
        }
        let headers: Vec<String> = phases.iter().map(|phase| self.header(*phase, sizes, kind)).collect();
        // Of two buffers for each state a step reads one and writes the other; the last step writes the output.
        let state = |step: usize, output: usize| {
            if (steps - 1 - step).is_multiple_of(2) { Slot::Output(output) } else { Slot::Scratch(output - 1) }
        };
        for step in 0..steps {
            let before = |initial: Option<usize>, output: usize| match step.checked_sub(1) {
                Some(last) => state(last, output),
                None => initial.map_or(Slot::Absent, Slot::Input),
            };
            for (phase, header) in phases.iter().zip(&headers) {
                let mut params = self.params(sizes, *phase);
                params.step = u32_of(step);
                params.depth = if step > 0 || self.initial_h { u32_of(kind.depth(sizes)) } else { 0 };
                params.chunks = u32_of(kind.chunks(sizes));
                params.count = u32_of(kind.count(sizes, phase.columns(sizes)));
                params.has_c = u32::from(step > 0 || self.initial_c);
                let mut extra = Vec::new();
                if in_place {
                    extra.push(Extra { slot: Slot::Output(2), write: true });
                } else if lstm {
                    extra.push(Extra { slot: before(given.c, 2), write: false });
                    extra.push(Extra { slot: state(step, 2), write: true });
                } else if phase.name == "RESET" {
                    extra.push(Extra { slot: Slot::Scratch(1), write: true });
                } else if phase.name == "AFTER" {
                    extra.push(Extra { slot: before(given.h, 1), write: false });
                }
                extra.extend(given.lens.map(|lens| Extra { slot: Slot::Input(lens), write: false }));
                let factors = if phase.name == "AFTER" { Slot::Scratch(1) } else { before(given.h, 1) };
                let launch = kind.launch(&params, sizes);
                let launch = launch
                    .header(header)
                    .constant("HAS_BIAS", u8::from(self.bias))
                    .constant("HAS_PEEPHOLES", u8::from(self.peepholes))
                    .constant("INPUT_FORGET", u8::from(self.cell == Cell::Lstm { input_forget: true }))
                    .input(0)
                    .input(1)
                    .optional_input(given.weights)
                    .bind(factors, false, None);
                // A gru's states may stay as large as the first ones, an lstm's do not.
                let largest = given.h.filter(|_| step == 0 || !lstm);
                let launch = kind.bound(launch, largest).output(0).bind(state(step, 1), true, None);
                launches.push(extra.into_iter().fold(launch, |launch, e| launch.bind(e.slot, e.write, None)));
            }
        }
        let bytes = TensorType::f32(sizes.state(false)).device_bytes();
        Ok(Candidate { launches, scratch: vec![bytes, bytes * phases.len() as u64], ..Candidate::default() })
    }

    /// All that is the same in every step.
    fn params(&self, sizes: Sizes, phase: Phase) -> Params {
        let Strides { x_time, x_batch, y_time, y_batch, y_direction, state_batch, state_direction } =
            sizes.strides(self.attributes.batch_first);
        let places = self.cell.places(self.attributes.gates);
        let mut params = Params {
            steps: u32_of(sizes.steps),
            batch: u32_of(sizes.batch),
            hidden: u32_of(sizes.hidden),
            reversed_from: u32_of(self.attributes.direction.reversed_from()),
            clip: self.attributes.clip.unwrap_or(f32::MAX).min(f32::MAX),
            weights_row: u32_of(sizes.weights),
            peepholes: u32_of(sizes.weights.saturating_sub(3 * sizes.hidden)),
            x_time: u32_of(x_time),
            x_batch: u32_of(x_batch),
            y_time: u32_of(y_time),
            y_batch: u32_of(y_batch),
            y_direction: u32_of(y_direction),
            state_batch: u32_of(state_batch),
            state_direction: u32_of(state_direction),
            ..Params::default()
        };
        params.gates.iter_mut().zip(phase.gates).for_each(|(place, &gate)| *place = u32_of(places[gate]));
        for direction in 0..sizes.directions {
            for k in 0..3 {
                let [alpha, beta] = self.activation(direction, k).map_or([0.0; 2], |a| a.parameters());
                params.alpha[direction][k] = alpha;
                params.beta[direction][k] = beta;
            }
        }
        params
    }

    fn header(&self, phase: Phase, sizes: Sizes, kind: Kind) -> String {
        let mut text = aliases(DType::F32, 1) + "#import activations\n";
        let (sums, gates) = (phase.gates.len(), sizes.gates);
        let _ = writeln!(text, "const CELL = {};\nconst SUMS = {sums}u;\nconst GATES = {gates}u;", phase.name);
        for (k, (name, part)) in [("f", 'x'), ("g", 'y'), ("h", 'z')].into_iter().enumerate() {
            let expression = |direction| self.activation(direction, k).map_or("x".to_owned(), |a| a.wgsl(part));
            let argument = if k < 2 && self.attributes.clip.is_some() { "bounded(given, -params.clip, params.clip)" } else { "given" };
            let (first, second) = (expression(0), expression(sizes.directions - 1));
            let other = if first == second { String::new() } else { format!("if (d == 1u) {{ return {second}; }} ") };
            let _ = writeln!(text, "fn activate_{name}(given: f32, d: u32) -> f32 {{ let x = {argument}; {other}return {first}; }}");
        }
        let mut binding = kind.first_output();
        let mut declare = |text: &mut String, access: &str, name: &str, ty: &str| {
            let _ = writeln!(text, "@group(0) @binding({binding}) var<storage, {access}> {name}: array<{ty}>;");
            binding += 1;
        };
        declare(&mut text, "read_write", "y", "f32");
        declare(&mut text, "read_write", "h_after", "f32");
        match (self.cell, phase.name) {
            (Cell::Lstm { .. }, _) => {
                if !self.sequence_lens {
                    declare(&mut text, "read", "c_before", "f32");
                }
                declare(&mut text, "read_write", "c_after", "f32");
                let before = if self.sequence_lens { "c_after" } else { "c_before" };
                let _ = writeln!(text, "fn load_c(at: u32) -> f32 {{ return {before}[at]; }}");
                text += "fn store_c(at: u32, c: f32) { c_after[at] = c; }\n";
            }
            (_, "RESET") => declare(&mut text, "read_write", "reset", "f32"),
            (_, "AFTER") => declare(&mut text, "read", "state_before", "f32"),
            _ => {}
        }
        if !matches!(self.cell, Cell::Lstm { .. }) {
            text += "fn load_c(at: u32) -> f32 { return 0.0; }\nfn store_c(at: u32, c: f32) {}\n";
        }
        let store = if phase.name == "RESET" { "reset[at] = value;" } else { "" };
        let own = if phase.name == "AFTER" { "state_before[at]" } else { "h_at(at)" };
        let _ = writeln!(text, "fn store_reset(at: u32, value: f32) {{ {store} }}\nfn own_h(at: u32) -> f32 {{ return {own}; }}");
        if let Kind::Team { chunk, lanes, .. } = kind {
            text += &item_header(DType::F32, lanes);
            let _ = writeln!(text, "const BATCH = {chunk}u;");
        }
        if self.sequence_lens {
            declare(&mut text, "read", "sequence_lens", "i32");
        }
        let length = if self.sequence_lens { "sequence_lens[batch]" } else { "i32(params.steps)" };
        let _ = writeln!(text, "fn sequence_length(batch: u32) -> i32 {{ return {length}; }}");
        text
    }
}
