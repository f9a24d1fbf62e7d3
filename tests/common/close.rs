//! Element-by-element comparison with a derived bound. Never a mean, never rounding.

use foveate::array::{Array, f16};

/// How far a result may be from the reference.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// The same bits, or both NaN.
    Exact,
    /// A sum of this many products: `2 eps * terms * sum of |products|`.
    ///
    /// The reference run on absolute values gives that sum; the bound holds for any order of summation.
    Terms(usize),
    /// `absolute + relative * |reference|`; say why these numbers.
    Near {
        /// Allowed everywhere.
        absolute: f64,
        /// Allowed for each unit of the reference.
        relative: f64,
    },
}

/// The first element of `got` that is further from `want` than `bound` allows, in words.
///
/// `scale` is the reference on absolute values, for [`Bound::Terms`].
pub fn compare(got: &Array, want: &Array, scale: Option<&Array>, bound: Bound) -> Result<(), String> {
    let values = want.to_f64();
    let scale = scale.map(Array::to_f64);
    differences(got, want, |i| bound.allowed(i, &values, scale.as_deref()))
}

/// [`compare`] for what is kept in f16: rounded once more, to 11 digits above 2^-14 and to a multiple of 2^-24 below, and infinite where
/// that is beyond 65504.
pub fn compare_halves(got: &Array, want: &Array, scale: Option<&Array>, bound: Bound) -> Result<(), String> {
    let values = want.to_f64();
    let scale = scale.map(Array::to_f64);
    let most = f64::from(f16::MAX);
    let allowed = |i: usize| {
        let exact = bound.allowed(i, &values, scale.as_deref());
        let overflows = values[i].abs() + exact > most;
        if overflows { f64::INFINITY } else { exact + 2f64.powi(-11) * (values[i].abs() + exact) + 2f64.powi(-25) }
    };
    differences(got, want, allowed)
}

impl Bound {
    fn allowed(self, i: usize, values: &[f64], scale: Option<&[f64]>) -> f64 {
        match self {
            Self::Exact => 0.0,
            Self::Terms(terms) => {
                let scale = scale.map_or(values[i].abs(), |s| s[i].abs());
                2.0 * f64::from(f32::EPSILON) * terms.max(1) as f64 * scale + f64::from(f32::MIN_POSITIVE)
            }
            Self::Near { absolute, relative } => absolute + relative * values[i].abs(),
        }
    }
}

fn differences(got: &Array, want: &Array, allowed: impl Fn(usize) -> f64) -> Result<(), String> {
    if got.ty() != want.ty() {
        return Err(format!("is {}, expected {}", got.ty(), want.ty()));
    }
    let (got, values) = (got.to_f64(), want.to_f64());
    let within = |i: usize| {
        let (a, b) = (got[i], values[i]);
        a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= allowed(i)
    };
    let wrong: Vec<usize> = (0..got.len()).filter(|&i| !within(i)).collect();
    let Some(&first) = wrong.first() else { return Ok(()) };
    let worst = wrong.iter().copied().max_by(|&a, &b| (got[a] - values[a]).abs().total_cmp(&(got[b] - values[b]).abs())).unwrap_or(first);
    let at = |i: usize| {
        let mut rest = i;
        let mut coordinates: Vec<usize> = want
            .shape()
            .iter()
            .rev()
            .map(|&d| {
                let c = rest % d;
                rest /= d;
                c
            })
            .collect();
        coordinates.reverse();
        format!("{coordinates:?}: {} expected {}, off by {:.3e}, allowed {:.3e}", got[i], values[i], (got[i] - values[i]).abs(), allowed(i))
    };
    Err(format!("{} of {} elements of {} are off; first {}; worst {}", wrong.len(), got.len(), want.ty(), at(first), at(worst)))
}
