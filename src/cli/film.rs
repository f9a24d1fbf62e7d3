//! Drawings moment by moment: a sheet with a row for each, or the frames of a film.

use foveate::array::text::{Canvas, WHITE};
use foveate::array::{Array, Hw};
use foveate::graph::Var;
use foveate::models::draw::{Moment, framed};
use foveate::ops::stack;
use foveate::{Error, Result};

/// Columns of a sheet.
const MOMENTS: usize = 10;
/// About how many pixels a picture takes on a sheet, and how many lie between two.
const SIDE: usize = 84;
const GAP: usize = 4;

/// Which of so many steps a sheet shows: evenly spread, the last among them.
pub(super) fn chosen(steps: usize) -> impl Iterator<Item = usize> {
    let shown = steps.min(MOMENTS);
    (1..=shown).map(move |i| (i * steps).div_ceil(shown) - 1)
}

/// What a plan gives of the first `count` drawings for [`Film::new`]: their pixels in all `moments`, (moments, count, c, h, w) of 0..1, and
/// where they were written through windows, (moments, count, 4).
pub(super) fn answers(moments: &[Moment], count: usize) -> Result<Vec<Var>> {
    let first = |var: &Var| var.narrow(0, 0, count);
    let all = |vars: Result<Vec<Var>>| stack(&vars?, 0);
    let mut answers = vec![all(moments.iter().map(|m| first(&m.canvas)).collect())?.sigmoid()?];
    let written: Vec<Var> = moments.iter().filter_map(|m| m.written.clone()).collect();
    if !written.is_empty() {
        answers.push(all(written.iter().map(first).collect())?);
    }
    Ok(answers)
}

/// Drawings in moments, or one picture looked at in several.
pub(super) struct Film<'a> {
    pixels: &'a [f32],
    /// Whether the pixels are the same in all moments.
    still: bool,
    places: Option<(&'a [f32], usize)>,
    moments: usize,
    /// Drawings that there are, and that are shown.
    count: usize,
    shown: usize,
    channels: usize,
    size: Hw,
}

impl<'a> Film<'a> {
    /// Of what [`answers`] asked for; windows have `side` x `side` filters.
    pub(super) fn new(answers: &'a [Array], side: Option<usize>, shown: usize) -> Result<Self> {
        let wrong = || Error::shape("film", format!("pictures and windows of {} answers", answers.len()));
        let pictures = answers.first().ok_or_else(wrong)?;
        let &[moments, count, channels, h, w] = pictures.shape() else { return Err(wrong()) };
        let places = answers.get(1).zip(side).map(|(places, side)| places.values::<f32>().map(|places| (places, side))).transpose()?;
        let pixels = pictures.values::<f32>()?;
        Ok(Self { pixels, still: false, places, moments, count, shown: shown.min(count), channels, size: Hw::new(h, w) })
    }

    /// Of pictures (n, c, h, w), and where the first of them were looked at, (moments, count, 4).
    pub(super) fn still(pictures: &'a Array, places: &'a Array, side: usize, shown: usize) -> Result<Self> {
        let (&[_, channels, h, w], &[moments, count, _]) = (pictures.shape(), places.shape()) else {
            return Err(Error::shape("film", format!("pictures {} and windows {}", pictures.ty(), places.ty())));
        };
        let places = Some((places.values::<f32>()?, side));
        Ok(Self { pixels: pictures.values()?, still: true, places, moments, count, shown: shown.min(count), channels, size: Hw::new(h, w) })
    }

    pub(super) fn moments(&self) -> usize {
        self.moments
    }

    /// A row for each drawing, `before` (n, c, h, w) first, then what it was in each moment.
    pub(super) fn sheet(&self, before: Option<&Array>) -> Result<Array> {
        let first = usize::from(before.is_some());
        let mut sheet = Sheet::new(self.shown, first + self.moments, self.cell())?;
        for row in 0..self.shown {
            if let Some(before) = before {
                sheet.put(row, 0, &self.cell_of(before.values()?, row, None)?)?;
            }
            for moment in 0..self.moments {
                sheet.put(row, first + moment, &self.at(moment, row)?)?;
            }
        }
        Ok(sheet.canvas.into_picture())
    }

    /// All drawings in one moment, side by side in about as many rows as columns; `framed` shows windows.
    pub(super) fn together(&self, moment: usize, framed: bool) -> Result<Array> {
        let columns = (1..).find(|columns| columns * columns >= self.shown).unwrap_or(1);
        let mut sheet = Sheet::new(self.shown.div_ceil(columns), columns, self.cell())?;
        for i in 0..self.shown {
            let picture = if framed { self.at(moment, i)? } else { self.cell_of(self.pixels, self.index(moment, i), None)? };
            sheet.put(i / columns, i % columns, &picture)?;
        }
        Ok(sheet.canvas.into_picture())
    }

    fn index(&self, moment: usize, drawing: usize) -> usize {
        if self.still { drawing } else { moment * self.count + drawing }
    }

    fn at(&self, moment: usize, drawing: usize) -> Result<Array> {
        let place = moment * self.count + drawing;
        let window = self.places.and_then(|(places, side)| Some((places.get(4 * place..4 * place + 4)?, side)));
        self.cell_of(self.pixels, self.index(moment, drawing), window)
    }

    fn factor(&self) -> usize {
        (SIDE / self.size.h.max(self.size.w).max(1)).max(1)
    }

    fn cell(&self) -> Hw {
        Hw::new(self.size.h * self.factor(), self.size.w * self.factor())
    }

    /// Picture `index` of `pixels`, enlarged.
    fn cell_of(&self, pixels: &[f32], index: usize, window: Option<(&[f32], usize)>) -> Result<Array> {
        let length = self.channels * self.size.area();
        let values = pixels.get(index * length..(index + 1) * length).unwrap_or_default().to_vec();
        framed(&Array::new([1, self.channels, self.size.h, self.size.w], values)?, self.factor(), window)
    }
}

/// Pictures of one size in rows and columns.
struct Sheet {
    canvas: Canvas,
    cell: Hw,
}

impl Sheet {
    fn new(rows: usize, columns: usize, cell: Hw) -> Result<Self> {
        let size = Hw::new(rows * (cell.h + GAP) + GAP, columns * (cell.w + GAP) + GAP);
        Ok(Self { canvas: Canvas::new(size, WHITE)?, cell })
    }

    fn put(&mut self, row: usize, column: usize, picture: &Array) -> Result<()> {
        self.canvas.paste(GAP + row * (self.cell.h + GAP), GAP + column * (self.cell.w + GAP), picture)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_spread_to_the_last() {
        assert_eq!(chosen(3).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(chosen(64).collect::<Vec<_>>(), [6, 12, 19, 25, 31, 38, 44, 51, 57, 63]);
        assert_eq!(chosen(0).count(), 0);
    }

    #[test]
    fn a_sheet_has_a_row_for_each_drawing() {
        let pictures = Array::from_fn([2, 3, 1, 28, 28], |i| (i / 784) as f32 / 6.0);
        let places = Array::from_fn([2, 3, 4], |i| [13.5, 13.5, 4.0, 1.0][i % 4]);
        let answers = [pictures, places];
        let film = Film::new(&answers, Some(5), 2).unwrap();
        let sheet = film.sheet(None).unwrap();
        assert_eq!(sheet.shape(), [1, 3, 2 * 88 + 4, 2 * 88 + 4]);
        let red = |picture: &Array, y: usize, x: usize| picture.values::<f32>().unwrap()[y * picture.shape()[3] + x];
        // The window is 20 pixels wide about 13.5: from 4 to 24, three times as large, the cell beginning at 4. Its frame is red.
        assert_eq!((red(&sheet, 4 + 42, 4 + 12), red(&sheet, 4 + 42, 4 + 42)), (0.9, 0.0));
        // The second drawing's second moment is number 4 of 6.
        assert_eq!(red(&sheet, 4 + 88 + 42, 4 + 88 + 42), 4.0 / 6.0);
        let together = film.together(1, false).unwrap();
        assert_eq!((together.shape(), red(&together, 4 + 42, 4 + 12)), (&[1, 3, 92, 180][..], 0.5));
    }
}
