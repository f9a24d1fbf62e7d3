//! `foveate caption`

use super::DeviceArgs;
use super::caption_sheet::Sheets;
use super::photos::{self, Photo};
use super::trained;
use clap::Args;
use foveate::models::captioning::{self, Captioner, Search, System};
use foveate::models::digit_scenes;
use foveate::models::encoder::Encoder;
use foveate::models::show_attend_tell::Attention;
use foveate::models::vocabulary::Vocabulary;
use foveate::nn::Weights;
use foveate::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// The name of the captioner that is part of the program.
const DIGITS: &str = "digits";
/// The most words of a greedy caption, all of which are in one computation.
const GREEDY: usize = 30;
/// The most words of a caption of a beam, as in the paper.
const BEAM: usize = 100;

#[derive(Debug, Args)]
#[command(after_help = "\
--weights digits is a small network that foveate has trained, of scenes of two digits over a
texture: what there is, how large, and above or beside what. Other weights are a .safetensors
file: what `foveate train` wrote by the recipes digits-captions or photos-captions, or one with
the published names: of Show, Attend and Tell (Wemb, decoder_U, ..) or NeuralTalk's RNN (Ws, We,
..), and VGG's layers (conv1_1.weight, ..) in the same file or with --encoder. Which system, and
its sizes, is told by the names and shapes.

Words are those of --vocabulary, or of 'vocabulary' in the file's metadata: a JSON list. A
vocabulary is a text file with a word on each line, the first being number 0, or JSON: a list or
{\"word\": number}. Number 0 ends a caption; in Show, Attend and Tell number 1 stands for unknown
words. Without one, numbers are printed.

With --beam, Show, Attend and Tell's ended captions leave the beam, NeuralTalk's stay in it, as
published.

Examples:
  foveate caption --attention looked          a scene that comes along, and where it is looked at
  foveate caption me.jpg --weights sat.safetensors --encoder vgg.safetensors --vocabulary words.txt
  foveate caption holiday/ --weights coco.safetensors --beam 5 --attention looked
  foveate caption --weights neuraltalk.safetensors --set rnn_feed_once=true --json")]
pub(super) struct Caption {
    /// Photos, or folders of photos: PNG, JPEG or WebP; the built-in one if none is given
    photos: Vec<PathBuf>,
    /// The captioner's weights: a file, or digits, the network that comes with foveate [default: digits if no photo is given]
    #[arg(short, long, value_name = "FILE.safetensors|digits")]
    weights: Option<PathBuf>,
    /// VGG-16's or VGG-19's weights, if they are in a file of their own
    #[arg(long, value_name = "FILE.safetensors")]
    encoder: Option<PathBuf>,
    /// The words: a line each, or JSON
    #[arg(long, value_name = "FILE")]
    vocabulary: Option<PathBuf>,
    /// How many captions are followed at once; 1 takes the likeliest word after the likeliest word
    #[arg(short, long, value_name = "K", default_value_t = 1)]
    beam: usize,
    /// Of a beam, take the caption that is likeliest per word, not as a whole
    #[arg(long)]
    per_word: bool,
    /// The most words [default: 30; 100 with a beam, which stops when it is done, whereas greedy words are one computation]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    longest: Option<u16>,
    /// See only the likeliest place for each word, not the expectation of all [default: as the network has learnt to]
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    hard: Option<bool>,
    /// Write a picture for each photo to this folder: where the network looked for each word
    #[arg(short, long, value_name = "DIR")]
    attention: Option<PathBuf>,
    #[arg(help = "An option of the published code that has no weights, over what the file's metadata say: prev2out, use_dropout \
                  (true if nothing says so), rnn_feed_once (false)")]
    #[arg(long = "set", value_name = "NAME=true|false", value_parser = option)]
    options: Vec<(String, String)>,
    /// Print a JSON object for each photo
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

/// `prev2out=false` and its like.
fn option(text: &str) -> Result<(String, String), String> {
    let known = ["prev2out", "use_dropout", "rnn_feed_once"];
    match text.split_once('=') {
        Some((name, value)) if known.contains(&name) && matches!(value, "true" | "false") => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("expected one of {} with =true or =false", known.join(", "))),
    }
}

impl Caption {
    pub(super) fn run(self) -> Result<ExitCode> {
        let weights = match &self.weights {
            Some(weights) => weights.as_path(),
            None if self.photos.is_empty() => Path::new(DIGITS),
            None => {
                let reason =
                    "--weights FILE says which captioner; the one that comes with foveate, --weights digits, is of scenes of two digits";
                return Err(Error::shape("caption", reason));
            }
        };
        let of_digits = weights.as_os_str() == DIGITS;
        let built_in = if of_digits { photos::TWO_DIGITS } else { photos::ASTRONAUT };
        let photos = photos::find(&self.photos, built_in, self.attention.as_deref().unwrap_or(Path::new("")))?;
        let (decoder, encoder) = self.read(if of_digits { digit_scenes::captioner_weights()? } else { Weights::open(weights)? })?;
        let system = System::of(&decoder)?;
        self.fits(system)?;
        let vocabulary = match &self.vocabulary {
            Some(path) => Some(Vocabulary::open(path)?),
            None => Vocabulary::of(&decoder)?,
        };
        vocabulary.as_ref().map_or(Ok(()), |vocabulary| vocabulary.check(system.words()))?;
        let longest = self.longest.map_or(if self.beam == 1 { GREEDY } else { BEAM }, usize::from);
        let hard = match system {
            System::ShowAttendTell(_) => self.hard.unwrap_or(matches!(Attention::learnt(&decoder)?, Attention::Hard)),
            System::Recurrent(_) => false,
        };
        let (per_word, looked) = (self.per_word, self.attention.is_some());
        let search = Search { beam: self.beam, longest, per_word, hard, looked };

        let opened = Instant::now();
        let device = self.device.open()?;
        eprintln!("{}, opened in {:.0} ms", device.name(), milliseconds(opened));
        let how = if hard { ", hard attention" } else { "" };
        eprintln!("{} of {} words on {}{how}", system.name(), system.words(), Encoder::of(&encoder)?.name());
        if vocabulary.is_none() {
            eprintln!("there is no vocabulary, so words are numbers: give --vocabulary FILE, or 'vocabulary' in the weights' metadata");
        }
        let captioner = Captioner::new(&device, &encoder, &decoder, system, search)?;
        let sheets = self.attention.as_ref().map(|folder| Sheets::new(&device, folder, captioner.grid(), longest));
        let mut teller = Teller { captioner, sheets, vocabulary, json: self.json };
        Ok(photos::each(&photos, &mut |photo| teller.tell(photo)))
    }

    /// The weights of the captioner, with the options that were given, and of what it sees with.
    fn read(&self, mut decoder: Weights) -> Result<(Weights, Weights)> {
        for (name, value) in &self.options {
            decoder = decoder.with_metadata(name, value);
        }
        if let Some(path) = &self.encoder {
            return Ok((decoder, trained::start(path)?));
        }
        if let Err(Error::Model { file, reason }) = Encoder::of(&decoder) {
            // What is no captioner is told so first.
            System::of(&decoder)?;
            return Err(Error::model(file, format!("{reason}; if VGG's layers are in another file, give it with --encoder")));
        }
        Ok((decoder.clone(), decoder))
    }

    /// Refuses options that are about something else.
    fn fits(&self, system: System) -> Result<()> {
        let refused = |option: &str, reason: &str| Err(Error::shape("caption", format!("{option} {reason}")));
        if let System::Recurrent(_) = system {
            let reason = format!("is about attention, which {} has not", system.name());
            if self.hard.is_some() {
                return refused("--hard", &reason);
            }
            if self.attention.is_some() {
                return refused("--attention", &reason);
            }
        }
        if self.beam == 1 && self.per_word {
            return refused("--per-word", "is about a --beam of more than one caption");
        }
        let theirs = |name: &str| matches!(system, System::Recurrent(_)) == name.starts_with("rnn_");
        match self.options.iter().find(|(name, _)| !theirs(name)) {
            Some((name, _)) => refused(&format!("--set {name}"), &format!("is no option of {}", system.name())),
            None => Ok(()),
        }
    }
}

/// Everything that photos share.
struct Teller {
    captioner: Captioner,
    sheets: Option<Sheets>,
    vocabulary: Option<Vocabulary>,
    json: bool,
}

impl Teller {
    /// Captions a photo and says in a line what it shows and how long each stage took.
    fn tell(&mut self, photo: &Photo) -> Result<String> {
        let begin = Instant::now();
        let picture = photo.read()?;
        let read = milliseconds(begin);

        let begin = Instant::now();
        let known = self.captioner.is_ready(&picture.rgb);
        let caption = self.captioner.caption(&picture.rgb)?;
        let computed = milliseconds(begin);
        let words: Vec<String> = caption.words.iter().map(|word| self.word(*word)).collect();
        let begin = Instant::now();
        let sheet = match (&mut self.sheets, &caption.looked) {
            (Some(sheets), Some(looked)) => Some(sheets.write(photo, 0, &words.join(" "), looked, &words)?),
            _ => None,
        };
        let wrote = milliseconds(begin);
        if self.json {
            return Ok(self.object(photo, &caption, &words, sheet.as_deref(), [read, computed, wrote]));
        }
        let compiled = if known { "" } else { " with compilation" };
        let open = if caption.ended { "" } else { " …" };
        let (name, text, log) = (photo.name(), words.join(" "), caption.log_probability);
        let written = sheet.map_or_else(String::new, |path| format!(", written to {} {wrote:.0} ms", path.display()));
        Ok(format!("{name}: {text}{open}\n  log probability {log:.3}, read {read:.0} ms, computed{compiled} {computed:.0} ms{written}"))
    }

    fn word(&self, number: i32) -> String {
        let word = self.vocabulary.as_ref().and_then(|vocabulary| vocabulary.word(number));
        word.map_or_else(|| number.to_string(), str::to_owned)
    }

    fn object(&self, photo: &Photo, caption: &captioning::Caption, words: &[String], sheet: Option<&Path>, times: [f64; 3]) -> String {
        let [read, computed, wrote] = times;
        let object = serde_json::json!({
            "photo": photo.name(),
            "caption": self.vocabulary.as_ref().map(|_| words.join(" ")),
            "words": caption.words,
            "ended": caption.ended,
            "log_probability": caption.log_probability,
            "attention": sheet,
            "milliseconds": { "read": read, "computed": computed, "written": wrote },
        });
        object.to_string()
    }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
