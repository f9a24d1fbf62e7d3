//! Operators under absurd attributes and shapes: refused or computed, never a panic.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail where it stands")]

mod common;

use common::{gpu, small_bindings};
use foveate::array::{Array, DType, Data, Dhw, Hw, Pads, Pads3, TensorType, f16};
use foveate::gpu::Capabilities;
use foveate::graph::Graph;
use foveate::ops::*;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Choices read off random bytes, so that a failure shrinks to few and small ones.
struct Dice<'a>(std::slice::Iter<'a, u8>);

impl Dice<'_> {
    fn byte(&mut self) -> usize {
        self.0.next().map_or(0, |&b| usize::from(b))
    }

    fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.byte() % choices.len()].clone()
    }

    fn yes(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    /// An attribute: mostly one that makes sense.
    fn size(&mut self) -> usize {
        const ABSURD: [usize; 11] = [0, 17, 300, 65_535, 65_536, 1 << 31, 1 << 32, 1 << 40, usize::MAX / 2, usize::MAX - 1, usize::MAX];
        if self.byte() < 224 { self.one_of(&[1, 1, 2, 3, 4]) } else { self.one_of(&ABSURD) }
    }

    fn padding(&mut self) -> usize {
        if self.yes() { self.one_of(&[0, 1]) } else { self.size() }
    }

    fn signed(&mut self) -> isize {
        const ABSURD: [isize; 8] = [0, -3, 1 << 31, -(1 << 31), 1 << 40, isize::MIN + 1, isize::MIN, isize::MAX];
        if self.byte() < 208 { self.one_of(&[0, 1, 2, -1, -2]) } else { self.one_of(&ABSURD) }
    }

    fn number(&mut self) -> f32 {
        self.one_of(&[1.0, 0.5, 0.0, -1.0, f32::MIN_POSITIVE, f32::MAX, f32::INFINITY, f32::NEG_INFINITY, f32::NAN])
    }

    fn hw(&mut self) -> Hw {
        Hw::new(self.size(), self.size())
    }

    fn pads(&mut self) -> Pads {
        Pads { top: self.padding(), left: self.padding(), bottom: self.padding(), right: self.padding() }
    }

    fn dhw(&mut self) -> Dhw {
        Dhw::new(self.size(), self.size(), self.size())
    }

    fn pads3(&mut self) -> Pads3 {
        let [front, top, left, back, bottom, right] = std::array::from_fn(|_| self.padding());
        Pads3 { front, top, left, back, bottom, right }
    }

    /// The size of a dimension of a tensor.
    fn dim(&mut self) -> usize {
        if self.byte() < 248 { self.one_of(&[1, 2, 3, 4, 5, 8]) } else { self.one_of(&[64, 1000, 65_537, 1 << 24]) }
    }

    fn dims(&mut self, rank: usize) -> Vec<usize> {
        (0..rank).map(|_| self.dim()).collect()
    }

    fn sizes(&mut self, count: usize) -> Vec<usize> {
        (0..count).map(|_| self.size()).collect()
    }

    fn any_dims(&mut self) -> Vec<usize> {
        let rank = self.byte() % 6;
        self.dims(rank)
    }

    fn dtype(&mut self) -> DType {
        self.one_of(&[DType::F32, DType::F32, DType::I32, DType::U32, DType::Bool, DType::F16, DType::F64])
    }

    /// Sometimes makes one tensor another than the operator wants.
    fn spoil(&mut self, types: &mut Vec<TensorType>) {
        if types.is_empty() || self.byte() < 224 {
            return;
        }
        let at = self.byte() % types.len();
        let (dim, dtype) = (self.dim(), self.dtype());
        match self.byte() % 5 {
            0 => types[at].dtype = dtype,
            1 => types[at].shape.push(dim),
            2 => drop(types[at].shape.pop()),
            3 => drop(types.pop()),
            _ => types[at].shape.iter_mut().take(1).for_each(|d| *d = dim),
        }
    }
}

/// An operator, its inputs, and how many elements its reference visits for one of an output.
type Made = (Arc<dyn Op>, Vec<TensorType>, usize);

fn made(op: impl Op + 'static, types: Vec<TensorType>) -> Made {
    (Arc::new(op), types, 1)
}

fn f32s(shapes: &[&[usize]]) -> Vec<TensorType> {
    shapes.iter().map(|&shape| TensorType::f32(shape)).collect()
}

/// Elements under a window, as far as it can be counted.
fn area(window: Hw) -> usize {
    window.h.saturating_mul(window.w)
}

fn convolutions(dice: &mut Dice<'_>) -> Made {
    let (groups, x) = (dice.size(), dice.dims(4));
    let kernel = Hw::new(dice.dim(), dice.dim());
    let (o, c) = (dice.dim(), x[1].checked_div(groups).unwrap_or(1).max(1));
    let (stride, padding, dilation, output_padding) = (dice.hw(), dice.pads(), dice.hw(), Hw::new(dice.padding(), dice.padding()));
    let bias = dice.yes();
    let finish = |op: Arc<dyn Op>, w: [usize; 4], b: usize| {
        let mut types = f32s(&[&x, &w]);
        types.extend(bias.then(|| TensorType::f32([b])));
        (op, types, area(kernel).saturating_mul(x[1]))
    };
    match dice.byte() % 2 {
        0 => finish(Arc::new(Conv2d { stride, padding, dilation, groups }), [o, c, kernel.h, kernel.w], o),
        _ => {
            let op = ConvTranspose2d { stride, padding, output_padding, dilation, groups };
            finish(Arc::new(op), [x[1], o, kernel.h, kernel.w], o.saturating_mul(groups))
        }
    }
}

fn pools(dice: &mut Dice<'_>) -> Made {
    let (x, kernel, stride, padding, ceil_mode) = (dice.dims(4), dice.hw(), dice.hw(), dice.pads(), dice.yes());
    let max = MaxPool2d { kernel, stride, padding, dilation: dice.hw(), ceil_mode };
    let (op, types): (Arc<dyn Op>, _) = match dice.byte() % 5 {
        0 => {
            let divisor_override = dice.yes().then(|| dice.size());
            let op = AvgPool2d { kernel, stride, padding, dilation: dice.hw(), ceil_mode, count_include_pad: dice.yes(), divisor_override };
            (Arc::new(op), f32s(&[&x]))
        }
        1 => (Arc::new(max), f32s(&[&x])),
        2 => (Arc::new(MaxPool2dWithIndices(max)), f32s(&[&x])),
        3 => {
            let op = MaxUnpool2d { kernel, stride, padding, output_size: dice.yes().then(|| dice.hw()) };
            (Arc::new(op), vec![TensorType::f32(x.clone()), TensorType::new(DType::I32, x)])
        }
        _ => (Arc::new(dice.one_of(&[GlobalPool2d::Average, GlobalPool2d::Max])), f32s(&[&x])),
    };
    (op, types, area(kernel))
}

fn sampling(dice: &mut Dice<'_>) -> Made {
    let (x, size) = (dice.dims(4), dice.hw());
    let mode = dice.one_of(&[SampleMode::Bilinear, SampleMode::Nearest, SampleMode::Bicubic]);
    let padding = dice.one_of(&[PaddingMode::Zeros, PaddingMode::Border, PaddingMode::Reflection]);
    let align_corners = dice.yes();
    let sample = GridSample { mode, padding, align_corners };
    match dice.byte() % 4 {
        0 => made(sample, f32s(&[&x, &[x[0], dice.dim(), dice.dim(), 2]])),
        1 => made(AffineGrid { size, align_corners }, f32s(&[&[x[0], 2, 3]])),
        2 => made(AffineSample { size, sample }, f32s(&[&x, &[x[0], 2, 3]])),
        _ => {
            let crop = Coordinates::TfCropAndResize {
                start: (dice.number(), dice.number()),
                end: (dice.number(), dice.number()),
                extrapolation: dice.number(),
            };
            let coordinates = [
                Coordinates::HalfPixel,
                Coordinates::PytorchHalfPixel,
                Coordinates::HalfPixelSymmetric,
                Coordinates::AlignCorners,
                Coordinates::Asymmetric,
                Coordinates::TfHalfPixelForNn,
                crop,
            ];
            use NearestRounding::{Ceil, Floor, RoundPreferCeil, RoundPreferFloor};
            let op = Resize {
                mode: dice.one_of(&[ResizeMode::Bilinear, ResizeMode::Nearest, ResizeMode::Bicubic]),
                coordinates: dice.one_of(&coordinates),
                rounding: dice.one_of(&[RoundPreferFloor, RoundPreferCeil, Floor, Ceil]),
                cubic_coefficient: dice.number(),
                exclude_outside: dice.yes(),
                scales: dice.yes().then(|| (dice.number(), dice.number())),
                ..Resize::to(size)
            };
            made(op, f32s(&[&x]))
        }
    }
}

fn volumes(dice: &mut Dice<'_>) -> Made {
    let (groups, x) = (dice.size(), dice.dims(5));
    let (o, c, k) = (dice.dim(), x[1].checked_div(groups).unwrap_or(1).max(1), dice.dims(3));
    let (stride, padding, dilation, align_corners) = (dice.dhw(), dice.pads3(), dice.dhw(), dice.yes());
    let visited = k.iter().fold(x[1], |n, &d| n.saturating_mul(d));
    match dice.byte() % 4 {
        0 => {
            let types = f32s(&[&x, &[&[o, c], &k[..]].concat(), &[o]]);
            (Arc::new(Conv3d { stride, padding, dilation, groups }), types, visited)
        }
        1 => {
            let output_padding = Dhw::new(dice.padding(), dice.padding(), dice.padding());
            let types = f32s(&[&x, &[&[x[1], o], &k[..]].concat(), &[o.saturating_mul(groups)]]);
            (Arc::new(ConvTranspose3d { stride, padding, output_padding, dilation, groups }), types, visited.saturating_mul(o))
        }
        2 => {
            let mode = dice.one_of(&[SampleMode::Bilinear, SampleMode::Nearest]);
            let padding = dice.one_of(&[PaddingMode::Zeros, PaddingMode::Border, PaddingMode::Reflection]);
            let op = GridSample3d(GridSample { mode, padding, align_corners });
            made(op, f32s(&[&x, &[&[x[0]], &k[..], &[3]].concat()]))
        }
        _ => made(AffineGrid3d { size: stride, align_corners }, f32s(&[&[x[0], 3, 4]])),
    }
}

fn movement(dice: &mut Dice<'_>) -> Made {
    let (shape, dtype, axis) = (dice.any_dims(), dice.dtype(), dice.padding());
    let (rank, ty) = (shape.len(), TensorType::new(dtype, shape.clone()));
    match dice.byte() % 10 {
        0 => {
            let count = dice.byte() % 3;
            let range =
                |dice: &mut Dice<'_>| AxisRange { axis: dice.padding(), start: dice.signed(), end: dice.signed(), step: dice.signed() };
            made(Slice { ranges: (0..count).map(|_| range(dice)).collect() }, vec![ty])
        }
        1 => {
            let mode = dice.one_of(&[PadMode::Constant(0.0), PadMode::Constant(f64::NAN), PadMode::Reflect, PadMode::Edge, PadMode::Wrap]);
            let mut sides = || (0..rank).map(|_| dice.signed()).collect();
            made(Pad { before: sides(), after: sides(), mode }, vec![ty])
        }
        2 => {
            let mut perm: Vec<usize> = (0..rank).rev().collect();
            perm.iter_mut().take(1).for_each(|p| *p = if dice.yes() { dice.size() } else { *p });
            made(Transpose { perm }, vec![ty])
        }
        3 => {
            let count = dice.byte() % 5;
            let sizes = dice.sizes(count);
            made(Reshape { shape: if dice.yes() { vec![ty.elements()] } else { sizes } }, vec![ty])
        }
        4 => made(Gather { axis }, vec![ty, TensorType::new(DType::I32, dice.any_dims())]),
        5 => {
            let mut picks = shape;
            picks.iter_mut().take(axis.min(9) + 1).skip(axis).for_each(|d| *d = dice.dim());
            made(GatherElements { axis }, vec![ty, TensorType::new(DType::I32, picks)])
        }
        6 => made(Concat { axis }, vec![ty; dice.byte() % 4]),
        7 => {
            let whole = shape.get(axis).copied().unwrap_or(1);
            let first = dice.size();
            made(Split { axis, sizes: vec![first, whole.saturating_sub(first)] }, vec![ty])
        }
        8 => {
            let front = dice.byte() % 3;
            let shape = [dice.sizes(front), shape].concat();
            made(Expand { shape }, vec![ty])
        }
        _ => made(Cast { to: dice.dtype() }, vec![ty]),
    }
}

fn indexing(dice: &mut Dice<'_>) -> Made {
    let (shape, dtype, axis, signed) = (dice.any_dims(), dice.dtype(), dice.padding(), dice.signed());
    let (ty, i32s) = (TensorType::new(dtype, shape.clone()), |shape: Vec<usize>| TensorType::new(DType::I32, shape));
    use ScatterReduction::{Add, Max, Min, Mul};
    let reduction = dice.one_of(&[ScatterReduction::None, Add, Mul, Max, Min]);
    match dice.byte() % 8 {
        0 => {
            let mut picks = shape;
            picks.iter_mut().take(axis.min(9) + 1).skip(axis).for_each(|d| *d = dice.dim());
            let types = vec![ty, i32s(picks.clone()), TensorType::new(dtype, picks)];
            made(ScatterElements { axis, reduction }, types)
        }
        1 => {
            let (count, depth) = (dice.dim(), dice.dim());
            let slices = [&[count], &shape[depth.min(shape.len())..]].concat();
            made(ScatterNd { reduction }, vec![ty, i32s(vec![count, depth]), TensorType::new(dtype, slices)])
        }
        2 => {
            let batch_dims = dice.one_of(&[0, 0, 1, 2, usize::MAX]);
            let indices = [&shape[..batch_dims.min(shape.len())], &[dice.dim(), dice.dim()]].concat();
            made(GatherNd { batch_dims }, vec![ty, i32s(indices)])
        }
        3 => made(CumSum { axis: signed, exclusive: dice.yes(), reverse: dice.yes() }, vec![ty]),
        4 => made(TopK { k: dice.size(), axis: signed, largest: dice.yes() }, vec![ty]),
        5 => made(OneHot { depth: dice.size(), axis }, vec![i32s(shape), TensorType::new(dtype, [2])]),
        6 => made(Trilu { upper: dice.yes(), k: signed as i64 }, vec![ty]),
        _ => {
            let lengths = shape.get(1usize.saturating_sub(axis)).copied().unwrap_or(1);
            made(ReverseSequence { time_axis: axis }, vec![ty, i32s(vec![lengths])])
        }
    }
}

fn rows(dice: &mut Dice<'_>) -> Made {
    let (shape, axis, eps, keepdims) = (dice.any_dims(), dice.signed(), dice.number(), dice.yes());
    let ty = TensorType::new(if dice.byte() < 192 { DType::F32 } else { dice.dtype() }, shape.clone());
    let (a, b, c, d) = (dice.dim(), dice.dim(), dice.dim(), dice.dim());
    let mask = dice.yes();
    match dice.byte() % 6 {
        0 => made(Softmax { axis, log: dice.yes() }, vec![ty]),
        1 => {
            let q = [a, 2, b, c];
            let mut types = f32s(&[&q, &[a, 2, d, c], &[a, 2, d, b]]);
            types.extend(mask.then(|| TensorType::f32([a, 1, b, d])));
            (Arc::new(Attention { scale: dice.yes().then_some(eps), causal: keepdims }), types, c.saturating_mul(d))
        }
        2 => {
            let mut types = f32s(&[&[a, b, c], &[a, b, d], &[a, d], &[d]]);
            types.extend(mask.then(|| TensorType::f32([a, b])));
            (Arc::new(AdditiveAttention), types, b.saturating_mul(d))
        }
        3 => {
            let tail = &shape[shape.len().saturating_sub(axis.unsigned_abs().clamp(1, 9))..];
            made(LayerNorm { axis, eps }, vec![ty, TensorType::f32(tail), TensorType::f32(tail)])
        }
        4 => {
            let channels = || TensorType::f32([shape.get(1).copied().unwrap_or(1)]);
            made(BatchNorm { eps }, vec![ty, channels(), channels(), channels(), channels()])
        }
        _ => {
            use ReduceKind::{L1, L2, Max, Mean, Min, Prod, Sum};
            let (count, elements) = (dice.byte() % 3, ty.elements());
            let kind = dice.one_of(&[Sum, Mean, Max, Min, Prod, L1, L2]);
            let axes = (0..count).map(|_| dice.signed()).collect();
            let arg = ArgReduce { kind: dice.one_of(&[ArgKind::Max, ArgKind::Min]), axis, keepdims, select_last_index: dice.yes() };
            let op: Arc<dyn Op> = if dice.yes() { Arc::new(arg) } else { Arc::new(Reduce { kind, axes, keepdims }) };
            (op, vec![ty], elements)
        }
    }
}

fn products_and_elements(dice: &mut Dice<'_>) -> Made {
    let (shape, m, k, n) = (dice.any_dims(), dice.dim(), dice.dim(), dice.dim());
    let mut other = shape.clone();
    other.iter_mut().take(1).for_each(|d| *d = if dice.yes() { 1 } else { *d });
    let dtype = dice.dtype();
    let pair = vec![TensorType::new(dtype, shape.clone()), TensorType::new(dtype, other.clone())];
    match dice.byte() % 7 {
        0 => (Arc::new(Matmul::default()), f32s(&[&[&shape[..], &[m, k]].concat(), &[&other[..], &[k, n]].concat()]), k),
        1 => (Arc::new(Linear), f32s(&[&[&shape[..], &[k]].concat(), &[n, k], &[n]]), k),
        2 => made(Clip { min: dice.yes().then(|| dice.number()), max: dice.yes().then(|| dice.number()) }, f32s(&[&shape])),
        3 => made(dice.one_of(&[Compare::Equal, Compare::NotEqual, Compare::Less, Compare::GreaterOrEqual]), pair),
        4 => made(dice.one_of(&[Logical::And, Logical::Xor, Logical::ShiftLeft, Logical::ShiftRight]), pair),
        5 => made(Where, [vec![TensorType::new(DType::Bool, shape)], pair].concat()),
        _ => {
            let kinds = [Binary::Add, Binary::Sub, Binary::Mul, Binary::Div, Binary::Pow, Binary::Minimum, Binary::Maximum];
            made(dice.one_of(&kinds), pair)
        }
    }
}

/// An array of few kinds of numbers, the extreme ones among them.
fn extremes(ty: &TensorType) -> Array {
    let shape = ty.shape.clone();
    let float = |i: usize| [0.0, 0.0, -0.0, 1.0, f32::MAX, f32::NAN, f32::INFINITY, -1e9][i % 8];
    match ty.dtype {
        DType::F32 => Array::from_fn(shape, float),
        DType::F16 => Array::from_fn(shape, |i| f16::from_f32(float(i))),
        DType::F64 => {
            Array::from_data(shape.clone(), Data::F64((0..shape.iter().product()).map(|i| f64::from(float(i)) * 1e200).collect())).unwrap()
        }
        DType::I32 => Array::from_fn(shape, |i| [0, 0, 1, -1, i32::MIN, i32::MAX][i % 6]),
        DType::U32 => Array::from_fn(shape, |i| [0, 0, 1, 31, 32, u32::MAX][i % 6]),
        DType::Bool => Array::from_fn(shape, |i| i % 2 == 0),
    }
}

/// Refused, or computed as inferred. Whether it was computed.
fn attempt(op: &Arc<dyn Op>, types: &[TensorType], visited: usize) -> Result<bool, String> {
    // The graph refuses tensors without elements or with too many; an operator asked by itself must withstand them too.
    for size in [0, 1 << 31, 1 << 32, usize::MAX] {
        let absurd: Vec<TensorType> = types.iter().map(|ty| TensorType::new(ty.dtype, vec![size; ty.rank()])).collect();
        drop(op.infer(&absurd.iter().collect::<Vec<_>>()));
    }
    let graph = Graph::new();
    let vars: Result<Vec<_>, _> = types.iter().enumerate().map(|(i, ty)| graph.input(&format!("{i}"), ty.clone())).collect();
    let Ok(vars) = vars else { return Ok(false) };
    let Ok(outputs) = graph.apply_dyn(Arc::clone(op), &vars.iter().collect::<Vec<_>>()) else { return Ok(false) };
    let outputs: Vec<&TensorType> = outputs.iter().map(|v| v.ty()).collect();
    let inputs: Vec<&TensorType> = types.iter().collect();
    let change: [fn(&mut Capabilities); 3] = [|_| {}, |d| d.software = false, small_bindings];
    for change in change {
        let mut device = gpu().capabilities().clone();
        change(&mut device);
        let site = Site { inputs: &inputs, outputs: &outputs, device: &device, precision: Precision::F32, finish: None, begin: None };
        // A tensor cut into very many parts is slow to plan, not wrong.
        if device.max_binding() > 4096 || outputs.iter().chain(&inputs).all(|ty| ty.elements() < 100_000) {
            drop(op.launch(&site));
        }
    }
    let most = outputs.iter().chain(&inputs).map(|ty| ty.elements()).max().unwrap_or(0);
    if most >= 10_000 || most.saturating_mul(visited) >= 1_000_000 {
        return Ok(false);
    }
    let arrays: Vec<Array> = types.iter().map(extremes).collect();
    let computed = op.reference(&arrays.iter().collect::<Vec<_>>()).map_err(|e| format!("the reference refuses what was inferred: {e}"))?;
    match computed.iter().zip(&outputs).find(|(array, ty)| array.ty() != ***ty) {
        Some((array, ty)) => Err(format!("computed {}, inferred {ty}", array.ty())),
        None if computed.len() != outputs.len() => Err(format!("computed {} outputs, inferred {}", computed.len(), outputs.len())),
        None => Ok(true),
    }
}

/// Tries many operators of a family; some must be computed, or the family proves nothing.
#[track_caller]
fn endure(make: fn(&mut Dice<'_>) -> Made) {
    let computed = std::cell::Cell::new(0);
    let config = ProptestConfig { cases: 3000, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() };
    proptest!(config, |(bytes in prop::collection::vec(any::<u8>(), 64))| {
        let mut dice = Dice(bytes.iter());
        let (op, mut types, visited) = make(&mut dice);
        dice.spoil(&mut types);
        match catch_unwind(AssertUnwindSafe(|| attempt(&op, &types, visited))) {
            Ok(Ok(done)) => computed.set(computed.get() + usize::from(done)),
            Ok(Err(reason)) => prop_assert!(false, "{op:?} of {types:?}: {reason}"),
            Err(_) => prop_assert!(false, "{op:?} of {types:?} panicked"),
        }
    });
    assert!(computed.get() > 100, "only {} were computed", computed.get());
}

#[test]
fn convolutions_endure() {
    endure(convolutions);
}

fn vision(dice: &mut Dice<'_>) -> Made {
    let x = dice.dims(4);
    match dice.byte() % 6 {
        0 => {
            let lists: Vec<Vec<usize>> = (0..6).map(|_| dice.sizes(2)).collect();
            let [image, block, stride, dilation, before, after] = <[Vec<usize>; 6]>::try_from(lists).unwrap();
            let op = Col2im { image, block: block.clone(), stride, dilation, before, after };
            let count = op.block.iter().fold(1usize, |n, &b| n.saturating_mul(b)).min(64);
            if dice.yes() {
                let images = [&x[..2], &op.image[..]].concat();
                return (Arc::new(Im2col(op)), f32s(&[&images]), count);
            }
            let input = vec![x[0], x[1] * count, dice.dim() * dice.dim()];
            (Arc::new(op), f32s(&[&input]), count)
        }
        1 => made(Lrn { size: dice.size(), alpha: dice.number(), beta: dice.number(), bias: dice.number() }, f32s(&[&x])),
        2 => made(Det, f32s(&[&[x[0], x[1], x[1]]])),
        3 => {
            let op = RoiAlign {
                size: dice.hw(),
                sampling_ratio: dice.size(),
                spatial_scale: dice.number(),
                mode: dice.one_of(&[RoiMode::Average, RoiMode::Max]),
                aligned: dice.yes(),
            };
            let parts = dice.dim();
            let types = vec![TensorType::f32(x), TensorType::f32([parts, 4]), TensorType::new(DType::I32, [parts])];
            (Arc::new(op), types, 1 << 10)
        }
        4 => {
            let (op, parts) = (MaxRoiPool { size: dice.hw(), spatial_scale: dice.number() }, dice.dim());
            let types = vec![TensorType::f32(x), TensorType::f32([parts, 4]), TensorType::new(DType::I32, [parts])];
            (Arc::new(op), types, 1 << 10)
        }
        _ => {
            let (stride, padding, dilation, offset_groups) = (dice.hw(), dice.pads(), dice.hw(), dice.size());
            let attributes = DeformConv2d { stride, padding, dilation, groups: 1, offset_groups };
            let kernel = Hw::new(dice.dim(), dice.dim());
            let taps = kernel.h.saturating_mul(kernel.w).saturating_mul(offset_groups).min(1 << 20);
            let side = |input: usize, k: usize, s: usize, d: usize, p: usize| {
                let padded = input.saturating_add(p).saturating_sub((k - 1).saturating_mul(d).saturating_add(1));
                (padded / s.max(1) + 1).min(1 << 12)
            };
            let h = side(x[2], kernel.h, stride.h, dilation.h, padding.top.saturating_add(padding.bottom));
            let w = side(x[3], kernel.w, stride.w, dilation.w, padding.left.saturating_add(padding.right));
            made(DeformColumns { kernel, attributes }, f32s(&[&x, &[x[0], 2 * taps, h, w]]))
        }
    }
}

#[test]
fn vision_endures() {
    endure(vision);
}

#[test]
fn pools_endure() {
    endure(pools);
}

#[test]
fn sampling_endures() {
    endure(sampling);
}

#[test]
fn volumes_endure() {
    endure(volumes);
}

/// Methods that compose operators refuse or build as well.
#[test]
fn compositions_endure() {
    let config = ProptestConfig { cases: 2000, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() };
    let built = std::cell::Cell::new(0);
    proptest!(config, |(bytes in prop::collection::vec(any::<u8>(), 64))| {
        let mut dice = Dice(bytes.iter());
        let rank = 3 + dice.byte() % 3;
        let Ok(x) = Graph::new().input("x", TensorType::f32(dice.dims(rank))) else { return Ok(()) };
        let (kernel, stride, padding, dilation, ceil_mode) = (dice.dhw(), dice.dhw(), dice.pads3(), dice.dhw(), dice.yes());
        let sides = (padding.left, padding.right);
        let max = MaxPool3d { kernel, stride, padding, dilation, ceil_mode };
        let override_ = dice.yes().then(|| dice.size());
        let avg = AvgPool3d { kernel, stride, padding, dilation, ceil_mode, count_include_pad: dice.yes(), divisor_override: override_ };
        let row = LpPool1d { p: dice.number(), kernel: kernel.w, stride: stride.w, padding: sides, dilation: dilation.w, ceil_mode };
        let deconv = ConvTranspose1d { stride: stride.w, padding: sides, output_padding: padding.top, dilation: dilation.w, groups: stride.d };
        let result = match dice.byte() % 6 {
            0 => x.max_pool3d(max),
            1 => x.max_pool3d_with_indices(max).map(|y| y.1),
            2 => x.avg_pool3d(avg),
            3 => x.lp_pool1d(row),
            4 => x.conv_transpose1d(&x, None, deconv),
            _ => x.global_lp_pool(row.p),
        };
        built.set(built.get() + usize::from(result.is_ok()));
    });
    assert!(built.get() > 100, "only {} were built", built.get());
}

#[test]
fn movement_endures() {
    endure(movement);
}

#[test]
fn indexing_endures() {
    endure(indexing);
}

#[test]
fn rows_endure() {
    endure(rows);
}

#[test]
fn products_and_elements_endure() {
    endure(products_and_elements);
}
