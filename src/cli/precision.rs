//! `--precision`, for commands that compile plans.

use clap::{Args, ValueEnum};
use foveate::ops::Precision;

#[derive(Clone, Copy, Debug, Args)]
pub(super) struct PrecisionArgs {
    /// How exact products and sums are
    #[arg(long = "precision", value_name = "PRECISION", value_enum, default_value_t = Choice::F32)]
    choice: Choice,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Choice {
    /// f32 products and sums, or what is as exact
    F32,
    /// Factors of 11 binary digits and f32 sums, on GPUs that are faster so
    Fast,
    /// Tensors in half the memory, as f16; products and sums as with fast
    F16,
}

impl PrecisionArgs {
    /// What a plan is asked for.
    pub(super) fn precision(self) -> Precision {
        match self.choice {
            Choice::F32 => Precision::F32,
            Choice::Fast => Precision::Fast,
            Choice::F16 => Precision::F16,
        }
    }

    /// What reports call it.
    pub(super) fn name(self) -> &'static str {
        match self.choice {
            Choice::F32 => "f32",
            Choice::Fast => "fast",
            Choice::F16 => "f16",
        }
    }
}
