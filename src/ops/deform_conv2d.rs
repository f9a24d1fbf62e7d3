//! `deform_conv2d`: a convolution whose taps read the input where offsets say, between pixels.
//!
//! ```text
//! p = (y * stride.h + i * dilation.h - padding.top, x * stride.w + j * dilation.w - padding.left) + offset[n, g, i, j, :, y, x]
//! columns[n, c, i, j, y, x] = input[n, c](p) * mask[n, g, i, j, y, x]       bilinear, 0 outside; g is the offset group of c
//! output[n, o, y, x] = bias[o] + sum over c of o's group, i, j of  weight[o, c, i, j] columns[n, c, i, j, y, x]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | (N, C, H, W) |
//! | weight | (O, C / groups, KH, KW) |
//! | offset | (N, `offset_groups` * KH * KW * 2, OH, OW): for each tap y, then x |
//! | bias | optional (O) |
//! | mask | optional (N, `offset_groups` * KH * KW, OH, OW): 1 where left out |
//! | output | (N, O, OH, OW) |
//!
//! The columns are a kernel here, their sum is a matrix product and the bias a sum: the columns take KH * KW times the memory of
//! the input, and are read once for each place rather than for each output channel. An offset that is no number reads 0.
//!
//! Gradients: of the columns those of `grid_sample`, which reads the same places in one grid for each offset group; with respect to offsets
//! they are slopes between pixels. A place off the image by a pixel or more has none.
//!
//! ONNX: `DeformConv`. PyTorch: `torchvision.ops.deform_conv2d`. Source: Zhu et al., Deformable `ConvNets` v2 (2018).

use super::grid_sample::check_sides;
use super::{
    Candidate, GridSample, Op, Site, WORKGROUP, check_dtype, check_inputs, check_rank, composed, groups, launch_rows, rounded, types,
    u32_of,
};
use crate::array::{Array, DType, Hw, Pads, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, Slot, kernel, params};
use crate::graph::Var;

params! {
    struct Params {
        input_size: [u32; 2],
        output_size: [u32; 2],
        kernel: [u32; 2],
        stride: [u32; 2],
        dilation: [u32; 2],
        padding: [u32; 2],
        channels: u32,
        per_group: u32,
        count: u32,
        input_skip: u32,
        offset_skip: u32,
        mask_skip: u32,
        columns_skip: u32,
    }
}

static COLUMNS: Kernel = kernel!("deform_conv2d/columns", Params);
pub(super) const KERNELS: &[&Kernel] = &[&COLUMNS];

/// The attributes of a deformable convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeformConv2d {
    /// From one output to the next, in inputs.
    pub stride: Hw,
    /// Zeros around the input.
    pub padding: Pads,
    /// From one tap to the next.
    pub dilation: Hw,
    /// Groups of channels, each with its own part of the weight.
    pub groups: usize,
    /// Groups of input channels, each with its own offsets.
    pub offset_groups: usize,
}

impl Default for DeformConv2d {
    fn default() -> Self {
        Self { stride: Hw::square(1), padding: Pads::default(), dilation: Hw::square(1), groups: 1, offset_groups: 1 }
    }
}

/// What a deformable convolution multiplies its weight with: (N, C, KH * KW, OH * OW) from input, offset and, if there is one, mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeformColumns {
    /// The weight's last two dimensions.
    pub kernel: Hw,
    /// The convolution; its `groups` mean nothing here.
    pub attributes: DeformConv2d,
}

impl Var {
    /// The deformable convolution of these images (N, C, H, W): see [`DeformConv2d`].
    ///
    /// # Errors
    /// If shapes, dtypes or attributes do not fit.
    pub fn deform_conv2d(
        &self,
        weight: &Self,
        offset: &Self,
        bias: Option<&Self>,
        mask: Option<&Self>,
        attributes: DeformConv2d,
    ) -> Result<Self> {
        const NAME: &str = "deform_conv2d";
        check_rank(NAME, "weight", weight.ty(), 4, "(O, C / groups, KH, KW)")?;
        check_rank(NAME, "input", self.ty(), 4, "(N, C, H, W)")?;
        let ([o, per_group, kh, kw], [n, c]) = ([0, 1, 2, 3].map(|i| weight.shape()[i]), [0, 1].map(|i| self.shape()[i]));
        let g = attributes.groups;
        if g == 0 || per_group.checked_mul(g) != Some(c) || o % g != 0 {
            let reason = format!("weight {} in {g} groups does not fit the channels of input {}", weight.ty(), self.ty());
            return Err(Error::shape(NAME, reason));
        }
        if let Some(bias) = bias.filter(|b| b.shape() != [o]) {
            return Err(Error::shape(NAME, format!("bias {} must have one number for each of {o} channels", bias.ty())));
        }
        let columns = DeformColumns { kernel: Hw::new(kh, kw), attributes };
        let others: Vec<&Self> = std::iter::once(offset).chain(mask).collect();
        let columns = self.apply1(columns, &others)?;
        let (taps, area) = (per_group * kh * kw, columns.shape()[3]);
        let columns = columns.reshape([n, g, taps, area])?;
        let product = weight.reshape([1, g, o / g, taps])?.matmul(&columns)?;
        let output = product.reshape([n, o, offset.shape()[2], offset.shape()[3]])?;
        bias.map_or(Ok(output.clone()), |bias| output.add(&bias.reshape([o, 1, 1])?))
    }
}

impl DeformColumns {
    /// The size of the output.
    fn size(&self, shape: &[usize]) -> Result<Hw> {
        let DeformConv2d { stride, padding, dilation, .. } = self.attributes;
        let side = |input: usize, kernel: usize, stride: usize, dilation: usize, before: usize, after: usize| {
            let extent = kernel.checked_sub(1).and_then(|k| k.checked_mul(dilation)).and_then(|e| e.checked_add(1));
            let padded = input.checked_add(before).and_then(|p| p.checked_add(after)).filter(|&p| p < 1 << 24);
            match padded.zip(extent).and_then(|(p, e)| p.checked_sub(e)) {
                Some(slack) if stride > 0 && stride < 1 << 24 && dilation > 0 && dilation < 1 << 24 && input > 0 => Ok(slack / stride + 1),
                _ => {
                    let sizes = format!("input {input}, kernel {kernel}, stride {stride}, dilation {dilation}, padding {before} + {after}");
                    Err(Error::shape("deform_conv2d", format!("{sizes}: no window fits, or they reach beyond 2^24")))
                }
            }
        };
        Ok(Hw {
            h: side(shape[2], self.kernel.h, stride.h, dilation.h, padding.top, padding.bottom)?,
            w: side(shape[3], self.kernel.w, stride.w, dilation.w, padding.left, padding.right)?,
        })
    }
}

impl Op for DeformColumns {
    fn name(&self) -> &'static str {
        "deform_conv2d"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 2..=3)?;
        check_rank(self.name(), "input", inputs[0], 4, "(N, C, H, W)")?;
        let [n, c, h, w] = [0, 1, 2, 3].map(|i| inputs[0].shape[i]);
        check_sides(self.name(), &[h, w])?;
        let size = self.size(&inputs[0].shape)?;
        let g = self.attributes.offset_groups;
        if g == 0 || !c.is_multiple_of(g) {
            return Err(Error::shape(self.name(), format!("{c} channels of input {} are not {g} offset groups", inputs[0])));
        }
        let taps = self.kernel.h.checked_mul(self.kernel.w).and_then(|t| t.checked_mul(g)).and_then(|t| t.checked_mul(2)).map(|t| t / 2);
        let Some(taps) = taps else {
            return Err(Error::shape(self.name(), format!("a kernel of {:?} for {g} offset groups is too large", self.kernel)));
        };
        for (what, ty, per_tap) in [("input", Some(&inputs[0]), 0), ("offset", inputs.get(1), 2), ("mask", inputs.get(2), 1)] {
            let Some(ty) = ty else { continue };
            check_dtype(self.name(), what, ty, DType::F32)?;
            let wanted = [n, taps * per_tap, size.h, size.w];
            if per_tap > 0 && ty.shape != wanted {
                return Err(Error::shape(self.name(), format!("{what} is {ty}, it must be {wanted:?} for input {}", inputs[0])));
            }
        }
        let output = TensorType::f32([n, c, taps / g, size.area()]);
        output.checked_elements()?;
        Ok(vec![output])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let shape = self.infer(&types(inputs).iter().collect::<Vec<_>>())?.remove(0).shape;
        let [_, c, h, w] = [0, 1, 2, 3].map(|i| inputs[0].shape()[i]);
        let size = self.size(inputs[0].shape())?;
        let (input, offset, mask) = (inputs[0].to_f64(), inputs[1].to_f64(), inputs.get(2).map(|m| m.to_f64()));
        let DeformConv2d { stride, padding, dilation, offset_groups, .. } = self.attributes;
        let (area, taps) = (size.area(), self.kernel.area());
        let column = |flat: usize| {
            let (at, tap, plane) = (flat % area, flat / area % taps, flat / area / taps);
            let own = (plane / c * offset_groups + plane % c / (c / offset_groups)) * taps + tap;
            let (y, x, i, j) = (at / size.w, at % size.w, tap / self.kernel.w, tap % self.kernel.w);
            let place_y = (y * stride.h + i * dilation.h) as f64 - padding.top as f64 + offset[2 * own * area + at];
            let place_x = (x * stride.w + j * dilation.w) as f64 - padding.left as f64 + offset[(2 * own + 1) * area + at];
            let pixel = |i: usize, j: usize| input[(plane * h + i) * w + j];
            let terms = taps_at(place_y, h).flat_map(|(i, wy)| taps_at(place_x, w).map(move |(j, wx)| wy * wx * pixel(i, j)));
            let value: f64 = terms.sum();
            value * mask.as_ref().map_or(1.0, |mask| mask[own * area + at])
        };
        let count = shape.iter().product();
        Ok(vec![rounded(&shape, (0..count).map(column).collect())?])
    }

    fn exact(&self, slot: Slot) -> bool {
        slot == Slot::Input(1)
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let [n, c, h, w] = [0, 1, 2, 3].map(|i| site.inputs[0].shape[i]);
        let size = self.size(&site.inputs[0].shape)?;
        let DeformConv2d { stride, padding, dilation, offset_groups, .. } = self.attributes;
        let masked = site.inputs.len() == 3;
        let row = |ty: &TensorType| ty.elements() as u64 / n as u64;
        let rows = [row(site.inputs[0]), row(site.inputs[1]), if masked { row(site.inputs[2]) } else { 0 }, row(site.outputs[0])];
        let launches = launch_rows(self.name(), site.device, n, &rows.map(|r| r * 4), |part| {
            let [from, offsets, mask, to] = rows.map(|r| site.device.window(part.start as u64 * r..part.end as u64 * r, 4));
            let count = part.len() * site.outputs[0].elements() / n;
            let pair = |hw: Hw| [u32_of(hw.h), u32_of(hw.w)];
            let params = Params {
                input_size: [u32_of(h), u32_of(w)],
                output_size: pair(size),
                kernel: pair(self.kernel),
                stride: pair(stride),
                dilation: pair(dilation),
                padding: [u32_of(padding.top), u32_of(padding.left)],
                channels: u32_of(c),
                per_group: u32_of(c / offset_groups),
                count: u32_of(count),
                input_skip: from.skip,
                offset_skip: offsets.skip,
                mask_skip: mask.skip,
                columns_skip: to.skip,
            };
            let launch = Launch::new(&COLUMNS, &params, groups(count, WORKGROUP)).constant("MASKED", masked);
            let launch = launch.input_window(0, &from).input_window(1, &offsets);
            if masked { launch.input_window(2, &mask) } else { launch.optional_input(None) }.output_window(0, &to)
        })?;
        Ok(vec![Candidate::of(launches)])
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        composed(inputs, output_grads, |v| self.sampled(v).map(|columns| vec![columns]))
    }
}

impl DeformColumns {
    /// The same columns by `grid_sample`: images (N g, C / g, H, W) of g offset groups, and all taps' places below each other in a grid.
    fn sampled(&self, inputs: &[Var]) -> Result<Var> {
        let (input, offset) = (&inputs[0], &inputs[1]);
        let [n, c, h, w] = [0, 1, 2, 3].map(|i| input.shape()[i]);
        let DeformConv2d { stride, padding, dilation, offset_groups: g, .. } = self.attributes;
        let (size, taps) = (self.size(input.shape())?, self.kernel.area());
        // Where a tap would read without offsets: x, y in grid_sample's coordinates, of which 2 / W are a pixel and -1 is its outer edge.
        let places = Array::from_fn([taps, size.h, size.w, 2], |i| {
            let (axis, x, y, tap) = (i % 2, i / 2 % size.w, i / 2 / size.w % size.h, i / 2 / size.area());
            let (at, side) = match axis {
                0 => ((x * stride.w + tap % self.kernel.w * dilation.w) as f64 - padding.left as f64, w),
                _ => ((y * stride.h + tap / self.kernel.w * dilation.h) as f64 - padding.top as f64, h),
            };
            #[expect(clippy::cast_possible_truncation, reason = "rounded to f32 once")]
            let place = ((2.0 * at + 1.0) / side as f64 - 1.0) as f32;
            place
        });
        let graph = input.graph();
        let pixels = graph.constant(Array::new([2], vec![2.0 / w as f32, 2.0 / h as f32])?)?;
        let offsets = offset.reshape([n * g, taps, 2, size.h, size.w])?.transpose([0, 1, 3, 4, 2])?.flip(&[4])?;
        let grid = offsets.mul(&pixels)?.add(&graph.constant(places)?)?.reshape([n * g, taps * size.h, size.w, 2])?;
        let read = input.reshape([n * g, c / g, h, w])?.grid_sample(&grid, GridSample::default())?;
        let read = match inputs.get(2) {
            Some(mask) => read.mul(&mask.reshape([n * g, 1, taps * size.h, size.w])?)?,
            None => read,
        };
        read.reshape([n, c, taps, size.area()])
    }
}

/// The pixels of a side and their weights for a sample at `position`; those outside are left out.
fn taps_at(position: f64, size: usize) -> impl Iterator<Item = (usize, f64)> {
    let position = if position > -1.0 && position < size as f64 { position } else { -2.0 };
    let part = position - position.floor();
    #[expect(clippy::cast_possible_truncation, reason = "from -2 to the side's last pixel")]
    let low = position.floor() as isize;
    let inside = move |(i, weight): (isize, f64)| usize::try_from(i).ok().filter(|&i| i < size).map(|i| (i, weight));
    [(low, 1.0 - part), (low + 1, part)].into_iter().filter_map(inside)
}
