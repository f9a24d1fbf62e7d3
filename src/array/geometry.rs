//! Named geometry of images: never a bare `[usize; 4]`.

/// A height and a width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hw {
    /// Height, along y.
    pub h: usize,
    /// Width, along x.
    pub w: usize,
}

impl Hw {
    /// Height and width.
    pub const fn new(h: usize, w: usize) -> Self {
        Self { h, w }
    }

    /// The same in both directions.
    pub const fn square(size: usize) -> Self {
        Self { h: size, w: size }
    }

    /// Height times width.
    pub const fn area(self) -> usize {
        self.h * self.w
    }
}

/// Padding of an image, each side on its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pads {
    /// Rows above.
    pub top: usize,
    /// Columns to the left.
    pub left: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns to the right.
    pub right: usize,
}

impl Pads {
    /// The same on all four sides.
    pub const fn all(size: usize) -> Self {
        Self { top: size, left: size, bottom: size, right: size }
    }

    /// `h` above and below, `w` to the left and right.
    pub const fn symmetric(h: usize, w: usize) -> Self {
        Self { top: h, left: w, bottom: h, right: w }
    }
}
