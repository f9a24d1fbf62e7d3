//! `quantize_linear` and `dequantize_linear`: ONNX's reference implementation on both backends.

use crate::common::{Bound, Case, Elsewhere, check, fixture, gpu, random, random_below};
use foveate::array::Array;
use foveate::graph::{Graph, Var};
use foveate::ops::{DequantizeLinear, FloatFormat, Granularity, QuantizeLinear, Quantized};
use foveate::plan::{Device, Plan};

/// What `build` makes of these arrays, on the host and on the GPU.
pub fn both(inputs: &[&Array], build: impl Fn(&[Var]) -> foveate::Result<Vec<Var>>) -> [Vec<Array>; 2] {
    [Device::Cpu, Device::Gpu(gpu().clone())].map(|device| {
        let graph = Graph::new();
        let names: Vec<String> = (0..inputs.len()).map(|i| format!("x{i}")).collect();
        let vars: Vec<Var> = names.iter().zip(inputs).map(|(n, a)| graph.input(n, a.ty()).unwrap()).collect();
        let outputs = build(&vars).unwrap();
        let mut plan = Plan::compile(device, &outputs.iter().collect::<Vec<_>>()).unwrap();
        plan.run(&names.iter().map(String::as_str).zip(inputs.iter().copied()).collect::<Vec<_>>()).unwrap()
    })
}

#[test]
fn agrees_with_onnx() {
    let numbers = fixture("quantize_linear");
    let (axis, block) = (Granularity::default(), |block| Granularity { axis: 1, block_size: Some(block) });
    let mut table = vec![
        ("tensor_uint8".to_owned(), Quantized::U8, axis),
        ("tensor_int8".to_owned(), Quantized::I8, axis),
        ("tensor_uint16".to_owned(), Quantized::U16, axis),
        ("tensor_int16".to_owned(), Quantized::I16, axis),
        ("tensor_u4".to_owned(), Quantized::U4, axis),
        ("tensor_i4".to_owned(), Quantized::I4, axis),
        ("far".to_owned(), Quantized::U16, axis),
        ("axis".to_owned(), Quantized::U8, axis),
        ("axis_last".to_owned(), Quantized::I8, Granularity { axis: -1, ..axis }),
        ("blocked".to_owned(), Quantized::U8, block(3)),
        ("blocked_last".to_owned(), Quantized::U8, block(4)),
    ];
    table.extend((0..7).map(|i| (format!("ties_{i}"), Quantized::I8, axis)));
    for (name, to, granularity) in table {
        let part = |part: &str| &numbers[&format!("{name}/{part}")];
        let inputs = [part("x"), part("scale"), part("zero")];
        let found = both(&inputs, |x| {
            let y = x[0].quantize_linear(&x[1], Some(&x[2]), to, granularity)?;
            let back = y.dequantize_linear(&x[1], Some(&x[2]), granularity)?;
            Ok(vec![y, back])
        });
        for outputs in found {
            assert_eq!(&outputs[0], part("y"), "{name}");
            assert_eq!(&outputs[1], part("back"), "{name}, back");
        }
    }
}

fn inputs(x: Array) -> Vec<Array> {
    vec![x, Array::scalar(0.25f32), Array::scalar(3i32)]
}

#[test]
fn cases() {
    let quantize = |to| QuantizeLinear { to, multiply: false };
    let product = QuantizeLinear { to: Quantized::I8, multiply: true };
    let special = Array::new([6], vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3e38, 1e-40, -0.0]).unwrap();
    let sums = Array::new([7], vec![0, 2, 6, -2, 400, i32::MAX, i32::MIN]).unwrap();
    let float = |format, saturate| quantize(Quantized::Float { format, saturate });
    let wide = Array::from_fn([999], |i| (i as f32 - 500.0) * 0.37);
    check(vec![
        Case::new("special", quantize(Quantized::U8), inputs(special), Bound::Exact)
            .outputs(vec![Array::new([6], vec![3u32, 255, 0, 255, 3, 3]).unwrap()]),
        // 0.5, 1.5 and -0.5 are ties; then the zero point is added.
        Case::new("a product", product, inputs(sums), Bound::Exact)
            .outputs(vec![Array::new([7], vec![3, 3, 5, 3, 103, 127, -128]).unwrap()]),
        Case::new("8-bit floats", float(FloatFormat::F8E4M3Fn, true), inputs(wide.clone()), Bound::Exact),
        Case::new("8-bit floats without -0", float(FloatFormat::F8E5M2Fnuz, false), inputs(wide), Bound::Exact),
        Case::new("one number", quantize(Quantized::I16), inputs(random(&[], 1)), Bound::Exact),
        Case::new("windows", Elsewhere::windows(quantize(Quantized::I8)), inputs(random(&[50, 99], 1)), Bound::Exact),
        Case::new("windows, back", Elsewhere::windows(DequantizeLinear), inputs(random_below(&[50, 99], 1, 255)), Bound::Exact),
        Case::new("u32, back", DequantizeLinear, inputs(Array::new([3], vec![0u32, 255, 65_535]).unwrap()), Bound::Exact),
        Case::refused("32 bits", quantize(Quantized::Integer { bits: 32, signed: true }), inputs(random(&[2], 1)), "integers of 32 bits"),
        Case::refused("integers", quantize(Quantized::I8), inputs(random_below(&[2], 1, 3)), "x must be f32"),
        Case::refused("floats, back", DequantizeLinear, inputs(random(&[2], 1)), "x must be i32 or u32"),
        Case::refused(
            "a scale larger than x",
            quantize(Quantized::I8),
            vec![random(&[1], 1), random(&[2], 1), Array::scalar(0i32)],
            "do not broadcast to f32[1]",
        ),
    ]);
}

#[test]
fn refused_granularity() {
    let graph = Graph::new();
    let x = graph.input("x", random(&[4, 6], 1).ty()).unwrap();
    let scale = |shape: &[usize]| graph.constant(random(shape, 1)).unwrap();
    let refused = |shape: &[usize], granularity, text: &str| {
        let message = x.quantize_linear(&scale(shape), None, Quantized::I8, granularity).unwrap_err().to_string();
        assert!(message.contains(text), "{message}");
    };
    let granularity = |axis, block_size| Granularity { axis, block_size };
    refused(&[4], granularity(1, None), "each position");
    refused(&[6], granularity(2, None), "no axis 2");
    refused(&[4, 3], granularity(1, Some(0)), "blocks of nothing");
    refused(&[4, 3], granularity(1, Some(4)), "each block");
    let message = x.dequantize_linear(&scale(&[4, 2]), None, granularity(1, Some(4))).map(|_| ());
    assert!(message.is_ok(), "8-bit floats have no zero point");
}
