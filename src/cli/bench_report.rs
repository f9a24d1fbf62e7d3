//! What `foveate bench --json` writes, and `--against` reads again to compare with.

use super::ceilings::Ceilings;
use foveate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) device: String,
    pub(super) ceilings: Ceilings,
    pub(super) rows: Vec<Row>,
    pub(super) missing: Vec<Missing>,
}

#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) precision: &'static str,
    pub(super) us: f64,
    pub(super) gflops: f64,
    pub(super) gbytes: f64,
    pub(super) repeats: u32,
    pub(super) samples: u32,
}

#[derive(Debug, Serialize)]
pub(super) struct Missing {
    pub(super) name: String,
    pub(super) reason: String,
}

/// An earlier run, as `--json` wrote it.
#[derive(Debug, Deserialize)]
pub(super) struct Before {
    device: String,
    rows: Vec<Earlier>,
}

#[derive(Debug, Deserialize)]
struct Earlier {
    name: String,
    precision: String,
    us: f64,
}

/// How much longer a row may take before it is pointed out: what repeated runs differ by on a busy machine.
const NOISE: f64 = 0.9;

impl Before {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        let before: Self =
            serde_json::from_str(&text).map_err(|e| Error::model(path.display().to_string(), format!("is no report of bench: {e}")))?;
        match before.rows.iter().find(|row| !(row.us > 0.0 && row.us.is_finite())) {
            Some(row) => Err(Error::model(path.display().to_string(), format!("'{}' took {} us", row.name, row.us))),
            None => Ok(before),
        }
    }

    /// Then over now: above 1 is faster.
    fn ratio(&self, row: &Row) -> Option<f64> {
        let earlier = self.rows.iter().find(|e| e.name == row.name && e.precision == row.precision)?;
        (row.us > 0.0).then(|| earlier.us / row.us)
    }

    /// Prints the ratio of every row that both have, their geometric mean, and which are slower.
    pub(super) fn compare(&self, rows: &[Row]) {
        let known: Vec<(&Row, f64)> = rows.iter().filter_map(|row| Some((row, self.ratio(row)?))).collect();
        println!("\nagainst the report on {}: above 1 is faster now", self.device);
        for (row, ratio) in &known {
            println!("{:36} {ratio:>8.2}{}", row.name, if *ratio < NOISE { "  slower" } else { "" });
        }
        if known.is_empty() {
            println!("no row is in both");
            return;
        }
        let mean = (known.iter().map(|(_, ratio)| ratio.ln()).sum::<f64>() / known.len() as f64).exp();
        let slower = known.iter().filter(|(_, ratio)| *ratio < NOISE).count();
        println!("{} rows, geometric mean {mean:.2}, {slower} slower by a tenth or more", known.len());
    }
}
