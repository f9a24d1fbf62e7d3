//! Pools of sequences and volumes, norms, dilated means and global pools: compositions. Outside numbers: PyTorch.

use crate::common::{Bound, Case, check, check_composed, fixture, random, refusal};
use foveate::array::{Array, DType, Dhw, Hw, Pads, Pads3, TensorType};
use foveate::ops::{AvgPool1d, AvgPool2d, AvgPool3d, LpPool1d, LpPool2d, LpPool3d, MaxPool1d, MaxPool2d, MaxPool2dWithIndices, MaxPool3d};

/// Two means of at most nine numbers below 5 each: 18 roundings.
const MEAN: Bound = Bound::Near { absolute: 5.4e-6, relative: 1e-6 };
/// Sums of positive numbers, and powers accurate to 2^-23 (8 + |y ln x|).
const NORM: Bound = Bound::Near { absolute: 1e-6, relative: 1e-5 };

/// The fixture's windows.
fn table() -> Vec<(&'static str, MaxPool3d)> {
    let (size, pads, one) = (Dhw::new, Pads3::symmetric, Dhw::cube(1));
    let pool = |kernel, stride, padding, dilation, ceil_mode| MaxPool3d { kernel, stride, padding, dilation, ceil_mode };
    vec![
        ("halves", MaxPool3d::default()),
        ("padded", pool(size(3, 2, 3), size(2, 1, 3), pads(1, 1, 0), one, false)),
        ("ceil", pool(size(3, 3, 2), size(2, 3, 2), pads(1, 0, 1), one, true)),
        ("dilation", pool(size(2, 3, 3), size(1, 2, 3), pads(1, 1, 1), size(3, 2, 2), true)),
        ("planes", pool(size(1, 3, 2), size(1, 2, 2), pads(0, 1, 0), one, false)),
        ("columns", pool(size(3, 1, 1), size(2, 1, 1), pads(1, 0, 0), one, true)),
    ]
}

#[test]
fn volumes() {
    let arrays = fixture("volume");
    for (name, pool) in table() {
        let MaxPool3d { kernel, stride, padding, dilation, ceil_mode } = pool;
        let input = [arrays[&format!("max_pool3d/{name}/input")].clone()];
        let named = |what: &str| &arrays[&what.replace('/', &format!("_pool3d/{name}/"))];
        check_composed(name, &input, |v| Ok(vec![v[0].max_pool3d(pool)?]), &[named("max/output")], Bound::Exact);
        let both = |v: &[foveate::graph::Var]| v[0].max_pool3d_with_indices(pool).map(|(y, i)| vec![y, i]);
        check_composed(name, &input, both, &[named("max/output"), named("max/indices")], Bound::Exact);

        let mean = |count_include_pad, divisor_override| AvgPool3d {
            kernel,
            stride,
            padding,
            dilation,
            ceil_mode,
            count_include_pad,
            divisor_override,
        };
        for (what, mean) in [("avg/padded", mean(true, None)), ("avg/bare", mean(false, None)), ("avg/fifths", mean(false, Some(5)))] {
            check_composed(&format!("{name} {what}"), &input, |v| Ok(vec![v[0].avg_pool3d(mean)?]), &[named(what)], MEAN);
        }
        for (what, p) in [("lp/p1", 1.0), ("lp/p2", 2.0), ("lp/p3", 3.0)] {
            let norm = LpPool3d { p, kernel, stride, padding, dilation, ceil_mode };
            check_composed(&format!("{name} {what}"), &input, |v| Ok(vec![v[0].lp_pool3d(norm)?]), &[named(what)], NORM);
        }
    }
}

/// A NaN wins, the last of several; of equal numbers the first.
#[test]
fn ties_in_volumes() {
    let input = |values: [(usize, f32); 3]| [Array::from_fn([1, 1, 3, 3, 3], |i| values.iter().find(|v| v.0 == i).map_or(0.0, |v| v.1))];
    let whole = MaxPool3d { kernel: Dhw::cube(3), ..MaxPool3d::default() };
    let both = |v: &[foveate::graph::Var]| v[0].max_pool3d_with_indices(whole).map(|(y, i)| vec![y, i]);
    let one = |value: f32| Array::full([1, 1, 1, 1, 1], value);
    let at = |index: i32| Array::full([1, 1, 1, 1, 1], index);
    check_composed("ties", &input([(11, 2.0), (13, 2.0), (20, 2.0)]), both, &[&one(2.0), &at(11)], Bound::Exact);
    let nan = input([(11, f32::NAN), (13, 2.0), (20, f32::NAN)]);
    check_composed("NaN", &nan, both, &[&one(f32::NAN), &at(20)], Bound::Exact);
}

#[test]
fn sequences() {
    let arrays = fixture("volume");
    let input = [arrays["pool1d/input"].clone()];
    let named = |what: &str| &arrays[&format!("pool1d/{what}")];
    let max = MaxPool1d { kernel: 3, stride: 2, padding: (1, 1), dilation: 2, ceil_mode: true };
    check_composed("max", &input, |v| Ok(vec![v[0].max_pool1d(max)?]), &[named("max")], Bound::Exact);
    let both = |v: &[foveate::graph::Var]| v[0].max_pool1d_with_indices(max).map(|(y, i)| vec![y, i]);
    check_composed("max", &input, both, &[named("max"), named("indices")], Bound::Exact);
    let average = AvgPool1d { kernel: 3, stride: 2, padding: (1, 1), ceil_mode: true, count_include_pad: false, ..AvgPool1d::default() };
    check_composed("average", &input, |v| Ok(vec![v[0].avg_pool1d(average)?]), &[named("average")], MEAN);
    let norm = LpPool1d { kernel: 3, ..LpPool1d::default() };
    check_composed("norm", &input, |v| Ok(vec![v[0].lp_pool1d(norm)?]), &[named("norm")], NORM);
}

#[test]
fn images() {
    let arrays = fixture("volume");
    let hw = Hw::new;
    let dilation = (hw(2, 3), hw(2, 1), Pads::symmetric(1, 2), hw(3, 2), false);
    let ceil = (hw(3, 2), hw(3, 4), Pads::symmetric(1, 1), hw(2, 3), true);
    let mut cases = Vec::new();
    let input = arrays["pool2d/ceil/input"].clone();
    for (name, (kernel, stride, padding, dilation, ceil_mode)) in [("dilation", dilation), ("ceil", ceil)] {
        for (what, count_include_pad) in [("padded", true), ("bare", false)] {
            let op = AvgPool2d { kernel, stride, padding, dilation, ceil_mode, count_include_pad, divisor_override: None };
            let output = arrays[&format!("pool2d/{name}/{what}")].clone();
            cases.push(Case::new(format!("{name} {what}"), op, vec![input.clone()], Bound::Terms(7)).outputs(vec![output]));
        }
        let op = LpPool2d { p: 3.0, kernel, stride, padding, dilation, ceil_mode };
        let output = &arrays[&format!("pool2d/{name}/norm")];
        check_composed(name, std::slice::from_ref(&input), |v| Ok(vec![v[0].lp_pool2d(op)?]), &[output], NORM);
    }
    check(cases);
    let op = LpPool2d { kernel: hw(2, 3), stride: hw(2, 2), ..LpPool2d::default() };
    check_composed("plain", &[input], |v| Ok(vec![v[0].lp_pool2d(op)?]), &[&arrays["pool2d/plain/norm"]], NORM);
}

#[test]
fn integers() {
    let pool = MaxPool2d { kernel: Hw::square(3), stride: Hw::new(1, 2), padding: Pads::all(1), ..MaxPool2d::default() };
    // Numbers that f32 cannot tell apart.
    let spread = |i: usize| 0x7fff_ff00u32.wrapping_add((i * 37 % 64) as u32);
    let signed = Array::from_fn([2, 3, 5, 6], |i| if i % 2 == 0 { spread(i).cast_signed() } else { -spread(i).cast_signed() });
    let unsigned = Array::from_fn([2, 3, 5, 6], |i| spread(i).wrapping_mul(2));
    check(vec![
        Case::new("i32", pool, vec![signed.clone()], Bound::Exact),
        Case::new("u32", pool, vec![unsigned.clone()], Bound::Exact),
        Case::new("i32 with indices", MaxPool2dWithIndices(pool), vec![signed], Bound::Exact),
        Case::new("u32 halved", MaxPool2dWithIndices(MaxPool2d::default()), vec![unsigned], Bound::Exact),
    ]);
    let largest = Array::from_fn([1, 1, 1, 1, 1], |_| 7i32);
    let volume = [Array::from_fn([1, 1, 2, 2, 2], |i| i as i32)];
    check_composed("a volume", &volume, |v| Ok(vec![v[0].max_pool3d(MaxPool3d::default())?]), &[&largest], Bound::Exact);
    check_composed("all of it", &volume, |v| Ok(vec![v[0].global_max_pool()?]), &[&largest], Bound::Exact);
}

#[test]
fn global() {
    let arrays = fixture("volume");
    let input = [arrays["global/input"].clone()];
    let named = |what: &str| &arrays[&format!("global/{what}")];
    check_composed("mean", &input, |v| Ok(vec![v[0].global_avg_pool()?]), &[named("average")], MEAN);
    check_composed("max", &input, |v| Ok(vec![v[0].global_max_pool()?]), &[named("max")], Bound::Exact);
    check_composed("norm", &input, |v| Ok(vec![v[0].global_lp_pool(3.0)?]), &[named("norm")], NORM);
    let row = [random(&[2, 3, 60], 1)];
    let image = [row[0].clone().reshaped([2, 3, 5, 12]).unwrap()];
    let flat = |v: &[foveate::graph::Var]| Ok(vec![v[0].global_max_pool()?.reshape([2, 3])?]);
    let host = crate::common::on_the_host(&row, flat);
    check_composed("rows", &row, flat, &[&host[0]], Bound::Exact);
    check_composed("images", &image, flat, &[&host[0]], Bound::Exact);
}

#[test]
fn refusals() {
    let (row, volume) = (|| TensorType::f32([1, 1, 4]), || TensorType::f32([1, 1, 2, 4, 4]));
    let holds = |text: &str, error: String| assert!(error.contains(text), "{error}");
    holds("max_pool1d: input must be (N, C, L)", refusal(volume(), |x| x.max_pool1d(MaxPool1d::default())));
    holds("avg_pool1d: input must be (N, C, L)", refusal(volume(), |x| x.avg_pool1d(AvgPool1d::default())));
    holds("max_pool3d: input must be (N, C, D, H, W)", refusal(row(), |x| x.max_pool3d(MaxPool3d::default())));
    let deep = |d| MaxPool3d { kernel: Dhw::new(d, 2, 2), ..MaxPool3d::default() };
    holds("max_pool3d: depth: a window of 3 does not fit input 2", refusal(volume(), |x| x.max_pool3d(deep(3))));
    holds("depth: input 2, kernel 0", refusal(volume(), |x| Ok(x.max_pool3d_with_indices(deep(0))?.1)));
    holds("beyond 2^31", refusal(volume(), |x| x.max_pool3d(MaxPool3d { padding: Pads3::all(usize::MAX), ..MaxPool3d::default() })));
    let halves = AvgPool3d { divisor_override: Some(0), ..AvgPool3d::default() };
    holds("divisor_override 0", refusal(volume(), |x| x.avg_pool3d(halves)));
    holds("cast it first", refusal(TensorType::new(DType::Bool, [1, 1, 2, 4, 4]), |x| x.max_pool3d(MaxPool3d::default())));
    for p in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        holds("must be positive and finite", refusal(row(), |x| x.lp_pool1d(LpPool1d { p, ..LpPool1d::default() })));
        holds("must be positive and finite", refusal(row(), |x| x.global_lp_pool(p)));
    }
    holds("global_avg_pool: input must be (N, C, ..)", refusal(TensorType::f32([2, 3]), foveate::graph::Var::global_avg_pool));
}
