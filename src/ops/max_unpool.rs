//! `max_unpool`: values to places of a whole tensor, zeros elsewhere; ONNX's `MaxUnpool`, whose indices count through all
//! dimensions, for any rank.
//!
//! ```text
//! output[i] = input[p] for the last p in scan order with indices[p] = i, else 0        i, p flat
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | any |
//! | indices | i32, the input's |
//! | output | any |
//!
//! This is [`Var::max_unpool2d`] of one long line, which says what becomes of equal indices and of those outside.

use super::MaxUnpool2d;
use crate::array::{Hw, elements};
use crate::error::{Error, Result};
use crate::gpu::Kernel;
use crate::graph::Var;

pub(super) const KERNELS: &[&Kernel] = &[];

/// The pooling that [`Var::max_unpool`] undoes; every list has one number for each spatial dimension.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MaxUnpool {
    /// The window.
    pub kernel: Vec<usize>,
    /// From a window to the next.
    pub stride: Vec<usize>,
    /// Padding before the pooling's input.
    pub before: Vec<usize>,
    /// Padding after it.
    pub after: Vec<usize>,
    /// The whole shape that was pooled, where kernel, stride and padding do not tell: what a last window did not reach, for instance.
    pub output_shape: Option<Vec<usize>>,
}

impl Var {
    /// These values (N, C, ...) at the flat places `indices` of a tensor of zeros of the shape that was pooled: see [`MaxUnpool`].
    ///
    /// # Errors
    /// If a list has another length, or the output no size.
    pub fn max_unpool(&self, indices: &Self, attributes: &MaxUnpool) -> Result<Self> {
        const NAME: &str = "max_unpool";
        let MaxUnpool { kernel, stride, before, after, output_shape } = attributes;
        let rank = self.shape().len();
        if rank < 2 || [kernel, stride, before, after].iter().any(|list| list.len() + 2 != rank) {
            return Err(Error::shape(NAME, format!("{attributes:?} must have one number for each dimension of {} after two", self.ty())));
        }
        let extent = |d: usize| {
            let full = self.shape()[d + 2].checked_sub(1)?.checked_mul(stride[d])?.checked_add(kernel[d])?;
            full.checked_sub(before[d].checked_add(after[d])?).filter(|&size| size > 0)
        };
        let Some(sizes) = (0..rank - 2).map(extent).collect::<Option<Vec<_>>>() else {
            return Err(Error::shape(NAME, format!("{attributes:?} makes no output of {}", self.ty())));
        };
        let implied = [&self.shape()[..2], &sizes].concat();
        match output_shape {
            None => self.put_flat(indices, &implied),
            Some(shape) if shape.len() == rank && shape[..2] == implied[..2] => self.put_flat(indices, shape),
            Some(shape) => Err(Error::shape(NAME, format!("output_shape {shape:?} has other images or channels than {}", self.ty()))),
        }
    }

    /// These values at the flat places `indices` of a tensor of zeros of this shape.
    ///
    /// # Errors
    /// If the shapes of values and indices differ.
    pub fn put_flat(&self, indices: &Self, shape: &[usize]) -> Result<Self> {
        let line = [1, 1, 1, elements(self.shape())];
        let place = MaxUnpool2d { output_size: Some(Hw::new(1, elements(shape))), ..MaxUnpool2d::default() };
        if indices.shape() != self.shape() {
            return Err(Error::shape(
                "max_unpool",
                format!("indices are {}, input is {}: one index for each value", indices.ty(), self.ty()),
            ));
        }
        self.reshape(line)?.max_unpool2d(&indices.reshape(line)?, place)?.reshape(shape)
    }
}
