//! `conv_transpose3d` and `conv_transpose1d`: case tables. Outside numbers: PyTorch in f64.

use crate::common::{Bound, Case, check, check_composed, check_on, fixture, narrow_gpu, random, refusal};
use foveate::array::{Array, Dhw, Pads3, TensorType};
use foveate::ops::{ConvTranspose1d, ConvTranspose3d};

fn plain() -> ConvTranspose3d {
    ConvTranspose3d::default()
}

fn bound(weight: &Array, groups: usize) -> Bound {
    Bound::Terms(weight.len() / weight.shape()[1] / groups + 1)
}

#[test]
fn pytorch() {
    let arrays = fixture("volume");
    let size = Dhw::new;
    let pads = |[front, top, left, back, bottom, right]: [usize; 6]| Pads3 { front, top, left, back, bottom, right };
    let (crops, dilation, groups) = (pads([1, 0, 2, 0, 1, 1]), pads([0, 1, 0, 2, 0, 1]), pads([1, 0, 0, 1, 0, 0]));
    let table = [
        ("cubes", plain()),
        ("doubled", ConvTranspose3d { stride: Dhw::cube(2), ..plain() }),
        ("crops", ConvTranspose3d { stride: size(2, 3, 1), padding: crops, output_padding: size(1, 2, 0), ..plain() }),
        (
            "dilation",
            ConvTranspose3d { stride: size(2, 4, 3), padding: dilation, output_padding: size(0, 1, 1), dilation: size(3, 2, 1), ..plain() },
        ),
        ("groups", ConvTranspose3d { stride: size(1, 2, 2), padding: groups, output_padding: size(0, 1, 0), groups: 2, ..plain() }),
        ("depthwise", ConvTranspose3d { stride: Dhw::cube(2), padding: Pads3::all(1), output_padding: Dhw::cube(1), groups: 3, ..plain() }),
    ];
    let case = |(name, op): (&str, ConvTranspose3d)| {
        let named = |what: &str| arrays[&format!("conv_transpose3d/{name}/{what}")].clone();
        let inputs = ["input", "weight", "bias"].map(named).to_vec();
        let bound = bound(&inputs[1], op.groups);
        Case::new(name, op, inputs, bound).outputs(vec![named("output")])
    };
    let mut cases: Vec<Case> = table.into_iter().map(case).collect();
    let large = vec![random(&[1, 1, 81, 81, 81], 1), random(&[1, 1, 2, 2, 2], 2)];
    cases.push(Case::new("65,537 workgroups and more", ConvTranspose3d { stride: Dhw::cube(2), ..plain() }, large, Bound::Terms(2)));
    check(cases);
}

#[test]
fn sequences() {
    let arrays = fixture("volume");
    let named = |what: &str| arrays[&format!("conv_transpose1d/groups/{what}")].clone();
    let op = ConvTranspose1d { stride: 3, padding: (1, 2), output_padding: 1, dilation: 2, groups: 2 };
    let inputs = ["input", "weight", "bias"].map(named);
    // At most six products of normal numbers.
    let bound = Bound::Near { absolute: 1e-5, relative: 0.0 };
    check_composed("groups", &inputs, |v| Ok(vec![v[0].conv_transpose1d(&v[1], Some(&v[2]), op)?]), &[&named("output")], bound);
    let error = refusal(TensorType::f32([2, 3]), |x| x.conv_transpose1d(x, None, op));
    assert!(error.contains("conv_transpose1d: input must be (N, C, L)"), "{error}");
}

#[test]
fn windows() {
    let case = |name: &str, op: ConvTranspose3d, x: &[usize], w: &[usize], dispatches| {
        let inputs = vec![random(x, 1), random(w, 2), random(&[w[1] * op.groups], 3)];
        let bound = bound(&inputs[1], op.groups);
        Case::new(name, op, inputs, bound).dispatches(dispatches)
    };
    let two = ConvTranspose3d { stride: Dhw::cube(2), padding: Pads3 { left: 1, ..Pads3::default() }, ..plain() };
    check_on(
        &narrow_gpu(16 << 10),
        vec![
            case("images", two, &[5, 3, 4, 4, 5], &[3, 5, 2, 2, 2], 5),
            case("groups", ConvTranspose3d { groups: 3, ..two }, &[2, 6, 5, 4, 5], &[6, 3, 2, 2, 2], 4),
            case("channels", two, &[1, 2, 6, 6, 6], &[2, 4, 3, 2, 2], 3),
            case("planes that overlap", ConvTranspose3d { padding: Pads3::all(1), ..two }, &[2, 3, 7, 6, 6], &[3, 3, 4, 3, 3], 9),
            case("planes apart", ConvTranspose3d { stride: Dhw::new(4, 1, 1), ..two }, &[1, 3, 6, 9, 9], &[3, 4, 2, 3, 3], 6),
            case(
                "cropped",
                ConvTranspose3d { padding: Pads3 { front: 3, back: 4, ..Pads3::default() }, ..two },
                &[1, 3, 9, 6, 6],
                &[3, 4, 3, 3, 3],
                6,
            ),
            case("taps apart", ConvTranspose3d { dilation: Dhw::new(2, 1, 1), ..two }, &[1, 2, 9, 5, 5], &[2, 3, 2, 2, 2], 6),
        ],
    );
}

#[test]
fn refusals() {
    let case =
        |name: &str, op: ConvTranspose3d, x: &[usize], w: &[usize], text| Case::refused(name, op, vec![random(x, 1), random(w, 2)], text);
    let (x, w): (&[usize], &[usize]) = (&[1, 4, 2, 3, 4], &[4, 2, 3, 3, 3]);
    check(vec![
        case("rank", plain(), &[4, 2, 3, 4], w, "input must be (N, C, D, H, W)"),
        case("channels", plain(), x, &[3, 2, 3, 3, 3], "is for 3 input channels"),
        case("groups", ConvTranspose3d { groups: 3, ..plain() }, x, w, "cannot be divided into 3 groups"),
        case("crop", ConvTranspose3d { padding: Pads3::all(2), ..plain() }, x, w, "depth: padding 2 + 2 leaves nothing of an output of 4"),
        case("stride 0", ConvTranspose3d { stride: Dhw::new(1, 1, 0), ..plain() }, x, w, "width: input 4, kernel 3, stride 0"),
        case("output padding", ConvTranspose3d { output_padding: Dhw::cube(1), ..plain() }, x, w, "output_padding 1 must be smaller"),
        case("overflow", ConvTranspose3d { dilation: Dhw::cube(usize::MAX), ..plain() }, x, w, "beyond 2^31"),
        case("stride", ConvTranspose3d { stride: Dhw::cube(1 << 16), ..plain() }, x, w, "stride 65536, above 65535"),
    ]);
}
