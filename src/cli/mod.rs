//! Commands and the options they share.

mod ask;
mod background;
mod bars;
mod bench;
mod bench_cases;
mod bench_networks;
mod bench_report;
mod by_regions;
mod caption;
mod caption_sheet;
mod ceilings;
mod check;
mod classifiers;
mod classify;
mod cutter;
mod devices;
mod draw;
mod film;
mod init;
mod inputs;
mod inspect;
mod labels;
mod listen;
mod masks;
mod models;
mod photos;
mod pictures;
mod precision;
mod run;
mod segment;
mod systems;
mod things;
mod train;
mod trained;
mod translate;
mod tune;
mod write;

use clap::{Args, Parser, Subcommand, ValueEnum};
use foveate::Result;
use foveate::gpu::{Gpu, GpuOptions};
use foveate::plan::Device;
use std::process::ExitCode;

/// GPU compute for the networks that look: convolution, transposed convolution, grid sampling, attention.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, propagate_version = true, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find the person in photos, or what a model of yours finds, and cut it out
    Segment(segment::Segment),
    /// Say of which class pictures are, with a network that `foveate train` made
    Classify(classify::Classify),
    /// Say what photos show, word by word, with the weights of a published captioner
    Caption(Box<caption::Caption>),
    /// Answer questions about what photos show, with a network that `foveate train` made
    Ask(ask::Ask),
    /// Draw digits, or what a network of yours has learnt to draw, stroke by stroke
    Draw(draw::Draw),
    /// Write by hand what you say, as fonts of pen strokes or a network of yours
    Write(write::Write),
    /// Say how English words are spoken, or translate with a network of yours
    Translate(translate::Translate),
    /// Say which phones are spoken in recordings, with a network that `foveate train` made
    Listen(listen::Listen),
    /// Run an ONNX model on arrays or pictures, and time it
    Run(run::Run),
    /// Say what an ONNX model takes, costs and needs that is not supported
    Inspect(inspect::Inspect),
    /// Compare every node of an ONNX model on the GPU with its reference
    Check(check::Check),
    /// List the published systems with size, cost and source
    Models(models::Models),
    /// Write the weights that a published system's training starts with
    Init(init::Init),
    /// Train a network by a recipe
    Train(Box<train::Train>),
    /// List the adapters of this machine with their features and limits
    Devices(devices::Devices),
    /// Time the operators on the GPU
    Bench(bench::Bench),
    /// Find the fastest kernels for a model on this GPU, and use them from now on
    Tune(tune::Tune),
}

impl Cli {
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self.command {
            Command::Segment(command) => command.run(),
            Command::Classify(command) => command.run(),
            Command::Caption(command) => command.run(),
            Command::Ask(command) => command.run(),
            Command::Draw(command) => command.run(),
            Command::Write(command) => command.run(),
            Command::Translate(command) => command.run(),
            Command::Listen(command) => command.run(),
            Command::Run(command) => command.run(),
            Command::Inspect(command) => command.run(),
            Command::Check(command) => command.run(),
            Command::Models(command) => command.run(),
            Command::Init(command) => command.run(),
            Command::Train(command) => command.run(),
            Command::Devices(command) => command.run(),
            Command::Bench(command) => command.run(),
            Command::Tune(command) => command.run(),
        }
    }
}

/// Where to compute.
#[derive(Debug, Args)]
struct DeviceArgs {
    /// Compute with kernels on an adapter, or with the references on the CPU
    #[arg(long, value_enum, default_value_t = DeviceKind::Gpu)]
    device: DeviceKind,
    #[command(flatten)]
    adapter: AdapterArgs,
}

/// Which adapter to compute on.
#[derive(Debug, Args)]
struct AdapterArgs {
    /// Part of the adapter's name, driver or backend, as `foveate devices` lists them
    #[arg(long, value_name = "NAME", env = "FOVEATE_ADAPTER")]
    adapter: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DeviceKind {
    Gpu,
    Cpu,
}

impl DeviceArgs {
    fn open(&self) -> Result<Device> {
        match self.device {
            DeviceKind::Gpu => Ok(Device::Gpu(self.adapter.open()?)),
            DeviceKind::Cpu => Ok(Device::Cpu),
        }
    }
}

impl AdapterArgs {
    fn open(&self) -> Result<Gpu> {
        let adapter = self.adapter.clone().filter(|name| !name.is_empty());
        Gpu::open(&GpuOptions { adapter, ..GpuOptions::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    /// What is wider than a terminal is wrapped where it was not meant to be.
    #[test]
    fn help_fits_a_terminal() {
        let cli = Cli::command();
        let texts = cli.get_subcommands().map(|c| (c.get_name(), c.get_after_help().map(ToString::to_string).unwrap_or_default()));
        for (name, text) in texts {
            for line in text.lines() {
                assert!(line.chars().count() <= 100, "{name}: {line}");
            }
        }
    }
}
