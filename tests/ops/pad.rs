//! pad: case table.

use crate::common::{Bound, Case, check, check_on, fixture, narrow_gpu, random};
use foveate::array::{Array, f16};
use foveate::ops::{Pad, PadMode};

fn pad(before: &[isize], after: &[isize], mode: PadMode) -> Pad {
    Pad { before: before.to_vec(), after: after.to_vec(), mode }
}

#[test]
fn cases() {
    let numbers = fixture("movement");
    let case = |name: &str, op: Pad| {
        let [input, output] = ["input", "output"].map(|part| numbers[&format!("{name}/{part}")].clone());
        Case::new(name, op, vec![input], Bound::Exact).outputs(vec![output])
    };
    let zero = PadMode::Constant(0.0);
    check(vec![
        case("pad_constant", pad(&[0, 0, 3, 1], &[0, 0, 0, 2], PadMode::Constant(-1.5))),
        case("pad_negative", pad(&[0, 0, 2, -2], &[0, 0, -3, 1], zero)),
        case("pad_reflect", pad(&[0, 0, 1, 5], &[0, 0, 4, 2], PadMode::Reflect)),
        case("pad_edge", pad(&[0, 0, 7, 1], &[0, 0, 0, 9], PadMode::Edge)),
        case("pad_wrap", pad(&[0, 0, 1, 6], &[0, 0, 5, 2], PadMode::Wrap)),
        case("pad_everywhere", pad(&[1, 2, 0, 1], &[0, 3, 1, 1], PadMode::Constant(2.0))),
        case("pad_i32", pad(&[2], &[1], PadMode::Constant(-7.0))),
        Case::new("a scalar", pad(&[], &[], zero), vec![random(&[], 1)], Bound::Exact),
        Case::new("wholly outside", pad(&[-5], &[4], PadMode::Constant(1.0)), vec![random(&[3], 1)], Bound::Exact),
        Case::new("the edge alone", pad(&[-5], &[4], PadMode::Edge), vec![random(&[3], 1)], Bound::Exact),
        Case::new("reflected and cut", pad(&[-4], &[4], PadMode::Reflect), vec![random(&[5], 1)], Bound::Exact),
        Case::new("true", pad(&[1], &[1], PadMode::Constant(1.0)), vec![Array::full([3], false)], Bound::Exact),
        Case::new("more than 65,535 workgroups", pad(&[0, 1], &[0, 1], zero), vec![random(&[1_400_000, 1], 1)], Bound::Exact),
        Case::new("whole vectors", pad(&[0, 2, 0], &[0, 1, 0], PadMode::Constant(3.0)), vec![random(&[3, 5, 8], 1)], Bound::Exact),
        Case::new("vectors cut off", pad(&[1, -4], &[0, -4], zero), vec![random(&[5, 20], 1)], Bound::Exact),
        Case::new("vectors between edges", pad(&[0, 2, 0], &[0, 1, 0], PadMode::Edge), vec![random(&[3, 5, 8], 1)], Bound::Exact),
        Case::new("rows mirrored by fours", pad(&[0, 0, 4], &[0, 0, 4], PadMode::Reflect), vec![random(&[3, 5, 8], 1)], Bound::Exact),
        Case::new("vectors of their own", pad(&[0, 1, 1], &[0, 1, 2], zero), vec![random(&[3, 5, 9], 1)], Bound::Exact),
        Case::new("a row", pad(&[3], &[1], PadMode::Wrap), vec![random(&[20], 1)], Bound::Exact),
        Case::refused("reflect too far", pad(&[3], &[0], PadMode::Reflect), vec![random(&[3], 1)], "at most 2"),
        Case::refused("wrap too far", pad(&[0], &[4], PadMode::Wrap), vec![random(&[3], 1)], "at most 3"),
        Case::refused("too few numbers", pad(&[0], &[0], zero), vec![random(&[3, 3], 1)], "not one number for each"),
        Case::refused("less than nothing", pad(&[-2], &[-2], zero), vec![random(&[3], 1)], "-2 + 3 + -2 elements"),
        Case::refused("nothing left", pad(&[-2], &[-1], zero), vec![random(&[3], 1)], "no elements"),
        Case::refused("half an integer", pad(&[1], &[1], PadMode::Constant(0.5)), vec![Array::full([3], 1i32)], "is no i32"),
        Case::refused("f16", pad(&[1], &[1], zero), vec![Array::full([3], f16::ONE)], "cast it first"),
    ]);
}

#[test]
fn windows() {
    let zero = PadMode::Constant(0.0);
    let case =
        |name: &str, input: &[usize], op: Pad, dispatches| Case::new(name, op, vec![random(input, 1)], Bound::Exact).dispatches(dispatches);
    check_on(
        &narrow_gpu(4096),
        vec![
            case("words", &[40, 5, 9], pad(&[0, 1, 1], &[0, 1, 1], zero), 4),
            case("vectors of words", &[30, 5, 9], pad(&[0, 1, 2], &[0, 1, 1], zero), 3),
            case("vectors", &[30, 5, 12], pad(&[0, 1, 0], &[0, 1, 0], PadMode::Wrap), 3),
        ],
    );
}
