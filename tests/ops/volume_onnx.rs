//! Sequences and volumes against ONNX's own conformance cases.

use crate::common::{Bound, check_composed, fixture};
use foveate::Result;
use foveate::array::{Array, Dhw, Hw, Pads};
use foveate::graph::Var;
use foveate::ops::{
    AffineGrid3d, AvgPool2d, AvgPool3d, ConvTranspose1d, ConvTranspose3d, GridSample, LpPool1d, LpPool2d, MaxPool1d, MaxPool2d, MaxPool3d,
    SampleMode,
};

/// The case's numbers, which `build` must make of its inputs.
fn conforms(case: &str, build: impl Fn(&[Var]) -> Result<Var>) {
    let arrays = fixture("volume_onnx");
    let inputs: Vec<Array> = (0..2).filter_map(|i| arrays.get(&format!("{case}/input{i}")).cloned()).collect();
    // A few dozen roundings of numbers below 10, and powers accurate to 2^-20.
    let bound = Bound::Near { absolute: 4e-6, relative: 4e-6 };
    check_composed(case, &inputs, |v| Ok(vec![build(v)?]), &[&arrays[&format!("{case}/output0")]], bound);
}

#[test]
fn pools() {
    let (one, two) = (Hw::square(1), Hw::square(2));
    let mean = AvgPool2d { count_include_pad: false, ceil_mode: true, ..AvgPool2d::default() };
    conforms("averagepool_2d_ceil", |v| v[0].avg_pool2d(AvgPool2d { kernel: Hw::square(3), ..mean }));
    conforms("averagepool_2d_dilations", |v| v[0].avg_pool2d(AvgPool2d { stride: one, dilation: two, ..mean }));
    let mean = AvgPool3d { count_include_pad: false, ceil_mode: true, ..AvgPool3d::default() };
    conforms("averagepool_3d_dilations_small", |v| v[0].avg_pool3d(AvgPool3d { stride: Dhw::cube(1), dilation: Dhw::cube(2), ..mean }));
    conforms("lppool_1d_default", |v| v[0].lp_pool1d(LpPool1d { p: 3.0, stride: 1, ..LpPool1d::default() }));
    conforms("lppool_2d_dilations", |v| v[0].lp_pool2d(LpPool2d { stride: one, dilation: two, ..LpPool2d::default() }));
    let padded = LpPool2d { p: 3.0, kernel: Hw::square(3), stride: one, padding: Pads::all(2), ..LpPool2d::default() };
    conforms("lppool_2d_pads", |v| v[0].lp_pool2d(padded));
    conforms("maxpool_1d_default", |v| v[0].max_pool1d(MaxPool1d { stride: 1, ..MaxPool1d::default() }));
    let padded = MaxPool2d { kernel: Hw::square(5), stride: one, padding: Pads::all(2), ..MaxPool2d::default() };
    conforms("maxpool_2d_uint8", |v| v[0].max_pool2d(padded));
    let dilated = MaxPool3d { stride: Dhw::cube(1), dilation: Dhw::cube(2), ..MaxPool3d::default() };
    conforms("maxpool_3d_dilations", |v| v[0].max_pool3d(dilated));
}

#[test]
fn convolutions_and_sampling() {
    conforms("convtranspose_1d", |v| v[0].conv_transpose1d(&v[1], None, ConvTranspose1d::default()));
    conforms("convtranspose_3d", |v| v[0].conv_transpose3d(&v[1], None, ConvTranspose3d::default()));
    for (corners, align_corners) in [(0, false), (1, true)] {
        for (name, mode) in [("bilinear", SampleMode::Bilinear), ("nearest", SampleMode::Nearest)] {
            let options = GridSample { mode, align_corners, ..GridSample::default() };
            conforms(&format!("gridsample_volumetric_{name}_align_corners_{corners}"), |v| v[0].grid_sample3d(&v[1], options));
        }
    }
    for (name, align_corners) in [("", false), ("_align_corners", true)] {
        let grid = AffineGrid3d { size: Dhw::new(4, 5, 6), align_corners };
        conforms(&format!("affine_grid_3d{name}"), |v| v[0].affine_grid3d(grid));
    }
}
