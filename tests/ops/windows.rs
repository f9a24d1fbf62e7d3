//! Tensors larger than a binding: every operator here cuts them into windows, on devices that show a shader a few KiB at a time.

use crate::common::{Bound, Case, Elsewhere, check_on, narrow_gpu, random, random_below};
use foveate::array::{Array, DType, Hw, Pads, Pads3, f16};
use foveate::graph::Graph;
use foveate::ops::{
    AffineGrid, AffineSample, AvgPool2d, AxisRange, Binary, Cast, Compare, Concat, Conv3d, ConvTranspose2d, Coordinates, Expand, Gather,
    GatherElements, GlobalPool2d, GridSample, MaxPool2dWithIndices, MaxUnpool2d, Op, Pad, PadMode, Resize, ResizeMode, Slice, Split,
    Transpose, Unary, Where,
};
use foveate::plan::Plan;

/// A row that must be cut and must not change a bit.
fn case(name: &str, op: impl Op + 'static, inputs: Vec<Array>) -> Case {
    Case::new(name, op, inputs, Bound::Exact).dispatches(2)
}

#[test]
fn elementwise() {
    let gpu = narrow_gpu(4096);
    let half = Array::from_fn([5001], |i| f16::from_f32(i as f32));
    check_on(
        &gpu,
        vec![
            case("unary", Unary::Relu, vec![random(&[5003], 1)]),
            case("to f16", Cast { to: DType::F16 }, vec![random(&[5003], 1)]),
            case("from f16", Cast { to: DType::F32 }, vec![half]),
            case("same shape", Binary::Add, vec![random(&[5003], 1), random(&[5003], 2)]),
            case("scalar", Binary::Sub, vec![random(&[], 1), random(&[71, 71], 2)]),
            case("per channel", Binary::Mul, vec![random(&[2, 7, 40, 10], 1), random(&[7, 1, 1], 2)]),
            case("one long row each", Binary::Mul, vec![random(&[3, 3000], 1), random(&[3, 1], 2)]),
            case("both repeated", Binary::Sub, vec![random(&[300, 1, 9], 1), random(&[1, 20, 1], 2)]),
            case("an operand that is itself cut", Binary::Sub, vec![random(&[3, 1, 1111], 1), random(&[2, 1], 2)]),
            case("compare", Compare::Less, vec![random(&[40, 60], 1), random(&[60], 2)]),
            case("where", Where, vec![Array::from_fn([50, 1], |i| i % 3 == 0), random(&[50, 60], 1), random(&[60], 2)]),
        ],
    );
}

#[test]
fn movement() {
    let gpu = narrow_gpu(4096);
    let concat = vec![random(&[30, 70], 1), random(&[30, 3], 2)];
    let picks = random_below(&[1501], 3, 9);
    let reversed = Slice { ranges: vec![AxisRange { axis: 0, start: -1, end: isize::MIN, step: -1 }] };
    let backwards = Slice { ranges: vec![AxisRange { axis: 1, start: -2, end: isize::MIN, step: -2 }] };
    let pad = Pad { before: vec![0, 1], after: vec![0, 2], mode: PadMode::Reflect };
    let swap = || Transpose { perm: vec![0, 2, 1] };
    check_on(
        &gpu,
        vec![
            case("rows from the end", reversed, vec![random(&[70, 40], 1)]),
            case("columns from the end", backwards, vec![random(&[70, 41], 1)]),
            case("expand", Expand { shape: vec![30, 9, 40] }, vec![random(&[9, 1], 1)]),
            case("concat", Concat { axis: 1 }, concat),
            case("concat of long rows", Concat { axis: 0 }, vec![random(&[1501], 1), random(&[2003], 2)]),
            case("split", Split { axis: 1, sizes: vec![50, 10] }, vec![random(&[60, 60], 1)]),
            case("pad", pad, vec![random(&[100, 33], 1)]),
            case("blocks", swap(), vec![random(&[9, 16, 20], 1)]),
            case("tiles", Elsewhere::gpu(swap()), vec![random(&[9, 17, 33], 1)]),
            case("tiles of one large matrix", Elsewhere::gpu(Transpose { perm: vec![1, 0] }), vec![random(&[65, 67], 1)]),
            case("blocks of one large matrix", Transpose { perm: vec![1, 0] }, vec![random(&[64, 68], 1)]),
            case("few columns", swap(), vec![random(&[9, 100, 3], 1)]),
            case("gather", Gather { axis: 1 }, vec![random(&[40, 9, 12], 1), random_below(&[20], 2, 9)]),
            case("gather elements", GatherElements { axis: 0 }, vec![random(&[9, 100], 1), random_below(&[20, 100], 2, 9)]),
            case("many picks of few", GatherElements { axis: 0 }, vec![random(&[9], 1), picks]),
        ],
    );
}

#[test]
fn pools() {
    let planes = || vec![random(&[5, 7, 17, 19], 1)];
    // Means of nine numbers below 1.
    let mean = Bound::Near { absolute: 1e-6, relative: 1e-6 };
    let unpool = MaxUnpool2d { output_size: Some(Hw::new(17, 23)), ..Default::default() };
    let unpooled = vec![random(&[3, 5, 9, 11], 1), random_below(&[3, 5, 9, 11], 2, 17 * 23)];
    check_on(
        &narrow_gpu(16 << 10),
        vec![
            case("max_pool2d", MaxPool2dWithIndices::default(), planes()).dispatches(3),
            Case::new("avg_pool2d", AvgPool2d::default(), planes(), mean).dispatches(3),
            case("global_max_pool2d", GlobalPool2d::Max, planes()).dispatches(3),
            case("max_unpool2d", unpool, unpooled).dispatches(10),
        ],
    );
}

#[test]
fn deconvolution() {
    // Sums of at most 300 products of numbers below 1.
    let near = Bound::Near { absolute: 300.0 * 2.0 * f64::from(f32::EPSILON) * 10.0, relative: 0.0 };
    let deconv = |name, kernel, op: ConvTranspose2d, x: [usize; 4], w: [usize; 4], dispatches| {
        let inputs = vec![random(&x, 1), random(&w, 2), random(&[w[1] * op.groups], 3)];
        Case::new(name, op, inputs, near).dispatches(dispatches).kernel(kernel)
    };
    // A 3x3 kernel with stride 2 takes four launches for each part.
    let two = ConvTranspose2d { stride: Hw::square(2), padding: Pads { top: 1, left: 0, bottom: 1, right: 1 }, ..Default::default() };
    let (one, grouped) = (ConvTranspose2d::default(), |groups| ConvTranspose2d { groups, ..two });
    let four = ConvTranspose2d { stride: Hw::square(4), groups: 5, ..one };
    check_on(
        &narrow_gpu(16 << 10),
        vec![
            deconv("images", "conv_transpose2d/tile", two, [5, 9, 7, 9], [9, 16, 3, 3], 20),
            deconv("groups", "conv_transpose2d/tile", grouped(3), [2, 27, 7, 9], [27, 16, 3, 3], 24),
            deconv("channels", "conv_transpose2d/tile", two, [2, 6, 7, 9], [6, 25, 3, 3], 16),
            deconv("channels of groups", "conv_transpose2d/tile", grouped(2), [1, 8, 7, 9], [8, 25, 3, 3], 16),
            deconv("weights", "conv_transpose2d/tile", two, [1, 33, 4, 5], [33, 17, 3, 3], 9),
            deconv("weights of a point", "conv_transpose2d/point", one, [2, 60, 1, 1], [60, 8, 4, 4], 3),
            deconv("depthwise", "conv_transpose2d/direct", grouped(15), [3, 15, 11, 13], [15, 1, 4, 4], 3),
            deconv("that do not overlap", "conv_transpose2d/disjoint", four, [3, 5, 12, 12], [5, 1, 4, 4], 3),
            deconv("four lanes", "conv_transpose2d/direct", four, [3, 5, 12, 10], [5, 1, 4, 4], 3),
        ],
    );
}

/// Cut along images or planes.
#[test]
fn sampling() {
    let (image, theta) = (random(&[7, 2, 13, 17], 1), random(&[7, 2, 3], 2));
    let grid = random(&[7, 15, 21, 2], 3);
    let size = Hw::new(15, 21);
    let bilinear = |h, w| Resize { mode: ResizeMode::Bilinear, coordinates: Coordinates::AlignCorners, ..Resize::to(Hw::new(h, w)) };
    let mut cases = vec![
        case("grid_sample", GridSample::default(), vec![image.clone(), grid]),
        case("affine_sample", AffineSample { size, sample: GridSample::default() }, vec![image.clone(), theta.clone()]),
        case("affine_grid", AffineGrid { size, align_corners: true }, vec![theta]),
        case("resize up", bilinear(30, 28), vec![image]),
        case("resize of planes", bilinear(5, 21), vec![random(&[1, 21, 13, 17], 4)]),
    ];
    // As in the operators' case tables, for images of 30 pixels a side.
    cases.iter_mut().for_each(|c| c.bound = Bound::Near { absolute: 1e-4, relative: 0.0 });
    check_on(&narrow_gpu(16 << 10), cases);
}

/// What cannot be cut is refused when the plan is compiled, with the numbers.
#[test]
fn refusals() {
    let graph = Graph::new();
    let table = graph.constant(random(&[2000, 3], 1)).unwrap();
    let picks = graph.input("picks", random_below(&[5], 2, 3).ty()).unwrap();
    let rows = table.gather(0, &picks).unwrap();
    let error = Plan::compile(&narrow_gpu(4096), &[&rows]).unwrap_err().to_string();
    assert!(error.contains("gather needs 24000 bytes in one binding"), "{error}");

    let x = graph.input("x", random(&[1, 1, 65, 64], 1).ty()).unwrap();
    let y = x.resize(Resize::to(Hw::square(8))).unwrap();
    let error = Plan::compile(&narrow_gpu(16 << 10), &[&y]).unwrap_err().to_string();
    assert!(error.contains("16640 bytes in one binding"), "{error}");

    let volume = graph.input("volume", random(&[2, 6, 5, 9, 9], 1).ty()).unwrap();
    let weight = graph.constant(random(&[12, 1, 3, 3, 3], 2)).unwrap();
    let attributes = Conv3d { padding: Pads3::all(1), groups: 6, ..Conv3d::default() };
    let y = volume.conv3d(&weight, None, attributes).unwrap();
    let error = Plan::compile(&narrow_gpu(4096), &[&y]).unwrap_err().to_string();
    assert!(error.contains("conv3d needs 5832 bytes in one binding for a plane"), "{error}");
}
