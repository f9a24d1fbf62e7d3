//! `foveate bench`

use super::AdapterArgs;
use super::bench_cases::{Built, Case, CaseArgs};
use super::bench_report::{Before, Missing, Report, Row};
use super::ceilings::Ceilings;
use super::precision::PrecisionArgs;
use clap::Args;
use foveate::array::file;
use foveate::gpu::Gpu;
use foveate::plan::{Options, Plan};
use foveate::{Error, Result};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(after_help = "\
A row is ten dispatches in one pass, timed on the GPU; the time is a tenth of the median of twenty
passes. The device is kept busy for 150 ms before each row. A row that would take longer than
--budget gets fewer dispatches, and says so. FLOP count useful products and sums only; bytes are
those of inputs and outputs in f32, each once. The percentages are shares of what the device was
seen to reach beforehand: f32 products and sums in registers, and a copy through memory. Beside
them stands how fast a run brings an input to the device and an output back, by the host's clock.

Examples:
  foveate bench --only deconv
  foveate bench --cases my-cases.json --json out.json
  foveate bench --adapter nvidia --precision fast --json ours.json
  foveate bench --against before.json          how many times faster than an earlier --json")]
pub(super) struct Bench {
    #[command(flatten)]
    cases: CaseArgs,
    #[command(flatten)]
    precision: PrecisionArgs,
    /// Write the rows to this file too
    #[arg(long, value_name = "OUT")]
    json: Option<PathBuf>,
    /// Compare with the rows of a file that --json wrote: above 1 is faster than then
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Seconds that one row may take, roughly
    #[arg(long, value_name = "SECONDS", default_value_t = 20.0)]
    budget: f64,
    #[command(flatten)]
    adapter: AdapterArgs,
}

const REPEATS: u32 = 10;
const SAMPLES: u32 = 20;

impl Bench {
    pub(super) fn run(self) -> Result<ExitCode> {
        let options = Options { precision: self.precision.precision(), ..Options::default() };
        let cases = self.cases.read()?;
        let before = self.against.as_deref().map(Before::open).transpose()?;
        let gpu = self.adapter.open()?;
        let device = gpu.capabilities();
        println!("{} ({})", device.name, device.driver);
        let ceilings = Ceilings::measure(&gpu)?;
        let Ceilings { gflops, gbytes, upload, readback } = ceilings;
        println!(
            "at most {gflops:.1} GFLOP/s in f32, {gbytes:.1} GB/s in memory, {upload:.1} GB/s to it and {readback:.1} GB/s back, as measured"
        );
        println!("{:36} {:>12} {:>10} {:>5} {:>9} {:>5}", "row", "us", "GFLOP/s", "", "GB/s", "");
        let mut report = Report { device: device.name.clone(), ceilings, rows: Vec::new(), missing: Vec::new() };
        for case in cases {
            match self.row(&gpu, &case, options) {
                Ok(row) => {
                    let cut = if (row.repeats, row.samples) == (REPEATS, SAMPLES) {
                        String::new()
                    } else {
                        format!("  {} x {}", row.repeats, row.samples)
                    };
                    let (compute, memory) = (100.0 * row.gflops / ceilings.gflops, 100.0 * row.gbytes / ceilings.gbytes);
                    let Row { name, us, gflops, gbytes, .. } = &row;
                    println!("{name:36} {us:>12.1} {gflops:>10.1} {compute:>4.0}% {gbytes:>9.1} {memory:>4.0}%{cut}");
                    report.rows.push(row);
                }
                Err(error) => {
                    println!("{:36} missing: {error}", case.name);
                    report.missing.push(Missing { name: case.name, reason: error.to_string() });
                }
            }
        }
        println!("{} rows, {} missing", report.rows.len(), report.missing.len());
        if let Some(before) = before {
            before.compare(&report.rows);
        }
        if let Some(path) = &self.json {
            let text = serde_json::to_string_pretty(&report).map_err(|e| Error::model("report", e.to_string()))?;
            file::write(path, (text + "\n").as_bytes())?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn row(&self, gpu: &Gpu, case: &Case, options: Options) -> Result<Row> {
        let Built { outputs, flops, bytes } = case.build()?;
        let mut plan = Plan::compile_with(gpu, &outputs.iter().collect::<Vec<_>>(), options)?;
        // One replay to compile and to know how many the budget allows.
        let once = plan.time(1, 2, Duration::ZERO)?.into_iter().fold(f64::MAX, f64::min);
        let allowed = self.budget * 1e6 / once.max(0.1);
        let repeats = allowed_repeats(allowed);
        let samples = ((allowed / f64::from(repeats)) as u32).clamp(3, SAMPLES);
        let mut times = plan.time(repeats, samples, Duration::from_millis(150))?;
        times.sort_by(f64::total_cmp);
        let us = times[times.len() / 2];
        let precision = self.precision.name();
        Ok(Row { name: case.name.clone(), precision, us, gflops: flops / us / 1e3, gbytes: bytes / us / 1e3, repeats, samples })
    }
}

/// As many of the ten dispatches as leave room for twenty samples, and at least one.
fn allowed_repeats(dispatches: f64) -> u32 {
    ((dispatches / f64::from(SAMPLES)) as u32).clamp(1, REPEATS)
}
