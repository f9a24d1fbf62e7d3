//! Where the GPU's time goes.

use super::device::Compiled;
use crate::array::{Array, file};
use crate::error::Result;
use crate::gpu::Timestamps;
use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Passes that fit one query set.
const PASSES: usize = 1024;

/// The time of every dispatch of one run.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The adapter.
    pub device: String,
    /// Dispatches in order.
    pub rows: Vec<Row>,
}

/// One dispatch.
#[derive(Clone, Debug)]
pub struct Row {
    /// The node: operator and number.
    pub node: String,
    /// The kernel.
    pub kernel: &'static str,
    /// When it began, in microseconds after the first.
    pub start_us: f64,
    /// How long it took, in microseconds.
    pub us: f64,
    /// Bytes of all its bindings.
    pub bytes: u64,
}

/// What a kernel took, all its dispatches together.
#[derive(Clone, Debug, PartialEq)]
pub struct KernelTime {
    /// The kernel.
    pub kernel: &'static str,
    /// How often it was dispatched.
    pub dispatches: usize,
    /// Microseconds.
    pub us: f64,
    /// Bytes of all its bindings.
    pub bytes: u64,
}

impl Compiled {
    pub(super) fn profile(&mut self, given: &[&Array]) -> Result<Profile> {
        self.upload(given)?;
        self.clear_largest();
        let mut times = Vec::new();
        for part in self.dispatches.chunks(PASSES) {
            let stamps = Timestamps::new(&self.gpu, u32::try_from(part.len()).unwrap_or(u32::MAX))?;
            let mut encoder = self.encoder();
            for (dispatch, index) in part.iter().zip(0..) {
                let timestamp_writes = Some(stamps.writes(index));
                let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes });
                dispatch.record(&mut pass);
            }
            stamps.resolve(&mut encoder);
            self.gpu.queue().submit([encoder.finish()]);
            times.extend(stamps.read(&self.gpu)?);
        }
        let origin = times.first().map_or(0.0, |t| t.0);
        let row = |(d, (start, end)): (&super::device::Dispatch, (f64, f64))| Row {
            node: d.label.clone(),
            kernel: d.kernel,
            start_us: start - origin,
            us: end - start,
            bytes: d.bytes,
        };
        Ok(Profile { device: self.gpu.capabilities().name.clone(), rows: self.dispatches.iter().zip(times).map(row).collect() })
    }

    pub(super) fn time(&mut self, repeats: u32, samples: u32, warm_up: Duration) -> Result<Vec<f64>> {
        let stamps = Timestamps::new(&self.gpu, 1)?;
        let submit = || {
            let mut encoder = self.encoder();
            {
                let timestamp_writes = Some(stamps.writes(0));
                let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes });
                for _ in 0..repeats {
                    self.dispatches.iter().for_each(|d| d.record(&mut pass));
                }
            }
            stamps.resolve(&mut encoder);
            self.gpu.queue().submit([encoder.finish()]);
        };
        let begin = Instant::now();
        loop {
            submit();
            self.gpu.wait()?;
            if begin.elapsed() >= warm_up {
                break;
            }
        }
        (0..samples)
            .map(|_| {
                submit();
                Ok(stamps.read(&self.gpu)?.first().map_or(0.0, |(start, end)| (end - start) / f64::from(repeats)))
            })
            .collect()
    }
}

impl Profile {
    /// Microseconds of all dispatches together.
    pub fn total_us(&self) -> f64 {
        self.rows.iter().map(|r| r.us).sum()
    }

    /// The kernels, the one that took longest first.
    pub fn kernels(&self) -> Vec<KernelTime> {
        let mut found: Vec<KernelTime> = Vec::new();
        for row in &self.rows {
            let index = found.iter().position(|k| k.kernel == row.kernel).unwrap_or_else(|| {
                found.push(KernelTime { kernel: row.kernel, dispatches: 0, us: 0.0, bytes: 0 });
                found.len() - 1
            });
            let kernel = &mut found[index];
            kernel.dispatches += 1;
            kernel.us += row.us;
            kernel.bytes += row.bytes;
        }
        found.sort_by(|a, b| b.us.total_cmp(&a.us));
        found
    }

    /// The run as a trace that Chrome (`chrome://tracing`) and Perfetto open.
    pub fn to_chrome_trace(&self) -> String {
        let event = |r: &Row| {
            serde_json::json!({
                "name": r.node, "cat": r.kernel, "ph": "X", "pid": 0, "tid": 0,
                "ts": r.start_us, "dur": r.us, "args": { "kernel": r.kernel, "bytes": r.bytes },
            })
        };
        let events: Vec<_> = self.rows.iter().map(event).collect();
        serde_json::json!({ "traceEvents": events, "otherData": { "device": self.device } }).to_string()
    }

    /// Writes [`Profile::to_chrome_trace`] to a file, through a temporary one.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    pub fn write_chrome_trace(&self, path: impl AsRef<Path>) -> Result<()> {
        file::write(path, self.to_chrome_trace().as_bytes())
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            let gb = row.bytes as f64 / row.us.max(1e-3) / 1e3;
            writeln!(f, "{:24} {:28} {:>10.1} us {gb:>9.2} GB/s", row.node, row.kernel, row.us)?;
        }
        writeln!(f, "{} dispatches, {:.1} us on {}", self.rows.len(), self.total_us(), self.device)
    }
}
