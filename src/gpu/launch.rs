//! Launches: one dispatch of a kernel, as data.

use super::{Kernel, KernelParams, Window};
use std::ops::Range;

/// Which tensor of an operator a binding shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The operator's input of this index.
    Input(usize),
    /// The operator's output of this index.
    Output(usize),
    /// Scratch memory of this index, from the candidate's list.
    Scratch(usize),
    /// The bits of the largest finite magnitude in the operator's input of this index, an f32 tensor: one u32, which the plan sees to.
    Largest(usize),
    /// Where the kernel notes the same of what it stores in the operator's first output.
    Noted,
    /// An optional input that is absent: a small buffer of zeros.
    Absent,
}

/// One storage buffer of a launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Which tensor.
    pub slot: Slot,
    /// Whether the shader declares it `read_write`.
    pub write: bool,
    /// Which bytes of it; all if `None`.
    pub bytes: Option<Range<u64>>,
    /// Whether it lies there as f16 where the shader's text has 32 bits: the plan says so, and counts `bytes` anew.
    pub half: bool,
}

impl Binding {
    /// The same tensor kept in f16. Windows begin and end on whole elements of 32 bits, of which every one takes half as much.
    pub(crate) fn halve(&mut self) {
        self.half = true;
        self.bytes = self.bytes.take().map(|bytes| bytes.start / 2..bytes.end / 2);
    }
}

/// One dispatch: `@binding(0)` is the uniform `params`, `bindings` follow from 1 on.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The shader.
    pub kernel: &'static Kernel,
    /// WGSL put before the shader's text, for what overrides cannot choose.
    pub header: String,
    /// Values of `override` constants.
    pub constants: Vec<(&'static str, f64)>,
    /// The bytes of `Params`.
    pub params: Vec<u8>,
    /// Storage buffers in binding order.
    pub bindings: Vec<Binding>,
    /// Workgroups, counted in one dimension; the plan folds them into two.
    pub groups: u64,
    /// Turns that the loops of an invocation take together at most, where sizes of tensors decide that.
    pub turns: u64,
    /// Whether the kernel can [note](Launch::noting) the largest magnitude of what it stores in the operator's first output.
    pub notes: bool,
    /// Whether it need not be run again while its inputs stay: a plan in which they are constants runs it when it is compiled, and never
    /// again.
    pub once: bool,
}

impl Launch {
    /// A launch of `kernel` with `params` over `groups` workgroups and no buffers yet.
    pub fn new<P: KernelParams>(kernel: &'static Kernel, params: &P, groups: u64) -> Self {
        let params = bytemuck::bytes_of(params).to_vec();
        let (header, constants, bindings) = (String::new(), Vec::new(), Vec::new());
        Self { kernel, header, constants, params, bindings, groups, turns: 0, notes: false, once: false }
    }

    /// Says how many turns the loops of an invocation take together at most.
    pub fn turns(mut self, turns: usize) -> Self {
        self.turns = turns as u64;
        self
    }

    /// Says whether the kernel can [note](Launch::noting) magnitudes.
    pub fn notes(mut self, can: bool) -> Self {
        self.notes = can;
        self
    }

    /// Says that the scratch memory it writes is its own, so that what is there stays.
    pub fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// Sets an `override` constant.
    pub fn constant(mut self, name: &'static str, value: impl Into<f64>) -> Self {
        self.constants.push((name, value.into()));
        self
    }

    /// Puts `text` before the shader.
    pub fn header(mut self, text: impl Into<String>) -> Self {
        self.header.push_str(&text.into());
        self
    }

    /// Binds the whole of an input.
    pub fn input(self, index: usize) -> Self {
        self.bind(Slot::Input(index), false, None)
    }

    /// Binds an input if there is one of that index, else zeros.
    pub fn optional_input(self, index: Option<usize>) -> Self {
        self.bind(index.map_or(Slot::Absent, Slot::Input), false, None)
    }

    /// Binds a window of an input.
    pub fn input_window(self, index: usize, window: &Window) -> Self {
        self.bind(Slot::Input(index), false, Some(window.bytes.clone()))
    }

    /// Binds the whole of an output.
    pub fn output(self, index: usize) -> Self {
        self.bind(Slot::Output(index), true, None)
    }

    /// Binds a window of an output.
    pub fn output_window(self, index: usize, window: &Window) -> Self {
        self.bind(Slot::Output(index), true, Some(window.bytes.clone()))
    }

    /// Binds scratch memory to read from.
    pub fn scratch(self, index: usize) -> Self {
        self.bind(Slot::Scratch(index), false, None)
    }

    /// Binds scratch memory to write to.
    pub fn scratch_mut(self, index: usize) -> Self {
        self.bind(Slot::Scratch(index), true, None)
    }

    /// Lets a kernel that can do it note the largest finite magnitude of what it stores (`shaders/include/noted.wgsl`), behind all else that
    /// it binds.
    pub fn noting(mut self) -> Self {
        let word = format!("@group(0) @binding({}) var<storage, read_write> largest_stored: atomic<u32>;\n", self.bindings.len() + 1);
        self.header.insert_str(0, "#set NOTES 1\n");
        self.header(word).bind(Slot::Noted, true, None)
    }

    /// Binds any slot.
    pub fn bind(mut self, slot: Slot, write: bool, bytes: Option<Range<u64>>) -> Self {
        self.bindings.push(Binding { slot, write, bytes, half: false });
        self
    }
}
