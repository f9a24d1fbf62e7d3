//! `max_pool2d_gradient`: the gradient of what was pooled, from that of the pooled map.
//!
//! ```text
//! output[n, c, i] = sum over the windows p that cover i, in scan order, of grad[n, c, p] if indices[n, c, p] = i
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | indices | i32 (N, C, OH, OW): y * W + x in the plane, as from `max_pool2d_with_indices` |
//! | grad | f32 (N, C, OH, OW) |
//! | output | f32 (N, C, H, W) |
//!
//! Each input looks at the windows that cover it, `ceil(extent / stride)` along either axis, so nothing is added atomically and
//! nothing cleared before. An index outside of its window is dropped.
//!
//! Where the pooling halves a map without padding, [`MaxPool2dHalvesGradient`] has the map itself in the place of indices, and compares
//! anew: its four inputs are read for the mask of a `ReLU` before the pooling anyway, which a plan computes where this stores.
//!
//! Gradient, by grad: that of the output at the inputs that won.
//!
//! PyTorch: `max_pool2d_with_indices_backward`.

use super::slices::nested;
use super::windows::Windows;
use super::{Candidate, FINISH_NUMBERS, Finish, Items, MaxPool2d, Op, Site, UNFINISHED_FOUR, WORKGROUP, check_dtype, check_inputs};
use super::{check_rank, finish_numbers, finished, fours, groups, launch_rows, the_gradient, types, u32_of};
use crate::array::{Array, DType, Hw, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, Window, kernel, params};
use crate::graph::Var;

params! {
    struct Params {
        finish: [[u32; 4]; FINISH_NUMBERS],
        input_size: [u32; 2], grad_size: [u32; 2], extent: [u32; 2], padding: [u32; 2],
        count: u32, channels: u32, grad_skip: u32, output_skip: u32,
    }
}

params! {
    struct HalvesParams {
        finish: [[u32; 4]; FINISH_NUMBERS],
        count: u32, fours: u32, grad_height: u32, channels: u32, input_skip: u32, grad_skip: u32,
    }
}

static SWITCHES: Kernel = kernel!("max_pool2d_gradient/switches", Params, header: UNFINISHED_FOUR);
static HALVES: Kernel =
    kernel!("max_pool2d_gradient/halves", HalvesParams, header: "#import whole_fours\nalias Element = vec4<f32>;\n#import unfinished\n");
pub(super) const KERNELS: &[&Kernel] = &[&SWITCHES, &HALVES];

/// The gradient of a map that was pooled, by where the largest values lay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool2dGradient {
    /// The pooling.
    pub pooling: MaxPool2d,
    /// The size of the map that was pooled.
    pub size: Hw,
}

/// The gradient of a map (N, C, H, W) that [`MaxPool2d::default`] halved: of the map and grad. H must be even, W a multiple of 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool2dHalvesGradient;

/// The gradient of `input` from `grad`, that of what `pooling` made of it; `indices` are of where the largest lay, if they are at hand.
pub(super) fn by_input(pooling: MaxPool2d, input: &Var, indices: Option<&Var>, grad: &Var) -> Result<Var> {
    let &[_, _, h, w] = input.shape() else {
        return Err(Error::shape("max_pool2d", format!("input must be (N, C, H, W), it is {}", input.ty())));
    };
    match indices {
        Some(indices) => indices.apply1(MaxPool2dGradient { pooling, size: Hw::new(h, w) }, &[grad]),
        // Rounding up is the same where nothing is left over.
        None if h % 2 == 0 && w % 8 == 0 && (MaxPool2d { ceil_mode: false, ..pooling }) == MaxPool2d::default() => {
            input.apply1(MaxPool2dHalvesGradient, &[grad])
        }
        None => by_input(pooling, input, Some(&input.max_pool2d_with_indices(pooling)?.1), grad),
    }
}

/// The gradient of grad from that of the output: what lies at `indices`.
fn by_grad(indices: &Var, of_output: &Var) -> Result<Vec<Option<Var>>> {
    let (&[n, c, oh, ow], &[_, _, h, w]) = (indices.shape(), of_output.shape()) else {
        return Err(Error::shape("max_pool2d_gradient", format!("indices must be (N, C, OH, OW), they are {}", indices.ty())));
    };
    let flat = of_output.reshape([n * c, h * w])?.gather_elements(1, &indices.reshape([n * c, oh * ow])?)?;
    Ok(vec![None, Some(flat.reshape([n, c, oh, ow])?)])
}

impl MaxPool2dGradient {
    fn windows(&self) -> [Windows; 2] {
        self.pooling.windows(&[1, 1, self.size.h, self.size.w])
    }
}

impl Op for MaxPool2dGradient {
    fn name(&self) -> &'static str {
        "max_pool2d_gradient"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let name = self.name();
        check_inputs(name, inputs, 2..=2)?;
        check_dtype(name, "indices", inputs[0], DType::I32)?;
        check_dtype(name, "grad", inputs[1], DType::F32)?;
        check_rank(name, "grad", inputs[1], 4, "(N, C, OH, OW)")?;
        let [y, x] = self.windows();
        let (h, w) = (y.outputs(name, "height")?, x.outputs(name, "width")?);
        let &[n, c, gh, gw] = &inputs[1].shape[..] else { return Ok(Vec::new()) };
        if inputs[0].shape != inputs[1].shape || (gh, gw) != (h, w) {
            let Hw { h: of_h, w: of_w } = self.size;
            let reason = format!("indices are {}, grad is {}; {of_h} x {of_w} are pooled to {h} x {w}", inputs[0], inputs[1]);
            return Err(Error::shape(name, reason));
        }
        let output = TensorType::f32([n, c, self.size.h, self.size.w]);
        output.checked_elements()?;
        Ok(vec![output])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let shape = self.infer(&types(inputs).iter().collect::<Vec<_>>())?.remove(0).shape;
        let (indices, grad) = (inputs[0].values::<i32>()?, inputs[1].values::<f32>()?);
        let ([wy, wx], Hw { h, w }) = (self.windows(), self.size);
        let &[_, _, gh, gw] = inputs[1].shape() else { return Ok(Vec::new()) };
        // From the first to the last input that a window's taps span.
        let covers = |of: Windows, window: usize, at: usize| {
            let start = window * of.stride;
            (start..=start + (of.kernel - 1) * of.dilation).contains(&(at + of.before))
        };
        let mut output = vec![0.0f32; shape.iter().product()];
        for (at, (&index, &value)) in indices.iter().zip(grad).enumerate() {
            let (plane, y, x) = (at / (gh * gw), at / gw % gh, at % gw);
            let Some(index) = usize::try_from(index).ok().filter(|&i| i < h * w) else { continue };
            if covers(wy, y, index / w) && covers(wx, x, index % w) {
                output[plane * h * w + index] += value;
            }
        }
        Ok(vec![Array::new(shape, output)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let (output, grad) = (&site.outputs[0].shape, &site.inputs[1].shape);
        let (plane, grad_plane) = (output[2] * output[3], grad[2] * grad[3]);
        let windows = self.windows();
        let pair = |of: fn(Windows) -> usize| windows.map(|w| u32_of(of(w)));
        let most = windows.map(|w| ((w.kernel - 1) * w.dilation + 4).div_ceil(w.stride).min(grad[2].max(grad[3])));
        launches(self.name(), site, [grad_plane, plane], |planes, [read, write], finish| {
            let count = planes * output[2] * output[3].div_ceil(4);
            let params = Params {
                finish: finish_numbers(finish),
                input_size: pair(|w| w.input),
                grad_size: [grad[2], grad[3]].map(u32_of),
                extent: pair(|w| (w.kernel - 1) * w.dilation + 1),
                padding: pair(|w| w.before),
                count: u32_of(count),
                channels: u32_of(output[1]),
                grad_skip: read.skip,
                output_skip: write.skip,
            };
            let launch = Launch::new(&SWITCHES, &params, groups(count, WORKGROUP)).turns(nested(&most));
            let launch = launch.constant("STRIDE_H", u32_of(windows[0].stride)).constant("STRIDE_W", u32_of(windows[1].stride));
            let launch = launch.input_window(0, read).input_window(1, read).output_window(0, write);
            finished(launch, finish, Items::Row { whole: false })
        })
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        by_grad(&inputs[0], the_gradient(self.name(), output_grads)?)
    }
}

impl Op for MaxPool2dHalvesGradient {
    fn name(&self) -> &'static str {
        "max_pool2d_gradient"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let name = self.name();
        check_inputs(name, inputs, 2..=2)?;
        for (what, ty, form) in [("input", inputs[0], "(N, C, H, W)"), ("grad", inputs[1], "(N, C, H/2, W/2)")] {
            check_dtype(name, what, ty, DType::F32)?;
            check_rank(name, what, ty, 4, form)?;
        }
        let (&[n, c, h, w], grad) = (&inputs[0].shape[..], inputs[1]) else { return Ok(Vec::new()) };
        if h % 2 != 0 || w % 8 != 0 || grad.shape[..] != [n, c, h / 2, w / 2] {
            let reason = format!("input is {}, grad is {grad}: of (N, C, H/2, W/2), where H is even and W a multiple of 8", inputs[0]);
            return Err(Error::shape(name, reason));
        }
        Ok(vec![inputs[0].clone()])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        self.infer(&types(inputs).iter().collect::<Vec<_>>())?;
        let pooling = MaxPool2d::default();
        let indices = pooling.largest(&inputs[..1])?.pop().ok_or_else(|| Error::shape(self.name(), "there are no indices"))?;
        let size = Hw::new(inputs[0].shape()[2], inputs[0].shape()[3]);
        MaxPool2dGradient { pooling, size }.reference(&[&indices, inputs[1]])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let grad = &site.inputs[1].shape;
        let plane = grad[2] * grad[3];
        launches(self.name(), site, [plane, 4 * plane], |planes, [read, write], finish| {
            let count = planes * plane / 4;
            let params = HalvesParams {
                finish: finish_numbers(finish),
                count: u32_of(count),
                fours: u32_of(grad[3] / 4),
                grad_height: u32_of(grad[2]),
                channels: u32_of(grad[1]),
                input_skip: write.skip,
                grad_skip: read.skip,
            };
            let launch = Launch::new(&HALVES, &params, groups(count, WORKGROUP)).header(fours(site.device));
            let launch = launch.input_window(0, write).input_window(1, read).output_window(0, write);
            finished(launch, finish, Items::Row { whole: true })
        })
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let (_, indices) = inputs[0].max_pool2d_with_indices(MaxPool2d::default())?;
        by_grad(&indices, the_gradient(self.name(), output_grads)?)
    }
}

/// The way that goes over planes of so many gradients and so many outputs, in parts that fit the device's bindings. A finish counts elements
/// of the whole output, so parts have none.
fn launches(
    op: &'static str,
    site: &Site<'_>,
    [grads, outputs]: [usize; 2],
    launch: impl Fn(usize, [&Window; 2], Option<&Finish>) -> Launch,
) -> Result<Vec<Candidate>> {
    let planes = site.inputs[1].shape[0] * site.inputs[1].shape[1];
    let row_bytes = [4 * grads as u64, 4 * outputs as u64];
    let parts = site.device.cut(planes, &row_bytes).map_or(0, |parts| parts.len());
    let finish = site.finish.filter(|f| parts == 1 && f.fits(1));
    let launches = launch_rows(op, site.device, planes, &row_bytes, |part| {
        let window = |plane: usize| site.device.window((part.start * plane) as u64..(part.end * plane) as u64, 4);
        launch(part.len(), [&window(grads), &window(outputs)], finish)
    })?;
    Ok(vec![Candidate::of(launches).finishing(finish.is_some())])
}
