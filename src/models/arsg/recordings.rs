//! Recordings with their phones: lists of files, and examples.

use super::{Filterbank, NOTHING, Sound};
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::models::sentences::{Language, Lines, Side};
use crate::train::{Dataset, Numbers};
use std::path::{Path, PathBuf};

/// A file and what is said in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Where it lies.
    pub path: PathBuf,
    /// Its phones, with spaces between them; empty if nobody says.
    pub phones: String,
}

/// The recordings of a text file that has on each line a path, from the file's folder on, and behind a tab the phones, if they are known.
///
/// # Errors
/// [`Error::Io`] if it cannot be read; [`Error::Model`] if it is no such file.
pub fn listed(path: impl AsRef<Path>) -> Result<Vec<Recording>> {
    let path = path.as_ref();
    let (lines, folder) = (Lines::open_any(path)?, path.parent().unwrap_or(Path::new("")));
    let one = |(file, phones): (&str, &str)| Recording { path: folder.join(file), phones: phones.to_owned() };
    Ok(lines.texts(Side::Source).zip(lines.texts(Side::Target)).map(one).collect())
}

/// How much room a recording has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// The most frames, however fast it is played.
    pub frames: usize,
    /// The most phones.
    pub phones: usize,
}

/// How recordings differ from visit to visit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Hearing {
    /// They are played faster or slower, and so higher or lower, by up to this share: 0 as they are.
    pub speed: f64,
    /// White noise of up to this share of the loudness.
    pub noise: f64,
    /// Louder or softer by up to so many decibels.
    pub gain: f64,
}

/// Recordings as examples: `sound`, f32 (frames, features), [`NOTHING`] behind the end, and `target`, i32 (phones + 1), END behind the last
/// and -1 behind that.
#[derive(Clone, Debug)]
pub struct Recordings {
    recordings: Vec<Recording>,
    room: Room,
    language: Language,
    filterbank: Filterbank,
    hearing: Hearing,
    seed: u64,
}

/// Recordings that the moments of features are measured on.
const MEASURED: usize = 500;

impl Recordings {
    /// Those for which there is room. All files are opened once.
    ///
    /// # Errors
    /// If there are none, a file cannot be read, or a share is not within 0 and 0.9.
    pub fn new(
        recordings: Vec<Recording>,
        room: Room,
        language: Language,
        filterbank: Filterbank,
        hearing: Hearing,
        seed: u64,
    ) -> Result<Self> {
        let Hearing { speed, noise, gain } = hearing;
        if !((0.0..=0.9).contains(&speed) && (0.0..=10.0).contains(&noise) && (0.0..=60.0).contains(&gain)) {
            let reason = format!("{hearing:?}: speed is within 0 and 0.9, noise within 0 and 10, gain within 0 and 60 decibels");
            return Err(Error::shape("recordings", reason));
        }
        let all = recordings.len();
        let fits = |recording: &Recording| {
            let sound = Sound::open(&recording.path)?;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of samples, rounded up")]
            let samples = (sound.seconds() * f64::from(filterbank.rate) / (1.0 - speed)).ceil() as usize;
            let phones = language.read(&recording.phones).len();
            Ok((1..=room.frames).contains(&filterbank.frames(samples)) && (2..=room.phones + 1).contains(&phones))
        };
        let kept = recordings.into_iter().map(|recording| Ok(fits(&recording)?.then_some(recording)));
        let recordings: Vec<Recording> = kept.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
        if recordings.is_empty() {
            let Room { frames, phones } = room;
            return Err(Error::shape("recordings", format!("none of {all} has 1 to {frames} frames and 1 to {phones} phones")));
        }
        Ok(Self { recordings, room, language, filterbank, hearing, seed })
    }

    /// Mean and deviation of each feature, over the first 500 recordings as they are.
    ///
    /// # Errors
    /// If a file cannot be read.
    #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
    pub fn moments(&self) -> Result<[Array; 2]> {
        let features = self.filterbank.features();
        let (mut count, mut sums, mut squares) = (0.0, vec![0.0; features], vec![0.0; features]);
        for recording in self.recordings.iter().take(MEASURED) {
            for frame in self.filterbank.of(&Sound::open(&recording.path)?)?.to_f64().chunks_exact(features) {
                count += 1.0;
                for ((x, sum), square) in frame.iter().zip(&mut sums).zip(&mut squares) {
                    *sum += x;
                    *square += x * x;
                }
            }
        }
        let mean = |at: usize| sums[at] / count;
        let deviation = |at: usize| (squares[at] / count - mean(at) * mean(at)).max(1e-6).sqrt();
        Ok([Array::from_fn([features], |at| mean(at) as f32), Array::from_fn([features], |at| deviation(at) as f32)])
    }

    /// A sound as it is heard on this visit.
    #[expect(clippy::cast_possible_truncation, reason = "samples are f32")]
    fn heard(&self, sound: Sound, index: usize, visit: u64) -> Result<Sound> {
        let Hearing { speed, noise, gain } = self.hearing;
        if self.hearing == Hearing::default() {
            return Ok(sound);
        }
        let mut random = Numbers::new(self.seed, &format!("recording {index} {visit}"));
        let sound = sound.played(1.0 + random.between(-speed, speed), self.filterbank.rate)?;
        let samples = sound.samples();
        let loudness = (samples.iter().map(|s| f64::from(s * s)).sum::<f64>() / samples.len().max(1) as f64).sqrt();
        let (noise, gain) = (random.between(0.0, noise) * loudness, 10f64.powf(random.between(-gain, gain) / 20.0));
        let samples = samples.iter().map(|s| (gain * (f64::from(*s) + noise * random.normal())) as f32).collect();
        Sound::new(samples, self.filterbank.rate)
    }
}

impl Dataset for Recordings {
    fn len(&self) -> usize {
        self.recordings.len()
    }

    fn tensors(&self) -> Vec<(String, TensorType)> {
        vec![
            ("sound".to_owned(), TensorType::f32([self.room.frames, self.filterbank.features()])),
            ("target".to_owned(), TensorType::new(DType::I32, [self.room.phones + 1])),
        ]
    }

    fn example(&self, index: usize, visit: u64) -> Result<Vec<Array>> {
        let missing = || Error::shape("recordings", format!("example {index} of {}", self.recordings.len()));
        let recording = self.recordings.get(index).ok_or_else(missing)?;
        let features = self.filterbank.of(&self.heard(Sound::open(&recording.path)?, index, visit)?)?;
        let (values, phones) = (features.values::<f32>()?, self.language.read(&recording.phones));
        Ok(vec![
            Array::from_fn([self.room.frames, self.filterbank.features()], |at| values.get(at).copied().unwrap_or(NOTHING)),
            Array::from_fn([self.room.phones + 1], |at| phones.get(at).copied().unwrap_or(-1)),
        ])
    }
}
