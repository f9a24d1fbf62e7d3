//! From an image and boxes to heat.

use super::Hypercolumns;
use crate::array::{Array, Hw};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::models::boxes::{first, last, placed, points};
use crate::models::layers::{Affine, Fill, Layers};
use crate::models::trunk::{Conv, Trunk};
use crate::ops::{GridSample, MaxRoiPool, PaddingMode, scaled};

/// A network in a graph.
#[derive(Clone, Debug)]
pub struct Network {
    pub(super) sizes: Hypercolumns,
    trunk: Trunk,
    fc6: Affine,
    fc7: Affine,
    taps: Vec<Conv>,
    fcfc7: Affine,
}

/// What a layer's outputs become on their way: in training some may be dropped, or hold their gradient back.
pub(super) type Between<'a> = &'a mut dyn FnMut(&Var) -> Result<Var>;

impl Network {
    /// With the weights that `layers` finds.
    ///
    /// # Errors
    /// If the sizes make no sense, or a weight is missing or of another shape.
    pub fn new(layers: &mut Layers<'_>, sizes: &Hypercolumns) -> Result<Self> {
        sizes.check()?;
        let trunk = Trunk::new(layers, &sizes.stages)?;
        let channels = |stage: usize| sizes.stages.get(stage - 1).map_or(1, |&(_, channels)| channels);
        let inputs = channels(sizes.stages.len()).saturating_mul(sizes.window * sizes.window);
        let scores = sizes.classes * sizes.cells();
        let mut affine = |name: &str, sizes: [usize; 2], fill: Fill<'_>| layers.affine(name, sizes, [fill, Fill::Zeros]);
        let fc6 = affine("fc6", [inputs, sizes.hidden], Fill::He(inputs))?;
        let fc7 = affine("fc7", [sizes.hidden, sizes.hidden], Fill::He(sizes.hidden))?;
        let fcfc7 = affine("fcfc7", [sizes.hidden, scores], Fill::Normal(0.01))?;
        let tap = |tap: &super::Tap| {
            Conv::new(layers, &format!("conv_pool{}", tap.stage), [channels(tap.stage), scores, tap.kernel], Fill::Normal(0.01))
        };
        let taps = sizes.taps.iter().map(tap).collect::<Result<_>>()?;
        Ok(Self { sizes: sizes.clone(), trunk, fc6, fc7, taps, fcfc7 })
    }

    /// How likely each part of boxes is the thing: (n, m, side, side), of an `image` (n, 3, h, w), of `boxes` (n, m, 4), x1, y1, x2, y2 in
    /// its pixels, the last ones included, and of their `classes`, i32 (n, m), from 1; others are taken for the nearest.
    ///
    /// # Errors
    /// If shapes or dtypes are others.
    pub fn heat(&self, image: &Var, boxes: &Var, classes: &Var) -> Result<Var> {
        let side = self.sizes.side;
        let scores = self.scores(image, boxes, classes, &mut |x| Ok(x.clone()), &mut |x| Ok(x.clone()))?;
        let &[n, m, _] = boxes.shape() else { return Ok(scores) };
        self.mixed(&scores.sigmoid()?)?.reshape([n, m, side, side])
    }

    /// What the classifiers say of the parts of boxes: (n m, grid^2, side, side). `lower` stands behind what the trunk and fc6 and fc7
    /// make, `dropped` behind fc6 and fc7.
    pub(super) fn scores(&self, image: &Var, boxes: &Var, classes: &Var, lower: Between<'_>, dropped: Between<'_>) -> Result<Var> {
        let (&[n, _, h, w], &[of_boxes, m, 4]) = (image.shape(), boxes.shape()) else {
            return Err(Error::shape(
                "hypercolumns",
                format!("image {} and boxes {} are not (n, 3, h, w) and (n, m, 4)", image.ty(), boxes.ty()),
            ));
        };
        if of_boxes != n || classes.shape() != [n, m] {
            return Err(Error::shape("hypercolumns", format!("boxes {} and classes {} are not of {n} images", boxes.ty(), classes.ty())));
        }
        let Hypercolumns { classes: count, side, window, .. } = self.sizes;
        let (graph, cells) = (image.graph(), self.sizes.cells());
        let layers = self.trunk.of(image)?;
        let integers =
            |values: Vec<usize>, shape: &[usize]| graph.constant(Array::from_fn(shape, |i| i32::try_from(values[i]).unwrap_or(i32::MAX)));
        let one = integers(vec![1], &[])?;
        let last_class = integers(vec![count - 1], &[])?;
        let class = classes.sub(&one)?.maximum(&integers(vec![0], &[])?)?.minimum(&last_class)?;

        // By fc7: the same at all places of a box.
        let features = layers.last().ok_or_else(|| Error::shape("hypercolumns", "the trunk has no stages"))?;
        let images = integers((0..n * m).map(|i| i / m).collect(), &[n * m])?;
        let pooling = MaxRoiPool { size: Hw::square(window), spatial_scale: 1.0 / self.sizes.stride() as f32 };
        let pooled = features.max_roi_pool(&boxes.reshape([n * m, 4])?, &images, pooling)?;
        let x = dropped(&self.fc6.of(&pooled.flatten(1)?)?.relu()?)?;
        let x = dropped(&lower(&self.fc7.of(&x)?.relu()?)?)?;
        let every = self.fcfc7.of(&x)?.reshape([n * m, count, cells])?;
        let own = class.reshape([n * m, 1, 1])?.expand([n * m, 1, cells])?;
        let mut sum = every.gather_elements(1, &own)?.reshape([n * m, cells, 1, 1])?.expand([n * m, cells, side, side])?;

        // By the layers below: of the class's maps the box, whose grid is the same for all of them.
        let base = integers((0..n).map(|i| i * count).collect(), &[n, 1])?;
        let maps = class.add(&base)?.reshape([n * m])?;
        let grid = self.grid(boxes, Hw::new(h, w))?.reshape([n * m, side, side, 2])?;
        for (tap, conv) in self.sizes.taps.iter().zip(&self.taps) {
            let layer = layers.get(tap.stage - 1).ok_or_else(|| Error::shape("hypercolumns", format!("no stage {}", tap.stage)))?;
            let scores = conv.of(&scaled(&lower(layer)?, tap.scale)?)?;
            let &[_, _, rows, columns] = scores.shape() else { continue };
            let own = scores.reshape([n * count, cells, rows, columns])?.gather(0, &maps)?;
            sum = sum.add(&own.grid_sample(&grid, GridSample { padding: PaddingMode::Border, ..GridSample::default() })?)?;
        }
        Ok(sum)
    }

    /// Where the heat of boxes is read, (n, m side, side, 2), -1 and 1 being the image's edges: with b = (x1 - 1/2, x2 + 1/2) / (w - 1), in
    /// which the release has boxes,
    ///
    /// ```text
    /// x = 2 (b1 + (u + 1/2) / side (b2 - b1)) - 1
    /// ```
    fn grid(&self, boxes: &Var, size: Hw) -> Result<Var> {
        let each = [size.w, size.h].map(|side| 1.0 / side.saturating_sub(1).max(1) as f32);
        let corner = |pair: &Var, by: f32| placed(pair, each.map(|e| 2.0 * e), each.map(|e| 2.0 * by * e - 1.0));
        let (begin, end) = (corner(&first(boxes)?, -0.5)?, corner(&last(boxes)?, 0.5)?);
        let side = self.sizes.side;
        points(&begin, &end.sub(&begin)?, side, |at| (at as f32 + 0.5) / side as f32)
    }

    /// The mean of `x` (.., grid^2, side, side) over the classifiers, each weighted by how near it is.
    pub(super) fn mixed(&self, x: &Var) -> Result<Var> {
        let (&Hypercolumns { grid, side, .. }, cells) = (&self.sizes, self.sizes.cells());
        let alpha = x.graph().constant(Array::new([cells, side, side], mixture(grid, side))?)?;
        x.mul(&alpha)?.reduce_sum(&[1], false)
    }
}

impl Hypercolumns {
    /// Classifiers of a class.
    pub(super) fn cells(&self) -> usize {
        self.grid * self.grid
    }
}

/// How much of each of grid x grid classifiers, row by row, there is at each place of side x side: bilinear between the middles of cells,
/// beyond the outer ones theirs alone.
///
/// ```text
/// y = (v + 1/2) grid / side - 1/2      between floor(y) and the next, both brought into 0 .. grid - 1
/// ```
fn mixture(grid: usize, side: usize) -> Vec<f32> {
    let along = |at: usize| {
        let place = ((at as f64 + 0.5) * grid as f64 / side as f64 - 0.5).clamp(0.0, grid as f64 - 1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in 0..grid")]
        let low = place as usize;
        (low, place - low as f64)
    };
    let share = |cell: usize, at: usize| match along(at) {
        (low, part) if cell == low => 1.0 - part,
        (low, part) if cell == low + 1 => part,
        _ => 0.0,
    };
    let mut all = Vec::with_capacity(grid * grid * side * side);
    for (i, j) in (0..grid).flat_map(|i| (0..grid).map(move |j| (i, j))) {
        for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
            #[expect(clippy::cast_possible_truncation, reason = "a share")]
            all.push((share(i, y) * share(j, x)) as f32);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shares add up to 1, and give back a function that is linear between the outer middles.
    #[test]
    fn a_mixture_is_bilinear() {
        let (grid, side) = (5, 50);
        let shares = mixture(grid, side);
        let mean = |y: usize, x: usize, value: &dyn Fn(usize, usize) -> f32| -> f32 {
            (0..grid * grid).map(|k| shares[(k * side + y) * side + x] * value(k / grid, k % grid)).sum()
        };
        for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
            assert!((mean(y, x, &|_, _| 1.0) - 1.0).abs() < 1e-6);
            if (5..45).contains(&y) && (5..45).contains(&x) {
                let linear = |i: f32, j: f32| 3.0 * i - 2.0 * j + 1.0;
                let place = |at: usize| (at as f32 + 0.5) / 10.0 - 0.5;
                let found = mean(y, x, &|i, j| linear(i as f32, j as f32));
                assert!((found - linear(place(y), place(x))).abs() < 1e-5, "{y}, {x}");
            }
        }
        assert_eq!(mixture(1, 3), [1.0; 9]);
    }
}
