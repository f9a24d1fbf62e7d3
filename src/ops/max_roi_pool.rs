//! `max_roi_pool`: parts of maps at one size, each bin the largest value in it.
//!
//! ```text
//! (x1, y1, x2, y2) = round(rois[k] * spatial_scale)                 to the nearest place, halves away from 0; the last ones belong to the part
//! (w, h) = max(1, (x2 - x1 + 1, y2 - y1 + 1))
//! bin (y, x) = rows y1 + floor(y h / OH) .. y1 + ceil((y + 1) h / OH), columns likewise, as far as they lie in the map
//! output[k, c, y, x] = max over the bin of input[batch_indices[k], c, :, :], 0 of an empty one
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | (N, C, H, W) |
//! | rois | (K, 4): x1, y1, x2, y2 |
//! | `batch_indices` | i32 (K): which map; from the end where negative, the nearest where there is none |
//! | output | (K, C, OH, OW) |
//! | indices | i32 (K, C, OH, OW): where in its H x W plane the value lay, y W + x; -1 of an empty bin |
//!
//! The first in scan order wins among equals; a NaN wins over all, the last if there are several. All bins of a part with a coordinate that
//! is no number below 2^15, in places of the map, are empty. Borders of bins are those of the fractions, computed in integers: Caffe's
//! code rounds h / OH to a float first, which moves a border where a fraction is whole and the float is not.
//!
//! Gradient, by input: that of each output at the place that won, added up part by part ([`MaxRoiPoolGradient`]). None flows into rois.
//!
//! ONNX: `MaxRoiPool`, whose parts (K, 5) begin with the map's number. PyTorch: `torchvision.ops.roi_pool`. Source: Girshick, Fast R-CNN
//! (2015), section 2.1.

use super::gather::picked_place;
use super::slices::nested;
use super::{Candidate, Op, Site, WORKGROUP, check_dtype, check_inputs, check_rank, groups, launch_rows, number, the_gradient, u32_of};
use crate::array::{Array, DType, Hw, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, Slot, kernel, params};
use crate::graph::Var;

params! {
    struct BinsParams {
        input_size: [u32; 2],
        output_size: [u32; 2],
        images: u32,
        channels: u32,
        first: u32,
        count: u32,
        output_skip: u32,
        spatial_scale: f32,
    }
}

params! {
    struct GradientParams {
        input_size: [u32; 2],
        output_size: [u32; 2],
        images: u32,
        channels: u32,
        parts: u32,
        first: u32,
        count: u32,
        output_skip: u32,
        spatial_scale: f32,
    }
}

static BINS: Kernel = kernel!("max_roi_pool/bins", BinsParams);
static GRADIENT: Kernel = kernel!("max_roi_pool/gradient", GradientParams);
pub(super) const KERNELS: &[&Kernel] = &[&BINS, &GRADIENT];

/// Bins along a side at most: times a part's side they are numbers below 2^31.
const MOST_BINS: usize = 1 << 14;
/// Coordinates are nearer to the map's first place than this.
const FAR: f32 = 32768.0;

/// Parts of maps at one size, each bin the largest value in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MaxRoiPool {
    /// The output's size.
    pub size: Hw,
    /// From the coordinates of parts to places of the map.
    pub spatial_scale: f32,
}

impl Default for MaxRoiPool {
    fn default() -> Self {
        Self { size: Hw::square(1), spatial_scale: 1.0 }
    }
}

/// The gradient of maps of which parts were pooled, by where the largest values lay: of rois, `batch_indices`, indices and the gradient of
/// the output the gradient (N, C, H, W) of the input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MaxRoiPoolGradient {
    /// The pooling.
    pub pooling: MaxRoiPool,
    /// How many maps there are.
    pub maps: usize,
    /// Their size.
    pub map: Hw,
}

impl Var {
    /// The parts `rois` (K, 4) of these maps (N, C, H, W), each of map `batch_indices[k]`, at one size: see [`MaxRoiPool`].
    ///
    /// # Errors
    /// If shapes or dtypes do not fit.
    pub fn max_roi_pool(&self, rois: &Self, batch_indices: &Self, attributes: MaxRoiPool) -> Result<Self> {
        let outputs = self.apply_all(attributes, &[rois, batch_indices])?;
        outputs.into_iter().next().ok_or_else(|| Error::shape(attributes.name(), "has two outputs"))
    }
}

/// Places along one side, the last one not included.
type Span = std::ops::Range<i64>;

/// A part in whole places: the first, and how many.
#[derive(Clone, Copy, Debug)]
struct Side {
    first: i64,
    size: i64,
}

impl Side {
    /// The places of a bin that lie in a map of `most`.
    fn bin(self, bin: usize, bins: usize, most: usize) -> Span {
        let (bin, bins, inside) = (bin as i64, bins as i64, |at: i64| at.clamp(0, most as i64));
        inside(self.first + bin * self.size / bins)..inside(self.first + ((bin + 1) * self.size + bins - 1) / bins)
    }
}

impl MaxRoiPool {
    /// Along x and along y; `None` where a coordinate is too far.
    fn sides(self, roi: &[f32]) -> Option<[Side; 2]> {
        let side = |low: f32, high: f32| {
            let [low, high] = [low, high].map(|v| v * self.spatial_scale);
            if !(low.abs() < FAR && high.abs() < FAR) {
                return None;
            }
            #[expect(clippy::cast_possible_truncation, reason = "below 2^15")]
            let [low, high] = [low, high].map(|v| nearest(v) as i64);
            Some(Side { first: low, size: (high - low + 1).max(1) })
        };
        match *roi {
            [x1, y1, x2, y2] => Some([side(x1, x2)?, side(y1, y2)?]),
            _ => None,
        }
    }

    fn check(self, rois: &TensorType, indices: &TensorType, map: Hw) -> Result<usize> {
        check_dtype(self.name(), "rois", rois, DType::F32)?;
        check_dtype(self.name(), "batch_indices", indices, DType::I32)?;
        let (&[parts, 4], &[count]) = (&rois.shape[..], &indices.shape[..]) else {
            return Err(Error::shape(self.name(), format!("rois {rois} and batch_indices {indices} must be (K, 4) and (K)")));
        };
        if parts != count {
            return Err(Error::shape(self.name(), format!("there are {parts} rois and {count} batch_indices")));
        }
        if ![self.size.h, self.size.w].iter().all(|side| (1..=MOST_BINS).contains(side)) || !self.spatial_scale.is_finite() {
            let reason = format!("{self:?}: the size must be positive and at most {MOST_BINS}, spatial_scale finite");
            return Err(Error::shape(self.name(), reason));
        }
        if map.area() == 0 || i32::try_from(map.h.saturating_mul(map.w)).is_err() {
            let reason = format!("maps of {} x {} have no places, or more than i32 indices reach", map.h, map.w);
            return Err(Error::shape(self.name(), reason));
        }
        Ok(parts)
    }
}

/// The nearest whole number, halves away from 0. `round` of Windows' MinGW takes 0.49999997 for 1.
fn nearest(v: f32) -> f64 {
    (f64::from(v.abs()) + 0.5).floor().copysign(f64::from(v))
}

/// Whether `value` wins over `best`.
fn wins(value: f32, best: f32) -> bool {
    value.is_nan() || (value > best && !best.is_nan())
}

impl Op for MaxRoiPool {
    fn name(&self) -> &'static str {
        "max_roi_pool"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 3..=3)?;
        check_rank(self.name(), "input", inputs[0], 4, "(N, C, H, W)")?;
        check_dtype(self.name(), "input", inputs[0], DType::F32)?;
        let [channels, h, w] = [1, 2, 3].map(|i| inputs[0].shape[i]);
        let parts = self.check(inputs[1], inputs[2], Hw::new(h, w))?;
        let output = TensorType::f32([parts, channels, self.size.h, self.size.w]);
        output.checked_elements()?;
        Ok(vec![output.clone(), TensorType::new(DType::I32, output.shape)])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (input, rois, maps) = (inputs[0].values::<f32>()?, inputs[1].values::<f32>()?, inputs[2].values::<i32>()?);
        let &[images, channels, h, w] = inputs[0].shape() else {
            return Err(Error::shape(self.name(), format!("input must be (N, C, H, W), it is {}", inputs[0].ty())));
        };
        let (mut values, mut indices) = (Vec::new(), Vec::new());
        for (roi, &map) in rois.chunks_exact(4).zip(maps) {
            let (sides, image) = (self.sides(roi), picked_place(map, images));
            for plane in input[image * channels * h * w..][..channels * h * w].chunks_exact(h * w) {
                for (y, x) in (0..self.size.h).flat_map(|y| (0..self.size.w).map(move |x| (y, x))) {
                    let mut best = None;
                    if let Some([across, down]) = sides {
                        for at in down.bin(y, self.size.h, h).flat_map(|i| across.bin(x, self.size.w, w).map(move |j| i * w as i64 + j)) {
                            let value = plane[at.unsigned_abs() as usize];
                            if best.is_none_or(|(_, largest)| wins(value, largest)) {
                                best = Some((at, value));
                            }
                        }
                    }
                    let (at, value) = best.unwrap_or((-1, 0.0));
                    values.push(value);
                    indices.push(i32::try_from(at).unwrap_or(-1));
                }
            }
        }
        let shape = [maps.len(), channels, self.size.h, self.size.w];
        Ok(vec![Array::new(shape, values)?, Array::new(shape, indices)?])
    }

    fn exact(&self, slot: Slot) -> bool {
        slot == Slot::Input(1)
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let [images, channels, h, w] = [0, 1, 2, 3].map(|i| site.inputs[0].shape[i]);
        let row = channels * self.size.area();
        let launches = launch_rows(self.name(), site.device, site.outputs[0].shape[0], &[row as u64 * 4; 2], |part| {
            let window = site.device.window((part.start * row) as u64..(part.end * row) as u64, 4);
            let params = BinsParams {
                input_size: [u32_of(w), u32_of(h)],
                output_size: [u32_of(self.size.w), u32_of(self.size.h)],
                images: u32_of(images),
                channels: u32_of(channels),
                first: u32_of(part.start),
                count: u32_of(part.len() * row),
                output_skip: window.skip,
                spatial_scale: self.spatial_scale,
            };
            let launch = Launch::new(&BINS, &params, groups(part.len() * row, WORKGROUP)).turns(nested(&[h, w]));
            launch.input(0).input(1).input(2).output_window(0, &window).output_window(1, &window)
        })?;
        Ok(vec![Candidate::of(launches)])
    }

    fn gradient(&self, inputs: &[Var], outputs: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let Some(grad) = output_grads.first().and_then(Option::as_ref) else { return Ok(vec![None; 3]) };
        let &[maps, _, h, w] = inputs[0].shape() else { return Ok(vec![None; 3]) };
        let of_input = MaxRoiPoolGradient { pooling: *self, maps, map: Hw::new(h, w) };
        Ok(vec![Some(inputs[1].apply1(of_input, &[&inputs[2], &outputs[1], grad])?), None, None])
    }
}

impl Op for MaxRoiPoolGradient {
    fn name(&self) -> &'static str {
        "max_roi_pool_gradient"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 4..=4)?;
        let parts = self.pooling.check(inputs[0], inputs[1], self.map)?;
        check_dtype(self.name(), "indices", inputs[2], DType::I32)?;
        check_dtype(self.name(), "grad", inputs[3], DType::F32)?;
        let Hw { h, w } = self.pooling.size;
        match (&inputs[2].shape[..], &inputs[3].shape[..]) {
            (of_indices, of_grad @ &[count, channels, y, x])
                if of_indices == of_grad && (count, y, x) == (parts, h, w) && self.maps > 0 =>
            {
                let output = TensorType::f32([self.maps, channels, self.map.h, self.map.w]);
                output.checked_elements()?;
                Ok(vec![output])
            }
            _ => {
                let reason = format!("indices {} and grad {} of {} maps must be ({parts}, C, {h}, {w})", inputs[2], inputs[3], self.maps);
                Err(Error::shape(self.name(), reason))
            }
        }
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (rois, maps) = (inputs[0].values::<f32>()?, inputs[1].values::<i32>()?);
        let (indices, grad) = (inputs[2].values::<i32>()?, inputs[3].values::<f32>()?);
        let (Hw { h, w }, bins) = (self.map, self.pooling.size);
        let channels = inputs[3].shape().get(1).copied().unwrap_or(0);
        let mut output = vec![0.0f32; self.maps * channels * h * w];
        for (at, (&index, &value)) in indices.iter().zip(grad).enumerate() {
            let (plane, y, x) = (at / bins.area(), at / bins.w % bins.h, at % bins.w);
            let (k, channel) = (plane / channels, plane % channels);
            let (Some([across, down]), Ok(place)) = (self.pooling.sides(&rois[4 * k..][..4]), usize::try_from(index)) else { continue };
            // An index outside of its bin is dropped.
            let within = |span: Span, at: usize| span.contains(&(at as i64));
            if within(down.bin(y, bins.h, h), place / w) && within(across.bin(x, bins.w, w), place % w) {
                output[(picked_place(maps[k], self.maps) * channels + channel) * h * w + place] += value;
            }
        }
        Ok(vec![Array::new([self.maps, channels, h, w], output)?])
    }

    fn exact(&self, slot: Slot) -> bool {
        slot == Slot::Input(0)
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let (parts, channels) = (site.inputs[3].shape[0], site.inputs[3].shape[1]);
        let (plane, bins) = (self.map.area(), self.pooling.size);
        let launches = launch_rows(self.name(), site.device, self.maps * channels, &[plane as u64 * 4], |planes| {
            let window = site.device.window((planes.start * plane) as u64..(planes.end * plane) as u64, 4);
            let params = GradientParams {
                input_size: [u32_of(self.map.w), u32_of(self.map.h)],
                output_size: [u32_of(bins.w), u32_of(bins.h)],
                images: u32_of(self.maps),
                channels: u32_of(channels),
                parts: u32_of(parts),
                first: u32_of(planes.start),
                count: u32_of(planes.len() * plane),
                output_skip: window.skip,
                spatial_scale: self.pooling.spatial_scale,
            };
            // A part smaller than its bins has the same place in all of them.
            let launch = Launch::new(&GRADIENT, &params, groups(planes.len() * plane, WORKGROUP)).turns(nested(&[parts, bins.h, bins.w]));
            launch.input(0).input(1).input(2).input(3).output_window(0, &window)
        })?;
        Ok(vec![Candidate::of(launches)])
    }

    /// Of grad: what the output's gradient is where the largest lay.
    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let of_output = the_gradient(self.name(), output_grads)?;
        Ok(vec![None, None, None, Some(at_places(of_output, &inputs[1], &inputs[2])?)])
    }
}

/// Of maps (N, C, H, W) the values at places (K, C, OH, OW) of maps `batch_indices` (K): 0 where a place is -1.
pub(super) fn at_places(maps: &Var, batch_indices: &Var, indices: &Var) -> Result<Var> {
    let (&[images, channels, height, width], &[parts, _, h, w]) = (maps.shape(), indices.shape()) else { return Ok(maps.clone()) };
    let zero = indices.graph().constant(Array::scalar(0i32))?;
    let places = indices.maximum(&zero)?.reshape([parts, channels, h * w])?;
    let maps = maps.reshape([images, channels, height * width])?.gather(0, batch_indices)?;
    let found = maps.gather_elements(2, &places)?.reshape([parts, channels, h, w])?;
    indices.greater_or_equal(&zero)?.where_(&found, &number(&found, 0.0)?)
}
