//! The digits that the networks of [`Mnist`](super::Mnist) learn from: those of MNIST, distorted (appendix A.4).
//!
//! | task | what becomes of a digit of 28 x 28 |
//! |---|---|
//! | rotated | turned by -90 to 90 degrees |
//! | RTS | turned by -45 to 45 degrees, scaled by 0.7 to 1.2, its frame anywhere within 42 x 42 |
//! | projected | scaled by 0.75 to 1, then each corner moved by a normal 5 pixels |
//! | elastic | 4 x 4 control points of a thin-plate spline, each moved by a normal 1.5 pixels |
//! | cluttered | its frame anywhere within 60 x 60, among six pieces of 6 x 6 of other digits, the lighter one seen |
//! | addition | two digits, each as RTS in a channel of its own; the label is their sum |
//!
//! Everything is uniform but what is called normal. The paper says neither how a digit is placed nor whether it is distorted anew in each
//! epoch; here it is, and frames stay inside. Pixels are read bilinearly, 0 outside, from 0 for black to 1.

use super::mnist::Task;
use super::spline;
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::models::digits::{CENTRE, DIGIT, Digits};
use crate::train::{Dataset, Numbers};
use std::path::Path;

/// Distorted digits with the tensors `image`, f32 (c, side, side), and `label`, one i32.
#[derive(Clone, Debug)]
pub struct Distorted {
    task: Task,
    digits: Digits,
    seed: u64,
    spline: Vec<[f64; spline::POINTS]>,
}

impl Distorted {
    /// Of digits (n, 28, 28) of 0 to 255 and their labels (n), as MNIST's files hold them; at most `most` of them.
    ///
    /// # Errors
    /// If shapes or dtypes are others, or there are none.
    pub fn new(task: Task, images: &Array, labels: &Array, most: usize, seed: u64) -> Result<Self> {
        Ok(Self::of(task, Digits::new(images, labels, most)?, seed))
    }

    /// Of the files `<part>-images-idx3-ubyte` and `<part>-labels-idx1-ubyte` of a folder; `part` is `train` or `t10k`.
    ///
    /// # Errors
    /// If a file cannot be read or holds something else.
    pub fn open(task: Task, folder: &Path, part: &str, most: usize, seed: u64) -> Result<Self> {
        Ok(Self::of(task, Digits::open(folder, part, most)?, seed))
    }

    fn of(task: Task, digits: Digits, seed: u64) -> Self {
        let places = (0..DIGIT * DIGIT).map(|i| [i % DIGIT, i / DIGIT].map(|v| v as f64 / CENTRE - 1.0));
        let spline = if task == Task::Elastic { spline::weights(places) } else { Vec::new() };
        Self { task, digits, seed, spline }
    }

    /// What decides how digit `index` looks on this visit.
    fn numbers(&self, index: usize, visit: u64) -> Numbers {
        Numbers::new(self.seed, &format!("digit {index} visit {visit}"))
    }

    /// By how many radians, from x towards y, which is downwards, digit `index` is turned on this visit: of the tasks that turn one.
    pub fn angle(&self, index: usize, visit: u64) -> Option<f64> {
        let mut random = self.numbers(index, visit);
        match self.task {
            Task::Rotated => Some(turn(&mut random, 90.0)),
            Task::RotatedTranslatedScaled => Some(turn(&mut random, 45.0)),
            _ => None,
        }
    }

    fn rts(&self, index: usize, random: &mut Numbers) -> Vec<f32> {
        let side = Task::Addition.side();
        let angle = turn(random, 45.0);
        let scale = random.between(0.7, 1.2);
        let room = (side - DIGIT) as f64;
        let place = [CENTRE + random.between(0.0, room), CENTRE + random.between(0.0, room)];
        self.digits.turned(index, side, angle, scale, place)
    }

    fn projected(&self, index: usize, random: &mut Numbers) -> Vec<f32> {
        let scale = random.between(0.75, 1.0);
        let last = (DIGIT - 1) as f64;
        let corners = [[0.0, 0.0], [last, 0.0], [last, last], [0.0, last]];
        let moved = corners.map(|corner| corner.map(|v| CENTRE + scale * (v - CENTRE) + 5.0 * random.normal()));
        // Corners on a line have no projection: the digit stays as it is.
        let h = projection(moved, corners).unwrap_or([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
        self.digits.warped(index, DIGIT, |x, y| {
            let below = h[6] * x + h[7] * y + 1.0;
            [(h[0] * x + h[1] * y + h[2]) / below, (h[3] * x + h[4] * y + h[5]) / below]
        })
    }

    fn elastic(&self, index: usize, random: &mut Numbers) -> Vec<f32> {
        let points = spline::controls().map(|control| control.map(|v| CENTRE * (v + 1.0) + 1.5 * random.normal()));
        self.digits.warped(index, DIGIT, |x, y| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels of the canvas")]
            let weights = &self.spline[y as usize * DIGIT + x as usize];
            std::array::from_fn(|part| weights.iter().zip(&points).map(|(w, p)| w * p[part]).sum())
        })
    }

    fn cluttered(&self, index: usize, random: &mut Numbers) -> Vec<f32> {
        const PIECE: usize = 6;
        let side = Task::TranslatedCluttered.side();
        let room = (side - DIGIT) as f64;
        let place = [CENTRE + random.between(0.0, room), CENTRE + random.between(0.0, room)];
        let mut canvas = self.digits.turned(index, side, 0.0, 1.0, place);
        for _ in 0..6 {
            let other = random.below(self.digits.labels.len());
            let [from_y, from_x] = [(); 2].map(|()| random.below(DIGIT - PIECE + 1));
            let [to_y, to_x] = [(); 2].map(|()| random.below(side - PIECE + 1));
            for (y, x) in (0..PIECE * PIECE).map(|i| (i / PIECE, i % PIECE)) {
                let seen = self.digits.pixels[(other * DIGIT + from_y + y) * DIGIT + from_x + x];
                let slot = &mut canvas[(to_y + y) * side + to_x + x];
                *slot = slot.max(seen);
            }
        }
        canvas
    }
}

impl Dataset for Distorted {
    fn len(&self) -> usize {
        self.digits.labels.len()
    }

    fn tensors(&self) -> Vec<(String, TensorType)> {
        let image = TensorType::f32([self.task.channels(), self.task.side(), self.task.side()]);
        vec![("image".to_owned(), image), ("label".to_owned(), TensorType::new(DType::I32, []))]
    }

    fn example(&self, index: usize, visit: u64) -> Result<Vec<Array>> {
        let Some(&(mut label)) = self.digits.labels.get(index) else {
            return Err(Error::shape("digits", format!("example {index} of {}", self.digits.labels.len())));
        };
        let mut random = self.numbers(index, visit);
        let values = match self.task {
            Task::Rotated => self.digits.turned(index, DIGIT, turn(&mut random, 90.0), 1.0, [CENTRE; 2]),
            Task::RotatedTranslatedScaled => self.rts(index, &mut random),
            Task::Projected => self.projected(index, &mut random),
            Task::Elastic => self.elastic(index, &mut random),
            Task::TranslatedCluttered => self.cluttered(index, &mut random),
            Task::Addition => {
                let other = random.below(self.digits.labels.len());
                label += self.digits.labels[other];
                [self.rts(index, &mut random), self.rts(other, &mut random)].concat()
            }
        };
        let image = Array::new([self.task.channels(), self.task.side(), self.task.side()], values)?;
        Ok(vec![image, Array::scalar(label)])
    }
}

/// An angle of up to so many degrees to either side, in radians.
fn turn(random: &mut Numbers, most: f64) -> f64 {
    random.between(-most, most).to_radians()
}

/// The numbers h of `x' = (h0 x + h1 y + h2) / (h6 x + h7 y + 1)`, `y' = (h3 x + h4 y + h5) / (..)` that take each of `from` to its `to`: two
/// equations for each corner, `h0 x + h1 y + h2 - h6 x x' - h7 y x' = x'` and the same of y'. `None` if there are none.
fn projection(from: [[f64; 2]; 4], to: [[f64; 2]; 4]) -> Option<[f64; 8]> {
    let mut rows = [[0.0; 9]; 8];
    for (corner, ([x, y], [u, v])) in from.into_iter().zip(to).enumerate() {
        rows[2 * corner] = [x, y, 1.0, 0.0, 0.0, 0.0, -x * u, -y * u, u];
        rows[2 * corner + 1] = [0.0, 0.0, 0.0, x, y, 1.0, -x * v, -y * v, v];
    }
    for step in 0..8 {
        let largest = (step..8).max_by(|&a, &b| rows[a][step].abs().total_cmp(&rows[b][step].abs()))?;
        rows.swap(step, largest);
        let pivot = rows[step];
        if pivot[step].abs() < 1e-9 {
            return None;
        }
        for i in (0..8).filter(|&i| i != step) {
            let factor = rows[i][step] / pivot[step];
            rows[i].iter_mut().zip(pivot).for_each(|(v, p)| *v -= factor * p);
        }
    }
    Some(std::array::from_fn(|i| rows[i][8] / rows[i][i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three digits, each one bright pixel: at the centre's upper left, right of it, and below.
    fn digits(task: Task) -> Distorted {
        let images = Array::from_fn([3, DIGIT, DIGIT], |i| match i {
            378 => 255,                          // (13, 14) of the first
            i if i == 784 + 13 * 28 + 20 => 255, // (13, 20) of the second
            i if i == 1568 + 20 * 28 + 13 => 255,
            _ => 0i32,
        });
        Distorted::new(task, &images, &Array::from_fn([3], |i| i as i32 + 3), 9, 7).unwrap()
    }

    #[test]
    fn a_turn_moves_what_is_off_the_centre() {
        let digits = digits(Task::Rotated);
        let [centre, quarter] = [0.0, 90f64].map(|a| digits.digits.turned(1, DIGIT, a.to_radians(), 1.0, [CENTRE; 2]));
        assert_eq!(centre[13 * 28 + 20], 1.0);
        // (6.5, -0.5) from the centre, turned with y downwards: (0.5, 6.5).
        assert!((quarter[20 * 28 + 14] - 1.0).abs() < 1e-5, "{:?}", quarter.iter().position(|&v| v > 0.5));
        let doubled = digits.digits.turned(1, DIGIT, 0.0, 2.0, [CENTRE; 2]);
        assert!(doubled[12 * 28 + 26] > 0.5, "6.5 to the right became 13");
    }

    #[test]
    fn angles_are_those_of_the_examples() {
        let turned = digits(Task::Rotated);
        let image = |visit| turned.example(1, visit).unwrap()[0].to_f64();
        for visit in 0..3 {
            let angle = turned.angle(1, visit).unwrap();
            let expected = turned.digits.turned(1, DIGIT, angle, 1.0, [CENTRE; 2]);
            assert!(angle.abs() <= 90f64.to_radians() && image(visit).iter().zip(expected).all(|(a, b)| *a == f64::from(b)));
        }
        assert!(digits(Task::RotatedTranslatedScaled).angle(1, 0).unwrap().abs() <= 45f64.to_radians());
        assert_eq!(digits(Task::Addition).angle(1, 0), None);
    }

    #[test]
    fn a_projection_takes_corners_to_corners() {
        let from = [[1.0, 2.0], [20.0, 0.0], [25.0, 27.0], [3.0, 22.0]];
        let to = [[0.0, 0.0], [27.0, 0.0], [27.0, 27.0], [0.0, 27.0]];
        let h = projection(from, to).unwrap();
        for ([x, y], [u, v]) in from.into_iter().zip(to) {
            let below = h[6] * x + h[7] * y + 1.0;
            assert!(((h[0] * x + h[1] * y + h[2]) / below - u).abs() < 1e-9 && ((h[3] * x + h[4] * y + h[5]) / below - v).abs() < 1e-9);
        }
        assert!(projection([[0.0; 2]; 4], to).is_none());
    }

    #[test]
    fn examples_have_their_types_and_change_with_the_visit() {
        for task in
            [Task::Rotated, Task::RotatedTranslatedScaled, Task::Projected, Task::Elastic, Task::TranslatedCluttered, Task::Addition]
        {
            let digits = digits(task);
            let [first, again, later] = [0, 0, 1].map(|visit| digits.example(1, visit).unwrap());
            assert_eq!(first, again, "{task:?}");
            assert_ne!(first[0], later[0], "{task:?}");
            assert!(first.iter().zip(digits.tensors()).all(|(a, (_, ty))| a.ty() == ty), "{task:?}");
            let label = first[1].to_f64()[0];
            assert!(if task == Task::Addition { (7.0..=9.0).contains(&label) } else { label == 4.0 });
            assert!(first[0].to_f64().iter().all(|v| (0.0..=1.0).contains(v)));
        }
        assert!(digits(Task::Rotated).example(3, 0).is_err());
    }
}
