//! `foveate write`

use super::DeviceArgs;
use super::bars;
use super::photos::milliseconds;
use clap::Args;
use foveate::array::{file, picture};
use foveate::models::handwriting::{Line, Paper, PenFont, Style, Writer, Written, weights, window_picture};
use foveate::nn::Weights;
use foveate::{Error, Result};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Milliseconds that a film takes, that its end is seen, and its pictures.
const FILM: u32 = 4000;
const END: u32 = 2000;
const PICTURES: usize = 80;

#[derive(Debug, Args)]
#[command(after_help = "\
By a small network that foveate has trained on two of Hershey's fonts of pen strokes, unless
there is a --model: a file of `foveate train` by the recipe handwriting, or one of yours of that
system. Words are drawn by chance, point by point, so that no two are alike; a --bias keeps to
what the network likes best. A text is broken into lines of up to 24 characters, or as many as
--columns says; the network that comes along has learnt from lines of 12.

Examples:
  foveate write \"no two words are alike\" -o words.png
  foveate write \"no two words are alike\" -o words.gif --seed 7 --bias 0.5
  foveate write \"where it looks\" -o look.svg --window window.png
  foveate write \"in her hand\" -o hers.png --like target/pen-fonts/HersheyScript1.svg
  foveate write \"of your own\" --model runs/handwriting/weights.safetensors -o own.png")]
pub(super) struct Write {
    /// What to write; a network that has not learnt texts takes none
    text: Option<String>,
    /// The network: what `foveate train` wrote [default: Hershey's script and sans-serif]
    #[arg(short, long, value_name = "WEIGHTS.safetensors")]
    model: Option<PathBuf>,
    /// Where to write: a .png or .svg of the lines, or a .gif of how they are written
    #[arg(short, long, value_name = "FILE.png|.svg|.gif")]
    output: PathBuf,
    /// How carefully: 0 as unsteadily as what was learnt from, 1 and more ever more alike
    #[arg(short, long, value_name = "NUMBER", default_value_t = 1.0)]
    bias: f64,
    /// Another number gives other lines
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Go on behind a word in this font of pen strokes, more often than not in its hand
    #[arg(long, value_name = "FONT.svg")]
    like: Option<PathBuf>,
    /// What the font writes first, and the network goes on with
    #[arg(long, value_name = "TEXT", default_value = "handwriting", requires = "like")]
    like_text: String,
    /// The most characters of a line; a longer word has one for itself
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..))]
    columns: u16,
    /// The most points of a line [default: 40 for each character and 40 more]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    points: Option<u32>,
    /// Draw where the network looked while it wrote the first line
    #[arg(short, long, value_name = "FILE.png")]
    window: Option<PathBuf>,
    /// Pixels of an em
    #[arg(long, value_name = "PIXELS", default_value_t = 80, value_parser = clap::value_parser!(u16).range(4..=2000))]
    em: u16,
    #[command(flatten)]
    device: DeviceArgs,
}

impl Write {
    pub(super) fn run(self) -> Result<ExitCode> {
        let extension = self.output.extension().map(|e| e.to_string_lossy().to_lowercase());
        if !matches!(extension.as_deref(), Some("png" | "svg" | "gif")) {
            return Err(Error::shape("write", format!("{} is neither a .png, a .svg nor a .gif", self.output.display())));
        }
        let weights = self.model.as_ref().map_or_else(weights, Weights::open)?;
        let opened = Instant::now();
        let device = self.device.open()?;
        let writer = Writer::new(&device, &weights)?;
        if self.window.is_some() && writer.sizes().window == 0 {
            return Err(Error::shape(
                "write",
                "--window is about where a network looks, and this one, which has not learnt texts, looks nowhere",
            ));
        }
        eprintln!("{}, ready in {}", device.name(), milliseconds(opened));
        let lines = match &self.text {
            Some(text) => lines(text, usize::from(self.columns)),
            None => vec![String::new()],
        };
        let style = Style { bias: self.bias, seed: self.seed, like: self.hand()?, points: self.points.map(|points| points as usize) };
        let begin = Instant::now();
        let bar = bars::points();
        let written =
            writer.write(&lines.iter().map(String::as_str).collect::<Vec<_>>(), &style, |points| bar.set_position(points as u64))?;
        bar.finish_and_clear();
        let took = milliseconds(begin);
        self.show(extension.as_deref(), &written)?;
        for Written { line, .. } in written.iter().filter(|written| !written.ended && !written.line.text.is_empty()) {
            eprintln!("'{}' may not be all there: the network was not at its end when there were no points left", line.text);
        }
        let points: usize = written.iter().flat_map(|written| &written.line.strokes).map(Vec::len).sum();
        println!("{} lines of {points} points in {took}, written to {}", written.len(), self.output.display());
        Ok(ExitCode::SUCCESS)
    }

    /// The line to go on with.
    fn hand(&self) -> Result<Option<Line>> {
        let Some(font) = &self.like else { return Ok(None) };
        PenFont::open(font)?.write(&self.like_text, |_| ()).map(Some)
    }

    fn show(&self, extension: Option<&str>, written: &[Written]) -> Result<()> {
        let lines: Vec<Line> = written.iter().map(|written| written.line.clone()).collect();
        let (paper, em) = (Paper::new(&lines)?, f32::from(self.em));
        let all = paper.points();
        match extension {
            Some("svg") => file::write(&self.output, paper.svg().as_bytes())?,
            Some("gif") => {
                let count = all.clamp(1, PICTURES);
                let pictures = (1..=count).map(|i| paper.ink(em, (i * all).div_ceil(count))).collect::<Result<Vec<_>>>()?;
                picture::write_gif(&self.output, &pictures, FILM / PICTURES as u32, END)?;
            }
            _ => picture::write_png(&self.output, &paper.ink(em, all)?)?,
        }
        if let (Some(path), Some(Written { line, phi: Some(phi), .. })) = (&self.window, written.first()) {
            picture::write_png(path, &window_picture(line, phi)?)?;
            eprintln!("where the network looked written to {}", path.display());
        }
        Ok(())
    }
}

/// The words of `text` on lines of no more than so many characters, but for words that are longer.
fn lines(text: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn words_are_put_on_lines() {
        assert_eq!(lines(" no two  words\nare alike ", 9), ["no two", "words are", "alike"]);
        assert_eq!(lines("extraordinary it is", 5), ["extraordinary", "it is"]);
        assert!(lines("  ", 5).is_empty());
    }
}
