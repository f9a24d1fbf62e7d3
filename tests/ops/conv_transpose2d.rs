//! `conv_transpose2d`: case table, and the cost of a useful product.

use crate::common::{Bound, Case, Elsewhere, check, fixture, gpu, launches, random, with_lanes};
use foveate::array::{Array, Hw, Pads};
use foveate::ops::ConvTranspose2d;
use std::collections::BTreeSet;

/// An output is a sum over the input channels of a group and the taps of its phase, at most the kernel's.
fn bound(inputs: &[Array], attributes: &ConvTranspose2d) -> Bound {
    let (x, w) = (inputs[0].shape(), inputs[1].shape());
    Bound::Terms(x[1] / attributes.groups * w[2] * w[3] + 1)
}

fn case(name: &str, attributes: ConvTranspose2d, inputs: Vec<Array>) -> Case {
    let bound = bound(&inputs, &attributes);
    Case::new(name, attributes, inputs, bound)
}

/// The same by one kernel alone.
fn case_by(op: Elsewhere, attributes: ConvTranspose2d, name: &str, inputs: Vec<Array>) -> Case {
    let bound = bound(&inputs, &attributes);
    Case::new(name, op, inputs, bound)
}

/// Random input, weight, and bias where `bias` says so.
fn inputs(input: [usize; 4], weight: [usize; 4], bias: Option<usize>) -> Vec<Array> {
    let bias = bias.map(|n| random(&[n], 3));
    [random(&input, 1), random(&weight, 2)].into_iter().chain(bias).collect()
}

fn strided(stride: usize) -> ConvTranspose2d {
    ConvTranspose2d { stride: Hw::square(stride), ..Default::default() }
}

fn dilated(stride: usize, dilation: usize) -> ConvTranspose2d {
    ConvTranspose2d { dilation: Hw::square(dilation), ..strided(stride) }
}

#[test]
fn as_pytorch() {
    let arrays = fixture("conv_transpose2d");
    let names: BTreeSet<&str> = arrays.keys().filter_map(|k| k.split('/').next()).collect();
    assert_eq!(names.len(), 22, "{names:?}");
    let case = |name: &str| {
        let array = |key: &str| arrays.get(&format!("{name}/{key}")).cloned();
        let a: Vec<usize> = array("attributes").unwrap().values::<i32>().unwrap().iter().map(|&v| v as usize).collect();
        let attributes = ConvTranspose2d {
            stride: Hw::new(a[0], a[1]),
            padding: Pads { top: a[2], left: a[3], bottom: a[4], right: a[5] },
            output_padding: Hw::new(a[6], a[7]),
            dilation: Hw::new(a[8], a[9]),
            groups: a[10],
        };
        let inputs = ["input", "weight", "bias"].into_iter().filter_map(array).collect();
        case(name, attributes, inputs).outputs(vec![array("output").unwrap()])
    };
    check(names.into_iter().map(case).collect());
}

#[test]
fn as_the_reference() {
    check(vec![
        case("more rows and places than a tile", strided(2), inputs([1, 17, 12, 13], [17, 33, 4, 4], Some(33))),
        case("dilation and stride alike", dilated(2, 2), inputs([1, 8, 9, 8], [8, 40, 3, 3], Some(40))),
        case("dilation 3, stride 2", dilated(2, 3), inputs([2, 8, 6, 9], [8, 40, 3, 4], None)),
        case("dilation 2, stride 3", dilated(3, 2), inputs([1, 8, 9, 8], [8, 64, 4, 5], None)),
        case("dilation 5", dilated(1, 5), inputs([1, 8, 24, 25], [8, 40, 3, 3], Some(40))),
        case("groups", ConvTranspose2d { groups: 3, ..strided(2) }, inputs([2, 24, 6, 7], [24, 30, 4, 4], Some(90))),
        case("three images in a tile", strided(8), inputs([3, 4, 3, 3], [4, 6, 16, 16], None)),
        case("a long sum over few tiles", strided(1), inputs([1, 160, 5, 6], [160, 20, 3, 3], Some(20))),
        case("a long sum over pixels", strided(1), inputs([2, 300, 1, 1], [300, 9, 4, 4], Some(9))),
        case("many images of one pixel", strided(1), inputs([67, 20, 1, 1], [20, 8, 4, 4], None)),
        case("one image of one pixel", strided(1), inputs([1, 300, 1, 1], [300, 9, 7, 7], None)),
        case("more than 65,535 workgroups", strided(2), inputs([1, 1, 1024, 1025], [1, 1, 1, 1], None)),
        case("stride beyond the listed phases", strided(2000), inputs([1, 2, 2, 2], [2, 1, 3, 3], Some(1))),
        case("a kernel much larger than the map", strided(1), inputs([1, 3, 2, 2], [3, 4, 9, 9], None)),
    ]);
}

/// What the kernel of lavapipe's lanes is specialised for: taps along x, input channels of a step, where fours of inputs start, outputs
/// that are pairs of 64 bits or not.
#[test]
fn steps_of_lanes() {
    let padded = |stride, padding| ConvTranspose2d { padding: Pads::all(padding), ..strided(stride) };
    let lanes = |name: &str, attributes: ConvTranspose2d, inputs| {
        case_by(Elsewhere::lanes(attributes, "conv_transpose2d/lanes"), attributes, name, inputs)
    };
    let uneven = ConvTranspose2d { stride: Hw::new(1, 2), output_padding: Hw::new(0, 1), ..Default::default() };
    // With a column of zeros more, which another kernel adds.
    let widened = |name: &str, attributes: ConvTranspose2d, inputs| {
        let case = case(name, attributes, inputs);
        if gpu().capabilities().has_lanes() { case.kernel("conv_transpose2d/lanes") } else { case }
    };
    let odd = ConvTranspose2d { output_padding: Hw::square(1), ..padded(2, 1) };
    check(vec![
        lanes("one tap, four channels", strided(2), inputs([1, 8, 5, 8], [8, 17, 2, 2], Some(17))),
        lanes("one tap, odd rows", strided(2), inputs([2, 4, 5, 7], [4, 16, 2, 2], None)),
        lanes("two taps, three channels, odd rows", padded(2, 1), inputs([1, 3, 6, 7], [3, 16, 4, 4], Some(16))),
        lanes("two taps, whole rows", strided(2), inputs([2, 2, 5, 8], [2, 20, 4, 4], None)),
        lanes("three taps", strided(2), inputs([1, 4, 4, 12], [4, 9, 6, 6], Some(9))),
        lanes("four taps", padded(2, 2), inputs([1, 3, 6, 8], [3, 8, 8, 8], None)),
        lanes("an upsampler by 8, cropped", padded(8, 3), inputs([1, 3, 5, 5], [3, 2, 16, 16], Some(2))),
        lanes("an upsampler by 4, cropped by four", padded(4, 4), inputs([3, 3, 5, 4], [3, 3, 8, 8], None)),
        lanes("groups", ConvTranspose2d { groups: 3, ..strided(2) }, inputs([2, 6, 6, 7], [6, 9, 4, 4], Some(27))),
        lanes("one channel of each group", ConvTranspose2d { groups: 3, ..strided(8) }, inputs([2, 3, 4, 5], [3, 1, 16, 16], None)),
        widened("an odd kernel", strided(2), inputs([1, 8, 5, 8], [8, 17, 3, 3], Some(17))),
        widened("cropped, with an output padding", odd, inputs([2, 3, 6, 7], [3, 9, 3, 5], Some(9))),
        widened("by 4, groups", ConvTranspose2d { groups: 2, ..strided(4) }, inputs([1, 8, 5, 6], [8, 6, 5, 7], None)),
        lanes("few rows of some channels", strided(2), inputs([1, 5, 6, 7], [5, 1, 4, 4], Some(1))),
        lanes("strides 1 and 2", uneven, inputs([1, 3, 5, 6], [3, 40, 3, 2], None)),
        case("phases without taps", strided(4), inputs([1, 3, 5, 6], [3, 20, 2, 2], Some(20))),
    ]);
}

/// Kernels as large as the stride: up to 4 wide, any height, groups, bias.
#[test]
fn that_do_not_overlap() {
    let wide = |h, w| ConvTranspose2d { stride: Hw::new(h, w), ..Default::default() };
    let disjoint = |name: &str, attributes: ConvTranspose2d, inputs| {
        case_by(Elsewhere::new(attributes, |_| {}).only("conv_transpose2d/disjoint"), attributes, name, inputs)
    };
    check(vec![
        disjoint("1 x 1", wide(1, 1), inputs([2, 3, 3, 4], [3, 2, 1, 1], Some(2))),
        disjoint("2 x 2", wide(2, 2), inputs([2, 5, 3, 8], [5, 3, 2, 2], Some(3))),
        disjoint("3 x 3", wide(3, 3), inputs([1, 4, 5, 12], [4, 2, 3, 3], None)),
        disjoint("1 x 4", wide(1, 4), inputs([2, 3, 3, 4], [3, 2, 1, 4], Some(2))),
        disjoint("5 x 3", wide(5, 3), inputs([1, 2, 2, 4], [2, 3, 5, 3], None)),
        disjoint("groups", ConvTranspose2d { groups: 3, ..wide(2, 2) }, inputs([2, 6, 3, 8], [6, 2, 2, 2], Some(6))),
    ]);
}

/// Stride 1 on lanes: convolutions with the weight turned around.
#[test]
fn of_stride_one() {
    let turned = |name: &str, padding, dilation, groups, inputs| {
        let attributes = ConvTranspose2d { padding, dilation: Hw::square(dilation), groups, ..Default::default() };
        let case = case(name, attributes, inputs);
        if gpu().capabilities().has_lanes() { case.kernel("conv2d/lanes") } else { case }
    };
    let uneven = Pads { top: 0, left: 2, bottom: 1, right: 3 };
    check(vec![
        turned("3 x 3, as large", Pads::all(1), 1, 1, inputs([1, 5, 12, 13], [5, 9, 3, 3], Some(9))),
        turned("two images, uneven crops", uneven, 1, 1, inputs([2, 4, 9, 11], [4, 6, 2, 5], None)),
        turned("dilation", Pads::all(4), 2, 1, inputs([1, 3, 12, 14], [3, 8, 5, 5], Some(8))),
        turned("groups", Pads::all(1), 1, 3, inputs([1, 6, 12, 12], [6, 5, 3, 3], Some(15))),
        case(
            "all of the output, and more zeros",
            ConvTranspose2d { output_padding: Hw::new(1, 0), ..dilated(1, 2) },
            inputs([1, 3, 20, 30], [3, 4, 2, 3], None),
        ),
        case(
            "a crop beyond the kernel",
            ConvTranspose2d { padding: Pads::all(3), ..strided(1) },
            inputs([1, 3, 20, 20], [3, 4, 3, 3], None),
        ),
        case(
            "one channel of each group",
            ConvTranspose2d { groups: 3, padding: Pads::all(1), ..strided(1) },
            inputs([2, 3, 12, 12], [3, 1, 3, 3], Some(3)),
        ),
        case("pixels", strided(1), inputs([1, 9, 12, 12], [9, 7, 1, 1], Some(7))),
    ]);
}

#[test]
fn without_lanes() {
    let tile = |name: &str, attributes: ConvTranspose2d, inputs| {
        case_by(Elsewhere::without_lanes(attributes).only("conv_transpose2d/tile"), attributes, name, inputs)
    };
    check(vec![
        tile("more rows and places than a tile", strided(2), inputs([1, 17, 12, 13], [17, 33, 4, 4], Some(33))),
        tile("groups", ConvTranspose2d { groups: 3, ..strided(2) }, inputs([2, 24, 6, 7], [24, 30, 4, 4], Some(90))),
        tile("three images in a tile", strided(8), inputs([3, 4, 3, 3], [4, 6, 16, 16], None)),
    ]);
}

/// Each kernel is taken where it is the fastest, so that the cases above meet all of them.
#[test]
fn choices() {
    let kernel =
        |attributes: ConvTranspose2d, input: [usize; 4], weight: [usize; 4]| launches(&attributes, with_lanes, &[&input, &weight])[0];
    let depthwise = ConvTranspose2d { groups: 21, ..strided(2) };
    let found = [
        kernel(strided(8), [1, 21, 70, 70], [21, 21, 16, 16]),
        kernel(strided(32), [1, 21, 16, 16], [21, 21, 64, 64]),
        kernel(dilated(2, 2), [1, 8, 9, 8], [8, 40, 3, 3]),
        kernel(dilated(2, 3), [2, 8, 6, 9], [8, 40, 3, 4]),
        kernel(dilated(3, 2), [1, 8, 9, 8], [8, 64, 4, 5]),
        kernel(dilated(3, 5), [1, 8, 24, 25], [8, 40, 3, 3]),
        kernel(strided(1), [2, 300, 1, 1], [300, 9, 4, 4]),
        kernel(strided(1), [67, 20, 1, 1], [20, 8, 4, 4]),
        kernel(depthwise, [1, 21, 9, 9], [21, 1, 4, 4]),
        kernel(strided(2000), [1, 2, 2, 2], [2, 1, 3, 3]),
        kernel(strided(1), [1, 3, 2, 2], [3, 4, 9, 9]),
        kernel(strided(2), [1, 16, 8, 8], [16, 1, 2, 2]),
        kernel(ConvTranspose2d { padding: Pads::all(1), ..strided(1) }, [1, 16, 12, 12], [16, 16, 3, 3]),
        kernel(dilated(1, 5), [1, 8, 24, 25], [8, 40, 3, 3]),
        kernel(strided(2), [1, 16, 12, 12], [16, 16, 3, 3]),
        kernel(strided(2), [1, 16, 12, 12], [16, 1, 4, 4]),
        kernel(strided(3), [1, 16, 12, 12], [16, 16, 3, 3]),
    ];
    let wanted = ["lanes", "lanes", "tile", "tile", "tile", "tile", "point", "tile", "direct", "direct", "direct", "disjoint"]
        .map(|name| format!("conv_transpose2d/{name}"));
    assert_eq!(found[..wanted.len()], wanted);
    let others = ["copy", "copy", "pad", "conv_transpose2d/lanes", "conv_transpose2d/disjoint"];
    assert_eq!(found[wanted.len()..], others, "stride 1: a convolution with the weight turned; odd kernels: with a column of zeros more");
}

#[test]
fn refusals() {
    let plain = ConvTranspose2d::default();
    let refused = |name: &str, attributes: ConvTranspose2d, inputs: Vec<Array>, text| Case::refused(name, attributes, inputs, text);
    let small = || inputs([1, 4, 3, 3], [4, 2, 3, 3], None);
    let padded = |padding| ConvTranspose2d { padding, ..plain };
    check(vec![
        refused("no weight", plain, vec![random(&[1, 4, 3, 3], 1)], "takes 2 to 3 inputs, 1"),
        refused("three dimensions", plain, vec![random(&[4, 3, 3], 1), random(&[4, 2, 3, 3], 2)], "input must be (N, C, H, W)"),
        refused("channels", plain, inputs([1, 4, 3, 3], [5, 2, 3, 3], None), "for 5 input channels"),
        refused("groups", ConvTranspose2d { groups: 3, ..plain }, small(), "4 input channels cannot be divided into 3 groups"),
        refused("no groups", ConvTranspose2d { groups: 0, ..plain }, small(), "into 0 groups"),
        refused("bias", plain, inputs([1, 4, 3, 3], [4, 2, 3, 3], Some(3)), "bias must be (2)"),
        refused("f16", plain, vec![Array::from_fn([1, 4, 3, 3], |_| foveate::array::f16::ONE), random(&[4, 2, 3, 3], 2)], "cast it first"),
        refused("stride 0", strided(0), small(), "stride 0"),
        refused("stride 65536", strided(65536), small(), "stride 65536, above 65535"),
        refused("output padding", ConvTranspose2d { output_padding: Hw::new(0, 1), ..plain }, small(), "width: output_padding 1"),
        refused("padding eats the output", padded(Pads::symmetric(0, 3)), small(), "width: padding 3 + 3 leaves nothing of an output of 5"),
        refused("padding overflows", padded(Pads::all(usize::MAX)), small(), "leaves nothing"),
        refused("dilation", ConvTranspose2d { dilation: Hw::square(usize::MAX), ..plain }, small(), "beyond 2^31"),
        refused("too large", ConvTranspose2d { dilation: Hw::square(1 << 20), ..plain }, small(), "more than 2^32"),
    ]);
}
