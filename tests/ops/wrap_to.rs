//! `wrap_to` and `saturate_to`: case tables, against Rust's own conversions.

use crate::common::{Bound, Case, check, gpu, random};
use foveate::array::{Array, DType};
use foveate::graph::Graph;
use foveate::ops::WrapTo;
use foveate::plan::{Device, Plan};

const SIGNED: [i32; 13] = [0, 1, -1, 7, 8, -8, -9, 127, 128, -129, 40_000, i32::MAX, i32::MIN];
const UNSIGNED: [u32; 7] = [0, 15, 16, 255, 256, 65_536 + 3, u32::MAX];

#[test]
fn wraps() {
    let (signed, unsigned) = (Array::new([13], SIGNED.to_vec()).unwrap(), Array::new([7], UNSIGNED.to_vec()).unwrap());
    let case = |bits, input: &Array, output| {
        Case::new(format!("{bits} bits of {}", input.dtype()), WrapTo { bits }, vec![input.clone()], Bound::Exact).outputs(vec![output])
    };
    check(vec![
        case(8, &signed, Array::from_fn([13], |i| i32::from(SIGNED[i] as i8))),
        case(16, &signed, Array::from_fn([13], |i| i32::from(SIGNED[i] as i16))),
        case(4, &signed, Array::from_fn([13], |i| ((SIGNED[i] & 15) ^ 8) - 8)),
        case(32, &signed, signed.clone()),
        case(8, &unsigned, Array::from_fn([7], |i| u32::from(UNSIGNED[i] as u8))),
        case(16, &unsigned, Array::from_fn([7], |i| u32::from(UNSIGNED[i] as u16))),
        case(4, &unsigned, Array::from_fn([7], |i| UNSIGNED[i] & 15)),
        case(1, &unsigned, Array::from_fn([7], |i| UNSIGNED[i] & 1)),
        Case::refused("floats", WrapTo { bits: 8 }, vec![random(&[2], 1)], "input must be i32 or u32"),
        Case::refused("no bits", WrapTo { bits: 0 }, vec![signed.clone()], "integers of 0 bits"),
        Case::refused("33 bits", WrapTo { bits: 33 }, vec![signed], "integers of 33 bits"),
    ]);
}

#[test]
fn saturates() {
    let floats = vec![0.0, 7.9, -8.9, 300.0, -300.0, 1e30, -1e30, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    let inputs = [
        Array::new([10], floats.clone()).unwrap(),
        Array::new([13], SIGNED.to_vec()).unwrap(),
        Array::new([7], UNSIGNED.to_vec()).unwrap(),
    ];
    let wide: [Vec<f64>; 3] = [0, 1, 2].map(|i| inputs[i].to_f64());
    for (bits, signed) in [(8, true), (8, false), (4, true), (16, false), (32, true), (32, false)] {
        for device in [Device::Cpu, Device::Gpu(gpu().clone())] {
            let graph = Graph::new();
            let vars: Vec<_> = ["f", "i", "u"].iter().zip(&inputs).map(|(n, a)| graph.input(n, a.ty()).unwrap()).collect();
            let outputs: Vec<_> = vars.iter().map(|v| v.saturate_to(bits, signed).unwrap()).collect();
            let mut plan = Plan::compile(device, &outputs.iter().collect::<Vec<_>>()).unwrap();
            let found = plan.run(&[("f", &inputs[0]), ("i", &inputs[1]), ("u", &inputs[2])]).unwrap();
            let half = 2f64.powi(bits as i32 - 1);
            let (low, high) = if signed { (-half, half - 1.0) } else { (0.0, 2.0 * half - 1.0) };
            for (array, wide) in found.iter().zip(&wide) {
                let expected: Vec<f64> = wide.iter().map(|x| if x.is_nan() { 0.0 } else { x.trunc().clamp(low, high) }).collect();
                assert_eq!(array.to_f64(), expected, "{bits} bits, {signed}");
                assert_eq!(array.dtype(), if signed { DType::I32 } else { DType::U32 });
            }
        }
    }
}
