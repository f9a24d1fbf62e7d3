//! `foveate listen`

use super::DeviceArgs;
use super::bars;
use super::photos::milliseconds;
use super::translate::before_end;
use clap::Args;
use foveate::array::picture;
use foveate::models::arsg::{
    self, Arsg, Manner, Part, Recogniser, Recognition, Recording, SAMPLE_PHONES, Sound, folded, listed, listened, sample, timit,
};
use foveate::models::sentences::END;
use foveate::nn::Weights;
use foveate::nn::metrics::Sequences;
use foveate::{Error, Result};
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Seconds that a phone may be spoken before or after it is expected.
const NEAR: f64 = 0.1;

#[derive(Debug, Args)]
#[command(after_help = "\
Without a --model by a small network that foveate has trained on spoken digits, and without a
recording to one that comes along. A model is a file of `foveate train` by a recipe of the system
arsg: spoken-digits, after scripts/spoken-digits.sh, or timit. Recordings are WAV or NIST SPHERE
files at any rate.

A list has a recording on each line, or a recording, a tab and its phones: then errors are
counted, or with --align it is told the phones and says when each is spoken. --repeat lets each
recording follow itself, as the paper tries what a network does with recordings longer than those
it has learnt from; --window holds it to where it last was.

Examples:
  foveate listen --picture heard.png
  foveate listen three.wav four.wav
  foveate listen --file target/spoken-digits/test.tsv --repeat 5
  foveate listen --file target/spoken-digits/strangers.tsv --align
  foveate listen --timit TIMIT --folded --model runs/timit/weights.safetensors")]
pub(super) struct Listen {
    /// What to listen to [default: a recording that comes along]
    recordings: Vec<PathBuf>,
    /// The network: what `foveate train` wrote [default: one of spoken digits]
    #[arg(short, long, value_name = "WEIGHTS.safetensors")]
    model: Option<PathBuf>,
    /// Listen to the recordings of a list instead
    #[arg(short, long, value_name = "FILE", conflicts_with = "recordings")]
    file: Option<PathBuf>,
    /// Listen to TIMIT's core test set instead, in the folder with TRAIN and TEST
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["recordings", "file"])]
    timit: Option<PathBuf>,
    /// Count errors in the 39 classes of TIMIT's 61 phones
    #[arg(long)]
    folded: bool,
    /// Say when each phone of a list's recordings is spoken, in seconds
    #[arg(long, conflicts_with_all = ["recordings", "picture", "folded", "beam", "longest"])]
    align: bool,
    /// How many sequences are followed at once [default: 10, or as many as there are phones]
    #[arg(short, long, value_name = "K")]
    beam: Option<usize>,
    /// Each recording so many times, one after the other
    #[arg(long, value_name = "TIMES", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    repeat: u16,
    /// What scores are multiplied by before they become weights [default: as it was trained]
    #[arg(long, value_name = "NUMBER")]
    sharpness: Option<f32>,
    /// Listen no more than so many frames of 10 ms from where it last did
    #[arg(long, value_name = "FRAMES", value_parser = clap::value_parser!(u32).range(1..))]
    window: Option<u32>,
    /// The most phones of a recording [default: one for every 40 ms, and 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    longest: Option<u32>,
    /// Draw what was heard, and where it listened for each phone; of one recording
    #[arg(short, long, value_name = "FILE.png", conflicts_with_all = ["file", "timit"])]
    picture: Option<PathBuf>,
    /// Print a JSON object for each recording
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

impl Listen {
    pub(super) fn run(self) -> Result<ExitCode> {
        if let (Some(_), [_, another, ..]) = (&self.picture, &self.recordings[..]) {
            return Err(Error::shape("listen", format!("--picture is of one recording, and there is {} too", another.display())));
        }
        if let Some(sharpness) = self.sharpness.filter(|sharpness| !(*sharpness > 0.0 && sharpness.is_finite())) {
            return Err(Error::shape("listen", format!("--sharpness {sharpness}; it must be positive")));
        }
        let recordings = match (&self.file, &self.timit) {
            (Some(file), _) => listed(file)?,
            (_, Some(folder)) => timit(folder, Part::CoreTest)?,
            _ if self.recordings.is_empty() => vec![Recording { path: PathBuf::new(), phones: SAMPLE_PHONES.to_owned() }],
            _ => self.recordings.iter().map(|path| Recording { path: path.clone(), phones: String::new() }).collect(),
        };
        let weights = self.model.as_ref().map_or_else(arsg::weights, Weights::open)?;
        let opened = Instant::now();
        let device = self.device.open()?;
        let trained = Manner::of(&weights)?;
        let sharpness = self.sharpness.unwrap_or(trained.sharpness);
        let manner = Manner { sharpness, window: self.window.map(|window| window as usize) };
        let beam = self.beam.map_or_else(|| Ok(Arsg::of(&weights)?.phones.min(10)), Ok)?;
        let mut recogniser = Recogniser::new(&device, &weights, beam, manner)?;
        eprintln!("{}, compiled in {}", device.name(), milliseconds(opened));
        if self.align { self.align(&recordings, &mut recogniser) } else { self.listen(&recordings, &mut recogniser) }
    }

    /// Listens to recordings; counts errors against the phones of those that have some.
    fn listen(&self, recordings: &[Recording], recogniser: &mut Recogniser) -> Result<ExitCode> {
        let (mut counted, mut numbers) = (Sequences::default(), Numbers { folded: self.folded, known: HashMap::new() });
        self.each(recordings, "phone error rate", |recording, sound| {
            let found = self.found(recogniser, sound, &recording.path)?;
            if let Some(picture) = &self.picture {
                let features = recogniser.filterbank().of(sound)?;
                picture::write_png(picture, &listened(&features, &recogniser.language().names(&found.phones), &found.alphas)?)?;
                eprintln!("what was heard is drawn in {}", picture.display());
            }
            if !recording.phones.is_empty() {
                let heard = numbers.of(recogniser.language().names(before_end(&found.phones)).into_iter());
                let once = numbers.of(recording.phones.split_whitespace());
                counted.add(&heard, &[&once.repeat(usize::from(self.repeat))]);
            }
            let fields = serde_json::json!({
                "phones": found.text, "ended": found.phones.last() == Some(&END), "log_probability": found.log_probability,
            });
            Ok((found.text, fields, counted.error_rate()))
        })
    }

    /// Says when phones are spoken; counts those of repeated recordings that are not found where they are in the recording alone.
    fn align(&self, recordings: &[Recording], recogniser: &mut Recogniser) -> Result<ExitCode> {
        let (mut lost, mut all) = (0u64, 0u64);
        self.each(recordings, "phones lost", |recording, sound| {
            if recording.phones.is_empty() {
                let reason = "has no phones in the list, which --align tells the network";
                return Err(Error::model(recording.path.display().to_string(), reason));
            }
            let phones = vec![recording.phones.as_str(); usize::from(self.repeat)].join(" ");
            let found = recogniser.align(sound, &phones)?;
            let mut times = found.times();
            times.truncate(phones.split_whitespace().count());
            if self.repeat > 1 {
                let length = sound.seconds() / f64::from(self.repeat);
                let alone = recogniser.align(&opened(recording)?, &recording.phones)?.times();
                let expected = (0..self.repeat).flat_map(|k| alone[..alone.len() - 1].iter().map(move |time| time + f64::from(k) * length));
                for (time, expected) in times.iter().zip(expected) {
                    all += 1;
                    lost += u64::from((time - expected).abs() > NEAR);
                }
            }
            let text: Vec<String> = phones.split_whitespace().zip(&times).map(|(phone, time)| format!("{phone} {time:.2}")).collect();
            let fields = serde_json::json!({ "phones": phones, "seconds": times, "log_probability": found.log_probability });
            Ok((text.join("  "), fields, (all > 0).then(|| lost as f64 / all as f64)))
        })
    }

    /// Opens each recording, as often as it is to be repeated, and prints what `hear` makes of it: a line or an object, and the share of what is
    /// wrong so far.
    fn each(
        &self,
        recordings: &[Recording],
        wrong: &str,
        mut hear: impl FnMut(&Recording, &Sound) -> Result<(String, serde_json::Value, Option<f64>)>,
    ) -> Result<ExitCode> {
        let (begin, bar) = (Instant::now(), bars::rated(recordings.len() as u64));
        let (mut seconds, mut summary) = (0.0, String::new());
        for recording in recordings {
            let sound = opened(recording)?.repeated(usize::from(self.repeat))?;
            let path = if is_sample(recording) { "a recording that comes along".to_owned() } else { recording.path.display().to_string() };
            let (text, mut fields, share) = hear(recording, &sound).map_err(|error| match error {
                Error::Shape { reason, .. } => Error::model(path.clone(), reason),
                other => other,
            })?;
            bar.suspend(|| {
                if self.json {
                    fields["recording"] = path.into();
                    println!("{fields}");
                } else {
                    println!("{path}\t{text}");
                }
            });
            if let Some(share) = share {
                summary = format!("{wrong} {:.2} %", 100.0 * share);
                bar.set_message(summary.clone());
            }
            seconds += sound.seconds();
            bar.inc(1);
        }
        bar.finish_and_clear();
        let summary = if summary.is_empty() { summary } else { format!(": {summary}") };
        eprintln!("{} recordings of {seconds:.1} s in {}{summary}", recordings.len(), milliseconds(begin));
        Ok(ExitCode::SUCCESS)
    }

    fn found(&self, recogniser: &mut Recogniser, sound: &Sound, path: &std::path::Path) -> Result<Recognition> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of phones")]
        let longest = self.longest.map_or((sound.seconds() / 0.04) as usize + 10, |longest| longest as usize);
        let found = recogniser.recognise(sound, longest)?.into_iter().next();
        found.ok_or_else(|| Error::shape("listen", format!("nothing was recognised in {}", path.display())))
    }
}

/// Whether it is the recording that comes along, which has no path.
fn is_sample(recording: &Recording) -> bool {
    recording.path.as_os_str().is_empty()
}

fn opened(recording: &Recording) -> Result<Sound> {
    if is_sample(recording) { sample() } else { Sound::open(&recording.path) }
}

/// Numbers for phones, or for their classes.
struct Numbers {
    folded: bool,
    known: HashMap<String, i32>,
}

impl Numbers {
    fn of<'a>(&mut self, phones: impl Iterator<Item = &'a str>) -> Vec<i32> {
        let folded = self.folded;
        let counted = phones.filter_map(|phone| if folded { self::folded(phone) } else { Some(phone) });
        let number = |phone: &str| {
            // END is 0.
            let next = i32::try_from(self.known.len() + 1).unwrap_or(i32::MAX);
            *self.known.entry(phone.to_owned()).or_insert(next)
        };
        counted.map(number).collect()
    }
}
