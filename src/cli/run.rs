//! `foveate run`

use super::DeviceArgs;
use super::inputs::{InputArgs, ModelArg};
use super::precision::PrecisionArgs;
use clap::Args;
use foveate::Result;
use foveate::onnx::{Import, Tensor, write_npz};
use foveate::plan::Options;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

#[derive(Debug, Args)]
#[command(after_help = "\
Outputs are written under their names, in the model's own element types; what NumPy has no
type for is widened: bfloat16 and float8 to float32, 4-bit integers to 8 bits. An input's
elements must fit the model's exactly; only float64 is narrowed, and that is said. The first
run's time includes compilation.

Examples:
  foveate run model.onnx --seed 1 --dim N=1             random inputs: does it run, and how fast?
  foveate run model.onnx -i x=x.npy -i lengths=lengths.npy -o y.npz
  foveate run model.onnx -i in.npz --device cpu         the operators' definitions, not kernels
  foveate run detector.onnx -i page.png --size 640x640 -o map.npz \\
      --mean 123.675,116.28,103.53 --scale 0.01712,0.01751,0.01743
  foveate run classifier.onnx -i photo.jpg --bgr --mean 104,117,123 --scale 1 --repeat 20")]
pub(super) struct Run {
    #[command(flatten)]
    model: ModelArg,
    #[command(flatten)]
    inputs: InputArgs,
    /// Write the outputs to this file
    #[arg(short, long, value_name = "OUT.npz")]
    output: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    precision: PrecisionArgs,
    /// Time so many runs after the first, and give their median
    #[arg(long, value_name = "N", default_value_t = 1)]
    repeat: u32,
}

impl Run {
    pub(super) fn run(self) -> Result<ExitCode> {
        let precision = self.precision.precision();
        let model = self.model.open()?;
        let device = self.device.open()?;
        let given = self.inputs.read(&model, &device)?;
        let begin = Instant::now();
        let import = model.import(&given)?;
        warn(&import);
        let mut session = import.session()?;
        let imported = begin.elapsed();
        let begin = Instant::now();
        session.compile(&device, Options { precision, ..Options::default() })?;
        let inputs: Vec<(&str, &Tensor)> = given.values.iter().map(|(name, tensor)| (name.as_str(), &**tensor)).collect();
        let outputs = session.run(&inputs)?;
        let first = begin.elapsed();

        println!("{} on {}", model.source(), device.name());
        for port in model.inputs() {
            if let Some(tensor) = given.values.get(&port.name) {
                println!("  input  {}: {}{:?}", port.name, tensor.elem(), tensor.shape());
            }
        }
        for (name, tensor) in &outputs {
            println!("  output {name}: {}{:?}{}", tensor.elem(), tensor.shape(), range(tensor));
        }
        println!("  imported in {:.1} ms, first run {:.1} ms", ms(imported), ms(first));
        let mut times = Vec::new();
        for _ in 0..self.repeat {
            let begin = Instant::now();
            session.run(&inputs)?;
            times.push(ms(begin.elapsed()));
        }
        times.sort_by(f64::total_cmp);
        if let Some(median) = median(&times) {
            println!("  median of {} more: {median:.2} ms", times.len());
        }
        if let Some(path) = &self.output {
            write_npz(path, outputs.iter().map(|(name, tensor)| (name.as_str(), tensor)))?;
            println!("  written to {}", path.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Says what a person should know about an import.
pub(super) fn warn(import: &Import) {
    for warning in import.warnings() {
        eprintln!("warning: {warning}");
    }
    for name in import.pinned() {
        eprintln!("input '{name}' decides shapes: the model is imported for its value");
    }
}

/// The smallest and largest element.
fn range(tensor: &Tensor) -> String {
    let Ok(values) = tensor.floats() else { return String::new() };
    let numbers = || values.iter().copied().filter(|v| !v.is_nan());
    let nan = values.len() - numbers().count();
    let nan = if nan == 0 { String::new() } else { format!(", {nan} NaN") };
    #[expect(clippy::cast_possible_truncation, reason = "floats were computed in f32 if they fit it, and print shorter as such")]
    let shown = |v: f64| match v as f32 {
        short if tensor.elem().is_float() && (short.is_finite() || !v.is_finite()) => short.to_string(),
        _ => v.to_string(),
    };
    match (numbers().reduce(f64::min), numbers().reduce(f64::max)) {
        (Some(low), Some(high)) => format!(", {} to {}{nan}", shown(low), shown(high)),
        _ => nan,
    }
}

/// The middle one, or the mean of the two in the middle.
fn median(sorted: &[f64]) -> Option<f64> {
    let at = |i: usize| sorted.get(i).copied();
    Some(f64::midpoint(at(sorted.len().checked_sub(1)? / 2)?, at(sorted.len() / 2)?))
}

fn ms(time: std::time::Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!([median(&[]), median(&[3.0]), median(&[1.0, 2.0]), median(&[1.0, 2.0, 9.0])], [None, Some(3.0), Some(1.5), Some(2.0)]);
    }
}
