//! Log energies of mel bands, as Kaldi computes them: what phone recognisers of that time listen to.
//!
//! ```text
//! frames of 25 ms, 10 ms apart, as many as fit; samples as whole numbers of 16 bits; of each frame its mean taken off
//! energy    = ln of the sum of squares
//! spectrum  = |FFT(w (x[t] - 0.97 x[t - 1]))|^2      w[t] = (0.5 - 0.5 cos(2 pi t / (n - 1)))^0.85
//! band[b]   = ln of the sum of spectrum under a triangle, whose corners stand evenly on 1127 ln(1 + f / 700) from 20 Hz to half the rate
//! d(x)[t]   = sum over k in -2..2 of k x[t + k] / 10, the first and last frame standing for what is before and behind
//! output    = [x; d(x); d(d(x))] with x = [energy; bands]
//! ```
//!
//! Source: Kaldi's `compute-fbank-feats --use-energy --dither=0` and `add-deltas`.

use super::Sound;
use crate::array::Array;
use crate::error::{Error, Result};
use crate::nn::Weights;
use realfft::RealFftPlanner;

/// What turns sounds into features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filterbank {
    /// Samples a second; others are resampled.
    pub rate: u32,
    /// Mel bands.
    pub bands: usize,
}

/// Where metadata have the rate.
const RATE: &str = "sound_rate";
/// The lowest frequency of a band, in hertz.
const LOWEST: f64 = 20.0;

impl Filterbank {
    /// 40 bands of speech at 16,000 samples a second, 123 numbers a frame.
    pub const SPEECH: Self = Self { rate: 16_000, bands: 40 };

    /// What `weights` hear with, of whose frames there are `features` numbers.
    ///
    /// # Errors
    /// [`Error::Model`] if their metadata do not say at what rate, or there can be no frames of so many numbers.
    pub fn heard_by(weights: &Weights, features: usize) -> Result<Self> {
        let rate = weights.number(RATE)?;
        match rate {
            Some(rate) if features.is_multiple_of(3) && features > 3 => Ok(Self { rate, bands: features / 3 - 1 }),
            Some(_) => {
                Err(Error::model(weights.source(), format!("hears frames of {features} numbers; 3 for each band and 3 are possible")))
            }
            None => Err(Error::model(weights.source(), format!("has no '{RATE}', samples a second, in its metadata"))),
        }
    }

    /// What weights say of it.
    pub fn metadata(self) -> (&'static str, String) {
        (RATE, self.rate.to_string())
    }

    /// Numbers of a frame: energy and bands, how they change, and how that changes.
    pub fn features(self) -> usize {
        3 * (self.bands + 1)
    }

    /// Samples of a frame, and from frame to frame.
    fn frame(self) -> [usize; 2] {
        [self.rate as usize / 40, self.rate as usize / 100]
    }

    /// The middle of a frame, in seconds.
    pub(super) fn time(frame: usize) -> f64 {
        0.01 * frame as f64 + 0.0125
    }

    /// Frames of a sound of so many samples at [`Filterbank::rate`].
    pub fn frames(self, samples: usize) -> usize {
        let [length, shift] = self.frame();
        if samples < length { 0 } else { 1 + (samples - length) / shift.max(1) }
    }

    /// Features (frames, numbers) of a sound.
    ///
    /// # Errors
    /// If it is shorter than a frame, or the rate is below 4000 or too low for so many bands.
    pub fn of(self, sound: &Sound) -> Result<Array> {
        if self.rate < 4000 || self.bands == 0 {
            return Err(Error::shape("filterbank", format!("{self:?}: 4000 samples a second and a band are the least")));
        }
        let sound = sound.resampled(self.rate)?;
        let (frames, columns) = (self.frames(sound.samples().len()), self.bands + 1);
        if frames == 0 {
            return Err(Error::shape("filterbank", format!("a sound of {:.3} s has no frame of 0.025 s", sound.seconds())));
        }
        let own = self.bands_of(sound.samples(), frames)?;
        let change = |x: &[f32]| -> Vec<f32> {
            let of = |t: usize, c: usize| {
                let near = |k: i64| x[(t as i64 + k).clamp(0, frames as i64 - 1).unsigned_abs() as usize * columns + c];
                (2.0 * (near(2) - near(-2)) + near(1) - near(-1)) / 10.0
            };
            (0..frames * columns).map(|at| of(at / columns, at % columns)).collect()
        };
        let first = change(&own);
        let all = [&own, &first, &change(&first)];
        Ok(Array::from_fn([frames, self.features()], |at| {
            let (frame, column) = (at / self.features(), at % self.features());
            all[column / columns][frame * columns + column % columns]
        }))
    }

    /// Energy and bands, frame by frame.
    #[expect(clippy::cast_possible_truncation, reason = "features are f32")]
    fn bands_of(self, samples: &[f32], frames: usize) -> Result<Vec<f32>> {
        let [length, shift] = self.frame();
        let mut planner = RealFftPlanner::<f64>::new();
        let fft = planner.plan_fft_forward(length.next_power_of_two());
        let (mut input, mut spectrum) = (fft.make_input_vec(), fft.make_output_vec());
        let turn = |t: usize| 2.0 * std::f64::consts::PI * t as f64 / (length - 1) as f64;
        let window: Vec<f64> = (0..length).map(|t| (0.5 - 0.5 * turn(t).cos()).powf(0.85)).collect();
        let triangles = self.triangles(spectrum.len() - 1)?;
        let log = |energy: f64| energy.max(f64::from(f32::EPSILON)).ln() as f32;
        let mut output = Vec::with_capacity(frames * (self.bands + 1));
        for frame in 0..frames {
            let own = &samples[frame * shift..][..length];
            let whole = own.iter().map(|s| f64::from(*s) * 32768.0);
            let mean = whole.clone().sum::<f64>() / length as f64;
            let centred: Vec<f64> = whole.map(|s| s - mean).collect();
            output.push(log(centred.iter().map(|s| s * s).sum()));
            input.fill(0.0);
            for t in 0..length {
                input[t] = window[t] * (centred[t] - 0.97 * centred[t.saturating_sub(1)]);
            }
            fft.process(&mut input, &mut spectrum).map_err(|e| Error::shape("filterbank", e.to_string()))?;
            let under = |(first, weights): &(usize, Vec<f64>)| {
                log(weights.iter().zip(&spectrum[*first..]).map(|(weight, value)| weight * value.norm_sqr()).sum())
            };
            output.extend(triangles.iter().map(under));
        }
        Ok(output)
    }

    /// For each band the first of `bins` frequencies below half the rate that it hears, and how much of it and those that follow.
    fn triangles(self, bins: usize) -> Result<Vec<(usize, Vec<f64>)>> {
        let mel = |hertz: f64| 1127.0 * (1.0 + hertz / 700.0).ln();
        let half = f64::from(self.rate) / 2.0;
        let (low, high) = (mel(LOWEST), mel(half));
        let apart = (high - low) / (self.bands + 1) as f64;
        let at = |bin: usize| mel(half * bin as f64 / bins as f64);
        let triangle = |band: usize| {
            let left = low + band as f64 * apart;
            let weight = |bin: usize| (1.0 - ((at(bin) - left) / apart - 1.0).abs()).max(0.0);
            let heard: Vec<usize> = (0..bins).filter(|bin| weight(*bin) > 0.0).collect();
            match heard[..] {
                [first, ..] => Ok((first, heard.into_iter().map(weight).collect())),
                [] => Err(Error::shape("filterbank", format!("{} bands are too many at {} samples a second", self.bands, self.rate))),
            }
        };
        (0..self.bands).map(triangle).collect()
    }
}
