//! Functions of one number and of two, choices and casts.

use super::differences::{around, between, check};
use crate::common::{Bound, check_composed};
use foveate::array::{Array, DType};
use foveate::graph::Var;
use foveate::ops::Unary;

fn gradients(v: &[Var], y: &Var) -> foveate::Result<Vec<Var>> {
    y.reduce_sum(&[], false)?.gradient(&v.iter().collect::<Vec<_>>())
}

#[test]
fn functions_of_one_number() {
    use Unary::*;
    let (whole, positive, inner) = ((-2.0f32, 2.0f32), (0.6f32, 3.0f32), (-0.7f32, 0.7f32));
    let smooth = [
        (Neg, whole),
        (Exp, whole),
        (Log, positive),
        (Sqrt, positive),
        (Rsqrt, positive),
        (Reciprocal, positive),
        (Sin, whole),
        (Cos, whole),
        (Tan, inner),
        (Asin, inner),
        (Acos, inner),
        (Atan, whole),
        (Sinh, whole),
        (Cosh, whole),
        (Tanh, whole),
        (Asinh, whole),
        (Acosh, (1.6, 3.0)),
        (Atanh, inner),
        (Erf, whole),
        (Sigmoid, whole),
        (Softplus, whole),
        (Silu, whole),
        (Gelu, whole),
        (GeluTanh, whole),
        (Mish, whole),
    ];
    for (kind, (low, high)) in smooth {
        check(&format!("{kind:?}"), &[between(&[7], 3, low, high)], |v| v[0].graph().apply(kind, &[&v[0]]).map(|mut y| y.remove(0)));
    }
    // On both sides of every kink and further from it than two steps: at 0, 0.5, 1 and 3, and where rounding jumps.
    let apart = Array::new([8], vec![-3.375f32, -1.25, -0.75, -0.25, 0.25, 0.75, 1.375, 3.375]).unwrap();
    let kinked = [
        Abs,
        Relu,
        Softsign,
        LeakyRelu { alpha: 0.1 },
        Elu { alpha: 1.5 },
        Celu { alpha: 1.5 },
        Selu { alpha: 1.67, gamma: 1.05 },
        ThresholdedRelu { alpha: 0.5 },
        Shrink { lambd: 0.5, bias: 0.25 },
        Hardsigmoid { alpha: 0.5, beta: 0.5 },
        Hardswish,
        Sign,
        Floor,
        Ceil,
        Round,
        Trunc,
    ];
    for kind in kinked {
        check(&format!("{kind:?}"), std::slice::from_ref(&apart), |v| v[0].graph().apply(kind, &[&v[0]]).map(|mut y| y.remove(0)));
    }
}

#[test]
fn at_a_kink_the_slope_is_that_from_below() {
    let zero = Array::new([3], vec![0.0f32, -0.0, 2.0]).unwrap();
    for (kind, expected) in [
        (Unary::Relu, [0.0f32, 0.0, 1.0]),
        (Unary::LeakyRelu { alpha: 0.25 }, [0.25, 0.25, 1.0]),
        (Unary::Elu { alpha: 0.5 }, [0.5, 0.5, 1.0]),
        (Unary::Abs, [0.0, 0.0, 1.0]),
    ] {
        let build = |v: &[Var]| gradients(v, &v[0].graph().apply(kind, &[&v[0]])?[0]);
        let expected = Array::new([3], expected.to_vec()).unwrap();
        check_composed(&format!("{kind:?}"), std::slice::from_ref(&zero), build, &[&expected], Bound::Exact);
    }
}

#[test]
fn functions_of_two_numbers_broadcast() {
    let (a, b) = (around(&[2, 3], 1), between(&[3], 2, 0.6, 2.0));
    let positive = between(&[2, 1], 3, 0.6, 2.0);
    check("add", &[a.clone(), b.clone()], |v| v[0].add(&v[1]));
    check("add of a scalar", &[a.clone(), around(&[], 4)], |v| v[0].add(&v[1]));
    check("sub", &[b.clone(), a.clone()], |v| v[0].sub(&v[1]));
    check("mul", &[around(&[2, 1, 3], 5), around(&[4, 1], 6)], |v| v[0].mul(&v[1]));
    check("div", &[a.clone(), b.clone()], |v| v[0].div(&v[1]));
    check("div by rows", &[b.clone(), positive.clone()], |v| v[0].div(&v[1]));
    check("quotient", &[a.clone(), b.clone()], |v| v[0].quotient(&v[1]));
    check("pow", &[positive, b.clone()], |v| v[0].pow(&v[1]));
    check("fmod", &[between(&[3], 7, 2.2, 2.4), Array::new([1], vec![0.875f32]).unwrap()], |v| v[0].fmod(&v[1]));
    check("remainder", &[between(&[3], 7, -2.4, -2.2), Array::new([1], vec![0.875f32]).unwrap()], |v| v[0].remainder(&v[1]));
    let (x, y) = (Array::new([4], vec![-1.0f32, 0.5, 1.0, -0.25]).unwrap(), Array::new([4], vec![0.5f32, -0.5, 0.75, 0.25]).unwrap());
    check("minimum", &[x.clone(), y.clone()], |v| v[0].minimum(&v[1]));
    check("maximum", &[x.clone(), y.clone()], |v| v[0].maximum(&v[1]));
    check("prelu", &[x.clone(), around(&[1], 8)], |v| v[0].prelu(&v[1]));
    check("clip", std::slice::from_ref(&x), |v| v[0].clip(Some(-0.5), Some(0.75)));
    check("where", &[x.clone(), y, around(&[2, 4], 9)], |v| {
        let condition = v[0].graph().constant(Array::new([4], vec![true, false, true, false])?)?;
        condition.where_(&v[0].mul(&v[1])?, &v[2])
    });
    check("cast", &[x], |v| v[0].cast(DType::F32)?.mul(&v[0].greater(&v[0].neg()?)?.cast(DType::F32)?));
}

#[test]
fn equals_share_and_zero_has_powers() {
    let (a, b) = (Array::new([2], vec![1.0f32, 2.0]).unwrap(), Array::new([2], vec![1.0f32, 3.0]).unwrap());
    let expect = |a: [f32; 2], b: [f32; 2]| [Array::new([2], a.to_vec()).unwrap(), Array::new([2], b.to_vec()).unwrap()];
    let [by_a, by_b] = expect([0.5, 1.0], [0.5, 0.0]);
    check_composed("ties", &[a, b], |v| gradients(v, &v[0].minimum(&v[1])?), &[&by_a, &by_b], Bound::Exact);
    // 0^2 has slope 0 by the base and 0 by the exponent, 3^0 slope 0 by the base and ln 3 by the exponent.
    let (a, b) = (Array::new([2], vec![0.0f32, 3.0]).unwrap(), Array::new([2], vec![2.0f32, 0.0]).unwrap());
    let [by_a, by_b] = expect([0.0, 0.0], [0.0, 3f32.ln()]);
    let near = Bound::Near { absolute: 0.0, relative: 2e-6 };
    check_composed("powers", &[a, b], |v| gradients(v, &v[0].pow(&v[1])?), &[&by_a, &by_b], near);
    // Bounds of clip count as inside.
    let x = Array::new([2], vec![-1.0f32, 1.0]).unwrap();
    let ones = Array::full([2], 1.0f32);
    check_composed("clip", &[x], |v| gradients(v, &v[0].clip(Some(-1.0), Some(1.0))?), &[&ones], Bound::Exact);
}
