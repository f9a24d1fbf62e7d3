//! unary: case tables.

use crate::common::{Bound, Case, check, fixture, random, random_below};
use foveate::array::{Array, Data};
use foveate::ops::Unary;
use std::collections::HashMap;

/// PyTorch's own functions are good to a few units in the last place; so are these. Absolute: what is left after values of
/// order 1 cancel (sine near a multiple of pi, gelu far below 0).
const NEAR: Bound = Bound::Near { absolute: 3e-7, relative: 6e-7 };

fn from_torch(numbers: &HashMap<String, Array>, name: &str, op: Unary, bound: Bound) -> Case {
    let (input, output) = (numbers[&format!("{name}/input")].clone(), numbers[&format!("{name}/output")].clone());
    Case::new(name, op, vec![input], bound).outputs(vec![output])
}

#[test]
fn exact() {
    let numbers = fixture("unary");
    let kinds = [Unary::Abs, Unary::Neg, Unary::Sign, Unary::Relu];
    let mut cases: Vec<Case> = ["abs", "neg", "sign", "relu"]
        .iter()
        .zip(kinds)
        .flat_map(|(name, op)| [(*name).to_owned(), format!("{name}_i32")].map(|name| from_torch(&numbers, &name, op, Bound::Exact)))
        .collect();
    cases.push(from_torch(&numbers, "floor", Unary::Floor, Bound::Exact));
    cases.push(from_torch(&numbers, "ceil", Unary::Ceil, Bound::Exact));
    cases.push(from_torch(&numbers, "round", Unary::Round, Bound::Exact));
    cases.push(from_torch(&numbers, "trunc", Unary::Trunc, Bound::Exact));
    cases.push(from_torch(&numbers, "is_nan", Unary::IsNan, Bound::Exact));
    cases.push(from_torch(&numbers, "is_inf", Unary::IsInf, Bound::Exact));
    cases.push(from_torch(&numbers, "not", Unary::Not, Bound::Exact));
    cases.push(from_torch(&numbers, "bitwise_not", Unary::BitwiseNot, Bound::Exact));
    cases.push(from_torch(&numbers, "thresholded_relu", Unary::ThresholdedRelu { alpha: 1.2 }, Bound::Exact));
    check(cases);
}

#[test]
fn elementary() {
    let numbers = fixture("unary");
    // A double rounding of the reciprocal and the root, each good to 2.5 units at worst.
    let root = Bound::Near { absolute: 0.0, relative: 6e-7 };
    let mut cases = vec![from_torch(&numbers, "sqrt", Unary::Sqrt, root), from_torch(&numbers, "rsqrt", Unary::Rsqrt, root)];
    cases.push(from_torch(&numbers, "reciprocal", Unary::Reciprocal, root));
    // e^-88 is not far above the least normal number.
    cases.push(from_torch(&numbers, "exp", Unary::Exp, Bound::Near { absolute: 1e-38, relative: 4e-7 }));
    for (name, op) in [
        ("log", Unary::Log),
        ("sin", Unary::Sin),
        ("cos", Unary::Cos),
        ("asin", Unary::Asin),
        ("acos", Unary::Acos),
        ("atan", Unary::Atan),
        ("sinh", Unary::Sinh),
        ("cosh", Unary::Cosh),
        ("tanh", Unary::Tanh),
        ("asinh", Unary::Asinh),
        ("acosh", Unary::Acosh),
        ("atanh", Unary::Atanh),
        ("erf", Unary::Erf),
    ] {
        cases.push(from_torch(&numbers, name, op, NEAR));
    }
    // The quotient of two such functions, and its slope is 1 + tan^2.
    cases.push(from_torch(&numbers, "tan", Unary::Tan, Bound::Near { absolute: 5e-7, relative: 3e-6 }));
    check(cases);
}

#[test]
fn activations() {
    let numbers = fixture("unary");
    let (alpha, gamma) = (1.673_263_2, 1.050_701);
    check(
        [
            ("sigmoid", Unary::Sigmoid),
            ("softplus", Unary::Softplus),
            ("softsign", Unary::Softsign),
            ("leaky_relu", Unary::LeakyRelu { alpha: 0.1 }),
            ("elu", Unary::Elu { alpha: 1.5 }),
            ("celu", Unary::Celu { alpha: 0.7 }),
            ("selu", Unary::Selu { alpha, gamma }),
            ("hardsigmoid", Unary::Hardsigmoid { alpha: 1.0 / 6.0, beta: 0.5 }),
            ("hardswish", Unary::Hardswish),
            ("silu", Unary::Silu),
            ("gelu", Unary::Gelu),
            ("gelu_tanh", Unary::GeluTanh),
            ("mish", Unary::Mish),
        ]
        .map(|(name, op)| from_torch(&numbers, name, op, Bound::Near { absolute: 1e-6, relative: 1e-6 }))
        .into(),
    );
}

/// Every function on values of all sizes, against f64: small arguments keep their relative accuracy.
#[test]
fn relative_accuracy() {
    let spread = |shape: &[usize], least: f32, most: f32, seed| {
        let (exponents, signs) = (random(shape, seed), random(shape, seed + 1));
        let (exponents, signs) = (exponents.values::<f32>().unwrap(), signs.values::<f32>().unwrap());
        Array::from_fn(shape, |i| least * (most / least).powf((exponents[i] + 1.0) / 2.0) * signs[i].signum())
    };
    let positive = |array: &Array| match array.data() {
        Data::F32(v) => Array::from_fn(array.shape(), |i| v[i].abs()),
        _ => unreachable!(),
    };
    let bound = Bound::Near { absolute: 1e-37, relative: 6e-7 };
    let wide = spread(&[20_003], 1e-8, 80.0, 1);
    let unit = spread(&[20_003], 1e-8, 1.0, 3);
    let mut cases: Vec<Case> = [Unary::Exp, Unary::Atan, Unary::Sinh, Unary::Cosh, Unary::Tanh, Unary::Asinh, Unary::Erf, Unary::Sigmoid]
        .map(|op| Case::new(format!("{op:?}"), op, vec![wide.clone()], bound))
        .into();
    cases.push(Case::new("Asin", Unary::Asin, vec![unit.clone()], bound));
    cases.push(Case::new("Atanh", Unary::Atanh, vec![unit.clone()], bound));
    cases.push(Case::new("Elu", Unary::Elu { alpha: 1.0 }, vec![wide.clone()], bound));
    cases.push(Case::new("Softplus", Unary::Softplus, vec![wide], bound));
    cases.push(Case::new("Log", Unary::Log, vec![positive(&spread(&[20_003], 1e-37, 1e37, 5))], bound));
    cases.push(Case::new("Sin", Unary::Sin, vec![spread(&[20_003], 1e-8, 3.0, 7)], bound));
    check(cases);
}

#[test]
fn sizes_and_refusals() {
    let relu = |n: usize| Case::new(format!("{n} elements"), Unary::Relu, vec![random(&[n], n as u64)], Bound::Exact);
    let mut cases: Vec<Case> = [1, 3, 4, 255, 256, 257].map(relu).into();
    // 4 elements for each of 64 invocations in more than 65,535 workgroups.
    cases.push(relu(65_536 * 256 + 3));
    cases.push(Case::refused("relu of u32", Unary::Relu, vec![Array::full([2], 1u32)], "cast it first"));
    cases.push(Case::refused("exp of i32", Unary::Exp, vec![random_below(&[2], 1, 3)], "input must be f32"));
    cases.push(Case::refused("not of f32", Unary::Not, vec![random(&[2], 1)], "input must be bool"));
    cases.push(Case::refused("celu by 0", Unary::Celu { alpha: 0.0 }, vec![random(&[2], 1)], "alpha is 0"));
    cases.push(Case::refused("infinite slope", Unary::LeakyRelu { alpha: f32::INFINITY }, vec![random(&[2], 1)], "not finite"));
    check(cases);
}

#[test]
fn infinities_and_unsigned() {
    let x = Array::new([6], vec![f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX, 0.0, -1.0]).unwrap();
    let only = |at: usize| vec![Array::from_fn([6], |i| i == at)];
    let words = Array::new([4], vec![0u32, 1, 1 << 31, u32::MAX]).unwrap();
    check(vec![
        Case::new("positive", Unary::IsPosInf, vec![x.clone()], Bound::Exact).outputs(only(0)),
        Case::new("negative", Unary::IsNegInf, vec![x], Bound::Exact).outputs(only(1)),
        Case::new("abs", Unary::Abs, vec![words.clone()], Bound::Exact).outputs(vec![words.clone()]),
        Case::new("sign", Unary::Sign, vec![words], Bound::Exact).outputs(vec![Array::new([4], vec![0u32, 1, 1, 1]).unwrap()]),
    ]);
}
