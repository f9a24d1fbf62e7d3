//! `foveate tune`

use super::AdapterArgs;
use super::bars;
use super::bench_cases::{Built, CaseArgs};
use super::inputs::DimArgs;
use super::precision::PrecisionArgs;
use clap::Args;
use foveate::gpu::Gpu;
use foveate::graph::Var;
use foveate::onnx::{Bindings, Model};
use foveate::plan::{Options, TuneOptions, Tuned, tune};
use foveate::{Error, Result};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(after_help = "\
Where an operator has several kernels, plans take what is best by rule. This command times them
all on this adapter, as the steps of an ONNX model or as the rows of `foveate bench`, and keeps
the fastest under the adapter, its driver, the operator with its attributes, the class of its
shapes and the shaders' texts: plans take it from then on, in this program and in others. A
kernel whose numbers are off is never taken.

Choices lie in $FOVEATE_CACHE_DIR, else in foveate under the user's cache folder. Networks in
training do not look at them, so that a run can be repeated.

Examples:
  foveate tune model.onnx --dim N=1
  foveate tune                                    the operators and networks of foveate bench
  foveate tune --only fcn8s --longest 10
  foveate tune --list
  foveate tune --forget")]
pub(super) struct Tune {
    /// An .onnx file; the rows of foveate bench if not given
    model: Option<PathBuf>,
    #[command(flatten)]
    dims: DimArgs,
    #[command(flatten)]
    cases: CaseArgs,
    #[command(flatten)]
    precision: PrecisionArgs,
    /// Leave steps as they are of which one run might take longer
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    longest: f64,
    /// Leave steps as they are whose kernels together need more memory
    #[arg(long, value_name = "MIB", default_value_t = 2048)]
    memory: u64,
    /// Measure again what was measured before
    #[arg(long)]
    again: bool,
    /// Tune for a software adapter too: its times depend on what else the machine does
    #[arg(long)]
    software: bool,
    /// Print what was chosen before, and measure nothing
    #[arg(long, conflicts_with_all = ["model", "forget"])]
    list: bool,
    /// Forget all choices for this adapter
    #[arg(long, conflicts_with = "model")]
    forget: bool,
    #[command(flatten)]
    adapter: AdapterArgs,
}

impl Tune {
    pub(super) fn run(self) -> Result<ExitCode> {
        let gpu = self.adapter.open()?;
        let name = &gpu.capabilities().name;
        if self.list {
            for (_, choice) in gpu.choices().all() {
                let times: Vec<String> = choice.times.iter().map(|(name, us)| format!("{name} {us:.1} us")).collect();
                println!("{}: {} of {}", choice.of, choice.name, times.join(", "));
            }
            println!("{} choices for {name}", gpu.choices().len());
            return Ok(ExitCode::SUCCESS);
        }
        if self.forget {
            let count = gpu.choices().len();
            gpu.choices().clear()?;
            println!("{count} choices for {name} forgotten");
            return Ok(ExitCode::SUCCESS);
        }
        if gpu.capabilities().software && !self.software {
            let reason = format!(
                "{name} is a software adapter, whose times depend on what else the machine does; --software tunes for it all the same"
            );
            return Err(Error::Device(reason));
        }
        let longest = Duration::try_from_secs_f64(self.longest)
            .map_err(|_| Error::shape("--longest", format!("{} is no number of seconds", self.longest)))?;
        let memory = self.memory.saturating_mul(1 << 20);
        let plan = Options { precision: self.precision.precision(), ..Options::default() };
        let options = TuneOptions { plan, longest, memory, again: self.again };
        let mut count = Count::default();
        for (source, outputs) in self.graphs()? {
            graph(&gpu, &source, &outputs, options, &mut count)?;
        }
        let Count { measured, changed, known, left } = count;
        println!("{measured} measured, of which {changed} go another way now; {known} known before, {left} left as they are");
        println!("kept in {}", gpu.choices().save()?.display());
        Ok(ExitCode::SUCCESS)
    }

    /// What to tune for: a name and outputs each.
    fn graphs(&self) -> Result<Vec<(String, Vec<Var>)>> {
        let Some(path) = &self.model else {
            let built = |case: super::bench_cases::Case| {
                let Built { outputs, .. } = case.build()?;
                Ok((case.name, outputs))
            };
            return self.cases.read()?.into_iter().map(built).collect();
        };
        let model = Model::open(path)?;
        let import = model.import(&Bindings { dims: self.dims.sizes()?, ..Bindings::default() })?;
        super::run::warn(&import);
        let session = import.session()?;
        let outputs: Vec<Var> = session.vars().into_iter().cloned().collect();
        Ok(if outputs.is_empty() { Vec::new() } else { vec![(model.source().to_owned(), outputs)] })
    }
}

/// Tunes for one graph, and says what became of each step.
fn graph(gpu: &Gpu, source: &str, outputs: &[Var], options: TuneOptions, count: &mut Count) -> Result<()> {
    let bar = bars::counted(0).with_prefix(format!("{source} "));
    let result = tune(gpu, &outputs.iter().collect::<Vec<_>>(), options, |step, number, of| {
        bar.set_length(of as u64);
        bar.set_position(number as u64 + 1);
        bar.set_message(step.node.clone());
        count.add(step);
        if !step.known {
            bar.suspend(|| println!("{source}: {}", text(step)));
        }
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    result
}

/// Steps by what became of them.
#[derive(Debug, Default)]
struct Count {
    measured: usize,
    changed: usize,
    known: usize,
    left: usize,
}

impl Count {
    fn add(&mut self, step: &Tuned) {
        match (step.known, &step.left) {
            (true, _) => self.known += 1,
            (false, Some(_)) => self.left += 1,
            (false, None) => {
                self.measured += 1;
                self.changed += usize::from(step.chosen != 0);
            }
        }
    }
}

/// A step in a line: what was chosen, and of what.
fn text(step: &Tuned) -> String {
    let way = |way: &foveate::plan::Way| match (&way.wrong, way.us) {
        (Some(_), _) => format!("{} wrong", way.name),
        (None, Some(us)) => format!("{} {us:.1} us", way.name),
        (None, None) => way.name.clone(),
    };
    let ways = step.ways.iter().map(way).collect::<Vec<_>>().join(", ");
    match &step.left {
        Some(reason) => format!("{} {} is left as it is: {reason}", step.node, step.signature),
        None => format!("{} {}: {} of {ways}", step.node, step.signature, step.ways[step.chosen].name),
    }
}
