//! How good detections are: average precision.
//!
//! ```text
//! of a class, from the likeliest detection on:   right if it overlaps a thing of its class that none before it was right about
//! recall r = right / things       precision p = right / detections
//! AP = area under max of p at recalls of r or more       or its mean at r = 0, 0.1 .. 1: the rule of PASCAL VOC until 2009
//! mAP = mean over the classes that there are things of
//! ```
//!
//! A detection is right about the thing that it overlaps most, from a threshold on; with masks in place of boxes this is `AP^r` (Hariharan et
//! al., Simultaneous Detection and Segmentation, ECCV 2014).

use std::collections::{BTreeMap, HashSet};

/// Detections over images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Precision {
    classes: BTreeMap<usize, Class>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Class {
    things: usize,
    images: usize,
    found: Vec<Detection>,
}

#[derive(Clone, Debug, PartialEq)]
struct Detection {
    score: f32,
    image: usize,
    /// The thing of its class that it overlaps most, and by how much.
    nearest: Option<(usize, f64)>,
}

impl Precision {
    /// Counts an image: of each detection its class and score, of each thing its class, and how much detection i and thing j overlap, 0 to 1.
    pub fn add(&mut self, found: &[(usize, f32)], things: &[usize], overlap: impl Fn(usize, usize) -> f64) {
        for class in found.iter().map(|(class, _)| *class).chain(things.iter().copied()) {
            self.classes.entry(class).or_default();
        }
        for (&class, counted) in &mut self.classes {
            let own: Vec<usize> = (0..things.len()).filter(|&j| things[j] == class).collect();
            counted.things += own.len();
            for (i, &(_, score)) in found.iter().enumerate().filter(|(_, (of, _))| *of == class) {
                let nearest = own.iter().map(|&j| (j, overlap(i, j))).max_by(|a, b| a.1.total_cmp(&b.1));
                counted.found.push(Detection { score, image: counted.images, nearest });
            }
            counted.images += 1;
        }
    }

    /// The mean over classes of the area under the curve of precision, a detection being right from an overlap of `threshold` on; `None`
    /// without things.
    pub fn mean(&self, threshold: f64) -> Option<f64> {
        self.averaged(threshold, |curve| {
            let mut area = 0.0;
            let (mut before, mut rest) = (0.0, curve);
            while let Some((&(recall, _), next)) = rest.split_first() {
                area += (recall - before) * best(rest);
                (before, rest) = (recall, next);
            }
            area
        })
    }

    /// The same by the precision at eleven recalls.
    pub fn mean_of_eleven(&self, threshold: f64) -> Option<f64> {
        self.averaged(threshold, |curve| {
            let at = |tenth: u32| best(&curve[curve.partition_point(|(recall, _)| *recall < f64::from(tenth) / 10.0)..]);
            (0..=10).map(at).sum::<f64>() / 11.0
        })
    }

    fn averaged(&self, threshold: f64, average: impl Fn(&[(f64, f64)]) -> f64) -> Option<f64> {
        let each: Vec<f64> = self.classes.values().filter(|class| class.things > 0).map(|class| average(&class.curve(threshold))).collect();
        (!each.is_empty()).then(|| each.iter().sum::<f64>() / each.len() as f64)
    }
}

impl Class {
    /// Recall and precision after each detection.
    fn curve(&self, threshold: f64) -> Vec<(f64, f64)> {
        let mut order: Vec<&Detection> = self.found.iter().collect();
        order.sort_by(|a, b| b.score.total_cmp(&a.score));
        let (mut taken, mut right) = (HashSet::new(), 0.0);
        let after = |(count, found): (usize, &Detection)| {
            if let Some((thing, overlap)) = found.nearest
                && overlap >= threshold
                && taken.insert((found.image, thing))
            {
                right += 1.0;
            }
            (right / self.things as f64, right / (count + 1) as f64)
        };
        order.into_iter().enumerate().map(after).collect()
    }
}

/// The best precision of a curve's rest.
fn best(curve: &[(f64, f64)]) -> f64 {
    curve.iter().map(|(_, precision)| *precision).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_by_hand() {
        let mut all = Precision::default();
        assert_eq!(all.mean(0.5), None);
        // Three things of class 1; right, wrong, right, a thing for the second time.
        all.add(&[(1, 0.9), (1, 0.7)], &[1, 1], |i, j| [[0.8, 0.1], [0.2, 0.6]][i][j]);
        all.add(&[(1, 0.8), (1, 0.6)], &[1], |i, _| [0.3, 0.49][i]);
        all.add(&[(1, 0.5)], &[2], |_, _| 1.0);
        // Recalls 1/3, 1/3, 2/3 and then no more: precisions 1, 1/2, 2/3.
        let one = (1.0 + 2.0 / 3.0) / 3.0;
        let close = |a: Option<f64>, b: f64| (a.unwrap() - b).abs() < 1e-12;
        assert!(close(all.mean(0.5), one / 2.0), "class 2 has a thing and no detection: {:?}", all.mean(0.5));
        assert!(close(all.mean_of_eleven(0.5), (4.0 + 3.0 * 2.0 / 3.0) / 11.0 / 2.0));
        assert!(close(all.mean(0.7), (1.0 / 3.0) / 2.0));
        let mut twice = Precision::default();
        twice.add(&[(3, 0.4), (3, 0.9)], &[3], |i, _| [0.9, 0.6][i]);
        assert!(close(twice.mean(0.5), 1.0) && close(twice.mean_of_eleven(0.5), 1.0), "the second about the same thing comes too late");
        assert!(close(twice.mean(0.8), 0.5), "the likelier one is wrong here");
    }
}
