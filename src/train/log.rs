//! What a run reports, as a table.

use crate::array::file;
use crate::error::{Error, Result};
use std::fmt::Write;
use std::path::Path;

/// A table with a row for each report: the step, and numbers by name, some of which may be missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<(u64, Vec<Option<f64>>)>,
}

impl Log {
    /// With these columns beside the step.
    pub fn new(columns: impl IntoIterator<Item = String>) -> Self {
        Self { columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    /// Adds numbers to the row of `step`, the last one or a new one. What is no column is left out.
    pub fn add(&mut self, step: u64, numbers: &[(&str, f64)]) {
        if self.rows.last().is_none_or(|(last, _)| *last != step) {
            self.rows.push((step, vec![None; self.columns.len()]));
        }
        let Some((_, row)) = self.rows.last_mut() else { return };
        for (name, number) in numbers {
            if let Some(slot) = self.columns.iter().position(|c| c == name).and_then(|at| row.get_mut(at)) {
                *slot = Some(*number);
            }
        }
    }

    /// The last number of a column.
    pub fn last(&self, column: &str) -> Option<f64> {
        let at = self.columns.iter().position(|c| c == column)?;
        self.rows.iter().rev().find_map(|(_, row)| row[at])
    }

    /// Writes the table as CSV, through a temporary file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let mut text = format!("step,{}\n", self.columns.join(","));
        for (step, row) in &self.rows {
            let cells: Vec<String> = row.iter().map(|cell| cell.map(|n| n.to_string()).unwrap_or_default()).collect();
            let _ = writeln!(text, "{step},{}", cells.join(","));
        }
        file::write(path, text.as_bytes())
    }

    /// Reads what [`Log::save`] wrote, up to `step`.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Model`] with the line that is something else.
    pub fn open(path: impl AsRef<Path>, step: u64) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        let mut lines = text.lines();
        let wrong = |line: &str| Error::model(path.display().to_string(), format!("'{line}' is no line of a table of steps"));
        let head = lines.next().and_then(|line| line.strip_prefix("step,")).ok_or_else(|| wrong(text.lines().next().unwrap_or("")))?;
        let mut log = Self::new(head.split(',').map(str::to_owned));
        for line in lines {
            let mut cells = line.split(',');
            let at = cells.next().and_then(|c| c.parse().ok()).ok_or_else(|| wrong(line))?;
            let number = |cell: &str| if cell.is_empty() { Ok(None) } else { cell.parse().map(Some).map_err(|_| wrong(line)) };
            let row = cells.map(number).collect::<Result<Vec<Option<f64>>>>()?;
            if row.len() != log.columns.len() {
                return Err(wrong(line));
            }
            if at <= step {
                log.rows.push((at, row));
            }
        }
        Ok(log)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::new(["loss".to_owned(), "error".to_owned()]);
        for step in [10, 20, 30] {
            log.add(step, &[("loss", 2.5 / step as f64), ("unknown", 1.0)]);
        }
        log.add(30, &[("error", 0.25)]);
        let path = folder.path().join("log.csv");
        log.save(&path).unwrap();
        assert_eq!(Log::open(&path, 30).unwrap(), log);
        assert_eq!((log.last("error"), Log::open(&path, 20).unwrap().last("error")), (Some(0.25), None));
        std::fs::write(&path, "step,loss\n1,2,3\n").unwrap();
        assert!(Log::open(&path, 9).unwrap_err().to_string().contains("'1,2,3'"));
    }
}
