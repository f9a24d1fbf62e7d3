//! What a run reports, as a picture of curves.

use super::Log;
use crate::array::{Array, Hw, picture};
use crate::error::{Error, Result};
use plotters::backend::BitMapBackend;
use plotters::chart::ChartBuilder;
use plotters::drawing::IntoDrawingArea;
use plotters::series::LineSeries;
use plotters::style::{Color, FontStyle, Palette, Palette99, RGBColor, WHITE, register_font};
use std::path::Path;

/// The size of a curve's panel.
const PANEL: Hw = Hw { h: 300, w: 900 };

impl Log {
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
    use crate::array::picture::Picture;

    #[test]
    fn a_column_of_two_numbers_is_a_panel() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("curves.png");
        let mut log = Log::new(["loss".to_owned(), "error".to_owned()]);
        log.add(30, &[("loss", 0.5), ("error", 0.25)]);
        log.draw(&path).unwrap();
        assert!(!path.exists(), "one number is no curve");
        log.add(40, &[("loss", 0.25)]);
        log.draw(&path).unwrap();
        assert_eq!(Picture::open(&path).unwrap().rgb.shape(), [1, 3, PANEL.h, PANEL.w]);
    }
}
