//! `foveate models`

use super::systems::System;
use clap::Args;
use foveate::Result;
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  foveate models    parameters, multiply-adds for a picture, sentence or line, and sources")]
pub(super) struct Models {}

impl Models {
    #[expect(clippy::unused_self, reason = "the shape of a command")]
    pub(super) fn run(self) -> Result<ExitCode> {
        println!("{:<22} {:>12} {:>16}  {:<10}  source", "system", "parameters", "multiply-adds", "input");
        for system in System::all() {
            let size = system.size()?;
            let (name, source) = (system.name(), system.source());
            println!("{name:<22} {:>12} {:>16}  {:<10}  {source}", size.parameters, size.multiply_adds, size.picture);
        }
        Ok(ExitCode::SUCCESS)
    }
}
