//! Plans: a graph made ready to run on one device, again and again.
//!
//! [`Plan::compile`] orders the nodes, folds constants, chooses kernels, shares buffers by lifetime and makes
//! pipelines and bind groups. [`Plan::run`] uploads, replays the dispatches and downloads; it allocates nothing.

mod absorb;
mod cache;
mod check;
mod choose;
mod cost;
mod cpu;
mod device;
mod fuse;
mod hold;
mod largest;
mod layout;
mod memory;
mod place;
mod profile;
mod program;
mod readback;
mod run;
mod self_test;
mod tune;

pub use cache::PlanCache;
pub use check::{Checked, Difference, Element, Summary};
pub use cost::Cost;
pub use profile::{KernelTime, Profile, Row};
pub use tune::{TuneOptions, Tuned, Way, tune};

use crate::array::{Array, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Gpu, in_a_browser, waited};
use crate::graph::Var;
use crate::ops::Precision;
use choose::Chooser;
use layout::Layout;
use program::Program;
use readback::Waiting;
use std::ops::ControlFlow;

/// Where a plan runs.
#[derive(Clone, Debug)]
pub enum Device {
    /// The operators' kernels, on an adapter.
    Gpu(Gpu),
    /// The operators' references, on the host.
    Cpu,
}

impl From<&Gpu> for Device {
    fn from(gpu: &Gpu) -> Self {
        Self::Gpu(gpu.clone())
    }
}

impl From<&Self> for Device {
    fn from(device: &Self) -> Self {
        device.clone()
    }
}

impl Device {
    /// The adapter's name, or `CPU reference`.
    pub fn name(&self) -> &str {
        match self {
            Self::Gpu(gpu) => &gpu.capabilities().name,
            Self::Cpu => "CPU reference",
        }
    }
}

/// What a plan may be asked for beyond its outputs.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How exact products and sums are.
    pub precision: Precision,
    /// Whether a GPU computes several operators in one kernel: element-wise ones together, and with the operator before them, and what
    /// an operator can do on the way, as a transposed convolution a crop.
    pub fusion: bool,
    /// Whether steps go the ways that [`tune()`] measured to be fastest on the adapter, if it did. Without, all machines with the same
    /// capabilities choose the same kernels, today and later.
    pub tuned: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { precision: Precision::default(), fusion: true, tuned: true }
    }
}

impl Options {
    /// Refuses a precision that the device does not have.
    fn check(&self, gpu: &Gpu) -> Result<()> {
        if self.precision == Precision::F16 && !gpu.capabilities().features.contains(wgpu::Features::SHADER_F16) {
            return Err(Error::Device(format!("{} has no 16-bit floats in shaders, which Precision::F16 needs", gpu.capabilities().name)));
        }
        Ok(())
    }
}

/// `program` as it is laid out: what f16 holds is marked, and operators are fused, as `options` have it.
fn prepared(mut program: Program, chooser: &Chooser<'_>, options: Options) -> Program {
    if options.precision == Precision::F16 {
        hold::hold(&mut program);
    }
    if options.fusion { fuse::fuse(program, chooser) } else { program }
}

/// A computation ready to run. See the [module](self).
#[derive(Debug)]
pub struct Plan {
    program: Program,
    backend: Backend,
}

#[derive(Debug)]
enum Backend {
    Gpu(Box<device::Compiled>),
    Cpu(cpu::Interpreter),
}

impl Plan {
    /// Makes `outputs`, and the state updates they need, ready to run on `device`.
    ///
    /// # Errors
    /// If the outputs are of different graphs, or the device cannot hold or compute a node, which is then named.
    pub fn compile(device: impl Into<Device>, outputs: &[&Var]) -> Result<Self> {
        Self::compile_with(device, outputs, Options::default())
    }

    /// [`Plan::compile`] with options.
    ///
    /// # Errors
    /// As [`Plan::compile`].
    pub fn compile_with(device: impl Into<Device>, outputs: &[&Var], options: Options) -> Result<Self> {
        waited(Self::compile_async(device, outputs, options))
    }

    /// [`Plan::compile_with`] for the browser, which tells only later whether it took the kernels. Natively it compiles before it returns.
    ///
    /// # Errors
    /// As [`Plan::compile`].
    pub async fn compile_async(device: impl Into<Device>, outputs: &[&Var], options: Options) -> Result<Self> {
        let program = Program::of(outputs)?;
        Ok(match device.into() {
            Device::Gpu(gpu) => {
                options.check(&gpu)?;
                let chooser = Chooser::of(&gpu, options, self_test::passes);
                let program = prepared(program, &chooser, options);
                let layout = Layout::of(&chooser, &program)?;
                let backend = Backend::Gpu(Box::new(device::Compiled::new_async(&gpu, &program, layout).await?));
                Self { program, backend }
            }
            Device::Cpu => {
                let backend = Backend::Cpu(cpu::Interpreter::new(&program));
                Self { program, backend }
            }
        })
    }

    /// Plans of the same outputs that together go every way that the device can go at each step: the first takes the best guess
    /// everywhere, the last what runs on any device. For tests and measurements.
    ///
    /// # Errors
    /// As [`Plan::compile`].
    pub fn ways(gpu: &Gpu, outputs: &[&Var], options: Options) -> Result<Vec<Self>> {
        options.check(gpu)?;
        let chooser = Chooser::unmeasured(gpu.capabilities(), options);
        let program = prepared(Program::of(outputs)?, &chooser, options);
        let ways = program.steps.iter().map(|step| chooser.candidates(&program, step)).collect::<Result<Vec<_>>>()?;
        let most = ways.iter().map(Vec::len).max().unwrap_or(1);
        let plan = |number: usize| {
            let chosen = ways.iter().map(|ways| ways[number.min(ways.len() - 1)].clone()).collect();
            let layout = Layout::with(chooser.device(), &program, chosen);
            let backend = Backend::Gpu(Box::new(device::Compiled::new(gpu, &program, layout)?));
            Ok(Self { program: program.clone(), backend })
        };
        (0..most).map(plan).collect()
    }

    /// Runs once: `inputs` by name, the outputs in the order given to [`Plan::compile`].
    ///
    /// # Errors
    /// If an input is unknown, missing or of another type, or the device fails.
    pub fn run(&mut self, inputs: &[(&str, &Array)]) -> Result<Vec<Array>> {
        let given = self.program.bind(inputs)?;
        match &mut self.backend {
            Backend::Gpu(compiled) => compiled.run(&given),
            Backend::Cpu(interpreter) => interpreter.run(&self.program, &given),
        }
    }

    /// [`Plan::run`] into memory that is there: what `outputs` holds is overwritten where it has an output's type, and replaced
    /// elsewhere. Large outputs cost several times as much in memory that the system has yet to find. After an error `outputs` holds
    /// nothing that counts.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub fn run_into(&mut self, inputs: &[(&str, &Array)], outputs: &mut Vec<Array>) -> Result<()> {
        let given = self.program.bind(inputs)?;
        match &mut self.backend {
            Backend::Gpu(compiled) => compiled.run_into(&given, outputs),
            Backend::Cpu(interpreter) => {
                *outputs = interpreter.run(&self.program, &given)?;
                Ok(())
            }
        }
    }

    /// [`Plan::run`] for callers with an executor: never blocks the thread it is polled on while a GPU works. A run that is dropped before
    /// its end leaves the plan usable; whether its states have changed is open.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub async fn run_async(&mut self, inputs: &[(&str, &Array)]) -> Result<Vec<Array>> {
        let given = self.program.bind(inputs)?;
        match &mut self.backend {
            Backend::Gpu(compiled) => compiled.run_async(&given).await,
            Backend::Cpu(interpreter) => interpreter.run(&self.program, &given),
        }
    }

    /// Name and type of every input, in the order the graph got them.
    pub fn inputs(&self) -> impl Iterator<Item = (&str, &TensorType)> {
        self.program.inputs.iter().map(|(name, value)| (name.as_str(), self.program.ty(*value)))
    }

    /// Types of the outputs.
    pub fn outputs(&self) -> impl Iterator<Item = &TensorType> {
        self.program.outputs.iter().map(|value| self.program.ty(*value))
    }

    /// Name and type of every state.
    pub fn states(&self) -> impl Iterator<Item = (&str, &TensorType)> {
        self.program.states.iter().map(|state| (state.name.as_str(), self.program.ty(state.value)))
    }

    /// The state called `name`, as the last run left it.
    ///
    /// # Errors
    /// If there is no such state or the device fails.
    pub fn state(&mut self, name: &str) -> Result<Array> {
        let index = self.program.state(name)?;
        match &mut self.backend {
            Backend::Gpu(compiled) => compiled.read(&self.program, self.program.states[index].value),
            Backend::Cpu(interpreter) => Ok(interpreter.states[index].clone()),
        }
    }

    /// [`Plan::state`] for callers with an executor, and for the browser, as [`Plan::run_async`].
    ///
    /// # Errors
    /// As [`Plan::state`].
    pub async fn state_async(&mut self, name: &str) -> Result<Array> {
        let index = self.program.state(name)?;
        match &mut self.backend {
            Backend::Gpu(compiled) => compiled.read_async(&self.program, self.program.states[index].value, Waiting::Elsewhere).await,
            Backend::Cpu(interpreter) => Ok(interpreter.states[index].clone()),
        }
    }

    /// Replaces the state called `name`.
    ///
    /// # Errors
    /// If there is no such state or `array` is of another type.
    pub fn set_state(&mut self, name: &str, array: &Array) -> Result<()> {
        let index = self.program.state(name)?;
        let ty = self.program.ty(self.program.states[index].value);
        if *ty != array.ty() {
            return Err(Error::shape("set_state", format!("state '{name}' is {ty}, not {}", array.ty())));
        }
        match &mut self.backend {
            Backend::Gpu(compiled) => compiled.write_state(index, array),
            Backend::Cpu(interpreter) => {
                interpreter.states[index] = array.clone();
                Ok(())
            }
        }
    }

    /// Sets every state back to what the graph gave it.
    ///
    /// # Errors
    /// If the device fails.
    pub fn reset_states(&mut self) -> Result<()> {
        let initial: Vec<_> = self.program.states.iter().map(|s| (s.name.clone(), s.initial.clone())).collect();
        initial.iter().try_for_each(|(name, array)| self.set_state(name, array))
    }

    /// Nodes, kernels and bytes, a line each.
    pub fn describe(&self) -> String {
        match &self.backend {
            Backend::Gpu(compiled) => compiled.describe(&self.program),
            Backend::Cpu(_) => self.program.describe(),
        }
    }

    /// Bytes of GPU memory that the plan holds: weights, inputs, intermediate values, scratch and staging.
    pub fn device_bytes(&self) -> u64 {
        match &self.backend {
            Backend::Gpu(compiled) => compiled.device_bytes(),
            Backend::Cpu(_) => 0,
        }
    }

    /// Runs on the GPU step by step and compares what each node makes with what its reference makes of the same inputs, those that the
    /// GPU computed, so that errors do not add up. `on` is told of each node, and ends the check by breaking.
    ///
    /// For plans of [`Precision::F32`]. Integers and truth values must be equal, but where roundings decide what an index points at
    /// ([`Op::expected`](crate::ops::Op::expected)). A float may be off by [`Element::allowed`]; NaN must meet NaN and an infinity itself.
    ///
    /// # Errors
    /// As [`Plan::run`], if a reference fails, or if the plan is for the CPU.
    pub fn check(&mut self, inputs: &[(&str, &Array)], on: impl FnMut(&Checked<'_>) -> ControlFlow<()>) -> Result<Summary> {
        let given = self.program.bind(inputs)?;
        let (program, compiled) = self.gpu("check")?;
        compiled.check(program, &given, on)
    }

    /// Runs once and times every dispatch on the GPU.
    ///
    /// # Errors
    /// As [`Plan::run`], and if the device has no timestamps.
    pub fn profile(&mut self, inputs: &[(&str, &Array)]) -> Result<Profile> {
        let given = self.program.bind(inputs)?;
        self.gpu("profile")?.1.profile(&given)
    }

    /// Replays all dispatches `repeats` times in one pass, `samples` times, on the inputs of the last run, after
    /// keeping the device busy for `warm_up`. Returns the GPU microseconds of one replay for each sample.
    ///
    /// # Errors
    /// If the device fails or has no timestamps.
    pub fn time(&mut self, repeats: u32, samples: u32, warm_up: std::time::Duration) -> Result<Vec<f64>> {
        self.gpu("time")?.1.time(repeats, samples, warm_up)
    }

    /// For what waits for the device step by step.
    fn gpu(&mut self, what: &'static str) -> Result<(&Program, &mut device::Compiled)> {
        if cfg!(target_arch = "wasm32") {
            return Err(in_a_browser());
        }
        match &mut self.backend {
            Backend::Gpu(compiled) => Ok((&self.program, compiled)),
            Backend::Cpu(_) => Err(Error::unsupported(what, "the plan runs on the CPU reference, not on a GPU")),
        }
    }
}
