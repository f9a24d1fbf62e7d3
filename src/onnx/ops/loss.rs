//! Losses of classifiers, composed: the target's element is gathered from each column of log-probabilities, weighted and reduced.
//!
//! ```text
//! loss[n, d..] = -w[n, d..] log_prob[n, target[n, d..], d..]      w = weight[target], 0 where the target is ignored
//! mean = sum of loss / sum of w
//! ```

use super::Table;
use crate::array::DType;
use crate::error::Result;
use crate::graph::Var;
use crate::onnx::node::Node;
use crate::onnx::value::Value;

pub(super) const TABLE: Table =
    &[("NegativeLogLikelihoodLoss", negative_log_likelihood), ("SoftmaxCrossEntropyLoss", softmax_cross_entropy)];

fn negative_log_likelihood(node: &Node<'_>) -> Result<Vec<Value>> {
    node.same(loss(node, &node.var(0)?)?)
}

fn softmax_cross_entropy(node: &Node<'_>) -> Result<Vec<Value>> {
    let log_prob = node.var(0)?.log_softmax(1)?;
    let elem = node.elem(0)?;
    Ok(vec![Value::of(elem, loss(node, &log_prob)?), Value::of(elem, log_prob)])
}

fn loss(node: &Node<'_>, log_prob: &Var) -> Result<Var> {
    let (target, weight) = (node.var(1)?, node.optional(2)?);
    let reduction = node.choice("reduction", &["mean", "none", "sum"])?;
    let (shape, labels) = (log_prob.shape(), target.shape());
    let fits = matches!(shape, [batch, _, inner @ ..] if labels.split_first() == Some((batch, inner)));
    let classes = shape.get(1).copied().filter(|_| fits);
    let classes = classes.ok_or_else(|| node.wrong(format!("labels {} do not fit scores {}", target.ty(), log_prob.ty())))?;
    if let Some(weight) = weight.as_ref().filter(|w| w.shape() != [classes]) {
        return Err(node.wrong(format!("weights {} are not those of {classes} classes", weight.ty())));
    }
    let inner = labels[1..].iter().product::<usize>();
    let columns = log_prob.reshape([labels[0], classes, inner])?;
    let mut picks = target.reshape([labels[0], 1, inner])?;
    // Targets are held in 32 bits: what does not fit them is none of theirs.
    let ignored = node.optional_int("ignore_index")?.and_then(|i| i32::try_from(i).ok());
    let kept = match ignored {
        None => None,
        Some(index) => {
            let kept = picks.not_equal(&node.scalar(DType::I32, f64::from(index))?)?;
            picks = kept.where_(&picks, &node.scalar(DType::I32, 0.0)?)?;
            Some(kept)
        }
    };
    let zero = node.scalar(DType::F32, 0.0)?;
    let masked = |x: Var| if let Some(kept) = &kept { kept.where_(&x, &zero) } else { Ok(x) };
    let mut loss = columns.gather_elements(1, &picks)?.neg()?;
    let mut weights = kept.as_ref().map(|kept| kept.cast(DType::F32)).transpose()?;
    if let Some(weight) = &weight {
        let of_target = weight.gather(0, &picks)?;
        loss = loss.mul(&of_target)?;
        weights = Some(masked(of_target)?);
    }
    let loss = masked(loss)?;
    match (reduction, weights) {
        ("none", _) => loss.reshape(labels),
        ("mean", Some(weights)) => loss.reduce_sum(&[], false)?.div(&weights.reduce_sum(&[], false)?),
        ("mean", None) => loss.reduce_mean(&[], false),
        _ => loss.reduce_sum(&[], false),
    }
}
