//! Products of integers and what is quantized around them: ONNX's reference implementation, and the extremes.

use super::quantize_linear::both;
use crate::common::{Bound, Case, Elsewhere, check, fixture, random, random_below};
use foveate::array::{Array, DType, Hw, Pads};
use foveate::ops::{Conv1d, Conv2d, ConvInteger, MatmulInteger, Quantized, Scale};

#[test]
fn products_agree_with_onnx() {
    let numbers = fixture("quantize_linear");
    let part = |name: &str, part: &str| &numbers[&format!("{name}/{part}")];
    for name in ["matmul_plain", "matmul_zeros", "matmul_rows", "matmul_batches"] {
        let mut inputs = vec![part(name, "a"), part(name, "b")];
        inputs.extend(["za", "zb"].iter().filter_map(|z| numbers.get(&format!("{name}/{z}"))));
        for outputs in both(&inputs, |x| Ok(vec![x[0].matmul_integer(&x[1], x.get(2), x.get(3))?])) {
            assert_eq!(&outputs[0], part(name, "y"), "{name}");
        }
    }
    let padded = Conv2d { stride: Hw::new(2, 1), padding: Pads { top: 1, left: 2, bottom: 0, right: 1 }, ..Default::default() };
    for (name, attributes) in [("conv_plain", Conv2d::default()), ("conv_padded", padded)] {
        let mut inputs = vec![part(name, "x"), part(name, "w")];
        inputs.extend(["zx", "zw"].iter().filter_map(|z| numbers.get(&format!("{name}/{z}"))));
        for outputs in both(&inputs, |x| Ok(vec![x[0].conv_integer(&x[1], x.get(2), x.get(3), attributes)?])) {
            assert_eq!(&outputs[0], part(name, "y"), "{name}");
        }
    }
}

/// Sums of 2^15 products at the edge of 8 bits, which f32 would round: the exact numbers in closed form.
#[test]
fn extremes_are_exact() {
    const K: usize = 1 << 15;
    let full = |shape: &[usize], value: i32| Array::full(shape, value);
    let row = |a: i32, b: i32, sum: i64| {
        Case::new(format!("{a} by {b}"), MatmulInteger, vec![full(&[2, K], a), full(&[K, 3], b)], Bound::Exact)
            .outputs(vec![full(&[2, 3], i32::try_from(sum).unwrap())])
    };
    let k = K as i64;
    // One odd product among even ones: the lowest bit of a sum of 31 bits.
    let mut odd = vec![255i32; K];
    odd[K - 1] = 254;
    let odd = Array::new([1, K], odd).unwrap();
    let conv = |a: i32, b: i32| vec![full(&[1, 128, 16, 16], a), full(&[2, 128, 16, 16], b)];
    check(vec![
        row(255, 255, k * 65_025),
        row(255, -128, k * -32_640),
        row(-128, -128, k * 16_384),
        Case::new("the lowest bit", MatmulInteger, vec![odd, full(&[K], 255)], Bound::Exact)
            .outputs(vec![full(&[1], i32::try_from(k * 65_025 - 255).unwrap())]),
        Case::new("a convolution", ConvInteger(Conv2d::default()), conv(255, 255), Bound::Exact)
            .outputs(vec![full(&[1, 2, 1, 1], i32::try_from(k * 65_025).unwrap())]),
    ]);
}

#[test]
fn products() {
    let matmul = |name: &str, a: &[usize], b: &[usize]| {
        Case::new(name, MatmulInteger, vec![random_below(a, 1, 40_000), random_below(b, 2, 70_000)], Bound::Exact)
    };
    let words = |shape: &[usize], seed: u32| Array::from_fn(shape, |i| (i as u32 + seed).wrapping_mul(2_654_435_769));
    let conv = |name: &str, x: &[usize], w: &[usize], attributes| {
        Case::new(name, ConvInteger(attributes), vec![random_below(x, 3, 255), random_below(w, 4, 255)], Bound::Exact)
    };
    let grouped = Conv2d { groups: 2, dilation: Hw::new(1, 2), padding: Pads::all(2), stride: Hw::new(1, 2) };
    check(vec![
        matmul("one number", &[1, 1], &[1, 1]),
        matmul("one tile and one more", &[33, 5], &[5, 33]),
        matmul("a matrix by a vector", &[3, 37, 5], &[5]),
        matmul("vectors", &[9], &[9]),
        matmul("batches both ways", &[2, 1, 3, 4], &[3, 4, 5]),
        Case::new("u32, wrapped", MatmulInteger, vec![words(&[7, 9], 1), words(&[9, 5], 2)], Bound::Exact),
        Case::new("windows", Elsewhere::windows(MatmulInteger), matmul("", &[40, 33], &[33, 40]).inputs, Bound::Exact),
        conv("odd", &[2, 3, 7, 9], &[5, 3, 3, 2], Conv2d::default()),
        conv("grouped, dilated", &[2, 4, 7, 9], &[6, 2, 3, 3], grouped),
        conv("points", &[1, 4, 3, 5], &[3, 4, 1, 1], Conv2d::default()),
        Case::refused("floats", MatmulInteger, vec![random(&[2, 2], 1), random(&[2, 2], 1)], "a must be i32 or u32"),
        Case::refused("depths", MatmulInteger, vec![random_below(&[2, 2], 1, 3), random_below(&[3, 2], 1, 3)], "2 columns meet 3 rows"),
        Case::refused(
            "a float weight",
            ConvInteger::default(),
            vec![random_below(&[1, 1, 2, 2], 1, 3), random(&[1, 1, 2, 2], 1)],
            "weight must be",
        ),
        Case::refused(
            "channels",
            ConvInteger::default(),
            vec![random_below(&[1, 2, 2, 2], 1, 3), random_below(&[1, 1, 2, 2], 1, 3)],
            "wants 1 input channels",
        ),
    ]);
}

#[test]
fn sequences_are_images_of_one_row() {
    let (x, w) = (random_below(&[2, 3, 9], 1, 255), random_below(&[4, 3, 3], 2, 255));
    let attributes = Conv1d { stride: 2, padding: (1, 0), ..Default::default() };
    let rows = Conv2d { stride: Hw::new(1, 2), padding: Pads { left: 1, ..Default::default() }, ..Default::default() };
    for outputs in both(&[&x, &w], |x| {
        let images = x[0].reshape([2, 3, 1, 9])?.conv_integer(&x[1].reshape([4, 3, 1, 3])?, None, None, rows)?;
        Ok(vec![x[0].conv1d_integer(&x[1], None, None, attributes)?, images.reshape([2, 4, 4])?])
    }) {
        assert_eq!(outputs[0], outputs[1]);
    }
}

#[test]
fn qlinear_agrees_with_onnx() {
    let numbers = fixture("quantize_linear");
    let parts = |name: &str, count: usize| (0..count).map(|i| &numbers[&format!("{name}/x{i}")]).collect::<Vec<_>>();
    let matmul = parts("qmatmul", 8);
    let found = both(&matmul, |x| {
        let scale = |i: usize| Scale { scale: &x[i], zero_point: Some(&x[i + 1]) };
        Ok(vec![x[0].qlinear_matmul(scale(1), &x[3], scale(4), Quantized::U8, scale(6))?])
    });
    for outputs in found {
        assert_eq!(outputs[0], numbers["qmatmul/y"]);
    }
    let found = both(&parts("qconv", 9), |x| {
        let scale = |i: usize| Scale { scale: &x[i], zero_point: Some(&x[i + 1]) };
        let attributes = Conv2d { padding: Pads::all(1), ..Default::default() };
        Ok(vec![x[0].qlinear_conv(scale(1), &x[3], scale(4), Some(&x[8]), Quantized::U8, scale(6), attributes)?])
    });
    for outputs in found {
        assert_eq!(outputs[0], numbers["qconv/y"]);
    }
}

#[test]
fn dynamic_quantization_agrees_with_onnx() {
    let numbers = fixture("quantize_linear");
    for name in ["mixed", "positive", "negative", "zeros"] {
        let part = |part: &str| &numbers[&format!("dynamic_{name}/{part}")];
        let found = both(&[part("x")], |x| {
            let (y, scale, zero) = x[0].dynamic_quantize_linear()?;
            Ok(vec![y, scale, zero])
        });
        for outputs in found {
            assert_eq!(&outputs[0], part("y"), "{name}");
            assert_eq!(&outputs[1], part("scale"), "{name}");
            assert_eq!(&outputs[2], part("zero"), "{name}");
        }
    }
}

#[test]
fn zero_points_must_fit() {
    let graph = foveate::graph::Graph::new();
    let input = |name: &str, shape: &[usize]| graph.input(name, random_below(shape, 1, 3).ty()).unwrap();
    let (a, b, three) = (input("a", &[2, 4]), input("b", &[4, 5]), input("three", &[3]));
    assert!(a.matmul_integer(&b, Some(&three), None).is_err());
    let (x, w) = (input("x", &[1, 1, 3, 3]), input("w", &[2, 1, 2, 2]));
    let message = x.conv_integer(&w, Some(&three), None, Conv2d::default()).unwrap_err().to_string();
    assert!(message.contains("one number"), "{message}");
    assert!(x.conv_integer(&w, None, Some(&three), Conv2d::default()).is_err());
    let product = a.cast(DType::U32).unwrap().matmul_integer(&b, None, None).unwrap().cast(DType::U32).unwrap();
    assert_eq!(product.dtype(), DType::U32);
}
