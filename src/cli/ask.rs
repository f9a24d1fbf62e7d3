//! `foveate ask`

use super::DeviceArgs;
use super::caption_sheet::Sheets;
use super::photos::{self, Photo, milliseconds};
use clap::Args;
use foveate::models::captioning::Looked;
use foveate::models::digit_scenes;
use foveate::models::smem_vqa::{Answer, Answerer};
use foveate::nn::Weights;
use foveate::plan::Device;
use foveate::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// The name of the network that is part of the program.
const DIGITS: &str = "digits";

#[derive(Debug, Args)]
#[command(after_help = "\
--model digits is a small network that foveate has trained, of scenes of two digits over a texture:
what is where, how large, how many. Another model is a file of `foveate train` by a recipe of the
system smem-vqa, as digits-answers is, or photos-answers for photos of your own. --words says
which words a model knows, and which answers.

--looked draws the photo under a map of where the network looked, white where it looked most, one
after the other; under the first is the word of the question that spoke the loudest for that place.

Examples:
  foveate ask \"what is below the five\" --looked where     a scene that comes along
  foveate ask \"is there a seven\" scene.png --also \"how many small digits are there\"
  foveate ask \"what is the man holding\" holiday/ --model runs/photos-answers/weights.safetensors
  foveate ask --words")]
pub(super) struct Ask {
    /// The question
    #[arg(required_unless_present = "words")]
    question: Option<String>,
    /// Photos, or folders of photos: PNG, JPEG or WebP; the built-in one if none is given
    photos: Vec<PathBuf>,
    /// Another question about the same photos; may be given several times
    #[arg(long, value_name = "QUESTION")]
    also: Vec<String>,
    /// The network's weights: a file, or digits, the network that comes with foveate [default: digits if no photo is given]
    #[arg(short, long, value_name = "FILE.safetensors|digits")]
    model: Option<PathBuf>,
    /// Print the N likeliest answers
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    top: u16,
    /// Write a picture for each photo and question to this folder: where the network looked
    #[arg(short, long, value_name = "DIR")]
    looked: Option<PathBuf>,
    /// Print the words that the network knows, and its answers, instead
    #[arg(long, conflicts_with_all = ["question", "photos", "also", "looked", "json"])]
    words: bool,
    /// Print a JSON object for each photo and question
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

impl Ask {
    pub(super) fn run(self) -> Result<ExitCode> {
        let model = match &self.model {
            Some(model) => model.as_path(),
            None if self.photos.is_empty() => Path::new(DIGITS),
            None => {
                let reason = "--model FILE says which network; the one that comes with foveate, --model digits, is of scenes of two digits";
                return Err(Error::shape("ask", reason));
            }
        };
        let of_digits = model.as_os_str() == DIGITS;
        let weights = if of_digits { digit_scenes::answerer_weights()? } else { Weights::open(model)? };
        let built_in = if of_digits { photos::TWO_DIGITS } else { photos::ASTRONAUT };
        let photos = photos::find(&self.photos, built_in, self.looked.as_deref().unwrap_or(Path::new("")))?;
        if self.words {
            let answerer = Answerer::new(&Device::Cpu, &weights)?;
            println!("words: {}\nanswers: {}", answerer.words().join(" "), answerer.answers().join(" "));
            return Ok(ExitCode::SUCCESS);
        }
        let opened = Instant::now();
        let device = self.device.open()?;
        let answerer = Answerer::new(&device, &weights)?;
        if self.looked.is_some() && answerer.hops() == 0 {
            return Err(Error::shape("ask", "--looked is about where a network looks, and this one, a bag of words, looks nowhere"));
        }
        let questions: Vec<String> = self.question.into_iter().chain(self.also).collect();
        for question in &questions {
            let unknown = answerer.unknown(question)?;
            if !unknown.is_empty() {
                eprintln!("'{question}': the network does not know {}; --words prints those it knows", unknown.join(", "));
            }
        }
        eprintln!("{}, opened in {}", device.name(), milliseconds(opened));
        eprintln!("{}", answerer.name());
        let sheets = self.looked.as_ref().map(|folder| Sheets::new(&device, folder, answerer.grid(), answerer.hops()));
        let mut asker = Asker { answerer, sheets, questions, top: usize::from(self.top), json: self.json };
        Ok(photos::each(&photos, &mut |photo| asker.ask(photo)))
    }
}

/// Everything that photos share.
struct Asker {
    answerer: Answerer,
    sheets: Option<Sheets>,
    questions: Vec<String>,
    top: usize,
    json: bool,
}

impl Asker {
    /// The answers to all questions about a photo, a line each.
    fn ask(&mut self, photo: &Photo) -> Result<String> {
        let picture = photo.read()?;
        let begin = Instant::now();
        let answers = self.answerer.ask(&picture.rgb, &self.questions)?;
        let took = begin.elapsed().as_secs_f64() * 1e3;
        let mut lines = Vec::new();
        for (number, (question, answer)) in self.questions.clone().iter().zip(&answers).enumerate() {
            let sheet = self.draw(photo, number, question, answer)?;
            let shown = &answer.answers[..self.top.min(answer.answers.len())];
            if self.json {
                let answers: Vec<_> = shown.iter().map(|(answer, p)| serde_json::json!({ "answer": answer, "probability": p })).collect();
                let object = serde_json::json!({
                    "photo": photo.name(), "question": question, "answers": answers, "looked": sheet, "milliseconds": took,
                });
                lines.push(object.to_string());
                continue;
            }
            let answers: Vec<String> = shown.iter().map(|(answer, p)| format!("{answer} ({:.1} %)", 100.0 * p)).collect();
            let written = sheet.map_or_else(String::new, |path| format!(", written to {}", path.display()));
            lines.push(format!("{}: {} {}   ({took:.0} ms{written})", photo.name(), marked(question), answers.join(", ")));
        }
        Ok(lines.join("\n"))
    }

    /// Where the network looked, if that is wanted.
    fn draw(&mut self, photo: &Photo, number: usize, question: &str, answer: &Answer) -> Result<Option<PathBuf>> {
        let Some(sheets) = &mut self.sheets else { return Ok(None) };
        let parts = self.answerer.parts(question)?;
        let loudest = answer.loudest.and_then(|word| parts.get(word).cloned());
        let mut hops = vec![loudest.unwrap_or_else(|| "look 1".to_owned())];
        hops.extend((2..=self.answerer.hops()).map(|hop| format!("look {hop}")));
        let best = answer.answers.first().map_or("", |(answer, _)| answer);
        let looked = Looked { seen: answer.seen.clone(), alphas: answer.looked.clone() };
        sheets.write(photo, number, &format!("{} {best}", marked(question)), &looked, &hops).map(Some)
    }
}

/// A question with its mark, whether it was given or not.
fn marked(question: &str) -> String {
    format!("{}?", question.trim().trim_end_matches(['?', '!', '.', ' ']))
}
