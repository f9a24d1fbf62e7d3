//! Scenes of digits: one to three of MNIST over a texture, or up to another number, with the class of each pixel.
//!
//! A digit is scaled by 0.8 to 2, or between other bounds, all of its ink lies on the canvas, and it has a grey of its own, which is at least 0.25 away from the mean of
//! what it covers. Where its ink is i, a pixel p becomes `p + i (grey - p)`. A later digit covers an earlier one, unless digits are to lie
//! apart, and so do the labels:
//!
//! | ink | label |
//! |---|---|
//! | above 0.5 | the digit's |
//! | 0.1 to 0.5 | 255, no class |
//! | less | what was there before |

use super::texture::texture;
use super::{CLASSES, VOID};
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::models::digits::Digits;
use crate::train::{CLASS, Dataset, Numbers};
use std::path::Path;

/// How far from a digit's centre there may be ink: half of the 20 pixels that MNIST's digits are brought to, and what centring by mass
/// moves them by.
pub(super) const REACH: f64 = 12.0;
/// How far a digit's grey is from what it covers.
const CONTRAST: f64 = 0.25;

/// Less ink has no label.
const RIM: f32 = 0.1;
/// How often a place is drawn for a digit that must lie apart from others.
const TRIES: usize = 20;

/// The first and the last of rows and of columns.
pub(super) type Extent = [[usize; 2]; 2];

/// A scene, and where its digits are.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    /// (3, side, side).
    pub(super) image: Vec<f32>,
    /// (side, side).
    pub(super) label: Vec<i32>,
    /// Of each digit the box around its ink, and its label.
    pub(super) digits: Vec<(Extent, i32)>,
    /// Which of them the scene has its number from.
    pub(super) own: usize,
}

/// Scenes with the tensors `image`, f32 (3, side, side) of 0..1, and `label`, i32 (side, side).
#[derive(Clone, Debug)]
pub struct Scenes {
    pub(super) side: usize,
    pub(super) digits: Digits,
    pub(super) seed: u64,
    most: usize,
    scales: [f64; 2],
    apart: bool,
    instances: bool,
    plain: bool,
}

impl Scenes {
    /// Of digits (n, 28, 28) of 0 to 255 and their labels (n), 0 to 9, as MNIST's files hold them; at most `most` of them. There are as
    /// many scenes as digits: scene i has digit i, and the others are drawn.
    ///
    /// # Errors
    /// If shapes or dtypes are others, there are none, a label is no digit, or the side is less than 48, into which no large digit fits.
    pub fn new(side: usize, images: &Array, labels: &Array, most: usize, seed: u64) -> Result<Self> {
        Self::of(side, Digits::new(images, labels, most)?, seed)
    }

    /// Of the files `<part>-images-idx3-ubyte` and `<part>-labels-idx1-ubyte` of a folder; `part` is `train` or `t10k`.
    ///
    /// # Errors
    /// If a file cannot be read or holds something else; as [`Scenes::new`].
    pub fn open(side: usize, folder: &Path, part: &str, most: usize, seed: u64) -> Result<Self> {
        Self::of(side, Digits::open(folder, part, most)?, seed)
    }

    fn of(side: usize, digits: Digits, seed: u64) -> Result<Self> {
        if let Some(label) = digits.labels.iter().find(|label| !(0..CLASSES as i32 - 1).contains(*label)) {
            return Err(Error::shape("scenes", format!("a digit is labelled {label}; 0 to 9 are possible")));
        }
        Self { side, digits, seed, most: 0, scales: [0.0; 2], apart: false, instances: false, plain: false }.with(3, [0.8, 2.0])
    }

    /// The same scenes of one to `most` digits, each scaled by something between the two `scales`.
    ///
    /// # Errors
    /// If there is to be no digit, the scales are no positive numbers in order, or the largest digit does not fit the canvas.
    pub fn with(self, most: usize, scales: [f64; 2]) -> Result<Self> {
        let (side, [low, high]) = (self.side, scales);
        if most == 0 || !(low > 0.0 && low <= high && high.is_finite()) {
            return Err(Error::shape("scenes", format!("up to {most} digits scaled by {low} to {high}")));
        }
        if (side as f64) < 2.0 * REACH * high {
            let needed = (2.0 * REACH * high).ceil();
            return Err(Error::shape("scenes", format!("a canvas of {side} x {side}; digits scaled by {high} need {needed} x {needed}")));
        }
        Ok(Self { most, scales, ..self })
    }

    /// The same scenes, but boxes around digits do not overlap: one that finds no place in twenty tries is left out.
    #[must_use]
    pub fn apart(mut self) -> Self {
        self.apart = true;
        self
    }

    /// The same scenes, but with black behind the digits in place of textures.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.plain = true;
        self
    }

    /// The same scenes, but labels say which digit of the scene a pixel belongs to as well: [`CLASS`] times its
    /// class, and 1 for the digit that was drawn first.
    #[must_use]
    pub fn instances(mut self) -> Self {
        self.instances = true;
        self
    }

    /// Scene `index` as it looks on visit `visit`.
    pub(super) fn scene(&self, index: usize, visit: u64) -> Result<Scene> {
        if index >= self.len() {
            return Err(Error::shape("scenes", format!("example {index} of {}", self.len())));
        }
        let mut random = Numbers::new(self.seed, &format!("scene {index} visit {visit}"));
        let mut image = if self.plain { vec![0.0; 3 * self.side * self.side] } else { texture(self.side, &mut random) };
        let mut label = vec![0; self.side * self.side];
        let mut numbers: Vec<usize> = (0..random.below(self.most)).map(|_| random.below(self.len())).collect();
        // Its own digit is in every scene: on top, or the first to find a place.
        let own = if self.apart { 0 } else { numbers.len() };
        numbers.insert(own, index);
        let mut digits: Vec<(Extent, i32)> = Vec::new();
        for number in numbers {
            let taken: Vec<Extent> = if self.apart { digits.iter().map(|(extent, _)| *extent).collect() } else { Vec::new() };
            let Some(ink) = self.place(number, &taken, &mut random) else { continue };
            let class = self.digits.labels[number] + 1;
            let named = if self.instances { CLASS * class + i32::try_from(digits.len() + 1).unwrap_or(i32::MAX) } else { class };
            draw(&ink, named, &mut image, &mut label, &mut random);
            digits.push((extent(&ink, self.side), class));
        }
        Ok(Scene { image, label, digits, own })
    }

    /// The ink (side, side) of digit `index` at a place where it overlaps none of the boxes `taken`, if one is found.
    fn place(&self, index: usize, taken: &[Extent], random: &mut Numbers) -> Option<Vec<f32>> {
        (0..TRIES).find_map(|_| {
            let scale = random.between(self.scales[0], self.scales[1]);
            let reach = REACH * scale;
            let centre = [(); 2].map(|()| random.between(reach - 0.5, self.side as f64 - 0.5 - reach));
            let ink = self.digits.turned(index, self.side, 0.0, scale, centre);
            let free = taken.is_empty() || !taken.iter().any(|other| overlap(*other, extent(&ink, self.side)));
            free.then_some(ink)
        })
    }
}

/// Draws the ink (side, side) of a digit whose pixels are labelled `named`.
pub(super) fn draw(ink: &[f32], named: i32, image: &mut [f32], label: &mut [i32], random: &mut Numbers) {
    let pixels = ink.len();
    let covered: f64 = ink.iter().enumerate().map(|(i, v)| f64::from(v * (0..3).map(|c| image[c * pixels + i]).sum::<f32>())).sum();
    let all: f64 = ink.iter().map(|v| 3.0 * f64::from(*v)).sum();
    #[expect(clippy::cast_possible_truncation, reason = "rounded to f32 once")]
    let grey = grey(covered / all.max(f64::MIN_POSITIVE), random.between(0.0, 1.0)) as f32;
    for (i, pixel) in image.iter_mut().enumerate() {
        *pixel += ink[i % pixels] * (grey - *pixel);
    }
    for (slot, ink) in label.iter_mut().zip(ink) {
        match *ink {
            ink if ink > 0.5 => *slot = named,
            ink if ink > RIM => *slot = VOID,
            _ => {}
        }
    }
}

/// The first and the last row and column of what is labelled.
pub(super) fn extent(ink: &[f32], side: usize) -> Extent {
    let inked = ink.iter().enumerate().filter(|(_, ink)| **ink > RIM).map(|(i, _)| [i / side, i % side]);
    inked.fold([[usize::MAX, 0]; 2], |extent, at| [0, 1].map(|axis| [extent[axis][0].min(at[axis]), extent[axis][1].max(at[axis])]))
}

fn overlap(a: Extent, b: Extent) -> bool {
    a.iter().zip(&b).all(|(a, b)| a[0] <= b[1] && b[0] <= a[1])
}

/// A grey of 0..1 for `uniform` of 0..1, all that are [`CONTRAST`] away from `mean` equally likely.
fn grey(mean: f64, uniform: f64) -> f64 {
    let (below, above) = ((mean - CONTRAST).max(0.0), (1.0 - mean - CONTRAST).max(0.0));
    let at = uniform * (below + above);
    if at < below { at } else { mean + CONTRAST + at - below }
}

impl Dataset for Scenes {
    fn len(&self) -> usize {
        self.digits.labels.len()
    }

    fn tensors(&self) -> Vec<(String, TensorType)> {
        let image = TensorType::f32([3, self.side, self.side]);
        vec![("image".to_owned(), image), ("label".to_owned(), TensorType::new(DType::I32, [self.side, self.side]))]
    }

    fn example(&self, index: usize, visit: u64) -> Result<Vec<Array>> {
        let Scene { image, label, .. } = self.scene(index, visit)?;
        Ok(vec![Array::new([3, self.side, self.side], image)?, Array::new([self.side, self.side], label)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two digits, labelled 3 and 4: a block of full ink, and one of 0.3.
    fn scenes(side: usize) -> Result<Scenes> {
        let inside = |i: usize| (9..19).contains(&(i / 28 % 28)) && (9..19).contains(&(i % 28));
        let images = Array::from_fn([2, 28, 28], |i| if inside(i) { [255, 76][i / 784] } else { 0i32 });
        Scenes::new(side, &images, &Array::from_fn([2], |i| i as i32 + 3), 9, 7)
    }

    #[test]
    fn a_scene_is_the_same_at_each_visit_and_another_at_the_next() {
        let scenes = scenes(64).unwrap();
        let [first, again, later] = [0, 0, 1].map(|visit| scenes.example(1, visit).unwrap());
        assert_eq!(first, again);
        assert!(first[0] != later[0] && first[0] != scenes.example(0, 0).unwrap()[0]);
        assert!(first.iter().zip(scenes.tensors()).all(|(a, (_, ty))| a.ty() == ty));
        assert!(scenes.example(2, 0).is_err());
    }

    #[test]
    fn labels_follow_the_ink() {
        let scenes = scenes(64).unwrap();
        let (mut several, mut rims) = (0, 0);
        for visit in 0..20 {
            let [image, label] = <[Array; 2]>::try_from(scenes.example(0, visit).unwrap()).unwrap();
            assert!(image.to_f64().iter().all(|v| (-1e-6..=1.0 + 1e-6).contains(v)));
            let (pixels, labels) = (image.values::<f32>().unwrap(), label.values::<i32>().unwrap());
            assert!(labels.iter().all(|l| [0, 4, 255].contains(l)), "ink of 0.3 is void, and the other class is 4");
            let ink = labels.iter().filter(|l| **l == 4).count();
            // A block of 10 x 10, scaled: half ink lies half a pixel outside of it.
            assert!(ink as f64 >= (10.0f64 * 0.8 - 1.0).powi(2), "{ink} pixels of ink");
            let rim = |at: usize| labels[at] == 255 && (labels[at - 1] == 4 || labels[at + 1] == 4);
            // It is less than a pixel wide around so sharp a block, and can lie between pixels.
            rims += usize::from((1..4095).any(rim));
            // The last digit lies on top: where its ink is full all is of one grey.
            let greys: Vec<[f32; 3]> = (0..4096).filter(|i| labels[*i] == 4).map(|i| [0, 1, 2].map(|c| pixels[4096 * c + i])).collect();
            let is_grey = |rgb: &&[f32; 3]| (rgb[0] - rgb[1]).abs() < 1e-6 && (rgb[1] - rgb[2]).abs() < 1e-6;
            assert!(greys.iter().filter(is_grey).count() >= 36);
            // More than one block and its rim can have.
            several += usize::from(labels.iter().filter(|l| **l == 255).count() > 200 || ink > 420);
        }
        assert!(several > 0, "some have more than one digit");
        assert!(rims > 0, "there are rims");
    }

    #[test]
    fn labels_say_which_digit_a_pixel_belongs_to() {
        let plain = scenes(64).unwrap();
        let numbered = plain.clone().instances();
        let mut second = 0;
        for visit in 0..10 {
            let [a, b] = [&plain, &numbered].map(|scenes| scenes.example(0, visit).unwrap()[1].clone());
            for (class, label) in a.values::<i32>().unwrap().iter().zip(b.values::<i32>().unwrap()) {
                let thing = label % CLASS;
                assert!(if *class == 0 || *class == VOID { label == class } else { label / CLASS == *class && (1..=3).contains(&thing) });
                second += usize::from(*class == 4 && thing == 2);
            }
        }
        assert!(second > 0, "the digit that lies on another was drawn after it");
    }

    #[test]
    fn plain_scenes_are_black_where_nothing_is() {
        let scene = scenes(64).unwrap().plain().scene(0, 0).unwrap();
        let (mut black, mut bright) = (0, 0);
        for (i, label) in scene.label.iter().enumerate() {
            match label {
                0 => black += usize::from(scene.image[i] <= RIM),
                &VOID => {}
                _ => bright += usize::from(scene.image[i] > 0.5 * CONTRAST as f32),
            }
        }
        let ground = scene.label.iter().filter(|label| **label == 0).count();
        assert!(ground > 64 * 32 && black == ground && bright > 10, "{black} of {ground} are black, {bright} bright");
    }

    #[test]
    fn digits_apart_do_not_touch() {
        let scenes = scenes(64).unwrap().with(3, [0.8, 1.6]).unwrap().apart();
        let (mut most, mut own) = (0, 0);
        for visit in 0..20 {
            let labels = scenes.example(0, visit).unwrap()[1].to_f64();
            let of = |class: f64| -> usize { labels.iter().filter(|l| **l == class).count() };
            // The second digit's ink of 0.3 is void everywhere, 8 x 8 at least, and nothing covers the first's.
            most = most.max(of(255.0));
            own += usize::from(of(4.0) >= 49);
        }
        assert!(own == 20 && most > 64, "{own} scenes with all of their own digit, {most} pixels without a class");
        let [a, b, c] = [[[0, 9], [0, 9]], [[9, 12], [5, 6]], [[10, 12], [5, 6]]];
        assert!(overlap(a, b) && overlap(b, a) && !overlap(a, c));
        let mut ink = vec![0.0; 25];
        (ink[7], ink[13]) = (1.0, 0.2);
        assert_eq!(extent(&ink, 5), [[1, 2], [2, 3]]);
    }

    #[test]
    fn a_grey_keeps_its_distance() {
        for (mean, uniform) in [0.0, 0.1, 0.25, 0.5, 0.8, 1.0].into_iter().flat_map(|m| [0.0, 0.3, 0.6, 0.999].map(|u| (m, u))) {
            let grey = grey(mean, uniform);
            assert!((0.0..=1.0).contains(&grey) && (grey - mean).abs() > CONTRAST - 1e-9, "{grey} over {mean}");
        }
    }

    #[test]
    fn what_makes_no_scene_is_refused() {
        assert!(scenes(47).unwrap_err().to_string().contains("47 x 47"));
        let images = Array::full([1, 28, 28], 0i32);
        let error = Scenes::new(64, &images, &Array::full([1], 10i32), 1, 0).unwrap_err().to_string();
        assert!(error.contains("labelled 10"), "{error}");
    }
}
