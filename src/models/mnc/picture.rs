//! A photo with the instances that were found in it.

use super::Instance;
use crate::array::text::{Canvas, Letters, WHITE};
use crate::array::{Array, Hw};
use crate::error::{Error, Result};
use crate::models::voc::colour;

/// How much of an instance's colour there is over the photo.
const OPACITY: f32 = 0.5;

/// The photo (1, 3, h, w), RGB in 0..1, each pixel `factor` wide and high, under the masks of `instances`, each of a colour of its own, with
/// its box and what `name` calls it. The likeliest lies on top.
///
/// # Errors
/// If the photo has another shape, masks are not of its size, or the picture would be too large.
pub fn overlay(photo: &Array, instances: &[Instance], factor: usize, name: impl Fn(&Instance) -> String) -> Result<Array> {
    let &[1, 3, h, w] = photo.shape() else {
        return Err(Error::shape("overlay", format!("a photo is (1, 3, h, w), not {}", photo.ty())));
    };
    if factor == 0 || instances.iter().any(|instance| instance.mask.len() != h * w) {
        return Err(Error::shape("overlay", format!("masks are not of the {h} x {w} pixels of {}, or these {factor} wide", photo.ty())));
    }
    let mut owners = vec![None; h * w];
    for (number, instance) in instances.iter().enumerate().rev() {
        owners.iter_mut().zip(&instance.mask).filter(|(_, own)| **own).for_each(|(owner, _)| *owner = Some(tint(number)));
    }
    let (pixels, large) = (photo.values::<f32>()?, Hw::new(h.saturating_mul(factor), w.saturating_mul(factor)));
    let mut canvas = Canvas::new(large, WHITE)?;
    canvas.paste(
        0,
        0,
        &Array::from_fn([1, 3, large.h, large.w], |i| {
            let (channel, y, x) = (i / large.area(), i / large.w % large.h / factor, i % large.w / factor);
            let value = pixels[(channel * h + y) * w + x];
            owners[y * w + x].map_or(value, |colour: [f32; 3]| value + OPACITY * (colour[channel] - value))
        }),
    )?;
    let letters = Letters::new((large.h / 24).clamp(14, 32))?;
    let thick = (large.h.max(large.w) / 400).max(1);
    for (number, instance) in instances.iter().enumerate().rev() {
        let [left, top, right, bottom] = instance.corners.map(|at| at.saturating_mul(factor));
        let side = |first: usize, last: usize| last.saturating_add(factor).saturating_sub(first);
        let size = Hw::new(side(top, bottom), side(left, right));
        canvas.outline(top, left, size, thick, tint(number))?;
        // Above the box if there is room, else in it.
        let words = letters.ellipsized(&name(instance), large.w);
        let (height, width) = (letters.height(), letters.width(&words).min(large.w));
        let (top, left) = (if top >= height { top - height } else { top }, left.min(large.w - width));
        if top.saturating_add(height) <= large.h && width > 0 {
            canvas.fill(top, left, Hw::new(height, width), tint(number))?;
            canvas.write(top, left, &words, &letters, WHITE)?;
        }
    }
    Ok(canvas.into_picture())
}

/// The colour of the instance of this number: VOC's, the background's left out.
fn tint(number: usize) -> [f32; 3] {
    colour(u8::try_from(number % 254 + 1).unwrap_or(1)).map(|channel| f32::from(channel) / 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_and_boxes_are_drawn() {
        let photo = Array::full([1, 3, 40, 60], 0.5f32);
        let mask = (0..2400).map(|i| i / 60 >= 20 && i % 60 < 10).collect();
        let one = Instance { class: 3, score: 0.75, found_in: [0.0; 4], corners: [0, 20, 9, 39], mask };
        let picture = overlay(&photo, std::slice::from_ref(&one), 2, |i| format!("{} {}", i.class, i.score)).unwrap();
        assert_eq!(picture.shape(), [1, 3, 80, 120]);
        let red = |y: usize, x: usize| picture.values::<f32>().unwrap()[y * 120 + x];
        let tint = 128.0 / 255.0;
        assert_eq!((red(10, 100), red(79, 0)), (0.5, tint));
        assert!((red(60, 10) - (0.5 + 0.5 * (tint - 0.5))).abs() < 1e-6);
        assert!((26..40).any(|y| (0..20).any(|x| red(y, x) > 0.9)), "words above the box");
        let odd = Instance { corners: [usize::MAX, 50, 3, 0], ..one.clone() };
        assert!(overlay(&photo, &[odd], 1, |_| "nowhere".to_owned()).is_ok());
        assert!(overlay(&photo, &[Instance { mask: vec![true], ..one }], 1, |_| String::new()).is_err());
        assert!(overlay(&Array::full([3, 4, 4], 0.0f32), &[], 1, |_| String::new()).is_err());
    }
}
