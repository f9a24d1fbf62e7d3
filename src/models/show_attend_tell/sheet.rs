//! Where the network looked, as pictures over the photo.

use crate::array::{Array, Hw};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::ops::{Resize, concat};

/// How much of a panel is the map; the rest is the photo. As in the published figures.
const MAP: f32 = 0.8;

/// A sheet of panels, (1, 3, rows h, columns w), of a photo (1, 3, h, w) in 0..1: the photo itself, and then for each row of `alphas`,
/// (T, L), the photo under a map of its places, white where the network looked most. `grid` says how the L places lie. Panels that are
/// left over are black.
///
/// The maps are enlarged bilinearly and each is divided by its largest value.
///
/// # Errors
/// If the shapes do not belong together or `columns` is 0.
pub fn sheet(photo: &Var, alphas: &Var, grid: Hw, columns: usize) -> Result<Var> {
    if columns == 0 {
        return Err(Error::shape("sheet", "0 columns of panels"));
    }
    let panels = panels(photo, alphas, grid)?;
    let [count, _, h, w] = *panels.shape() else { return Err(Error::shape("sheet", format!("panels are {}", panels.ty()))) };
    let shown = count.saturating_add(1);
    let rows = shown.div_ceil(columns);
    let black = rows.checked_mul(columns).map(|all| all - shown).filter(|left| *left > 0);
    let black = black.map(|left| photo.graph().constant(Array::scalar(0.0f32))?.expand([left, 3, h, w])).transpose()?;
    let all: Vec<&Var> = [photo, &panels].into_iter().chain(&black).collect();
    // (rows, columns, 3, h, w) to (3, rows, h, columns, w).
    let panels = concat(&all, 0)?.reshape([rows, columns, 3, h, w])?;
    panels.transpose([2, 0, 3, 1, 4])?.reshape([1, 3, rows * h, columns * w])
}

/// The panels of [`sheet`], (T, 3, h, w): for each row of `alphas` the photo under a map of its places.
///
/// # Errors
/// If the shapes do not belong together.
pub fn panels(photo: &Var, alphas: &Var, grid: Hw) -> Result<Var> {
    let (&[1, 3, h, w], &[count, places]) = (photo.shape(), alphas.shape()) else {
        let reason = format!("a sheet of a photo (1, 3, h, w) and alphas (words, places), not of {} and {}", photo.ty(), alphas.ty());
        return Err(Error::shape("sheet", reason));
    };
    if grid.h.checked_mul(grid.w) != Some(places) {
        return Err(Error::shape("sheet", format!("maps of {} x {} for {places} places", grid.h, grid.w)));
    }
    let constant = |value: f32| photo.graph().constant(Array::scalar(value));
    let maps = alphas.reshape([count, 1, grid.h, grid.w])?.resize(Resize::bilinear(Hw::new(h, w)))?;
    let largest = maps.reduce_max(&[1, 2, 3], true)?.maximum(&constant(f32::MIN_POSITIVE)?)?;
    maps.div(&largest)?.mul(&constant(MAP)?)?.add(&photo.mul(&constant(1.0 - MAP)?)?)
}
