//! resize along any axes of a tensor of any rank: ONNX's Resize.
//!
//! The weights of several axes are products, so one axis is resized after the other, the last two together where they can be.
//! An axis in the middle is the height of images as wide as what follows it; the width then keeps its size, and so its pixels.

use super::{Coordinates, Resize, ResizeMode, check_sides};
use crate::array::{Array, DType, Hw, elements};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::ops::check_axis;

/// How one axis is resized.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResizeAxis {
    /// The axis; from the end where negative.
    pub axis: isize,
    /// Its new size.
    pub size: usize,
    /// The scale that positions follow, where it is not the ratio of the sizes.
    pub scale: Option<f32>,
    /// Start and end of the part that [`Coordinates::TfCropAndResize`] shows: 0 is the first, 1 the last element.
    pub part: (f32, f32),
}

impl ResizeAxis {
    /// To `size`, all of the axis.
    pub const fn to(axis: isize, size: usize) -> Self {
        Self { axis, size, scale: None, part: (0.0, 1.0) }
    }

    /// An axis that stays as it is, beside others that do not.
    const fn kept(size: usize) -> Self {
        Self { scale: Some(1.0), ..Self::to(0, size) }
    }
}

impl Var {
    /// This tensor with `axes` at other sizes, the others as they are. Sizes, scales and the part that is shown are those of
    /// the axes: `options.size`, `options.scales` and the start and end in `options.coordinates` mean nothing here.
    ///
    /// Nearest takes every dtype, since it only picks (f16 in rows of even length); without values from outside, then.
    ///
    /// # Errors
    /// If an axis does not exist or is named twice, or the dtype or an attribute does not fit.
    pub fn resize_axes(&self, axes: &[ResizeAxis], options: Resize) -> Result<Self> {
        let mut sides: Vec<Option<ResizeAxis>> = vec![None; self.shape().len()];
        for side in axes {
            let dimension = check_axis("resize", side.axis, self.ty())?;
            if sides[dimension].replace(*side).is_some() {
                return Err(Error::shape("resize", format!("axes name dimension {dimension} of {} twice", self.ty())));
            }
        }
        // What stays as it is needs no pass, but attributes that make no sense are refused all the same.
        for (slot, &size) in sides.iter_mut().zip(self.shape()) {
            if let Some(side) = *slot {
                options.over(ResizeAxis::kept(1), side).check(Hw::new(1, size))?;
                let crop = matches!(options.coordinates, Coordinates::TfCropAndResize { .. });
                if side.size == size && side.scale.is_none_or(|s| s == 1.0) && (!crop || side.part == (0.0, 1.0)) {
                    *slot = None;
                }
            }
        }
        let mut output = self.clone();
        let mut rest = sides.len();
        while let Some(last) = rest.checked_sub(1) {
            rest = last;
            let Some(side) = sides[last] else { continue };
            let pair = last
                .checked_sub(1)
                .and_then(|d| sides[d])
                .filter(|before| last + 1 == sides.len() && before.scale.is_some() == side.scale.is_some() && self.dtype() == DType::F32);
            output = match pair {
                _ if self.dtype() != DType::F32 && options.mode == ResizeMode::Nearest => output.picked_along(last, side, options)?,
                Some(before) => {
                    rest = last - 1;
                    output.resized(last - 1, last + 1, options.over(before, side))?
                }
                None if last + 1 == sides.len() => output.resized(last, last + 1, options.over(ResizeAxis::kept(1), side))?,
                None => {
                    let inner = elements(&output.shape()[last + 1..]);
                    output.resized(last, last + 1, options.over(side, ResizeAxis::kept(inner)))?
                }
            };
        }
        Ok(output)
    }

    /// Dimensions `from..to`, one or the last two, as `options` says: two are height and width; the last is the width of
    /// images of one row, another the height of images as wide as what follows.
    fn resized(&self, from: usize, to: usize, options: Resize) -> Result<Self> {
        let shape = self.shape();
        let (outer, inner) = (elements(&shape[..from]), elements(&shape[to..]));
        let image = match shape[from..to] {
            [h, w] => [h, w],
            _ if to == shape.len() => [1, shape[from]],
            _ => [shape[from], inner],
        };
        let images = self.reshape([1, outer, image[0], image[1]])?.resize(options)?;
        let mut shape = shape.to_vec();
        match shape[from..to] {
            [_, _] => shape[from..to].copy_from_slice(&[options.size.h, options.size.w]),
            _ => shape[from] = if to == shape.len() { options.size.w } else { options.size.h },
        }
        images.reshape(shape)
    }

    /// Nearest along one dimension, by picking.
    fn picked_along(&self, dimension: usize, side: ResizeAxis, options: Resize) -> Result<Self> {
        let size = self.shape()[dimension];
        let op = options.over(ResizeAxis::kept(1), side);
        let [_, line] = op.lines(Hw::new(1, size));
        let place = |x| op.taps(line, 1.0, x, size).and_then(|taps| i32::try_from(taps.first()?.0).ok());
        let Some(places) = (0..side.size).map(place).collect::<Option<Vec<_>>>() else {
            return Err(Error::unsupported("resize", format!("{} with values from outside; cast it first", self.ty())));
        };
        self.gather(dimension.cast_signed(), &self.graph().constant(Array::new([side.size], places)?)?)
    }
}

impl Resize {
    /// These options for height and width.
    fn over(self, h: ResizeAxis, w: ResizeAxis) -> Self {
        let coordinates = match self.coordinates {
            Coordinates::TfCropAndResize { extrapolation, .. } => {
                Coordinates::TfCropAndResize { start: (h.part.0, w.part.0), end: (h.part.1, w.part.1), extrapolation }
            }
            other => other,
        };
        // What is kept has a scale for where the other has one: no other axes are paired.
        let scales = h.scale.zip(w.scale);
        Self { size: Hw::new(h.size, w.size), coordinates, scales, ..self }
    }

    /// What `infer` refuses of sides and attributes.
    fn check(&self, input: Hw) -> Result<()> {
        if self.antialias && self.mode == ResizeMode::Nearest {
            return Err(Error::shape("resize", "antialias has no meaning for Nearest"));
        }
        let sides = [input.h, input.w, self.size.h, self.size.w];
        check_sides("resize", &sides)?;
        if sides.contains(&0) {
            return Err(Error::shape("resize", format!("{} elements to {}: there must be some", input.w, self.size.w)));
        }
        self.check_attributes(input)
    }
}
