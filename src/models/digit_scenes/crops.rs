//! What of scenes a network learns from that looks at one region at a time, in `DeconvNet`'s two stages (Noh, Hong, Han 2015, 4.1 and 5.1),
//! and before them.
//!
//! ```text
//! Names       the square around a digit, 1.2 times as large              label: the digit, 0 to 9
//! Objects     the same                                                   labels: the digit's own; everything else is background
//! Proposals   a square of IoU 1/2 at least with it, 1.2 times as large   labels: all of the scene's
//! ```
//!
//! The square around a digit has the longer side of its ink's box, so that a 1 is not drawn out to the width of an 8. Outside of the
//! scene a crop is 0 and labelled 255, no class. To learn from it is resized to 250 / 224 of what the network sees, of which a part is
//! cut out at random; unlike the paper's it is not mirrored, as digits that are mirrored are no digits. To be measured by it is resized
//! to what the network sees.

use super::Scenes;
use super::VOID;
use super::scenes::{Extent, Scene};
use crate::array::{Array, DType, Hw, TensorType};
use crate::error::{Error, Result};
use crate::models::deconvnet::Region;
use crate::train::{Dataset, Numbers};

/// By how much a box is enlarged, for what is around the object.
const AROUND: f64 = 1.2;
/// A proposal's least overlap with a digit's box.
const OVERLAP: f64 = 0.5;
/// By how much a proposal's side, and its place in sides, may be off.
const SIDES: [f64; 2] = [0.7, 1.42];
const OFF: f64 = 0.3;
/// How often a proposal is drawn until it overlaps enough.
const TRIES: usize = 20;

/// Which examples are cut out of scenes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seen {
    /// Digits in the middle of their crop, which are to be named: what the network's classifier learns from.
    Names,
    /// Digits in the middle of their crop, alone: the first stage.
    Objects,
    /// Digits somewhere in it, with what else is there: the second stage.
    Proposals,
}

/// Crops of scenes, one of each, with the tensors `image`, f32 (3, side, side) of 0..1, and `label`, i32 (side, side), or one number for
/// [`Seen::Names`].
#[derive(Clone, Debug)]
pub struct Crops {
    scenes: Scenes,
    side: usize,
    seen: Seen,
    learning: bool,
}

/// A square by its middle and its side, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Square {
    y: f64,
    x: f64,
    side: f64,
}

impl Square {
    fn around([rows, columns]: Extent) -> Self {
        let (middle, length) = (|[a, b]: [usize; 2]| (a + b + 1) as f64 / 2.0, |[a, b]: [usize; 2]| (b + 1 - a) as f64);
        Self { y: middle(rows), x: middle(columns), side: length(rows).max(length(columns)) }
    }

    /// Intersection over union.
    fn overlap(self, other: Self) -> f64 {
        let shared = |a: f64, b: f64| {
            let (last, first) = ((a + self.side / 2.0).min(b + other.side / 2.0), (a - self.side / 2.0).max(b - other.side / 2.0));
            (last - first).max(0.0)
        };
        let both = shared(self.y, other.y) * shared(self.x, other.x);
        both / (self.side * self.side + other.side * other.side - both)
    }

    /// Another that overlaps it enough.
    fn jittered(self, random: &mut Numbers) -> Self {
        let drawn = (0..TRIES).find_map(|_| {
            let [y, x] = [self.y, self.x].map(|at| at + self.side * random.between(-OFF, OFF));
            let other = Self { y, x, side: self.side * random.between(SIDES[0], SIDES[1]) };
            (self.overlap(other) >= OVERLAP).then_some(other)
        });
        drawn.unwrap_or(self)
    }

    /// Its pixels, enlarged.
    fn region(self) -> Region {
        let side = (AROUND * self.side).round().max(1.0);
        #[expect(clippy::cast_possible_truncation, reason = "pixels of a canvas, or near to it")]
        let first = |middle: f64| (middle - side / 2.0).round() as i32;
        #[expect(clippy::cast_possible_truncation, reason = "as above")]
        let last = side as i32 - 1;
        Region::new(first(self.x), first(self.y), first(self.x) + last, first(self.y) + last)
    }
}

impl Crops {
    /// Crops of `side` x `side`, to learn from or to be measured by.
    ///
    /// # Errors
    /// If the crops have no pixels.
    pub fn new(scenes: Scenes, side: usize, seen: Seen, learning: bool) -> Result<Self> {
        if side == 0 {
            return Err(Error::shape("crops", "crops of 0 x 0"));
        }
        Ok(Self { scenes, side, seen, learning })
    }

    /// The region that is cut out and the digit's label, after what does not count has lost its own.
    fn looked_at(&self, scene: &mut Scene, random: &mut Numbers) -> Result<(Region, i32)> {
        let one = match self.seen {
            // Every scene has its own digit, so all digits come, each as often as the others.
            Seen::Names | Seen::Objects => scene.own,
            Seen::Proposals => random.below(scene.digits.len().max(1)),
        };
        let (extent, class) = *scene.digits.get(one).ok_or_else(|| Error::shape("crops", "a scene without digits"))?;
        let square = Square::around(extent);
        if self.seen == Seen::Proposals {
            return Ok((square.jittered(random).region(), class));
        }
        let [[top, bottom], [left, right]] = extent;
        for (i, label) in scene.label.iter_mut().enumerate() {
            let inside = (top..=bottom).contains(&(i / self.scenes.side)) && (left..=right).contains(&(i % self.scenes.side));
            if !(inside && (*label == class || *label == VOID)) {
                *label = 0;
            }
        }
        Ok((square.region(), class))
    }
}

impl Dataset for Crops {
    fn len(&self) -> usize {
        self.scenes.len()
    }

    fn tensors(&self) -> Vec<(String, TensorType)> {
        let of = |name: &str, ty| (name.to_owned(), ty);
        let label = if self.seen == Seen::Names { TensorType::new(DType::I32, []) } else { TensorType::new(DType::I32, [self.side; 2]) };
        vec![of("image", TensorType::f32([3, self.side, self.side])), of("label", label)]
    }

    fn example(&self, index: usize, visit: u64) -> Result<Vec<Array>> {
        let mut scene = self.scenes.scene(index, visit)?;
        let mut random = Numbers::new(self.scenes.seed, &format!("crop of scene {index} visit {visit}"));
        let (region, class) = self.looked_at(&mut scene, &mut random)?;
        let (canvas, side) = (Hw::square(self.scenes.side), self.side);
        let read = if self.learning { (side * 250).div_ceil(224) } else { side };
        let [top, left] = [(); 2].map(|()| random.below(read - side + 1));
        let image = region.cut(&scene.image, canvas, Hw::square(read));
        let place = |i: usize| (i / (side * side) * read + i / side % side + top) * read + i % side + left;
        let image = Array::from_fn([3, side, side], |i| image[place(i)]);
        if self.seen == Seen::Names {
            return Ok(vec![image, Array::scalar(class - 1)]);
        }
        let label = region.nearest(&scene.label, canvas, Hw::square(read), VOID);
        Ok(vec![image, Array::from_fn([side, side], |i| label[place(i)])])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of 10 x 10, labelled 3 and 4, apart on 96 x 96.
    fn crops(seen: Seen, learning: bool) -> Crops {
        let inside = |i: usize| (9..19).contains(&(i / 28 % 28)) && (9..19).contains(&(i % 28));
        let images = Array::from_fn([2, 28, 28], |i| if inside(i) { 255i32 } else { 0 });
        let scenes = Scenes::new(96, &images, &Array::from_fn([2], |i| i as i32 + 3), 9, 7).unwrap();
        Crops::new(scenes.with(3, [1.0, 2.0]).unwrap().apart(), 24, seen, learning).unwrap()
    }

    #[test]
    fn an_object_is_in_the_middle_and_alone() {
        for (learning, visit) in [(false, 0), (false, 1), (true, 0), (true, 1), (true, 2)] {
            let found = crops(Seen::Objects, learning);
            let example = found.example(1, visit).unwrap();
            assert!(example.iter().zip(found.tensors()).all(|(a, (_, ty))| a.ty() == ty));
            let labels = example[1].values::<i32>().unwrap();
            // 24 pixels are 1.2 sides of the block, or 1.08 where they are cut out of 27: so many of its 10 are full of ink.
            let own = labels.iter().filter(|l| **l == 5).count();
            assert!((16 * 16..=24 * 24).contains(&own), "{own} pixels of its own");
            let middle = &labels[12 * 24 + 6..12 * 24 + 18];
            assert!(middle.iter().all(|l| *l == 5), "{middle:?}");
            if !learning {
                assert!([0, 23].iter().all(|edge| labels[12 * 24 + edge] != 5), "there is something around it");
            }
            assert!(labels.iter().all(|l| [0, 5, 255].contains(l)));
        }
        let [named, object] = [Seen::Names, Seen::Objects].map(|seen| crops(seen, true).example(0, 3).unwrap());
        assert_eq!(named, [object[0].clone(), Array::scalar(3i32)], "the same crop, and its digit's name");
        assert_eq!(named[1].ty(), crops(Seen::Names, true).tensors()[1].1);
        assert!(crops(Seen::Objects, true).example(2, 0).is_err());
    }

    #[test]
    fn proposals_overlap_a_digit_and_keep_all_labels() {
        let mut both = 0;
        for visit in 0..40 {
            let example = crops(Seen::Proposals, true).example(0, visit).unwrap();
            let labels = example[1].values::<i32>().unwrap();
            let of = |class: i32| labels.iter().filter(|l| **l == class).count();
            assert!(of(4) + of(5) > 60, "half of a digit, and half of the crop, at least, less what random crops cut off");
            both += usize::from(of(4) > 0 && of(5) > 0);
        }
        assert!(both > 0, "some have two digits");
        let square = Square { y: 10.0, x: 12.0, side: 8.0 };
        assert_eq!(square.overlap(Square { x: 16.0, ..square }), 1.0 / 3.0);
        assert_eq!(square.overlap(Square { side: 4.0, ..square }), 0.25);
        assert_eq!(square.overlap(Square { x: 20.0, ..square }), 0.0);
        let mut random = Numbers::new(1, "jitter");
        let drawn: Vec<Square> = (0..100).map(|_| square.jittered(&mut random)).collect();
        assert!(drawn.iter().all(|other| square.overlap(*other) >= 0.5));
        assert!(drawn.iter().any(|other| other.side > 9.5) && drawn.iter().any(|other| other.side < 6.5));
        assert_eq!(Square::around([[3, 6], [10, 19]]), Square { y: 5.0, x: 15.0, side: 10.0 });
        assert_eq!(Square { y: 5.0, x: 15.0, side: 10.0 }.region(), Region::new(9, -1, 20, 10));
    }
}
