//! cast: all pairs of dtypes, against Rust's own conversions and, for f16, the `half` crate's.

use crate::common::{Bound, Case, check};
use foveate::array::{Array, DType, f16};
use foveate::ops::Cast;

const ALL: [DType; 5] = [DType::F32, DType::F16, DType::I32, DType::U32, DType::Bool];

fn floats() -> Vec<f32> {
    let mut values =
        vec![0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.999, -1.999, 3e9, -3e9, 5e9, 2_147_483_648.0, -2_147_483_648.0, 2_147_483_520.0];
    values.extend([f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e-40, 4_294_967_296.0, 4_294_967_040.0, 16_777_217.0]);
    // Around the edges of f16: the largest number, the first infinity, the least normal, subnormals, ties both ways.
    values.extend([
        65_504.0,
        65_519.9,
        65_520.0,
        -65_536.0,
        6.103_515_6e-5,
        6.097e-5,
        5.960_464_5e-8,
        2.980_232_2e-8,
        2.980_233e-8,
        8.94e-8,
    ]);
    values.extend([1.0 + 1.0 / 2048.0, 1.0 + 3.0 / 2048.0, 1.0 + 1.0 / 2048.0 + 1e-6, 2049.0, 2051.0, 1e-8]);
    values
}

#[test]
fn every_pair() {
    let floats = floats();
    let from_f32 = Array::new([floats.len()], floats).unwrap();
    // Every f16 there is, NaNs and subnormals included.
    let from_f16 = Array::from_fn([65_536], |i| f16::from_bits(i as u16));
    let from_i32 = Array::new([9], vec![0, 1, -1, 65_519, 65_520, 16_777_217, -16_777_219, i32::MAX, i32::MIN]).unwrap();
    let from_u32 = Array::new([7], vec![0, 1, 2049, 2051, 16_777_219, 1 << 31, u32::MAX]).unwrap();
    let from_bool = Array::new([3], vec![true, false, true]).unwrap();
    let mut cases = Vec::new();
    for input in [&from_f32, &from_f16, &from_i32, &from_u32, &from_bool] {
        for to in ALL {
            cases.push(Case::new(format!("{} to {to}", input.dtype()), Cast { to }, vec![input.clone()], Bound::Exact));
        }
    }
    check(cases);
}

/// Each f32 halfway between two f16, and its neighbours.
#[test]
fn ties_to_even() {
    let values = Array::from_fn([3 * 0x7c00], |i| {
        let (low, high) = (f16::from_bits((i / 3) as u16), f16::from_bits((i / 3 + 1) as u16));
        let high = if high.is_infinite() { 65_536.0 } else { high.to_f32() };
        let middle = (low.to_f32() + high) / 2.0;
        f32::from_bits((middle.to_bits() + (i % 3) as u32) - 1)
    });
    check(vec![Case::new("ties", Cast { to: DType::F16 }, vec![values], Bound::Exact)]);
}

#[test]
fn odd_sizes_of_f16() {
    let cases = [1, 3, 5, 129].into_iter().flat_map(|n| {
        let values = Array::from_fn([n], |i| i as f32 / 8.0);
        let half = Array::from_fn([n], |i| f16::from_f32(i as f32 / 8.0));
        [
            Case::new(format!("{n} to f16"), Cast { to: DType::F16 }, vec![values.clone()], Bound::Exact).outputs(vec![half.clone()]),
            Case::new(format!("{n} from f16"), Cast { to: DType::F32 }, vec![half], Bound::Exact).outputs(vec![values]),
        ]
    });
    check(cases.collect());
}
