//! How good a segmentation is: counts of what was there and what was found, and the four figures made of them.
//!
//! ```text
//! n[i, j]  pixels of class i found to be j         t[i] = sum over j of n[i, j]
//! pixel accuracy              sum n[i, i] / sum t[i]
//! mean accuracy               mean over i of n[i, i] / t[i]
//! mean IU                     mean over i of n[i, i] / (t[i] + sum over j of n[j, i] - n[i, i])
//! frequency weighted IU       sum over i of t[i] IU[i] / sum t[k]
//! ```
//!
//! Means are over the classes that there are: a class without pixels on either side of the quotient has no figure. Counts are summed
//! over the whole set before anything is divided.
//!
//! Source: Long, Shelhamer, Darrell, CVPR 2015, section 5, and their `score.py`.

use crate::array::Array;
use crate::error::{Error, Result};

/// Counts of pixels by true and by found class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    /// n[i, j] at i * classes + j.
    counts: Vec<u64>,
}

impl Confusion {
    /// Nothing counted yet, of so many classes.
    ///
    /// # Errors
    /// If there is no class, or more than 65,536.
    pub fn new(classes: usize) -> Result<Self> {
        if !(1..=1 << 16).contains(&classes) {
            return Err(Error::shape("confusion", format!("{classes} classes; 1 to 65536 are possible")));
        }
        Ok(Self { classes, counts: vec![0; classes * classes] })
    }

    /// Counts the pixels of one picture, i32 arrays of one shape. Those whose truth is no class, such as 255 around objects, are ignored.
    ///
    /// # Errors
    /// If shapes or dtypes differ, or something was found that is no class.
    pub fn add(&mut self, truth: &Array, found: &Array) -> Result<()> {
        if truth.shape() != found.shape() {
            return Err(Error::shape("confusion", format!("truth {} and found {} differ in shape", truth.ty(), found.ty())));
        }
        let class = |value: i32| usize::try_from(value).ok().filter(|class| *class < self.classes);
        let (truth, found) = (truth.values::<i32>()?, found.values::<i32>()?);
        if let Some(wrong) = found.iter().find(|value| class(**value).is_none()) {
            return Err(Error::shape("confusion", format!("{wrong} was found, which is none of {} classes", self.classes)));
        }
        let pairs = truth.iter().zip(found).filter_map(|(t, f)| Some(class(*t)? * self.classes + class(*f)?));
        pairs.collect::<Vec<_>>().into_iter().for_each(|at| self.counts[at] += 1);
        Ok(())
    }

    /// Pixels of class `truth` that were found to be `found`; 0 for what is no class.
    pub fn count(&self, truth: usize, found: usize) -> u64 {
        let known = truth < self.classes && found < self.classes;
        if known { self.counts[truth * self.classes + found] } else { 0 }
    }

    /// The part of all pixels that is right; `None` if none was counted.
    pub fn pixel_accuracy(&self) -> Option<f64> {
        let right: u64 = (0..self.classes).map(|i| self.count(i, i)).sum();
        quotient(right, self.counts.iter().sum())
    }

    /// For each class, the part of its pixels that was found.
    pub fn accuracies(&self) -> Vec<Option<f64>> {
        (0..self.classes).map(|i| quotient(self.count(i, i), self.truths(i))).collect()
    }

    /// For each class, intersection over union.
    pub fn ious(&self) -> Vec<Option<f64>> {
        let union = |i| {
            let found: u64 = (0..self.classes).map(|j| self.count(j, i)).sum();
            self.truths(i) + found - self.count(i, i)
        };
        (0..self.classes).map(|i| quotient(self.count(i, i), union(i))).collect()
    }

    /// The mean of [`Confusion::accuracies`] where there are any.
    pub fn mean_accuracy(&self) -> Option<f64> {
        mean(&self.accuracies())
    }

    /// The mean of [`Confusion::ious`] where there are any.
    pub fn mean_iou(&self) -> Option<f64> {
        mean(&self.ious())
    }

    /// The mean of [`Confusion::ious`], each class by its pixels.
    pub fn frequency_weighted_iou(&self) -> Option<f64> {
        let all: u64 = self.counts.iter().sum();
        let weighted = self.ious().into_iter().enumerate().map(|(i, iou)| self.truths(i) as f64 * iou.unwrap_or(0.0)).sum::<f64>();
        (all > 0).then_some(weighted / all as f64)
    }

    /// t[i].
    fn truths(&self, i: usize) -> u64 {
        (0..self.classes).map(|j| self.count(i, j)).sum()
    }
}

fn quotient(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then_some(part as f64 / whole as f64)
}

fn mean(values: &[Option<f64>]) -> Option<f64> {
    let known: Vec<f64> = values.iter().copied().flatten().collect();
    (!known.is_empty()).then_some(known.iter().sum::<f64>() / known.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[i32]) -> Array {
        Array::new([1, 1, 1, values.len()], values.to_vec()).unwrap()
    }

    #[test]
    fn figures_of_a_matrix_made_by_hand() {
        // Class 3 is neither there nor found; class 2 is there and never found; 255 and -1 are ignored.
        let truth = of(&[0, 0, 0, 0, 1, 1, 1, 2, 255, -1]);
        let found = of(&[0, 0, 0, 1, 1, 1, 0, 1, 2, 2]);
        let mut confusion = Confusion::new(4).unwrap();
        // Two pictures count as one set.
        let half = |array: &Array, range: std::ops::Range<usize>| of(&array.values::<i32>().unwrap()[range]);
        for range in [0..5, 5..10] {
            confusion.add(&half(&truth, range.clone()), &half(&found, range)).unwrap();
        }
        assert_eq!([(0, 0), (0, 1), (1, 0), (1, 1), (2, 1), (2, 2)].map(|(t, f)| confusion.count(t, f)), [3, 1, 1, 2, 1, 0]);
        assert_eq!(confusion.pixel_accuracy(), Some(5.0 / 8.0));
        assert_eq!(confusion.accuracies(), [Some(3.0 / 4.0), Some(2.0 / 3.0), Some(0.0), None]);
        let ious = [3.0 / 5.0, 2.0 / 5.0, 0.0];
        assert_eq!(confusion.ious(), [Some(ious[0]), Some(ious[1]), Some(ious[2]), None]);
        assert_eq!(confusion.mean_iou(), Some((ious[0] + ious[1]) / 3.0));
        let weighted = (4.0 * ious[0] + 3.0 * ious[1]) / 8.0;
        assert!((confusion.frequency_weighted_iou().unwrap() - weighted).abs() < 1e-12);
        assert!((confusion.mean_accuracy().unwrap() - (0.75 + 2.0 / 3.0) / 3.0).abs() < 1e-12);
    }

    #[test]
    fn what_is_no_class_is_refused_and_nothing_has_no_figure() {
        let mut confusion = Confusion::new(2).unwrap();
        assert_eq!((confusion.pixel_accuracy(), confusion.mean_iou(), confusion.frequency_weighted_iou()), (None, None, None));
        assert!(confusion.add(&of(&[0]), &of(&[2])).unwrap_err().to_string().contains("2 was found"));
        assert!(confusion.add(&of(&[0, 1]), &of(&[0])).is_err());
        assert!(Confusion::new(0).is_err());
        assert_eq!(confusion, Confusion::new(2).unwrap(), "a refused picture counts nothing");
    }
}
