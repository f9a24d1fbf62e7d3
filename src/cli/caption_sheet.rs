//! Where a network looked for each word, as in the figures of Show, Attend and Tell: the photo, and a panel for each word.

use super::photos::Photo;
use foveate::array::text::{BLACK, Canvas, Letters, WHITE};
use foveate::array::{Array, Hw, picture};
use foveate::models::captioning::Looked;
use foveate::models::show_attend_tell::panels;
use foveate::plan::{Device, PlanCache};
use foveate::{Error, Result};
use std::path::{Path, PathBuf};

/// Panels in a row.
const COLUMNS: usize = 6;
/// Pixels around everything.
const MARGIN: usize = 12;
/// Heights of a word under its panel, and of the caption above all.
const WORD: usize = 26;
const TITLE: usize = 34;

/// Draws a sheet for each photo.
pub(super) struct Sheets {
    plans: PlanCache,
    folder: PathBuf,
    grid: Hw,
    /// How many panels one plan draws, so that one does for captions of any length.
    longest: usize,
}

impl Sheets {
    pub(super) fn new(device: &Device, folder: &Path, grid: Hw, longest: usize) -> Self {
        let plans = PlanCache::new(device, 1, move |_, inputs| Ok(vec![panels(&inputs[0], &inputs[1], grid)?]));
        Self { plans, folder: folder.to_path_buf(), grid, longest }
    }

    /// Draws and writes sheet `number` of a photo, counted from 0, with `title` above it; says where it is.
    pub(super) fn write(&mut self, photo: &Photo, number: usize, title: &str, looked: &Looked, words: &[String]) -> Result<PathBuf> {
        let alphas = looked.alphas.values::<f32>()?;
        let padded = Array::from_fn([self.longest, self.grid.area()], |i| alphas.get(i).copied().unwrap_or(0.0));
        let drawn = self.plans.run(&[("photo", &looked.seen), ("alphas", &padded)])?;
        let drawn = drawn.first().ok_or_else(|| Error::shape("caption", "the plan gave no panels"))?;
        let sheet = sheet(title, &looked.seen, drawn, words)?;
        let path = self.path(photo, number);
        std::fs::create_dir_all(&self.folder).map_err(|e| Error::io(&self.folder, e))?;
        picture::write_png(&path, &sheet)?;
        Ok(path)
    }

    /// Called after the photo, in the folder; further sheets have a number, too.
    fn path(&self, photo: &Photo, number: usize) -> PathBuf {
        let name = if photo.output == self.folder {
            PathBuf::from(photo.name()).file_stem().map(ToOwned::to_owned)
        } else {
            photo.output.file_name().map(ToOwned::to_owned)
        };
        let mut name = name.unwrap_or_else(|| "photo".into());
        name.push(if number == 0 { ".png".to_owned() } else { format!("-{}.png", number + 1) });
        self.folder.join(name)
    }
}

/// The title above; the photo and `panels` (T, 3, h, w), row by row, each panel's word under it.
pub(super) fn sheet(title: &str, photo: &Array, panels: &Array, words: &[String]) -> Result<Array> {
    let [_, _, h, w] = *panels.shape() else { return Err(Error::shape("caption", format!("panels are {}", panels.ty()))) };
    let (word_letters, title_letters) = (Letters::new(WORD)?, Letters::new(TITLE)?);
    let shown = words.len() + 1;
    // The row is filled even if the caption is short: the title needs the room.
    let columns = COLUMNS.min(shown).max(3);
    let cell = Hw::new(h + WORD + MARGIN, w + MARGIN);
    let width = MARGIN + columns * cell.w;
    let title = title_letters.wrapped(title, width - 2 * MARGIN);
    let top = MARGIN + title.len() * TITLE + if title.is_empty() { 0 } else { MARGIN };
    let mut canvas = Canvas::new(Hw::new(top + shown.div_ceil(columns) * cell.h, width), WHITE)?;
    for (line, text) in title.iter().enumerate() {
        canvas.write(MARGIN + line * TITLE, MARGIN, text, &title_letters, BLACK)?;
    }
    let corner = |i: usize| (top + i / columns * cell.h, MARGIN + i % columns * cell.w);
    let (y, x) = corner(0);
    canvas.paste(y, x, photo)?;
    for (i, (word, panel)) in words.iter().zip(panels.values::<f32>()?.chunks_exact(3 * h * w)).enumerate() {
        let (y, x) = corner(i + 1);
        canvas.paste(y, x, &Array::new([1, 3, h, w], panel.to_vec())?)?;
        let word = word_letters.ellipsized(word, w);
        canvas.write(y + h, x + (w - word_letters.width(&word).min(w)) / 2, &word, &word_letters, BLACK)?;
    }
    Ok(canvas.into_picture())
}
