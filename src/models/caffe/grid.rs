//! Where a layer's pixels lie over the data's.

/// Pixel i is centred on `start + step i`. Twice the start is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    pub(super) step: i64,
    pub(super) twice_start: i64,
}

impl Grid {
    /// The data's own.
    pub(super) const DATA: Self = Self { step: 1, twice_start: 0 };

    /// The grid of windows of `kernel` with `stride` and `padding`.
    pub(super) fn windows(self, kernel: i64, stride: i64, padding: i64) -> Self {
        Self { step: self.step * stride, twice_start: self.twice_start + self.step * (kernel - 1 - 2 * padding) }
    }

    /// The grid of which this one would be the windows, as of a deconvolution, if its pixels are whole pixels of the data apart.
    pub(super) fn upsampled(self, kernel: i64, stride: i64, padding: i64) -> Option<Self> {
        let step = (self.step % stride == 0).then_some(self.step / stride)?;
        Some(Self { step, twice_start: self.twice_start - step * (kernel - 1 - 2 * padding) })
    }

    /// The pixel of this grid that lies on the first of `other`, if there is one and both have the same step.
    pub(super) fn offset(self, other: Self) -> Option<usize> {
        let distance = other.twice_start - self.twice_start;
        let whole = self.step == other.step && distance % (2 * self.step) == 0;
        whole.then_some(distance / (2 * self.step)).and_then(|offset| usize::try_from(offset).ok())
    }
}
