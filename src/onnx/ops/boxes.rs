//! NonMaxSuppression: how many boxes are left depends on values, so all of them must be known before anything runs.

use super::Table;
use super::host::place;
use super::sequence::integer;
use crate::error::Result;
use crate::onnx::node::Node;
use crate::onnx::value::Value;

pub(super) const TABLE: Table = &[("NonMaxSuppression", non_max_suppression)];

/// The most pairs of boxes that are compared.
const MOST_PAIRS: usize = 1 << 28;

/// Sides in two dimensions, from the lower to the upper end.
type Sides = [(f64, f64); 2];

fn sides(numbers: &[f64], centred: bool) -> Sides {
    let &[a, b, c, d] = numbers else { return [(0.0, 0.0); 2] };
    // Corners are any two on a diagonal: [y, x, y, x]; otherwise [x, y, width, height].
    if centred { [(a - c / 2.0, a + c / 2.0), (b - d / 2.0, b + d / 2.0)] } else { [(a.min(c), a.max(c)), (b.min(d), b.max(d))] }
}

/// Intersection over union; 0 where there is none.
fn overlap(a: &Sides, b: &Sides) -> f64 {
    let area = |s: &Sides| s.iter().map(|(low, high)| (high - low).max(0.0)).product::<f64>();
    let common = area(&[0, 1].map(|d| (a[d].0.max(b[d].0), a[d].1.min(b[d].1))));
    if common > 0.0 { common / (area(a) + area(b) - common) } else { 0.0 }
}

fn non_max_suppression(node: &Node<'_>) -> Result<Vec<Value>> {
    let centred = node.flag("center_point_box", false)?;
    let (boxes, scores) = (node.known(0)?, node.known(1)?);
    let (batch, classes, count) = match (boxes.shape(), scores.shape()) {
        (&[batch, count, 4], &[b, classes, n]) if b == batch && n == count => (batch, classes, count),
        (a, b) => return Err(node.wrong(format!("boxes {a:?} and scores {b:?} are not [batch, n, 4] and [batch, classes, n]"))),
    };
    let threshold = |index| match node.has(index).then(|| node.floats(index)).transpose()?.as_deref() {
        None | Some([]) => Ok(None),
        Some(&[value]) => Ok(Some(value)),
        Some(values) => Err(node.wrong(format!("input {index} has {} elements, not 1", values.len()))),
    };
    let most = if node.has(2) { usize::try_from(integer(node, 2)?).unwrap_or(0) } else { 0 };
    let (most_overlap, least_score) = (threshold(3)?.unwrap_or(0.0), threshold(4)?);
    let pairs = [batch, classes, count, most.min(count)].iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    if pairs.is_none_or(|p| p > MOST_PAIRS) {
        return Err(
            node.unsupported(format!("{count} boxes of {classes} classes in a batch of {batch}: over {MOST_PAIRS} pairs to compare"))
        );
    }
    let (boxes, scores) = (boxes.floats()?, scores.floats()?);
    let boxes: Vec<Sides> = boxes.chunks(4).map(|numbers| sides(numbers, centred)).collect();
    let mut picks = Vec::new();
    for (row, scores) in scores.chunks(count.max(1)).enumerate() {
        let (batch, class) = (row / classes, row % classes);
        let boxes = &boxes[batch * count..][..count];
        let mut order: Vec<usize> = (0..count).filter(|&i| least_score.is_none_or(|least| scores[i] > least)).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let mut kept: Vec<usize> = Vec::new();
        for candidate in order {
            if kept.len() >= most {
                break;
            }
            if kept.iter().all(|&k| overlap(&boxes[candidate], &boxes[k]) <= most_overlap) {
                kept.push(candidate);
                picks.extend([batch, class, candidate].map(place));
            }
        }
    }
    Ok(vec![Value::ints([picks.len() / 3, 3], &picks)?])
}
