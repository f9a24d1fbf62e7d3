//! Pictures as inputs of models: `--mean`, `--scale`, `--layout`, `--size`.

use clap::{Args, ValueEnum};
use foveate::array::picture::Picture;
use foveate::array::{Array, DType, Hw};
use foveate::graph::{Graph, Var};
use foveate::models::photo;
use foveate::onnx::{Dim, Elem, Port, Tensor};
use foveate::ops::Conv2d;
use foveate::plan::{Device, Plan};
use foveate::{Error, Result};
use std::collections::BTreeMap;
use std::path::Path;

/// The heading of these options in help texts.
const HEADING: &str = "Pictures become (pixel - mean) * scale, pixels being 0 to 255";

#[derive(Debug, Default, PartialEq, Args)]
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
    /// Width and height to resize to, smoothly [default: the model's; where that is open, the picture's, which segment brings to
    /// multiples of 32 up to 960]
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

/// What a picture becomes for one input of a model.
#[derive(Clone, Debug)]
pub(super) struct Pixels {
    elem: Elem,
    rank: usize,
    places: Places,
    channels: usize,
    /// Height and width where they are not the picture's own.
    sides: [Option<usize>; 2],
    mean: Vec<f64>,
    scale: Vec<f64>,
    bgr: bool,
}

impl PictureArgs {
    /// What `port` wants, `sizes` being what its open dimensions are bound to.
    pub(super) fn pixels(&self, port: &Port, sizes: &BTreeMap<String, usize>) -> Result<Pixels> {
        let wrong = |reason: String| Error::shape("a picture", format!("for '{port}': {reason}"));
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
        if !port.elem.is_float() && !port.elem.is_integer() {
            return Err(wrong("its elements are no numbers".to_owned()));
        }
        let numbers = |what: &str, given: &[f64], default: f64| match given {
            [] => Ok(vec![default; channels]),
            [one] => Ok(vec![*one; channels]),
            all if all.len() == channels => Ok(all.to_vec()),
            all => Err(wrong(format!("{what} has {} numbers for {channels} channels", all.len()))),
        };
        let default_scale = if port.elem.is_float() { 1.0 / 255.0 } else { 1.0 };
        let (mean, scale) = (numbers("--mean", &self.mean, 0.0)?, numbers("--scale", &self.scale, default_scale)?);
        let sides = self.size.map_or([fixed[places.rows], fixed[places.columns]], |size| [Some(size.h), Some(size.w)]);
        Ok(Pixels { elem: port.elem, rank: dims.len(), places, channels, sides, mean, scale, bgr: self.bgr })
    }

    /// The picture at `path` as `port` wants it, made on `device`.
    pub(super) fn read(&self, port: &Port, sizes: &BTreeMap<String, usize>, path: &Path, device: &Device) -> Result<Tensor> {
        let pixels = self.pixels(port, sizes)?;
        let picture = Picture::open(path)?;
        let graph = Graph::new();
        let rgb = graph.input("picture", picture.rgb.ty())?;
        let made = pixels.of(&photo::scaled(&rgb, pixels.size(picture.size))?)?;
        let arrays = Plan::compile(device, &[&made])?.run(&[("picture", &picture.rgb)])?;
        arrays.first().map_or_else(|| Err(Error::shape("a picture", "the plan gave nothing")), |a| Tensor::from_array(port.elem, a))
    }
}

impl Pixels {
    /// The size to bring a picture to, `own` where it is open.
    pub(super) fn size(&self, own: Hw) -> Hw {
        Hw::new(self.sides[0].unwrap_or(own.h), self.sides[1].unwrap_or(own.w))
    }

    /// The model's input from a picture (1, 3, h, w) of the right size, red, green and blue in 0..1.
    ///
    /// Channels, mean and scale are one linear map of each pixel, so a convolution:
    ///
    /// ```text
    /// y[c] = (255 sum over k of s[c, k] x[k] - mean[c]) scale[c]
    /// ```
    ///
    /// with `s` choosing the channel, or for grey the luma of ITU-R BT.601, as every picture library has it. Integers are rounded and
    /// brought into their elements' range.
    pub(super) fn of(&self, rgb: &Var) -> Result<Var> {
        let share = |channel: usize, plane: usize| match (self.channels, self.bgr) {
            (1, _) => [0.299, 0.587, 0.114][plane],
            (_, false) => f64::from(plane == channel),
            (_, true) => f64::from(plane == 2 - channel),
        };
        let [_, _, h, w] = *rgb.shape() else { return Err(Error::shape("a picture", format!("is (1, 3, h, w), not {}", rgb.ty()))) };
        #[expect(clippy::cast_possible_truncation, reason = "numbers of a command line, rounded to f32")]
        let (weight, bias) = (
            Array::from_fn([self.channels, 3, 1, 1], |i| (share(i / 3, i % 3) * 255.0 * self.scale[i / 3]) as f32),
            Array::from_fn([self.channels], |c| (-self.mean[c] * self.scale[c]) as f32),
        );
        let graph = rgb.graph();
        let mut y = rgb.conv2d(&graph.constant(weight)?, Some(&graph.constant(bias)?), Conv2d::default())?;
        if let Some(dtype) = self.elem.held().filter(|_| self.elem.is_integer()) {
            let (low, high) = match self.elem.narrow() {
                Some((bits, true)) => (-(1i64 << (bits - 1)), Some((1i64 << (bits - 1)) - 1)),
                Some((bits, false)) => (0, Some((1i64 << bits) - 1)),
                None if dtype == DType::U32 => (0, None),
                None => (i64::from(i32::MIN), None),
            };
            // Below zero is cut before the cast: it has no u32.
            let least = (dtype == DType::U32).then_some(0.0);
            y = y.round()?.clip(least, None)?.cast(dtype)?.clip_integers(Some(low), high)?;
        }
        let behind = self.places.channels.is_some_and(|axis| axis > self.places.rows);
        let y = if behind { y.transpose([0, 2, 3, 1])? } else { y };
        let mut shape = vec![1; self.rank];
        (shape[self.places.rows], shape[self.places.columns]) = (h, w);
        if let Some(axis) = self.places.channels {
            shape[axis] = self.channels;
        }
        y.reshape(shape)
    }
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
