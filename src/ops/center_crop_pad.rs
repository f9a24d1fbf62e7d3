//! `center_crop_pad`: the middle of a tensor, or a tensor in the middle of zeros.
//!
//! ```text
//! larger: output begins floor((size - wanted) / 2) elements in;  smaller: floor((wanted - size) / 2) zeros come before
//! ```
//!
//! This is one [`Var::pad`], which also takes away. ONNX: `CenterCropPad`. PyTorch: torchvision's `center_crop`.

use super::{PadMode, check_axis};
use crate::error::{Error, Result};
use crate::gpu::Kernel;
use crate::graph::Var;

pub(super) const KERNELS: &[&Kernel] = &[];

/// An axis and the size that [`Var::center_crop_pad`] gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CenterSize {
    /// The axis; from the end where negative.
    pub axis: isize,
    /// Its new size.
    pub size: usize,
}

impl Var {
    /// These axes at these sizes, by cutting off or adding zeros on both sides alike; what is odd is at the end.
    ///
    /// # Errors
    /// If an axis does not exist or is named twice, or nothing is left.
    pub fn center_crop_pad(&self, sizes: &[CenterSize]) -> Result<Self> {
        const NAME: &str = "center_crop_pad";
        let mut before = vec![0isize; self.shape().len()];
        let (mut after, mut seen) = (before.clone(), vec![false; before.len()]);
        for wanted in sizes {
            let axis = check_axis(NAME, wanted.axis, self.ty())?;
            if std::mem::replace(&mut seen[axis], true) {
                return Err(Error::shape(NAME, format!("axis {axis} of {} is named twice", self.ty())));
            }
            let size = self.shape()[axis].cast_signed();
            let Some(more) = isize::try_from(wanted.size).ok().and_then(|wanted| wanted.checked_sub(size)) else {
                return Err(Error::shape(NAME, format!("{wanted:?} is too large")));
            };
            // Towards zero: the side before gets the smaller half, of either sign.
            before[axis] = more / 2;
            after[axis] = more - more / 2;
        }
        self.pad(before, after, PadMode::Constant(0.0))
    }
}
