//! Parameters as training starts with them: square matrices orthogonal, the others N(0, 0.01^2), biases 0.

use super::Config;
use crate::array::{Array, elements};
use crate::error::{Error, Result};
use crate::nn::Weights;
use crate::nn::init::orthonormal;

/// The most numbers that are drawn: sizes are the caller's, memory is not.
const MOST: usize = 1 << 28;

impl Config {
    /// Parameters as the published code draws them: matrices that are square are orthogonal, each gate's own part of `decoder_W` and
    /// `decoder_U` among them but `decoder_Wc_att` not; other matrices are N(0, 0.01^2), biases 0. The numbers depend on `seed` and
    /// the names alone.
    ///
    /// At [`Config::COCO`] the four orthogonal matrices of 1800 take some 50 thousand million operations.
    ///
    /// # Errors
    /// If there are more than 2^28 parameters.
    pub fn initial(&self, seed: u64) -> Result<Weights> {
        if self.parameter_count() > MOST {
            return Err(Error::shape("show_attend_tell", format!("{} parameters, 2^28 are the most", self.parameter_count())));
        }
        let arrays = self.parameters().into_iter().map(|(name, shape)| {
            let mut normal = Normal::new(seed, &name);
            let array = match *shape {
                // A matrix for each gate, side by side.
                [inputs, outputs] if matches!(&*name, "decoder_W" | "decoder_U") && inputs == outputs / 4 => {
                    let gates = [0; 4].map(|_| orthonormal(inputs, inputs, || normal.draw()));
                    Array::from_fn([inputs, outputs], |i| gates[i % outputs / inputs][i / outputs * inputs + i % inputs] as f32)
                }
                [inputs, outputs] if inputs == outputs && name != "decoder_Wc_att" => {
                    let matrix = orthonormal(inputs, inputs, || normal.draw());
                    Array::from_fn([inputs, outputs], |i| matrix[i] as f32)
                }
                [_, _] => Array::from_fn(&*shape, |_| (0.01 * normal.draw()) as f32),
                _ => Array::full(&*shape, 0.0f32),
            };
            debug_assert_eq!(array.len(), elements(&shape));
            (name, array)
        });
        Ok(Weights::from_arrays("initial parameters of show_attend_tell", arrays.collect::<Vec<_>>()))
    }

    /// The same, but matrices that are not orthogonal are N(0, 1 / inputs): 0.01 is for matrices of ten thousand inputs, and all but silences
    /// those of a narrow network.
    ///
    /// # Errors
    /// As [`Config::initial`].
    pub fn initial_by_inputs(&self, seed: u64) -> Result<Weights> {
        let start = self.initial(seed)?;
        let scaled = self.parameters().into_iter().filter_map(|(name, shape)| match *shape {
            [inputs, outputs] if name == "decoder_Wc_att" || inputs != outputs && name != "decoder_U" => {
                let scale = 100.0 / (inputs as f64).sqrt();
                Some(start.get(&name).map(|array| {
                    let values = array.to_f64();
                    (name, Array::from_fn([inputs, outputs], |i| (scale * values[i]) as f32))
                }))
            }
            _ => None,
        });
        let scaled = scaled.collect::<Result<Vec<_>>>()?;
        Ok(start.replaced(start.source(), scaled))
    }
}

/// Normal numbers by Box and Muller's transform of the `SplitMix64` generator.
struct Normal(u64);

impl Normal {
    /// A stream of its own for each name, whose FNV-1a hash starts it.
    fn new(seed: u64, name: &str) -> Self {
        let hash = name.bytes().fold(0xCBF2_9CE4_8422_2325, |h: u64, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3));
        Self(seed ^ hash)
    }

    /// In 0..1, 0 left out.
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        ((bits >> 11) as f64 + 1.0) / (1u64 << 53) as f64
    }

    fn draw(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}
