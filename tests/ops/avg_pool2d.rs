//! `avg_pool2d`: case table.

use crate::common::{Bound, Case, check, fixture, random};
use foveate::array::{Hw, Pads};
use foveate::ops::AvgPool2d;
use std::collections::BTreeSet;

fn case(name: &str, attributes: AvgPool2d, input: foveate::array::Array) -> Case {
    Case::new(name, attributes, vec![input], Bound::Terms(attributes.kernel.area() + 1))
}

#[test]
fn as_pytorch() {
    let arrays = fixture("avg_pool2d");
    let names: BTreeSet<&str> = arrays.keys().filter_map(|k| k.split('/').next()).collect();
    assert_eq!(names.len(), 11, "{names:?}");
    let case = |name: &str| {
        let array = |key: &str| arrays[&format!("{name}/{key}")].clone();
        let a: Vec<usize> = array("attributes").values::<i32>().unwrap().iter().map(|&v| v as usize).collect();
        let attributes = AvgPool2d {
            kernel: Hw::new(a[0], a[1]),
            stride: Hw::new(a[2], a[3]),
            padding: Pads { top: a[4], left: a[5], bottom: a[6], right: a[7] },
            dilation: Hw::square(1),
            ceil_mode: a[8] == 1,
            count_include_pad: a[9] == 1,
            divisor_override: (a[10] > 0).then_some(a[10]),
        };
        case(name, attributes, array("input")).outputs(vec![array("output")])
    };
    check(names.into_iter().map(case).collect());
}

#[test]
fn as_the_reference() {
    let plain = AvgPool2d::default();
    let one = AvgPool2d { kernel: Hw::square(1), stride: Hw::square(1), ..plain };
    let wide = AvgPool2d { kernel: Hw::square(9), padding: Pads::all(8), count_include_pad: false, ..plain };
    check(vec![
        case("one workgroup and one more", plain, random(&[1, 5, 2, 26], 1)),
        case("more than 65,535 workgroups", one, random(&[1, 3, 1200, 1201], 1)),
        case("wide padding", wide, random(&[1, 2, 3, 2], 1)),
        case("wide padding that counts", AvgPool2d { count_include_pad: true, ..wide }, random(&[1, 2, 3, 2], 1)),
    ]);
}

#[test]
fn refusals() {
    let plain = AvgPool2d::default();
    let refused = |name: &str, attributes: AvgPool2d, text| Case::refused(name, attributes, vec![random(&[1, 1, 4, 4], 1)], text);
    check(vec![
        refused("divisor 0", AvgPool2d { divisor_override: Some(0), ..plain }, "divisor_override 0"),
        refused("kernel 0", AvgPool2d { kernel: Hw::new(0, 1), ..plain }, "height: input 4, kernel 0"),
        refused(
            "padding as wide as the window",
            AvgPool2d { padding: Pads::symmetric(0, 2), ..plain },
            "width: window 0 of 4 meets no input",
        ),
    ]);
}
