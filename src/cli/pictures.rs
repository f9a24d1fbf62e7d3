//! Pictures as inputs of models: `--mean`, `--scale`, `--layout`, `--size`.

use clap::{Args, ValueEnum};
use foveate::array::picture::Picture;
use foveate::array::{Array, DType, Hw, TensorType};
use foveate::graph::Graph;
use foveate::onnx::{Dim, Port, Tensor};
use foveate::ops::Resize;
use foveate::plan::{Device, Plan};
use foveate::{Error, Result};
use std::collections::BTreeMap;
use std::path::Path;

/// The heading of these options in help texts.
const HEADING: &str = "Pictures become (pixel - mean) * scale, pixels being 0 to 255";

#[derive(Debug, Args)]
pub(super) struct PictureArgs {
    /// Subtracted from each channel; one number, or one for each [default: 0]
    #[arg(long, help_heading = HEADING, value_name = "R,G,B", value_delimiter = ',', allow_hyphen_values = true)]
    mean: Vec<f64>,
    /// Multiplied with each channel then; one number, or one for each [default: 1/255, for integers 1]
    #[arg(long, help_heading = HEADING, value_name = "R,G,B", value_delimiter = ',', allow_hyphen_values = true)]
    scale: Vec<f64>,
    /// Where the channels stand [default: where the model has 1 or 3]
    #[arg(long, help_heading = HEADING, value_enum)]
    layout: Option<Layout>,
    /// Width and height to resize to, smoothly [default: the model's, else the picture's]
    #[arg(long, help_heading = HEADING, value_name = "WxH", value_parser = size)]
    size: Option<Hw>,
    /// Blue comes first, as in models trained with Caffe; --mean and --scale keep the order of the model's channels
    #[arg(long, help_heading = HEADING)]
    bgr: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Layout {
    /// Channels before rows and columns
    Nchw,
    /// Channels behind them
    Nhwc,
}

fn size(text: &str) -> Result<Hw, String> {
    let side = |s: &str| s.parse().ok().filter(|n| (1..=1 << 15).contains(n));
    let (w, h) = text.split_once(['x', 'X']).ok_or("expected width and height, 640x480")?;
    match (side(h), side(w)) {
        (Some(h), Some(w)) => Ok(Hw::new(h, w)),
        _ => Err(format!("'{text}' is no size such as 640x480")),
    }
}

impl PictureArgs {
    /// The picture at `path` as `port` wants it, `sizes` being what its open dimensions are bound to.
    pub(super) fn read(&self, port: &Port, sizes: &BTreeMap<String, usize>, path: &Path, device: &Device) -> Result<Tensor> {
        let wrong = |reason: String| Error::shape("--input", format!("a picture for '{port}': {reason}"));
        let dims = port.dims.as_ref().ok_or_else(|| wrong("it must have 2 to 4 dimensions".to_owned()))?;
        let fixed: Vec<Option<usize>> = dims
            .iter()
            .enumerate()
            .map(|(axis, dim)| match dim {
                Dim::Size(size) => Some(*size),
                open => open.key(port, axis).and_then(|key| sizes.get(&key).copied()),
            })
            .collect();
        let places = Places::of(&fixed, self.layout).ok_or_else(|| wrong("it must have 2 to 4 dimensions".to_owned()))?;
        let channels = match places.channels {
            None => 1,
            Some(axis) => fixed[axis].unwrap_or(3),
        };
        if !matches!(channels, 1 | 3) {
            return Err(wrong(format!("it has {channels} channels, a picture 1 or 3")));
        }
        let numbers = |what: &str, given: &[f64], default: f64| match given {
            [] => Ok(vec![default; channels]),
            [one] => Ok(vec![*one; channels]),
            all if all.len() == channels => Ok(all.to_vec()),
            all => Err(wrong(format!("{what} has {} numbers for {channels} channels", all.len()))),
        };
        let default_scale = if port.elem.is_float() { 1.0 / 255.0 } else { 1.0 };
        let (mean, scale) = (numbers("--mean", &self.mean, 0.0)?, numbers("--scale", &self.scale, default_scale)?);

        let picture = Picture::open(path)?;
        let wanted = self
            .size
            .unwrap_or_else(|| Hw::new(fixed[places.rows].unwrap_or(picture.size.h), fixed[places.columns].unwrap_or(picture.size.w)));
        let rgb = if picture.size == wanted { picture.rgb } else { resized(&picture.rgb, wanted, device)? };
        let pixels = rgb.values::<f32>()?;
        let area = wanted.area();
        let at = |channel: usize, pixel: usize| {
            let plane = |c: usize| f64::from(pixels[c * area + pixel]) * 255.0;
            let value = match (channels, self.bgr) {
                // The luma of ITU-R BT.601, as every picture library converts to grey.
                (1, _) => 0.299 * plane(0) + 0.587 * plane(1) + 0.114 * plane(2),
                (_, false) => plane(channel),
                (_, true) => plane(2 - channel),
            };
            (value - mean[channel]) * scale[channel]
        };
        let mut shape = vec![1; dims.len()];
        (shape[places.rows], shape[places.columns]) = (wanted.h, wanted.w);
        if let Some(axis) = places.channels {
            shape[axis] = channels;
        }
        let last = places.channels.is_some_and(|axis| axis > places.rows);
        let value = |i: usize| if last { at(i % channels, i / channels) } else { at(i / area, i % area) };
        Tensor::from_array(port.elem, &array(port, &shape, value)?)
    }
}

/// Rounded to what holds the input's elements; integers are clamped to their range.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded to f32, or clamped to the integer's range first")]
fn array(port: &Port, shape: &[usize], value: impl Fn(usize) -> f64) -> Result<Array> {
    let (low, high) = match port.elem.narrow() {
        Some((bits, true)) => (-f64::from(1 << (bits - 1)), f64::from((1 << (bits - 1)) - 1)),
        Some((bits, false)) => (0.0, f64::from((1u32 << bits) - 1)),
        None => (f64::MIN, f64::MAX),
    };
    let whole = |i: usize| value(i).round().clamp(low, high);
    Ok(match port.elem.held() {
        Some(DType::F32) => Array::from_fn(shape, |i| value(i) as f32),
        Some(DType::I32) => Array::from_fn(shape, |i| whole(i) as i32),
        Some(DType::U32) => Array::from_fn(shape, |i| whole(i) as u32),
        _ => return Err(Error::shape("--input", format!("a picture for '{port}': its elements are no numbers"))),
    })
}

/// Which dimensions are what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Places {
    channels: Option<usize>,
    rows: usize,
    columns: usize,
}

impl Places {
    /// For dimensions that are known in part: with a batch or without, with channels or without.
    fn of(dims: &[Option<usize>], layout: Option<Layout>) -> Option<Self> {
        let first = match dims.len() {
            2 => return Some(Self { channels: None, rows: 0, columns: 1 }),
            3 => 0,
            4 => 1,
            _ => return None,
        };
        let channels = |axis: usize| matches!(dims[axis], Some(1 | 3));
        let behind = !channels(first) && channels(first + 2);
        let layout = layout.unwrap_or(if behind { Layout::Nhwc } else { Layout::Nchw });
        Some(match layout {
            Layout::Nchw => Self { channels: Some(first), rows: first + 1, columns: first + 2 },
            Layout::Nhwc => Self { channels: Some(first + 2), rows: first, columns: first + 1 },
        })
    }
}

/// Resized by the engine: linear, averaging where it shrinks.
fn resized(rgb: &Array, size: Hw, device: &Device) -> Result<Array> {
    let graph = Graph::new();
    let small = graph.input("picture", TensorType::f32(rgb.shape()))?.resize(Resize::smooth(size))?;
    Plan::compile(device, &[&small])?.run(&[("picture", rgb)])?.pop().ok_or_else(|| Error::shape("--size", "the plan gave nothing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_found() {
        let places = |dims: &[Option<usize>], layout| Places::of(dims, layout).map(|p| (p.channels, p.rows, p.columns));
        assert_eq!(places(&[Some(1), Some(3), None, None], None), Some((Some(1), 2, 3)));
        assert_eq!(places(&[None, None, None, Some(3)], None), Some((Some(3), 1, 2)));
        assert_eq!(places(&[None; 4], None), Some((Some(1), 2, 3)));
        assert_eq!(places(&[None; 4], Some(Layout::Nhwc)), Some((Some(3), 1, 2)));
        assert_eq!(places(&[Some(8), Some(9), Some(1)], None), Some((Some(2), 0, 1)));
        assert_eq!(places(&[Some(8), Some(9)], None), Some((None, 0, 1)));
        assert_eq!(places(&[None; 5], None), None);
    }

    #[test]
    fn sizes_are_width_and_height() {
        assert_eq!(size("640x480"), Ok(Hw::new(480, 640)));
        assert!(size("640").is_err() && size("0x1").is_err() && size("9999999x1").is_err());
    }
}
