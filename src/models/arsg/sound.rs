//! Recordings of one channel: WAV and NIST SPHERE files, and other rates.

use crate::error::{Error, Result};
use std::io::Cursor;
use std::path::Path;

/// What was heard.
#[derive(Clone, Debug, PartialEq)]
pub struct Sound {
    samples: Vec<f32>,
    rate: u32,
}

/// Bytes that a NIST SPHERE file begins with, and those of its header if it says nothing else.
const SPHERE: &[u8] = b"NIST_1A\n";
/// Where the sinc function of a resampled sound is cut off: at this zero of it.
const ZEROS: usize = 16;
/// Places between two zeros at which it is computed; others lie between them.
const PLACES: usize = 512;

impl Sound {
    /// Samples in -1..1, `rate` of them a second.
    ///
    /// # Errors
    /// If the rate is below 1000 or above 768,000.
    pub fn new(samples: Vec<f32>, rate: u32) -> Result<Self> {
        if !(1000..=768_000).contains(&rate) {
            return Err(Error::shape("sound", format!("{rate} samples a second; 1000 to 768000 are possible")));
        }
        Ok(Self { samples, rate })
    }

    /// A WAV file, whole numbers or f32, or a NIST SPHERE file of 16-bit numbers that are not compressed. Several channels become their mean.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Model`] if it is neither, or is cut short.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Self::from_bytes(&std::fs::read(path).map_err(|e| Error::io(path, e))?, &path.display().to_string())
    }

    /// The bytes of such a file; `source` stands for it in errors.
    ///
    /// # Errors
    /// [`Error::Model`] if they are neither, or cut short.
    pub fn from_bytes(bytes: &[u8], source: &str) -> Result<Self> {
        let read = if bytes.starts_with(SPHERE) { sphere(bytes) } else { wav(bytes) };
        let (samples, channels, rate) = read.map_err(|reason| Error::model(source, reason))?;
        let mean = |frame: &[f32]| frame.iter().sum::<f32>() / frame.len() as f32;
        Self::new(samples.chunks_exact(channels.max(1)).map(mean).collect(), rate)
    }

    /// The samples, in -1..1.
    pub fn samples(&self) -> &[f32] {
        &self.samples
    }

    /// Samples a second.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// How long it is.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate)
    }

    /// The same sound in `rate` samples a second; what these cannot tell is left out.
    ///
    /// # Errors
    /// As [`Sound::new`].
    pub fn resampled(&self, rate: u32) -> Result<Self> {
        self.played(1.0, rate)
    }

    /// Played `speed` times as fast, and so much higher, in `rate` samples a second.
    ///
    /// # Errors
    /// If the speed is not within 0.1 and 10; as [`Sound::new`].
    pub fn played(&self, speed: f64, rate: u32) -> Result<Self> {
        if !(0.1..=10.0).contains(&speed) {
            return Err(Error::shape("sound", format!("played {speed} times as fast; 0.1 to 10 are possible")));
        }
        // What is refused is refused before there is memory for it.
        Self::new(Vec::new(), rate)?;
        let step = speed * f64::from(self.rate) / f64::from(rate);
        #[expect(clippy::float_cmp, reason = "one sample for each there is, as it is")]
        let samples = if step == 1.0 { self.samples.clone() } else { at(&self.samples, step) };
        Self::new(samples, rate)
    }

    /// `times` one after the other.
    ///
    /// # Errors
    /// If that is more than memory could hold.
    pub fn repeated(&self, times: usize) -> Result<Self> {
        let bytes =
            self.samples.len().checked_mul(times).and_then(|all| all.checked_mul(4)).filter(|bytes| isize::try_from(*bytes).is_ok());
        if bytes.is_none() {
            return Err(Error::shape("sound", format!("{} samples {times} times", self.samples.len())));
        }
        Self::new(self.samples.repeat(times), self.rate)
    }
}

/// A sound at places `step` samples apart: sums of sinc functions, those of a lower rate wider, so that nothing comes in that it cannot tell.
///
/// ```text
/// y[n] = cutoff sum over k of x[k] sinc(u) cos^2(pi u / (2 ZEROS))      u = cutoff (n step - k), |u| < ZEROS      cutoff = min(1, 1 / step)
/// ```
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "places within the sound; samples are f32")]
fn at(samples: &[f32], step: f64) -> Vec<f32> {
    let cutoff = (1.0 / step).min(1.0);
    let table: Vec<f64> = (0..=ZEROS * PLACES)
        .map(|i| {
            let u = i as f64 / PLACES as f64;
            let sinc = if i == 0 { 1.0 } else { (std::f64::consts::PI * u).sin() / (std::f64::consts::PI * u) };
            sinc * (std::f64::consts::PI * u / (2 * ZEROS) as f64).cos().powi(2)
        })
        .collect();
    let kernel = |u: f64| {
        let place = u.abs() * PLACES as f64;
        let (i, part) = (place as usize, place.fract());
        table.get(i + 1).map_or(0.0, |next| table[i] + part * (next - table[i]))
    };
    let reach = ZEROS as f64 / cutoff;
    let count = if samples.is_empty() { 0 } else { ((samples.len() - 1) as f64 / step) as usize + 1 };
    let one = |n: usize| {
        let t = n as f64 * step;
        let (first, last) = ((t - reach).ceil().max(0.0) as usize, ((t + reach) as usize).min(samples.len() - 1));
        let sum: f64 = (first..=last).map(|k| f64::from(samples[k]) * kernel(cutoff * (t - k as f64))).sum();
        (cutoff * sum) as f32
    };
    (0..count).map(one).collect()
}

/// Samples, channels and rate.
type Read = std::result::Result<(Vec<f32>, usize, u32), String>;

fn wav(bytes: &[u8]) -> Read {
    let reason = |e: hound::Error| format!("is no WAV file that can be read: {e}");
    let mut reader = hound::WavReader::new(Cursor::new(bytes)).map_err(reason)?;
    let hound::WavSpec { channels, sample_rate, bits_per_sample, sample_format } = reader.spec();
    let samples = match sample_format {
        hound::SampleFormat::Float => reader.samples::<f32>().collect::<std::result::Result<Vec<_>, _>>(),
        hound::SampleFormat::Int => {
            let whole = 2f32.powi(i32::from(bits_per_sample) - 1);
            reader.samples::<i32>().map(|sample| sample.map(|sample| sample as f32 / whole)).collect()
        }
    };
    Ok((samples.map_err(reason)?, usize::from(channels), sample_rate))
}

/// A header of lines `name -type value`, as long as its second line says, and the samples behind it.
fn sphere(bytes: &[u8]) -> Read {
    let line = |at: usize| bytes.get(SPHERE.len()..).and_then(|rest| rest.split(|byte| *byte == b'\n').nth(at));
    let length = line(0).and_then(|line| str::from_utf8(line).ok()?.trim().parse::<usize>().ok());
    let Some((header, samples)) = length.and_then(|length| bytes.split_at_checked(length)) else {
        return Err("is a NIST SPHERE file whose header is cut short".to_owned());
    };
    let header = String::from_utf8_lossy(header);
    let field = |name: &str| header.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(" -")?.split_once(' ')?.1.trim()));
    let number = |name: &str, usual: Option<usize>| match field(name) {
        Some(value) => value.parse::<usize>().map_err(|_| format!("is a NIST SPHERE file with {name} '{value}'")),
        None => usual.ok_or_else(|| format!("is a NIST SPHERE file without {name}")),
    };
    let (coding, order) = (field("sample_coding").unwrap_or("pcm"), field("sample_byte_format").unwrap_or("01"));
    let (width, channels, rate) = (number("sample_n_bytes", Some(2))?, number("channel_count", Some(1))?, number("sample_rate", None)?);
    if coding != "pcm" || width != 2 || !matches!(order, "01" | "10") {
        return Err(format!(
            "is a NIST SPHERE file of {coding} samples of {width} bytes in the order {order}; pcm of 2, 01 or 10, can be read"
        ));
    }
    let count = number("sample_count", Some(samples.len() / 2))?.saturating_mul(channels.max(1));
    let value = |pair: &[u8]| if order == "01" { i16::from_le_bytes([pair[0], pair[1]]) } else { i16::from_be_bytes([pair[0], pair[1]]) };
    let read: Vec<f32> = samples.chunks_exact(2).take(count).map(|pair| f32::from(value(pair)) / 32768.0).collect();
    if read.len() < count {
        return Err(format!("is a NIST SPHERE file of {count} samples with {} behind its header", read.len()));
    }
    let rate = u32::try_from(rate).map_err(|_| format!("is a NIST SPHERE file of {rate} samples a second"))?;
    Ok((read, channels, rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: u32, hertz: f64) -> Sound {
        let sample = |n: u32| (2.0 * std::f64::consts::PI * hertz * f64::from(n) / f64::from(rate)).sin() as f32 / 2.0;
        Sound::new((0..rate / 4).map(sample).collect(), rate).unwrap()
    }

    /// A tone is the same tone in another rate, but near its ends; what the lower rate cannot tell is gone.
    #[test]
    fn tones_keep_their_pitch() {
        for (from, to) in [(16_000, 8_000), (8_000, 16_000), (22_050, 16_000)] {
            let (heard, expected) = (tone(from, 440.0).resampled(to).unwrap(), tone(to, 440.0));
            assert!(heard.samples().len().abs_diff(expected.samples().len()) <= 1);
            for n in 100..expected.samples().len() - 100 {
                let (a, b) = (heard.samples()[n], expected.samples()[n]);
                assert!((a - b).abs() < 1e-3, "{from} to {to}: sample {n} is {a}, not {b}");
            }
        }
        let high = tone(16_000, 6_000.0).resampled(8_000).unwrap();
        assert!(high.samples()[100..1900].iter().all(|s| s.abs() < 1e-3));
        let (fast, expected) = (tone(16_000, 440.0).played(1.25, 16_000).unwrap(), tone(16_000, 550.0));
        assert!((100..3000).all(|n| (fast.samples()[n] - expected.samples()[n]).abs() < 1e-3));
    }

    #[test]
    fn files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let spec = hound::WavSpec { channels: 2, sample_rate: 8000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        [16384i16, 0, -32768, 32767].iter().for_each(|s| writer.write_sample(*s).unwrap());
        writer.finalize().unwrap();
        assert_eq!(Sound::open(&path).unwrap(), Sound::new(vec![0.25, -0.5 / 32768.0], 8000).unwrap());

        let sphere = |coding: &str, count: usize, order: &str| {
            let text = format!(
                "NIST_1A\n   1024\nsample_count -i {count}\nsample_rate -i 16000\nsample_n_bytes -i 2\nsample_byte_format -s2 {order}\n\
                 channel_count -i 1\nsample_coding -s3 {coding}\nend_head\n"
            );
            let mut bytes = text.into_bytes();
            bytes.resize(1024, b' ');
            bytes.extend([0, 64, 0, 128]);
            let path = folder.path().join("b.wav");
            std::fs::write(&path, bytes).unwrap();
            Sound::open(&path)
        };
        assert_eq!(sphere("pcm", 2, "01").unwrap(), Sound::new(vec![0.5, -1.0], 16_000).unwrap());
        assert_eq!(sphere("pcm", 2, "10").unwrap().samples(), [64.0 / 32768.0, 128.0 / 32768.0]);
        for (coding, count, part) in [("pcm,embedded-shorten-v2.00", 2, "embedded-shorten"), ("pcm", 3, "3 samples with 2 behind")] {
            let error = sphere(coding, count, "01").unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        std::fs::write(&path, b"RIFFnonsense").unwrap();
        let error = Sound::open(&path).unwrap_err().to_string();
        assert!(error.contains("a.wav") && error.contains("no WAV file"), "{error}");
        assert!(
            Sound::new(vec![], 0).is_err() && tone(8000, 1.0).played(0.0, 8000).is_err() && tone(8000, 1.0).resampled(u32::MAX).is_err()
        );
    }
}
