//! Named geometry of images and volumes: never a bare `[usize; 4]`.

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

    /// This size made smaller, if need be, until no side is longer than `longest`.
    pub fn fitted(self, longest: usize) -> Self {
        let longer = self.h.max(self.w);
        let side = |n: usize| if longer > longest { (n * longest / longer).max(1) } else { n };
        Self::new(side(self.h), side(self.w))
    }

    /// The part in the middle of a picture of this size that covers `to` without distortion: top, left, size.
    pub(crate) fn covering(self, to: Self) -> (usize, usize, Self) {
        // Wider than the target: full height and part of the width; else the other way round.
        let part = if self.w * to.h > self.h * to.w {
            Self::new(self.h, (self.h * to.w / to.h).max(1))
        } else {
            Self::new((self.w * to.h / to.w).max(1), self.w)
        };
        ((self.h - part.h) / 2, (self.w - part.w) / 2, part)
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

/// A depth, a height and a width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dhw {
    /// Depth, along z.
    pub d: usize,
    /// Height, along y.
    pub h: usize,
    /// Width, along x.
    pub w: usize,
}

impl Dhw {
    /// Depth, height and width.
    pub const fn new(d: usize, h: usize, w: usize) -> Self {
        Self { d, h, w }
    }

    /// The same in all three directions.
    pub const fn cube(size: usize) -> Self {
        Self { d: size, h: size, w: size }
    }

    /// Depth times height times width.
    pub const fn volume(self) -> usize {
        self.d * self.h * self.w
    }

    /// What is left in a plane.
    pub const fn hw(self) -> Hw {
        Hw { h: self.h, w: self.w }
    }
}

/// Padding of a volume, each side on its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pads3 {
    /// Planes before the first.
    pub front: usize,
    /// Rows above.
    pub top: usize,
    /// Columns to the left.
    pub left: usize,
    /// Planes after the last.
    pub back: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns to the right.
    pub right: usize,
}

impl Pads3 {
    /// The same on all six sides.
    pub const fn all(size: usize) -> Self {
        Self::symmetric(size, size, size)
    }

    /// `d` in front and behind, `h` above and below, `w` to the left and right.
    pub const fn symmetric(d: usize, h: usize, w: usize) -> Self {
        Self { front: d, top: h, left: w, back: d, bottom: h, right: w }
    }

    /// What is left in a plane.
    pub const fn hw(self) -> Pads {
        Pads { top: self.top, left: self.left, bottom: self.bottom, right: self.right }
    }
}
