//! `NonMaxSuppression`: how many boxes are left depends on values, so all of them must be known before anything runs.

use super::Table;
use super::host::place;
use super::sequence::integer;
use crate::error::Result;
use crate::onnx::node::Node;
use crate::onnx::value::Value;
use crate::ops::overlap;

pub(super) const TABLE: Table = &[("NonMaxSuppression", non_max_suppression)];

/// The most pairs of boxes that are compared.
const MOST_PAIRS: usize = 1 << 28;

/// A box by its lowest and highest corners.
fn corners(numbers: &[f64], centred: bool) -> [f64; 4] {
    let &[a, b, c, d] = numbers else { return [0.0; 4] };
    // Given are any two on a diagonal, [y, x, y, x], or [x, y, width, height].
    if centred { [a - c / 2.0, b - d / 2.0, a + c / 2.0, b + d / 2.0] } else { [a.min(c), b.min(d), a.max(c), b.max(d)] }
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
    let boxes: Vec<[f64; 4]> = boxes.chunks(4).map(|numbers| corners(numbers, centred)).collect();
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
            if kept.iter().all(|&k| overlap(&boxes[candidate], &boxes[k], 0.0) <= most_overlap) {
                kept.push(candidate);
                picks.extend([batch, class, candidate].map(place));
            }
        }
    }
    Ok(vec![Value::ints([picks.len() / 3, 3], &picks)?])
}
