//! `foveate translate`

use super::DeviceArgs;
use super::bars;
use super::photos::milliseconds;
use clap::Args;
use foveate::array::text::{Canvas, WHITE};
use foveate::array::{Array, Hw, picture};
use foveate::models::rnnsearch;
use foveate::models::sentences::{END, Lines, Side, alignment};
use foveate::models::translator::{System, Translation, Translator, Unknown};
use foveate::nn::Weights;
use foveate::nn::metrics::Sequences;
use foveate::plan::Device;
use foveate::{Error, Result};
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Translations that are followed at once where nothing else is said.
const BEAM: usize = 12;
/// Pixels of a row of alignments.
const WIDTH: usize = 1200;

#[derive(Debug, Args)]
#[command(after_help = "\
Without a --model English words become phones, as in CMU's dictionary, by a small network that
foveate has trained. A model is a file of `foveate train` by a recipe of the systems
rnnsearch or luong, as pronounce is, or sentences for texts of two languages.

A file has a text on each line, or a text, a tab and what is expected: then errors are counted,
where a text stands on several lines against the best of what is expected for it.

Examples:
  foveate translate segmentation attention
  foveate translate through knight --alignment looked.png
  foveate translate read --best 3
  foveate translate --file target/cmudict/test.tsv
  foveate translate \"where is the cat ?\" --model runs/sentences/weights.safetensors --beam 5")]
pub(super) struct Translate {
    /// What to translate
    #[arg(required_unless_present = "file")]
    texts: Vec<String>,
    /// The network: what `foveate train` wrote [default: English words to phones]
    #[arg(short, long, value_name = "WEIGHTS.safetensors")]
    model: Option<PathBuf>,
    /// Translate the lines of a file instead
    #[arg(short, long, value_name = "FILE", conflicts_with = "texts")]
    file: Option<PathBuf>,
    /// How many translations are followed at once [default: 12, or as many as there are words]
    #[arg(short, long, value_name = "K")]
    beam: Option<usize>,
    /// Print the N best of these
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    best: u16,
    /// Take the translation that is likeliest per word, not as a whole
    #[arg(long)]
    per_word: bool,
    /// Never write that a word is unknown
    #[arg(long)]
    known: bool,
    /// Write the word that was looked at most in the place of one that is unknown
    #[arg(long, conflicts_with = "known")]
    copy: bool,
    /// The most words of a translation [default: 10, and 3 for each word of the text]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    longest: Option<u16>,
    /// Draw where the network looked for each word
    #[arg(short, long, value_name = "FILE.png", conflicts_with = "file")]
    alignment: Option<PathBuf>,
    /// Print a JSON object for each text
    #[arg(long, conflicts_with_all = ["best", "file"])]
    json: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

impl Translate {
    pub(super) fn run(self) -> Result<ExitCode> {
        let weights = self.model.as_ref().map_or_else(rnnsearch::weights, Weights::open)?;
        let opened = Instant::now();
        let device = self.device.open()?;
        let translator = self.translator(&device, &weights)?;
        eprintln!("{}, compiled in {}", device.name(), milliseconds(opened));
        match &self.file {
            Some(file) => self.lines(&Lines::open_any(file)?, translator),
            None => self.texts(translator),
        }
    }

    fn translator(&self, device: &Device, weights: &Weights) -> Result<Translator> {
        let unknown = match (self.known, self.copy) {
            (true, _) => Unknown::Forbidden,
            (_, true) => Unknown::Copied,
            _ => Unknown::Written,
        };
        let beam = self.beam.map_or_else(|| Ok::<_, Error>(System::of(weights)?.words()[1].min(BEAM)), Ok)?;
        let translator = Translator::new(device, weights, beam, unknown)?;
        if self.alignment.is_some() && !translator.system().looks() {
            return Err(Error::shape("translate", "--alignment is about where a network looks, and this one looks nowhere"));
        }
        Ok(translator)
    }

    /// The best translations of a text.
    fn found(&self, translator: &mut Translator, text: &str) -> Result<Vec<Translation>> {
        let longest = self.longest.map_or_else(|| 10 + 3 * translator.source().unit().parts(text).len(), usize::from);
        let mut found = translator.translate(text, longest, self.per_word)?;
        found.truncate(usize::from(self.best));
        if found.is_empty() {
            return Err(Error::shape("translate", format!("no translation of '{text}' was found")));
        }
        Ok(found)
    }

    fn texts(&self, mut translator: Translator) -> Result<ExitCode> {
        let mut drawn = Vec::new();
        for text in &self.texts {
            let begin = Instant::now();
            let found = self.found(&mut translator, text)?;
            if self.json {
                let Translation { text: translation, words, log_probability, .. } = &found[0];
                let ended = words.last() == Some(&END);
                let took = begin.elapsed().as_secs_f64() * 1e3;
                let object = serde_json::json!({
                    "text": text, "translation": translation, "ended": ended, "log_probability": log_probability, "milliseconds": took,
                });
                println!("{object}");
            } else {
                println!("{text}");
                found.iter().for_each(|one| println!("  {}   (log probability {:.2})", one.text, one.log_probability));
            }
            if let (Some(_), Some(alphas)) = (&self.alignment, &found[0].alphas) {
                let source = translator.source().read(text);
                drawn.push(alignment(&translator.source().names(&source), &translator.target().names(&found[0].words), alphas)?);
            }
        }
        if let Some(path) = &self.alignment {
            picture::write_png(path, &beside(&drawn)?)?;
            eprintln!("alignments written to {}", path.display());
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Translates lines; counts errors against those that are expected.
    fn lines(&self, lines: &Lines, mut translator: Translator) -> Result<ExitCode> {
        let begin = Instant::now();
        let mut texts: Vec<&str> = Vec::new();
        let mut expected: HashMap<&str, Vec<Vec<i32>>> = HashMap::new();
        for (text, translation) in lines.texts(Side::Source).zip(lines.texts(Side::Target)) {
            let all = expected.entry(text).or_insert_with(|| {
                texts.push(text);
                Vec::new()
            });
            if !translation.is_empty() {
                all.push(before_end(&translator.target().read(translation)).to_vec());
            }
        }
        let bar = bars::rated(texts.len() as u64);
        let mut counted = Sequences::default();
        for text in &texts {
            for (place, one) in self.found(&mut translator, text)?.into_iter().enumerate() {
                bar.suspend(|| println!("{text}\t{}", one.text));
                if place == 0 {
                    let expected: Vec<&[i32]> = expected[text].iter().map(Vec::as_slice).collect();
                    counted.add(before_end(&one.words), &expected);
                }
            }
            if let Some(rate) = counted.error_rate() {
                bar.set_message(format!("error rate {:.2} %", 100.0 * rate));
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        let summary = match (counted.error_rate(), counted.wrong(), counted.bleu()) {
            (Some(rate), Some(wrong), Some(bleu)) => {
                format!(": error rate {:.2} %, {:.2} % are not as expected, BLEU {:.2}", 100.0 * rate, 100.0 * wrong, 100.0 * bleu)
            }
            _ => String::new(),
        };
        eprintln!("{} texts in {}{summary}", texts.len(), milliseconds(begin));
        Ok(ExitCode::SUCCESS)
    }
}

/// The words before the first [`END`].
pub(super) fn before_end(words: &[i32]) -> &[i32] {
    words.split(|word| *word == END).next().unwrap_or(words)
}

/// Pictures (1, 3, h, w), one after the other in rows.
fn beside(pictures: &[Array]) -> Result<Array> {
    let size = |picture: &Array| Hw::new(picture.shape()[2], picture.shape()[3]);
    let (mut places, mut corner, mut row, mut whole) = (Vec::new(), Hw::new(0, 0), 0, Hw::new(1, 1));
    for picture in pictures {
        let Hw { h, w } = size(picture);
        if corner.w > 0 && corner.w + w > WIDTH {
            corner = Hw::new(corner.h + row, 0);
            row = 0;
        }
        places.push(corner);
        row = row.max(h);
        whole = Hw::new(whole.h.max(corner.h + h), whole.w.max(corner.w + w));
        corner.w += w;
    }
    let mut canvas = Canvas::new(whole, WHITE)?;
    places.iter().zip(pictures).try_for_each(|(place, picture)| canvas.paste(place.h, place.w, picture))?;
    Ok(canvas.into_picture())
}
