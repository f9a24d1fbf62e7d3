//! What a run reports, as a table and as a picture of curves.

use crate::array::{Array, Hw, file, picture};
use crate::error::{Error, Result};
use plotters::backend::BitMapBackend;
use plotters::chart::ChartBuilder;
use plotters::drawing::IntoDrawingArea;
use plotters::series::LineSeries;
use plotters::style::{Color, FontStyle, Palette, Palette99, RGBColor, WHITE, register_font};
use std::fmt::Write;
use std::path::Path;

/// The size of a curve's panel.
const PANEL: Hw = Hw { h: 300, w: 900 };

/// A table with a row for each report: the step, and numbers by name, some of which may be missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    columns: Vec<String>,
    rows: Vec<(u64, Vec<Option<f64>>)>,
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

    /// Draws a panel for each column that has two numbers or more, as PNG, through a temporary file. Where all numbers of a column are positive and
    /// the largest is a hundred times the smallest, the panel shows their decimal logarithm.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Unsupported`] if the picture cannot be drawn.
    pub fn draw(&self, path: impl AsRef<Path>) -> Result<()> {
        let curves: Vec<(String, Vec<(f64, f64)>)> = self.columns.iter().enumerate().map(|(at, name)| self.curve(at, name)).collect();
        let curves: Vec<_> = curves.into_iter().filter(|(_, points)| points.len() > 1).collect();
        if curves.is_empty() {
            return Ok(());
        }
        let size = Hw::new(PANEL.h * curves.len(), PANEL.w);
        let mut rgb = vec![0u8; 3 * size.area()];
        draw(&mut rgb, size, &curves).map_err(|reason| Error::unsupported("curves", reason))?;
        let plane = size.area();
        picture::write_png(path, &Array::from_fn([1, 3, size.h, size.w], |i| f32::from(rgb[i % plane * 3 + i / plane]) / 255.0))
    }

    fn curve(&self, at: usize, name: &str) -> (String, Vec<(f64, f64)>) {
        let points: Vec<(f64, f64)> =
            self.rows.iter().filter_map(|(step, row)| Some((*step as f64, row[at].filter(|n| n.is_finite())?))).collect();
        let [low, high] = [f64::min, f64::max].map(|f| points.iter().map(|p| p.1).reduce(f).unwrap_or(0.0));
        if low > 0.0 && high > 100.0 * low {
            return (format!("log10 {name}"), points.into_iter().map(|(x, y)| (x, y.log10())).collect());
        }
        (name.to_owned(), points)
    }
}

fn draw(rgb: &mut [u8], size: Hw, curves: &[(String, Vec<(f64, f64)>)]) -> Result<(), String> {
    register_font("sans-serif", FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT).map_err(|_| "the font is damaged".to_owned())?;
    let pixels = |n: usize| u32::try_from(n).map_err(|e| e.to_string());
    let area = BitMapBackend::with_buffer(rgb, (pixels(size.w)?, pixels(size.h)?)).into_drawing_area();
    area.fill(&WHITE).map_err(|e| e.to_string())?;
    for (number, (panel, (name, points))) in area.split_evenly((curves.len(), 1)).iter().zip(curves).enumerate() {
        let colour: RGBColor = {
            let (r, g, b) = Palette99::COLORS[number % Palette99::COLORS.len()];
            RGBColor(r, g, b)
        };
        let bounds = |of: fn(&(f64, f64)) -> f64| {
            let [low, high] = [f64::min, f64::max].map(|f| points.iter().map(of).reduce(f).unwrap_or(0.0));
            let margin = if high > low { 0.03 * (high - low) } else { 1.0 };
            low - margin..high + margin
        };
        let mut chart = ChartBuilder::on(panel)
            .caption(name, ("sans-serif", 20))
            .margin(8)
            .x_label_area_size(28)
            .y_label_area_size(60)
            .build_cartesian_2d(bounds(|p| p.0), bounds(|p| p.1))
            .map_err(|e| e.to_string())?;
        chart.configure_mesh().light_line_style(WHITE).draw().map_err(|e| e.to_string())?;
        chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2))).map_err(|e| e.to_string())?;
    }
    area.present().map_err(|e| e.to_string())
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
        log.draw(folder.path().join("curves.png")).unwrap();
        assert_eq!(picture::Picture::open(folder.path().join("curves.png")).unwrap().rgb.shape(), [1, 3, PANEL.h, PANEL.w]);
        std::fs::write(&path, "step,loss\n1,2,3\n").unwrap();
        assert!(Log::open(&path, 9).unwrap_err().to_string().contains("'1,2,3'"));
    }
}
