//! `foveate init`

use super::photos::milliseconds;
use super::systems::System;
use super::trained;
use clap::Args;
use foveate::Result;
use indicatif::ProgressBar;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

#[derive(Debug, Args)]
#[command(after_help = "\
Weights have the names and shapes of the released checkpoints. A network that its paper
made out of a trained classifier takes that from --trunk: layers of the same names are
kept, fc6 and fc7 become convolutions, what is new starts as published. torchvision's and
timm's VGG-16 and VGG-19, also with batch normalisation, are taken as they are. Without
--trunk the classifier's layers are random numbers, and the network says nothing of use yet.

Examples:
  foveate init fcn32s --trunk vgg16.safetensors -o fcn32s.safetensors
  foveate init fcn16s --trunk fcn32s.safetensors -o fcn16s.safetensors    one after the other
  foveate init show-attend-tell --trunk vgg19.safetensors -o coco.safetensors    with the encoder
  foveate init st-cnn --seed 3 -o st-cnn.safetensors")]
pub(super) struct Init {
    /// The system, as `foveate models` lists it
    system: String,
    /// Where to write
    #[arg(short, long, value_name = "FILE.safetensors")]
    output: PathBuf,
    /// Weights of the network that it is made of
    #[arg(long, value_name = "FILE.safetensors")]
    trunk: Option<PathBuf>,
    /// Another number gives other random weights
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Init {
    pub(super) fn run(self) -> Result<ExitCode> {
        let system = System::named(&self.system)?;
        let trunk = self.trunk.as_deref().map(trained::start).transpose()?;
        let begin = Instant::now();
        let spinner = ProgressBar::new_spinner().with_message(format!("drawing the weights of {}", system.name()));
        spinner.enable_steady_tick(Duration::from_millis(100));
        let weights = system.initial(self.seed, trunk.as_ref())?;
        weights.save(&self.output)?;
        spinner.finish_and_clear();
        let (name, to) = (system.name(), self.output.display());
        println!(
            "{name}: {} tensors, {} numbers, written to {to} in {}",
            weights.names().count(),
            weights.parameters(),
            milliseconds(begin)
        );
        Ok(ExitCode::SUCCESS)
    }
}
