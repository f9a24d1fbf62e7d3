//! Pooling and its reverse.

use super::differences::{around, check, distinct};
use crate::common::{Bound, check_composed};
use foveate::array::{Array, Hw, Pads};
use foveate::graph::Var;
use foveate::ops::{AvgPool2d, Col2im, MaxPool2d, MaxRoiPool, MaxUnpool2d};

#[test]
fn largest_of_windows() {
    let uneven = Pads { top: 1, left: 0, bottom: 0, right: 1 };
    let overlapping = MaxPool2d { kernel: Hw::new(3, 2), stride: Hw::new(2, 1), padding: uneven, ..Default::default() };
    let cases = [
        ("halves", MaxPool2d::default(), [1, 2, 4, 4]),
        ("rows left over", MaxPool2d::default(), [1, 1, 5, 3]),
        ("over the edge", MaxPool2d { ceil_mode: true, ..Default::default() }, [1, 1, 5, 3]),
        ("overlapping", overlapping, [2, 1, 5, 4]),
        ("dilated", MaxPool2d { dilation: Hw::square(2), stride: Hw::square(1), ..Default::default() }, [1, 1, 4, 5]),
        ("one window", MaxPool2d { kernel: Hw::square(3), stride: Hw::square(1), ..Default::default() }, [1, 2, 3, 3]),
    ];
    for (name, attributes, shape) in cases {
        check(name, &[distinct(&shape, 1)], |v| v[0].max_pool2d(attributes));
        check(name, &[distinct(&shape, 2)], |v| Ok(v[0].max_pool2d_with_indices(attributes)?.0));
    }
}

#[test]
fn the_first_of_equals_has_it_all() {
    let pool = |v: &[Var]| v[0].max_pool2d(MaxPool2d::default())?.reduce_sum(&[], false)?.gradient(&[&v[0]]);
    let expected = Array::new([1, 1, 2, 2], vec![0.0f32, 1.0, 0.0, 0.0]).unwrap();
    check_composed("ties", &[Array::new([1, 1, 2, 2], vec![0.0f32, 5.0, 5.0, 5.0]).unwrap()], pool, &[&expected], Bound::Exact);
}

#[test]
fn largest_of_parts() {
    // Parts that overlap, reach over the edge, are smaller than their bins, lie outside; of two maps.
    let rois = vec![0.0, 0.0, 3.0, 4.0, 2.0, 1.0, 5.0, 9.0, 1.0, 1.0, 1.0, 1.0, -9.0, -9.0, -5.0, -5.0, 0.0, 0.0, 3.0, 4.0];
    let (rois, maps) = (Array::new([5, 4], rois).unwrap(), Array::new([5], vec![0, 1, 1, 0, 0]).unwrap());
    for size in [Hw::square(1), Hw::new(2, 3)] {
        let pooling = MaxRoiPool { size, spatial_scale: 1.0 };
        let parts = |x: &Var| {
            let constant = |array: &Array| x.graph().constant(array.clone());
            x.max_roi_pool(&constant(&rois)?, &constant(&maps)?, pooling)
        };
        check(&format!("{size:?}"), &[distinct(&[2, 2, 5, 4], 1)], |v| parts(&v[0]));
        // Of the gradient by what it is the gradient of.
        check(&format!("{size:?}, twice"), &[distinct(&[2, 1, 5, 4], 2), around(&[5, 1, size.h, size.w], 3)], |v| {
            let x = v[0].graph().constant(distinct(&[2, 1, 5, 4], 2))?;
            let grads = parts(&x)?.mul(&v[1])?.reduce_sum(&[], false)?.gradient(&[&x])?;
            grads[0].mul(&v[0])
        });
    }
}

#[test]
fn unpooling() {
    let size = MaxUnpool2d { output_size: Some(Hw::new(3, 4)), ..Default::default() };
    // Two that name one place, one out of range, one below 0.
    let indices = Array::new([1, 2, 2, 2], vec![3, 3, 0, 11, 12, -1, 5, 5]).unwrap();
    check("max_unpool2d", &[around(&[1, 2, 2, 2], 1), indices], |v| v[0].max_unpool2d(&v[1], size));
}

#[test]
fn means_of_windows() {
    let default = AvgPool2d::default();
    let padded =
        AvgPool2d { kernel: Hw::new(3, 2), stride: Hw::new(2, 1), padding: Pads { top: 1, left: 1, bottom: 0, right: 1 }, ..default };
    let cases = [
        ("halves", default, [2, 2, 4, 4]),
        ("rows left over", default, [1, 1, 5, 3]),
        ("padding that counts", padded, [1, 2, 5, 4]),
        ("padding that does not", AvgPool2d { count_include_pad: false, ..padded }, [1, 2, 5, 4]),
        ("over the edge", AvgPool2d { ceil_mode: true, count_include_pad: false, ..default }, [1, 1, 5, 3]),
        ("over the padded edge", AvgPool2d { ceil_mode: true, stride: Hw::square(3), ..padded }, [1, 1, 6, 5]),
        ("dilated", AvgPool2d { dilation: Hw::square(2), stride: Hw::new(1, 3), ..default }, [1, 1, 4, 7]),
        ("a divisor", AvgPool2d { divisor_override: Some(3), ..padded }, [1, 1, 5, 4]),
    ];
    for (name, attributes, shape) in cases {
        check(name, &[around(&shape, 1)], |v| v[0].avg_pool2d(attributes));
    }
}

#[test]
fn blocks_that_overlap() {
    let attributes =
        Col2im { stride: vec![1, 2], dilation: vec![2, 1], before: vec![1, 0], after: vec![0, 1], ..Col2im::new([4, 5], [2, 3]) };
    // 3 rows of blocks and 2 columns, 2 x 3 elements of 2 channels.
    check("col2im", &[around(&[2, 12, 6], 1)], |v| v[0].col2im(attributes.clone()));
    check("im2col", &[around(&[2, 2, 4, 5], 1)], |v| v[0].im2col(attributes.clone()));
    let volume = Col2im::new([2, 3, 3], [1, 2, 2]);
    check("col2im of a volume", &[around(&[1, 4, 8], 1)], |v| v[0].col2im(volume.clone()));
}
