//! Reductions, softmax and normalisation.

use super::differences::{around, between, check, distinct};
use crate::common::{Bound, check_composed};
use foveate::array::Array;
use foveate::ops::{BatchNorm, LayerNorm, LayerNormGradient, LinearRecurrence, LpNorm, Lrn, Reduce, ReduceKind, concat};

#[test]
fn reductions_along_axes() {
    use ReduceKind::*;
    for kind in [Sum, Mean, Max, Min, Prod, L1, L2, SumSquare, LogSum, LogSumExp] {
        for (axes, keepdims) in [(vec![], false), (vec![-1], true), (vec![0, 2], false)] {
            let input = match kind {
                Max | Min => distinct(&[2, 3, 2], 1),
                L1 | L2 | LogSum => between(&[2, 3, 2], 2, 0.6, 2.0),
                _ => around(&[2, 3, 2], 3),
            };
            let reduce = Reduce { kind, axes: axes.clone(), keepdims };
            check(&format!("{kind:?} along {axes:?}"), &[input], |v| Ok(v[0].graph().apply(reduce.clone(), &[&v[0]])?.remove(0)));
        }
    }
    check("mean of planes", &[around(&[1, 2, 3, 2], 4)], |v| v[0].global_avg_pool2d());
    check("maximum of planes", &[distinct(&[1, 2, 3, 2], 5)], |v| v[0].global_max_pool2d());
    for reverse in [false, true] {
        let attributes = LinearRecurrence { axis: 1, reverse };
        let inputs = [around(&[2, 3, 2], 8), around(&[2, 3, 2], 9), around(&[2, 2], 10)];
        check("linear recurrence", &inputs, |v| v[0].linear_recurrence(&v[1], Some(&v[2]), attributes));
        check("one step", &[around(&[1, 1, 3], 8), around(&[1, 1, 3], 9)], |v| v[0].linear_recurrence(&v[1], None, attributes));
    }
    check("running sums", &[around(&[2, 4], 6)], |v| v[0].cumsum(1, true, false));
}

#[test]
fn equal_maxima_share_evenly() {
    let x = Array::new([2, 3], vec![1.0f32, 4.0, 4.0, 2.0, 2.0, 2.0]).unwrap();
    let third = 1.0f32 / 3.0;
    let expected = Array::new([2, 3], vec![0.0, 0.5, 0.5, third, third, third]).unwrap();
    let bound = Bound::Near { absolute: 0.0, relative: 3e-7 };
    let build = |v: &[foveate::graph::Var]| v[0].reduce_max(&[1], false)?.reduce_sum(&[], false)?.gradient(&[&v[0]]);
    check_composed("ties", &[x], build, &[&expected], bound);
    let zero = Array::full([3], 0.0f32);
    let build = |v: &[foveate::graph::Var]| v[0].reduce_l2(&[], false)?.gradient(&[&v[0]]);
    check_composed("norm of nothing", std::slice::from_ref(&zero), build, &[&zero], Bound::Exact);
}

/// PyTorch 1.13: `x.prod(1).sum().backward()`.
#[test]
fn a_product_s_gradient_knows_zeros() {
    let x = Array::new([3, 3], vec![2.0f32, -3.0, 0.5, 4.0, 0.0, 5.0, 0.0, 7.0, 0.0]).unwrap();
    let expected = Array::new([3, 3], vec![-1.5f32, 1.0, -6.0, 0.0, 20.0, 0.0, 0.0, 0.0, 0.0]).unwrap();
    let build = |v: &[foveate::graph::Var]| v[0].reduce_prod(&[1], false)?.reduce_sum(&[], false)?.gradient(&[&v[0]]);
    check_composed("zeros", &[x], build, &[&expected], Bound::Near { absolute: 0.0, relative: 3e-7 });
}

#[test]
fn softmax_along_any_axis() {
    for axis in [-1, 0, 1] {
        check(&format!("softmax {axis}"), &[around(&[2, 3, 2], 1)], |v| v[0].softmax(axis));
        check(&format!("log_softmax {axis}"), &[around(&[2, 3, 2], 2)], |v| v[0].log_softmax(axis));
    }
}

#[test]
fn normalisation() {
    let (x, scale, bias) = (around(&[2, 3, 2, 2], 1), around(&[3], 2), around(&[3], 3));
    let (mean, variance) = (around(&[3], 4), between(&[3], 5, 0.6, 2.0));
    check("batch_norm", &[x, scale, bias, mean, variance], |v| v[0].batch_norm(&v[1], &v[2], &v[3], &v[4], BatchNorm::default()));
    // A row of variance well above the step's square, so that its fifth derivative stays small.
    let (x, row) = (distinct(&[2, 2, 3], 6), [around(&[2, 3], 7), around(&[2, 3], 8)]);
    let attributes = LayerNorm { axis: 1, ..Default::default() };
    let [weight, bias] = row;
    check("layer_norm", &[x.clone(), weight.clone(), bias], |v| v[0].layer_norm(Some(&v[1]), Some(&v[2]), attributes));
    check("layer_norm with a weight", &[x.clone(), weight], |v| v[0].layer_norm(Some(&v[1]), None, attributes));
    check("layer_norm alone", &[x], |v| v[0].layer_norm(None, None, LayerNorm { axis: 0, ..Default::default() }));
}

/// Of all that `layer_norm_gradient` makes.
#[test]
fn second_derivatives_of_normalisation() {
    let inputs = [distinct(&[2, 5], 1), around(&[2, 5], 2), around(&[5], 3)];
    let op = LayerNormGradient { norm: LayerNorm::default() };
    for given in [2, 3] {
        check(&format!("of {given} inputs"), &inputs[..given], |v| {
            let made = v[0].graph().apply(op, &v.iter().collect::<Vec<_>>())?;
            concat(&made.iter().collect::<Vec<_>>(), 1)
        });
    }
}

#[test]
fn composed_normalisation() {
    let (x, two, four) = (distinct(&[2, 4, 3], 1), [around(&[2], 2), around(&[2], 3)], [around(&[4], 4), around(&[4], 5)]);
    let with = |others: &[Array]| [std::slice::from_ref(&x), others].concat();
    check("instance_norm", &with(&four), |v| v[0].instance_norm(Some(&v[1]), Some(&v[2]), 1e-5));
    check("group_norm", &with(&four), |v| v[0].group_norm(2, Some(&v[1]), Some(&v[2]), 1e-5));
    check("group_norm by groups", &with(&two), |v| v[0].group_norm(2, Some(&v[1]), Some(&v[2]), 1e-5));
    check("rms_norm", &with(&[around(&[3], 6)]), |v| v[0].rms_norm(Some(&v[1]), -1, 1e-5));
    check("mean_variance_normalization", &with(&[]), |v| v[0].mean_variance_normalization(&[0, 2]));
    let lines = between(&[2, 3], 7, 0.6, 2.0);
    for norm in [LpNorm::L1, LpNorm::L2] {
        check(&format!("{norm:?}"), std::slice::from_ref(&lines), |v| v[0].lp_norm(1, norm));
    }
    check("statistics", &with(&[around(&[3], 8)]), |v| {
        let [y, mean, deviation] = v[0].layer_norm_with_statistics(Some(&v[1]), None, LayerNorm::default())?;
        concat(&[&y, &mean, &deviation], 2)
    });
}

/// By the batch's own statistics, which depend on the input; and the running ones.
#[test]
fn batch_norm_in_training() {
    let inputs = [distinct(&[3, 2, 2], 1), around(&[2], 2), around(&[2], 3), around(&[2], 4), between(&[2], 5, 0.6, 2.0)];
    let train = |v: &[foveate::graph::Var]| v[0].batch_norm_training(&v[1], &v[2], &v[3], &v[4], 0.875, BatchNorm::default());
    check("the output", &inputs, |v| Ok(train(v)?[0].clone()));
    check("the statistics", &inputs, |v| {
        let [_, mean, variance] = train(v)?;
        concat(&[&mean, &variance], 0)
    });
}

#[test]
fn local_response() {
    for size in [1, 2, 3, 9] {
        let attributes = Lrn { size, alpha: 0.75, beta: 0.75, bias: 1.5 };
        check(&format!("of {size}"), &[around(&[2, 4, 3], 1)], |v| v[0].lrn(attributes));
    }
    check("of a vector", &[around(&[2, 5], 2)], |v| v[0].lrn(Lrn { beta: -0.5, alpha: 2.0, ..Lrn::new(3) }));
}
