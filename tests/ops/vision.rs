//! `resize_axes`, `col2im`, `det`, `lrn`, `roi_align`, `deform_conv2d`, norms, `max_unpool`, `center_crop_pad`: outside numbers
//! from ONNX's reference evaluator and ONNX Runtime.

use crate::common::{Bound, Case, Elsewhere, check, compare, fixture, gpu, random, random_below};
use foveate::array::{Array, Hw, Pads};
use foveate::graph::{Graph, Var};
use foveate::ops::*;
use foveate::plan::{Device, Plan};
use std::collections::HashMap;
use std::sync::Arc;

/// Sums of at most a hundred terms of a few units, a root or a power; ONNX's evaluator computes in f32 too.
const BOUND: Bound = Bound::Near { absolute: 2e-5, relative: 2e-5 };

type Built = foveate::Result<Vec<Var>>;

fn part(arrays: &HashMap<String, Array>, name: &str, part: &str) -> Vec<Array> {
    (0..).map_while(|k| arrays.get(&format!("{name}/{part}{k}")).cloned()).collect()
}

/// What `build` makes of the inputs of a case, on the GPU and on the CPU, is that case's outputs.
#[track_caller]
fn agrees(arrays: &HashMap<String, Array>, name: &str, build: impl Fn(&[Var]) -> Built) {
    let (inputs, outputs) = (part(arrays, name, "input"), part(arrays, name, "output"));
    assert!(!inputs.is_empty() && !outputs.is_empty(), "{name} is not in the fixture");
    same(name, &inputs, &outputs, build);
}

#[track_caller]
fn same(name: &str, inputs: &[Array], outputs: &[Array], build: impl Fn(&[Var]) -> Built) {
    let graph = Graph::new();
    let names: Vec<String> = (0..inputs.len()).map(|k| format!("input{k}")).collect();
    let vars: Vec<Var> = names.iter().zip(inputs).map(|(name, array)| graph.input(name, array.ty()).unwrap()).collect();
    let built = build(&vars).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(built.len(), outputs.len(), "{name}");
    let given: Vec<(&str, &Array)> = names.iter().map(String::as_str).zip(inputs).collect();
    for device in [Device::Cpu, Device::from(gpu())] {
        let computed = Plan::compile(&device, &built.iter().collect::<Vec<_>>()).unwrap().run(&given).unwrap();
        for (k, (computed, expected)) in computed.iter().zip(outputs).enumerate() {
            compare(computed, expected, None, BOUND).unwrap_or_else(|e| panic!("{name}, output {k} on {}: {e}", device.name()));
        }
    }
}

#[test]
fn resize_any_axes() {
    let arrays = fixture("vision");
    let to = |pairs: &[(isize, usize)]| pairs.iter().map(|&(axis, size)| ResizeAxis::to(axis, size)).collect::<Vec<_>>();
    let by = |triples: &[(isize, usize, f32)]| {
        let axis = |&(axis, size, scale): &(isize, usize, f32)| ResizeAxis { scale: Some(scale), ..ResizeAxis::to(axis, size) };
        triples.iter().map(axis).collect::<Vec<_>>()
    };
    let nearest = Resize::to(Hw::square(1));
    let linear = Resize { mode: ResizeMode::Bilinear, ..nearest };
    let cubic = Resize { mode: ResizeMode::Bicubic, ..nearest };
    let smooth = Resize { antialias: true, ..linear };
    let smooth_cubic = Resize { antialias: true, ..cubic };
    let crop = Coordinates::TfCropAndResize { start: (0.0, 0.0), end: (1.0, 1.0), extrapolation: 7.0 };
    let cases: Vec<(&str, Vec<ResizeAxis>, Resize)> = vec![
        ("line", to(&[(2, 12)]), linear),
        ("volume", to(&[(2, 5), (3, 3), (4, 8)]), linear),
        ("volume nearest", to(&[(2, 5), (3, 7), (-1, 8)]), nearest),
        ("channels last", by(&[(1, 6, 1.6), (2, 3, 0.6)]), linear),
        ("channels last cubic", to(&[(1, 7), (2, 9)]), Resize { exclude_outside: true, ..cubic }),
        ("first", by(&[(0, 9, 2.3)]), Resize { coordinates: Coordinates::HalfPixelSymmetric, ..linear }),
        ("all four", to(&[(0, 3), (1, 5), (2, 4), (3, 7)]), Resize { coordinates: Coordinates::AlignCorners, ..linear }),
        (
            "crop",
            vec![ResizeAxis { part: (0.2, 0.7), ..ResizeAxis::to(1, 4) }, ResizeAxis { part: (0.4, 1.3), ..ResizeAxis::to(3, 6) }],
            Resize { coordinates: crop, ..linear },
        ),
        ("smooth", to(&[(2, 4), (3, 5)]), smooth),
        ("smooth cubic", by(&[(2, 5, 0.6), (3, 8, 0.8)]), smooth_cubic),
        ("smooth inside", by(&[(2, 5, 0.6), (3, 8, 0.8)]), Resize { exclude_outside: true, ..smooth_cubic }),
        ("smooth volume", to(&[(1, 4), (2, 5), (3, 3)]), smooth),
    ];
    for (name, axes, options) in cases {
        agrees(&arrays, &format!("resize {name}"), |v| Ok(vec![v[0].resize_axes(&axes, options)?]));
    }
}

#[test]
fn resize_picks_integers() {
    let input = Array::new([2, 3], vec![1i32, 2, 3, 4, 5, i32::MIN]).unwrap();
    let output = Array::new([2, 6], vec![1i32, 1, 2, 2, 3, 3, 4, 4, 5, 5, i32::MIN, i32::MIN]).unwrap();
    let nearest = Resize::to(Hw::square(1));
    same("integers", &[input], &[output], |v| Ok(vec![v[0].resize_axes(&[ResizeAxis::to(1, 6)], nearest)?]));
    let graph = Graph::new();
    let x = graph.constant(Array::full([2, 3], 1i32)).unwrap();
    let message = |axes: &[ResizeAxis], options| x.resize_axes(axes, options).unwrap_err().to_string();
    assert!(message(&[ResizeAxis::to(1, 6)], Resize::bilinear(Hw::square(1))).contains("must be f32"));
    assert!(message(&[ResizeAxis::to(1, 6), ResizeAxis::to(-1, 6)], nearest).contains("twice"));
    assert!(message(&[ResizeAxis::to(2, 6)], nearest).contains("no axis 2"));
    assert!(message(&[ResizeAxis::to(1, 0)], nearest).contains("there must be some"));
    assert!(message(&[ResizeAxis { scale: Some(f32::NAN), ..ResizeAxis::to(1, 3) }], nearest).contains("scales"));
}

#[test]
fn operators() {
    let arrays = fixture("vision");
    let case =
        |name: &str, op| Case { op, ..Case::new(name, Det, part(&arrays, name, "input"), BOUND).outputs(part(&arrays, name, "output")) };
    let line = Col2im { stride: vec![2], before: vec![1], after: vec![1], ..Col2im::new([9], [3]) };
    let dilated = Col2im { stride: vec![2, 1], dilation: vec![1, 3], before: vec![0, 1], after: vec![1, 0], ..Col2im::new([6, 6], [2, 2]) };
    let mut cases = vec![
        case("col2im line", Arc::new(line)),
        case("col2im", Arc::new(Col2im::new([5, 6], [2, 3]))),
        case("col2im dilated", Arc::new(dilated)),
        case("det 1", Arc::new(Det)),
        case("det 2", Arc::new(Det)),
        case("det 7", Arc::new(Det)),
        case("lrn 3", Arc::new(Lrn::new(3))),
        case("lrn 5", Arc::new(Lrn { size: 5, alpha: 0.3, beta: 0.5, bias: 2.0 })),
        case("shrink", Arc::new(Unary::Shrink { lambd: 0.4, bias: 0.1 })),
        case("prelu", Arc::new(Binary::Prelu)),
    ];
    for (mode, word) in [(RoiMode::Average, "avg"), (RoiMode::Max, "max")] {
        for (aligned, coordinates) in [(true, "half_pixel"), (false, "output_half_pixel")] {
            for sampling_ratio in [0, 2] {
                let op = RoiAlign { size: Hw::new(2, 3), sampling_ratio, spatial_scale: 0.9, mode, aligned };
                let name = format!("roi {word} {coordinates} {sampling_ratio}");
                agrees(&arrays, &name, |v| Ok(vec![v[0].roi_align(&v[1], &v[2], op)?]));
                cases.extend((mode == RoiMode::Average).then(|| case(&name, Arc::new(op))));
            }
        }
    }
    // An even size has its longer half after the channel: 1 / (1 + 4), 2 / (4 + 9), 3 / 9.
    let (three, even) = (Array::new([1, 3], vec![1.0f32, 2.0, 3.0]).unwrap(), Lrn { size: 2, alpha: 2.0, beta: 1.0, bias: 0.0 });
    let expected = Array::new([1, 3], vec![1.0 / 5.0, 2.0 / 13.0, 1.0f32 / 3.0]).unwrap();
    cases.push(Case::new("lrn 2, by hand", even, vec![three], BOUND).outputs(vec![expected]));
    check(cases);
}

/// Each tap is the convolution with a kernel that has a single 1 there, and its columns are where `col2im` takes them from.
#[test]
fn im2col_takes_what_convolutions_see() {
    let blocks = Col2im { stride: vec![2, 1], dilation: vec![1, 2], before: vec![1, 0], after: vec![0, 3], ..Col2im::new([5, 6], [2, 3]) };
    let image = random(&[2, 3, 5, 6], 1);
    let taps = Array::from_fn([18, 1, 2, 3], |i| f32::from(u8::from(i / 6 % 6 == i % 6)));
    let convolution =
        Conv2d { stride: Hw::new(2, 1), dilation: Hw::new(1, 2), padding: Pads { top: 1, bottom: 0, left: 0, right: 3 }, groups: 3 };
    let expected = convolution.reference(&[&image, &taps]).unwrap().remove(0);
    let columns = Array::new([2, 18, expected.shape()[2..].iter().product()], expected.values::<f32>().unwrap().to_vec()).unwrap();
    check(vec![Case::new("as convolved", Im2col(blocks.clone()), vec![image], Bound::Exact).outputs(vec![columns])]);
    check(vec![
        Case::refused("other images", Im2col(blocks.clone()), vec![random(&[2, 3, 5, 7], 1)], "another size than [5, 6]"),
        Case::refused("no images", Im2col(blocks), vec![random(&[2, 18, 10], 1)], "(N, C, image...)"),
        Case::refused("no block fits", Im2col(Col2im::new([5], [6])), vec![random(&[1, 1, 5], 1)], "im2col: dimension 0"),
    ]);
}

#[test]
fn sizes_and_windows() {
    let volume = Col2im::new([3, 4, 5], [2, 2, 2]);
    let columns = DeformColumns { kernel: Hw::square(2), attributes: DeformConv2d::default() };
    let far = Array::new([2, 4], vec![-1e5f32, -1e5, 1e5, 1e5, f32::NAN, 0.0, 3.0, 3.0]).unwrap();
    let parts = vec![random(&[1, 1, 9, 7], 1), far.clone(), Array::full([2], 3i32)];
    let corners = vec![0.0f32, 1.0, 11.0, 17.5, -3.0, 2.0, 5.0, 40.0, 4.0, 4.0, 4.5, 4.2];
    let shared = || vec![random(&[2, 3, 17, 12], 4), Array::new([3, 4], corners.clone()).unwrap(), Array::from_fn([3], |i| i as i32 % 2)];
    // A device that ends loops early has teams for them.
    let short = |device: &mut foveate::gpu::Capabilities| device.max_turns = 30;
    let weights = |across| RoiAlignWeights { align: RoiAlign { size: Hw::new(2, 3), ..RoiAlign::default() }, pixels: 7, across };
    check(vec![
        Case::new("a volume", volume, vec![random(&[2, 16, 24], 1)], BOUND),
        Case::new("col2im, windows", Elsewhere::windows(Col2im::new([9, 9], [2, 2])), vec![random(&[40, 4, 64], 1)], BOUND),
        Case::new("im2col of a volume", Im2col(Col2im::new([3, 4, 5], [2, 2, 2])), vec![random(&[2, 2, 3, 4, 5], 1)], Bound::Exact),
        Case::new(
            "im2col, windows",
            Elsewhere::windows(Im2col(Col2im::new([9, 9], [2, 2]))),
            vec![random(&[10, 4, 9, 9], 1)],
            Bound::Exact,
        ),
        Case::new("det, windows", Elsewhere::windows(Det), vec![random(&[150, 3, 3], 1)], BOUND),
        Case::new("a singular matrix", Det, vec![Array::full([3, 3], 1.0f32)], BOUND),
        Case::new("lrn, windows", Elsewhere::windows(Lrn { alpha: 1.0, ..Lrn::new(5) }), vec![random(&[9, 11, 13], 1)], BOUND),
        Case::new("deform, windows", Elsewhere::windows(columns), vec![random(&[4, 2, 9, 9], 1), random(&[4, 8, 8, 8], 2)], BOUND),
        Case::new("the weights of parts", weights(true), vec![far.clone()], BOUND),
        Case::new("the weights of parts, windows", Elsewhere::windows(weights(false)), vec![random(&[90, 4], 3)], BOUND),
        Case::new(
            "parts that teams share",
            Elsewhere::new(RoiAlign { size: Hw::new(2, 3), ..RoiAlign::default() }, short),
            shared(),
            BOUND,
        ),
        Case::new("largest of them", Elsewhere::new(RoiAlign { mode: RoiMode::Max, ..RoiAlign::default() }, short), shared(), BOUND),
        Case::new("parts far larger than the image", RoiAlign { size: Hw::square(2), ..RoiAlign::default() }, parts, BOUND),
    ]);
}

/// Which pixels won, and with what weights; and the gradient of those.
#[test]
fn largest_of_parts() {
    let nan = f32::NAN;
    let largest = |h, w| RoiAlign { size: Hw::new(h, w), mode: RoiMode::Max, ..RoiAlign::default() };
    let part = |corners: [f32; 4]| Array::new([1, 4], corners.to_vec()).unwrap();
    let one = |values: Vec<f32>, ty: [usize; 4]| Array::new(ty, values).unwrap();
    // Samples at (1/2, 1/2): all four pixels have a quarter.
    let quarter = |pixels: [f32; 4], value: f32, index: i32| {
        let align = RoiAlign { sampling_ratio: 1, aligned: false, ..largest(1, 1) };
        let inputs = vec![one(pixels.to_vec(), [1, 1, 2, 2]), part([0.0, 0.0, 1.0, 1.0]), Array::full([1], 0i32)];
        let outputs = vec![one(vec![value], [1; 4]), Array::full([1; 4], index), one(vec![0.25], [1; 4])];
        Case::new(format!("{pixels:?}"), align, inputs, Bound::Exact).outputs(outputs)
    };
    // Two of the part's four samples are more than a pixel off, so that the 0 there wins over what is below it; the others, three quarters
    // of the way to the second column, have most of it.
    let outside = |pixel: f32, value: f32, index: i32, weight: f32| {
        let align = RoiAlign { sampling_ratio: 2, aligned: false, ..largest(1, 1) };
        let inputs = vec![Array::full([1, 1, 2, 2], pixel), part([-3.0, 0.0, 2.0, 1.0]), Array::full([1], 0i32)];
        let outputs = vec![one(vec![value], [1; 4]), Array::full([1; 4], index), one(vec![weight], [1; 4])];
        Case::new(format!("{pixel} beside the outside"), align, inputs, Bound::Exact).outputs(outputs)
    };
    let corners = || Array::from_fn([20, 4], |i| random(&[20, 4], 3).values::<f32>().unwrap()[i] * 6.0 + if i % 4 < 2 { 2.0 } else { 7.0 });
    let images = || Array::from_fn([20], |i| i32::try_from(i % 3).unwrap() - 1);
    let gradient = |align| RoiAlignMaxGradient { align, images: 2, image: Hw::new(9, 7) };
    // Any places: those that are not of their part are dropped.
    let grads = || vec![corners(), images(), random_below(&[20, 3, 2, 3], 5, 63), random(&[20, 3, 2, 3], 6)];
    let grid = RoiAlign { aligned: false, sampling_ratio: 2, ..largest(2, 3) };
    check(vec![
        quarter([1.0, 3.0, 3.0, 2.0], 0.75, 1),
        quarter([-8.0, -4.0, -3.0, -2.0], -0.5, 3),
        quarter([0.0, nan, f32::INFINITY, 1.0], nan, 1),
        outside(-1.0, 0.0, -1, 0.0),
        outside(1.0, 0.5625, 1, 0.5625),
        Case::new("many", largest(2, 3), vec![random(&[2, 3, 9, 7], 1), corners(), images()], BOUND),
        Case::new("many, windows", Elsewhere::windows(grid), vec![random(&[2, 3, 9, 7], 2), corners(), images()], BOUND),
        Case::new("gradient", gradient(largest(2, 3)), grads(), Bound::Exact),
        Case::new("gradient, windows", Elsewhere::windows(gradient(grid)), grads(), Bound::Exact),
        Case::refused("no images", RoiAlignMaxGradient { images: 0, ..gradient(grid) }, grads(), "of at least one pixel"),
    ]);
}

#[test]
fn deform_conv2d() {
    let arrays = fixture("vision");
    agrees(&arrays, "deform", |v| Ok(vec![v[0].deform_conv2d(&v[1], &v[2], None, None, DeformConv2d::default())?]));
    let attributes = DeformConv2d {
        stride: Hw::square(2),
        padding: Pads { top: 1, left: 0, bottom: 1, right: 1 },
        dilation: Hw::new(1, 2),
        groups: 2,
        offset_groups: 2,
    };
    agrees(&arrays, "deform all", |v| Ok(vec![v[0].deform_conv2d(&v[1], &v[2], Some(&v[3]), Some(&v[4]), attributes)?]));
}

#[test]
fn norms() {
    let arrays = fixture("vision");
    agrees(&arrays, "instance", |v| Ok(vec![v[0].instance_norm(Some(&v[1]), Some(&v[2]), 1e-3)?]));
    agrees(&arrays, "group", |v| Ok(vec![v[0].group_norm(3, Some(&v[1]), Some(&v[2]), 1e-5)?]));
    agrees(&arrays, "mvn", |v| Ok(vec![v[0].mean_variance_normalization(&[0, 2, 3])?]));
    agrees(&arrays, "lp1", |v| Ok(vec![v[0].lp_norm(1, LpNorm::L1)?]));
    agrees(&arrays, "lp2", |v| Ok(vec![v[0].lp_norm(-1, LpNorm::L2)?]));
    let rows = LayerNorm { axis: 1, eps: 1e-5 };
    agrees(&arrays, "layer", |v| Ok(v[0].layer_norm_with_statistics(Some(&v[1]), Some(&v[2]), rows)?.to_vec()));
    agrees(&arrays, "batch", |v| Ok(v[0].batch_norm_training(&v[1], &v[2], &v[3], &v[4], 0.8, BatchNorm::default())?.to_vec()));
    let ones = [Array::new([1, 4], vec![1.0f32, -2.0, 3.0, -1.0]).unwrap(), Array::new([4], vec![1.0f32, 1.0, 2.0, 0.0]).unwrap()];
    let root = 3.75f32.sqrt();
    let expected = Array::new([1, 4], vec![1.0 / root, -2.0 / root, 6.0 / root, 0.0]).unwrap();
    same("rms", &ones, &[expected], |v| Ok(vec![v[0].rms_norm(Some(&v[1]), -1, 0.0)?]));
}

#[test]
fn moved() {
    let arrays = fixture("vision");
    let wanted = [CenterSize { axis: 0, size: 2 }, CenterSize { axis: 1, size: 7 }];
    agrees(&arrays, "center", |v| Ok(vec![v[0].center_crop_pad(&wanted)?]));
    // Two channels of 1 x 2, pooled from 1 x 4 each: the second's indices go on from the first's.
    let inputs = [Array::new([1, 2, 1, 2], vec![1.0f32, 2.0, 3.0, 4.0]).unwrap(), Array::new([1, 2, 1, 2], vec![1i32, 2, 4, 7]).unwrap()];
    let pooled = |output_shape| MaxUnpool { kernel: vec![1, 2], stride: vec![1, 2], before: vec![0; 2], after: vec![0; 2], output_shape };
    let plain = Array::new([1, 2, 1, 4], vec![0.0f32, 1.0, 2.0, 0.0, 3.0, 0.0, 0.0, 4.0]).unwrap();
    same("unpool", &inputs, &[plain], |v| Ok(vec![v[0].max_unpool(&v[1], &pooled(None))?]));
    // The same places in channels of 1 x 5.
    let larger = Array::new([1, 2, 1, 5], vec![0.0f32, 1.0, 2.0, 0.0, 3.0, 0.0, 0.0, 4.0, 0.0, 0.0]).unwrap();
    same("unpool larger", &inputs, &[larger], |v| Ok(vec![v[0].max_unpool(&v[1], &pooled(Some(vec![1, 2, 1, 5])))?]));
    let graph = Graph::new();
    let [x, at] = inputs.map(|array| graph.constant(array).unwrap());
    let refused = x.max_unpool(&at, &pooled(Some(vec![1, 3, 1, 5]))).unwrap_err();
    assert!(refused.to_string().contains("[1, 3, 1, 5] has other images or channels"), "{refused}");
}

#[test]
fn refusals() {
    let x = || vec![random(&[1, 4, 6], 1)];
    let images = || random(&[1, 4, 5, 5], 1);
    let roi =
        |op: RoiAlign, rois: &[usize]| Case::refused("rois", op, vec![images(), random(rois, 2), Array::full([2], 0i32)], "roi_align");
    let weights = RoiAlignWeights { align: RoiAlign::default(), pixels: 0, across: true };
    let deform = |attributes| DeformColumns { kernel: Hw::square(2), attributes };
    let offset = || random(&[1, 8, 4, 4], 2);
    check(vec![
        Case::refused("blocks", Col2im::new([5, 6], [2, 2]), x(), "20 columns, one for each block"),
        Case::refused("no block fits", Col2im::new([5], [6]), x(), "no block fits"),
        Case::refused("four dimensions", Col2im::new([5; 4], [2; 4]), x(), "4 spatial dimensions"),
        Case::refused("lists", Col2im { stride: vec![], ..Col2im::new([5], [2]) }, x(), "1 numbers in each list"),
        Case::refused("stride 0", Col2im { stride: vec![0], ..Col2im::new([5], [2]) }, x(), "must be positive"),
        Case::refused("huge", Col2im { before: vec![usize::MAX], ..Col2im::new([5], [2]) }, x(), "beyond 2^31"),
        Case::refused("not square", Det, x(), "(..., M, M)"),
        Case::refused("large", Det, vec![random(&[300, 300], 1)], "256 are the most"),
        Case::refused("size 0", Lrn::new(0), x(), "must have a size"),
        Case::refused("alpha", Lrn { alpha: f32::NAN, ..Lrn::new(1) }, x(), "finite numbers"),
        roi(RoiAlign::default(), &[2, 5]),
        roi(RoiAlign { size: Hw::square(0), ..RoiAlign::default() }, &[2, 4]),
        roi(RoiAlign { sampling_ratio: 1 << 20, ..RoiAlign::default() }, &[2, 4]),
        Case::refused("no pixels", weights, vec![random(&[2, 4], 1)], "with 0 pixels"),
        Case::refused("offsets", deform(DeformConv2d::default()), vec![images(), random(&[1, 9, 4, 4], 2)], "it must be [1, 8, 4, 4]"),
        Case::refused(
            "groups",
            deform(DeformConv2d { offset_groups: 3, ..Default::default() }),
            vec![images(), offset()],
            "3 offset groups",
        ),
        Case::refused(
            "stride",
            deform(DeformConv2d { stride: Hw::square(0), ..Default::default() }),
            vec![images(), offset()],
            "no window fits",
        ),
    ]);
}
