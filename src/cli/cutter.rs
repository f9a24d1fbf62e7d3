//! Cutting people, or what a model finds, out of photos: mask, cut-out, overlay, and the photo before another background.

use super::background::{Ready, blend};
use super::masks::{self, Masker};
use super::photos::{Photo, milliseconds};
use foveate::array::{Array, Hw, picture};
use foveate::models::backdrop;
use foveate::plan::{Device, PlanCache};
use foveate::{Error, Result};
use std::path::Path;
use std::time::Instant;

/// Everything that photos share.
pub(super) struct Cutter {
    plans: PlanCache,
    background: Option<Ready>,
}

impl Cutter {
    pub(super) fn new(device: &Device, masker: Masker, background: Option<Ready>) -> Self {
        let blur = matches!(background, Some(Ready::Blur));
        let plans = PlanCache::new(device, 4, move |graph, inputs| {
            let mut outputs = vec![masker.mask(graph, &inputs[0])?];
            if blur {
                outputs.push(backdrop::blurred(&inputs[0], &outputs[0])?);
            }
            if let Some(picture) = inputs.get(1) {
                outputs.push(backdrop::cover(picture, Hw::new(inputs[0].shape()[2], inputs[0].shape()[3]))?);
            }
            Ok(outputs)
        });
        Self { plans, background }
    }

    /// Cuts one photo out and says in a line how long each stage took.
    pub(super) fn cut(&mut self, photo: &Photo) -> Result<String> {
        let begin = Instant::now();
        let picture = photo.read()?;
        let read = milliseconds(begin);

        let begin = Instant::now();
        let mut inputs = vec![("photo", &picture.rgb)];
        if let Some(Ready::Picture(behind)) = &self.background {
            inputs.push(("background", &behind.rgb));
        }
        let known = self.plans.contains(&inputs);
        let mut outputs = self.plans.run(&inputs)?.into_iter();
        let computed = milliseconds(begin);
        let (Some(mask), behind) = (outputs.next(), outputs.next()) else {
            return Err(Error::shape("segment", "the plan gave no mask"));
        };
        masks::check(&mask)?;

        let begin = Instant::now();
        std::fs::create_dir_all(&photo.output).map_err(|e| Error::io(&photo.output, e))?;
        let composite = self.composite(&picture.rgb, behind.as_ref(), &mask)?;
        write(&photo.output, &picture, &mask, composite.as_ref())?;
        let wrote = milliseconds(begin);
        let (w, h) = (picture.size.w, picture.size.h);
        let compiled = if known { "" } else { " with compilation" };
        let to = photo.output.display();
        Ok(format!("{}: {w}x{h}, read {read}, computed{compiled} {computed}, written to {to} {wrote}", photo.name()))
    }

    fn composite(&self, photo: &Array, behind: Option<&Array>, mask: &Array) -> Result<Option<Array>> {
        let area = mask.len();
        match (&self.background, behind) {
            (Some(Ready::Colour(colour)), _) => blend(photo, |channel, _| colour[channel], mask).map(Some),
            (Some(_), Some(behind)) => {
                let values = behind.values::<f32>()?;
                blend(photo, |channel, pixel| values[channel * area + pixel], mask).map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// The mask's tint in the overlay.
const TINT: [f32; 3] = [0.1, 0.8, 0.4];

fn write(folder: &Path, picture: &picture::Picture, mask: &Array, composite: Option<&Array>) -> Result<()> {
    let (rgb, m) = (picture.rgb.values::<f32>()?, mask.values::<f32>()?);
    let alpha = picture.alpha.as_ref().map(Array::values::<f32>).transpose()?;
    let (size, area) = (picture.size, m.len());
    let cutout = Array::from_fn([1, 4, size.h, size.w], |i| match i.checked_sub(3 * area) {
        None => rgb[i],
        Some(pixel) => m[pixel] * alpha.map_or(1.0, |a| a[pixel]),
    });
    // The photo on the left, the same with the mask tinted on the right.
    let overlay = Array::from_fn([1, 3, size.h, 2 * size.w], |i| {
        let (row, x) = (i / (2 * size.w), i % (2 * size.w));
        let (channel, pixel) = (row / size.h, row % size.h * size.w + x % size.w);
        let value = rgb[channel * area + pixel];
        if x < size.w { value } else { value + (TINT[channel] - value) * 0.55 * m[pixel] }
    });
    picture::write_png(folder.join("mask.png"), mask)?;
    picture::write_png(folder.join("cutout.png"), &cutout)?;
    picture::write_png(folder.join("overlay.png"), &overlay)?;
    composite.map_or(Ok(()), |c| picture::write_png(folder.join("composite.png"), c))
}
