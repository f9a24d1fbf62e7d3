//! The run of a recipe.

use super::experiment::{Experiment, Inputs};
use super::recipe::Recipe;
use crate::cli::bars;
use crate::cli::photos::milliseconds;
use foveate::array::{Array, file};
use foveate::graph::Graph;
use foveate::nn::{RANDOM_STEP, Random, Weights};
use foveate::plan::{Device, KernelTime, Plan};
use foveate::train::{Batch, Dataset, Loader, Log, Objective, Trainer};
use foveate::{Error, Result};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Set by Ctrl-C.
static STOPPED: AtomicBool = AtomicBool::new(false);

/// A recipe and where it runs.
pub(super) struct Run {
    /// The recipe's text.
    pub(super) text: String,
    pub(super) recipe: Recipe,
    pub(super) data: PathBuf,
    pub(super) output: PathBuf,
    pub(super) resume: bool,
    /// One step is timed, and nothing is trained.
    pub(super) profile: bool,
    pub(super) device: Device,
}

impl Run {
    pub(super) fn run(self) -> Result<ExitCode> {
        let Self { recipe, output, .. } = &self;
        let checkpoint = output.join("checkpoint.safetensors");
        if !self.profile && checkpoint.exists() != self.resume {
            let reason = if self.resume {
                "is not there: nothing to resume"
            } else {
                "is of an earlier run: --resume goes on with it, --output goes elsewhere"
            };
            return Err(Error::model(checkpoint.display().to_string(), reason));
        }
        let experiment = recipe.experiment(&self.data)?;
        let experiment = &*experiment;
        let [learnt, test] = experiment.data(&self.data, recipe.train.seed)?;
        let learnt = recipe.augmented(learnt)?;
        let (weights, learnt) = experiment.begun(&self.device, experiment.initial(recipe.train.seed)?, learnt)?;
        let weights = weights.as_states();
        let begin = Instant::now();
        let mut trainer = self.trainer(experiment, &weights, &*learnt)?;
        if self.profile {
            return self.profile(&mut trainer, learnt);
        }
        let mut evaluation = Evaluation::new(&self.device, experiment, &weights, &test, experiment.at_once(recipe.train.batch))?;
        println!(
            "{}: {} parameters, {} examples, {} for tests; compiled for {} in {}",
            experiment.name(),
            weights.parameters(),
            learnt.len(),
            test.len(),
            self.device.name(),
            milliseconds(begin)
        );
        std::fs::create_dir_all(output).map_err(|e| Error::io(output, e))?;
        let scores = experiment.tally()?.scores();
        let of_steps = ["loss", "rate"].map(str::to_owned).into_iter().chain(trainer.metrics().iter().cloned());
        let mut log = Log::new(of_steps.chain(scores.into_iter().map(|(name, _)| name.to_owned())));
        if self.resume {
            trainer.restore(&checkpoint)?;
            log = Log::open(output.join("log.csv"), trainer.steps())?;
        }
        file::write(output.join("recipe.toml"), self.text.as_bytes())?;
        // A second handler is refused, and the first does the same.
        let _ = ctrlc::set_handler(|| STOPPED.store(true, Ordering::Relaxed));

        let bar = bars::rated(recipe.train.steps).with_position(trainer.steps());
        let ready = |trainer: &mut Trainer| {
            // What is not learnt is part of the network, too.
            let whole = trainer.weights()?.completed(&weights);
            experiment.ready(&self.device, whole, &learnt, recipe.train.batch)
        };
        let batches = Loader::shuffled(Arc::clone(&learnt), recipe.train.batch, recipe.train.seed, trainer.steps())?;
        let mut saved = self.resume.then(|| trainer.steps());
        for batch in batches {
            if trainer.steps() >= recipe.train.steps || STOPPED.load(Ordering::Relaxed) {
                break;
            }
            let batch = batch?;
            let progress = match trainer.step(&asked(trainer.plan(), &batch)) {
                Ok(progress) => progress,
                Err(error) => {
                    // The states are those before the step: what was learnt until then is not lost.
                    bar.finish_and_clear();
                    let weights = ready(&mut trainer)?;
                    self.save(&mut trainer, &weights, &log)?;
                    return Err(error);
                }
            };
            let step = progress.step;
            bar.set_position(step);
            if step.is_multiple_of(recipe.train.report) || step == recipe.train.steps {
                let loss = trainer.take_mean_loss().unwrap_or(progress.loss);
                bar.set_message(format!("loss {loss:.4}, rate {:.2e}", progress.rate));
                let metrics = trainer.metrics().iter().map(String::as_str).zip(progress.metrics.iter().copied());
                log.add(step, &[("loss", loss), ("rate", progress.rate)].into_iter().chain(metrics).collect::<Vec<_>>());
                log.save(output.join("log.csv"))?;
            }
            if step.is_multiple_of(recipe.train.evaluate) || step == recipe.train.steps {
                let weights = ready(&mut trainer)?;
                let scores = evaluation.run(&weights, &self)?;
                log.add(step, &scores);
                let text: Vec<String> = scores.iter().map(|(name, number)| format!("{name} {number:.4}")).collect();
                let line = format!("step {step}: loss {:.4}, {}", log.last("loss").unwrap_or(progress.loss), text.join(", "));
                bar.suspend(|| println!("{line}"));
                self.save(&mut trainer, &weights, &log)?;
                saved = Some(step);
            }
        }
        if saved != Some(trainer.steps()) {
            let weights = ready(&mut trainer)?;
            self.save(&mut trainer, &weights, &log)?;
        }
        bar.finish_and_clear();
        let stopped = if trainer.steps() < recipe.train.steps { "; --resume goes on" } else { "" };
        println!("{} steps in {}; saved to {}{stopped}", trainer.steps(), milliseconds(begin), output.display());
        Ok(ExitCode::SUCCESS)
    }

    /// Times the kernels of the first step: a table, and a trace.
    fn profile(&self, trainer: &mut Trainer, learnt: Arc<dyn Dataset>) -> Result<ExitCode> {
        let mut batches = Loader::shuffled(learnt, self.recipe.train.batch, self.recipe.train.seed, 0)?;
        let batch = batches.next().ok_or_else(|| Error::shape("train", "the data are empty"))??;
        let inputs = asked(trainer.plan(), &batch);
        // The first run of a kernel may compile it.
        trainer.profile(&inputs)?;
        let profile = trainer.profile(&inputs)?;
        let total = profile.total_us();
        for KernelTime { kernel, dispatches, us, bytes } in profile.kernels() {
            let (ms, share, rate) = (us / 1e3, 100.0 * us / total, bytes as f64 / us.max(1e-3) / 1e3);
            println!("{kernel:32} {dispatches:>5} x {ms:>10.3} ms {share:>6.1} % {rate:>8.2} GB/s");
        }
        std::fs::create_dir_all(&self.output).map_err(|e| Error::io(&self.output, e))?;
        let trace = self.output.join("trace.json");
        profile.write_chrome_trace(&trace)?;
        println!("a step: {:.3} ms on {}; in order in {}", total / 1e3, profile.device, trace.display());
        Ok(ExitCode::SUCCESS)
    }

    fn trainer(&self, experiment: &dyn Experiment, weights: &Weights, data: &dyn Dataset) -> Result<Trainer> {
        let recipe = &self.recipe;
        let graph = Graph::new();
        let inputs = Inputs::new(&graph, data, recipe.train.batch)?;
        let mut random = Random::new(&graph, recipe.train.seed)?;
        let objective = experiment.objective(&graph, weights, &inputs, &mut random)?;
        let objective = Objective { parameters: recipe.multiplied(objective.parameters), ..objective };
        let schedule = recipe.schedule.clone().over(recipe.train.steps);
        let trainer = Trainer::new(&self.device, &objective, &recipe.optimiser, schedule, recipe.clip())?;
        Ok(experiment.metadata().iter().fold(trainer, |trainer, (key, value)| trainer.with_metadata(key, value)))
    }

    fn save(&self, trainer: &mut Trainer, weights: &Weights, log: &Log) -> Result<()> {
        log.save(self.output.join("log.csv"))?;
        log.draw(self.output.join("curves.png"))?;
        weights.save(self.output.join("weights.safetensors"))?;
        trainer.save(self.output.join("checkpoint.safetensors"))
    }
}

/// The network as it is used, on data that it does not learn from.
struct Evaluation<'a> {
    plan: Plan,
    experiment: &'a dyn Experiment,
    data: Arc<dyn Dataset>,
    batch: usize,
}

impl<'a> Evaluation<'a> {
    fn new(device: &Device, experiment: &'a dyn Experiment, weights: &Weights, data: &Arc<dyn Dataset>, batch: usize) -> Result<Self> {
        let graph = Graph::new();
        let inputs = Inputs::new(&graph, &**data, batch)?;
        let answers = experiment.answers(&graph, weights, &inputs)?;
        let plan = Plan::compile(device, &answers.iter().collect::<Vec<_>>())?;
        Ok(Self { plan, experiment, data: Arc::clone(data), batch })
    }

    fn run(&mut self, weights: &Weights, run: &Run) -> Result<Vec<(&'static str, f64)>> {
        let names: Vec<String> = self.plan.states().map(|(name, _)| name.to_owned()).collect();
        // What is drawn at random is the same in each evaluation.
        let zero = Arc::new(Array::scalar(0u32));
        names.iter().try_for_each(|name| self.plan.set_state(name, if name == RANDOM_STEP { &zero } else { weights.get(name)? }))?;
        let mut tally = self.experiment.tally()?;
        for (number, batch) in Loader::in_order(Arc::clone(&self.data), self.batch)?.enumerate() {
            let batch = batch?;
            let answers = self.plan.run(&asked(&self.plan, &batch))?;
            tally.add(&batch, &answers)?;
            if number == 0 {
                self.experiment.draw(&batch, &answers, &run.output)?;
            }
        }
        Ok(tally.scores().into_iter().filter_map(|(name, score)| Some((name, score?))).collect())
    }
}

/// The tensors of `batch` that `plan` takes: who draws has no use for labels.
fn asked<'b>(plan: &Plan, batch: &'b Batch) -> Vec<(&'b str, &'b Array)> {
    batch.inputs().into_iter().filter(|(name, _)| plan.inputs().any(|(asked, _)| asked == *name)).collect()
}
