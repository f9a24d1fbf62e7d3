//! `foveate segment`

use super::DeviceArgs;
use super::background::{Background, Ready, blend};
use super::masks::{self, MaskArgs, Masker};
use super::photos::{self, Photo};
use clap::Args;
use foveate::array::{Array, Hw, picture};
use foveate::models::backdrop;
use foveate::plan::{Device, PlanCache};
use foveate::{Error, Result};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

#[derive(Debug, Args)]
#[command(after_help = "\
Writes mask.png, cutout.png (with alpha) and overlay.png (the photo, and beside it with
the mask tinted) to the output folder; with --background also composite.png. Several photos
get a folder each, named after the photo.

Examples:
  foveate segment                                     the built-in photo
  foveate segment me.jpg --background blur            me.jpg in front of itself, blurred
  foveate segment holiday/ --output cut --background '#20406080'
  foveate segment me.png --background beach.webp --device cpu
  foveate segment page.png --model text-detector.onnx \\
      --mean 123.675,116.28,103.53 --scale 0.017125,0.017507,0.017429   (ImageNet's)")]
pub(super) struct Segment {
    /// Photos, or folders of photos: PNG, JPEG or WebP; the built-in one if none is given
    photos: Vec<PathBuf>,
    /// Where to write
    #[arg(short, long, value_name = "DIR", default_value = "segmented")]
    output: PathBuf,
    /// Put the person in front of: blur, a CSS colour, or a picture
    #[arg(short, long, value_name = "blur|COLOUR|PICTURE")]
    background: Option<Background>,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    mask: MaskArgs,
}

impl Segment {
    pub(super) fn run(self) -> Result<ExitCode> {
        let photos = photos::find(&self.photos, &self.output)?;
        let background = self.background.map(Background::load).transpose()?;
        let masker = self.mask.load()?;
        let opened = Instant::now();
        let device = self.device.open()?;
        eprintln!("{}, opened in {}", device.name(), milliseconds(opened));
        let mut cutter = Cutter::new(&device, masker, background);
        let failed =
            if let [photo] = photos.as_slice() { usize::from(!report(cutter.cut(photo), photo)) } else { all(&photos, &mut cutter) };
        if failed > 0 && photos.len() > 1 {
            eprintln!("{failed} of {} photos failed", photos.len());
        }
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// One after the other with a progress bar; a photo that fails does not stop the rest. Returns how many failed.
fn all(photos: &[Photo], cutter: &mut Cutter) -> usize {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} ({eta} left)").unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(photos.len() as u64).with_style(style);
    let mut failed = 0;
    for photo in photos {
        bar.set_message(photo.name());
        let result = cutter.cut(photo);
        failed += usize::from(bar.suspend(|| !report(result, photo)));
        bar.inc(1);
    }
    bar.finish_and_clear();
    failed
}

/// Says how a photo went; `false` if it failed.
fn report(result: Result<String>, photo: &Photo) -> bool {
    match result {
        Ok(line) => println!("{line}"),
        // An error about the photo names it already.
        Err(error @ (Error::Model { .. } | Error::Io { .. })) => {
            eprintln!("error: {error}");
            return false;
        }
        Err(error) => {
            eprintln!("error: {}: {error}", photo.name());
            return false;
        }
    }
    true
}

/// Everything that photos share.
struct Cutter {
    plans: PlanCache,
    background: Option<Ready>,
}

impl Cutter {
    fn new(device: &Device, masker: Masker, background: Option<Ready>) -> Self {
        let blur = matches!(background, Some(Ready::Blur));
        let plans = PlanCache::new(device, 4, move |graph, inputs| {
            let mut outputs = vec![masker.mask(graph, &inputs[0])?];
            if blur {
                outputs.push(backdrop::blurred(&inputs[0], &outputs[0])?);
            }
            if let Some(picture) = inputs.get(1) {
                outputs.push(backdrop::cover(picture, Hw::new(inputs[0].shape()[2], inputs[0].shape()[3]))?);
            }
            Ok(outputs)
        });
        Self { plans, background }
    }

    /// Cuts one photo out and says in a line how long each stage took.
    fn cut(&mut self, photo: &Photo) -> Result<String> {
        let begin = Instant::now();
        let picture = photo.read()?;
        let read = milliseconds(begin);

        let begin = Instant::now();
        let mut inputs = vec![("photo", &picture.rgb)];
        if let Some(Ready::Picture(behind)) = &self.background {
            inputs.push(("background", &behind.rgb));
        }
        let known = self.plans.contains(&inputs);
        let mut outputs = self.plans.run(&inputs)?.into_iter();
        let computed = milliseconds(begin);
        let (Some(mask), behind) = (outputs.next(), outputs.next()) else {
            return Err(Error::shape("segment", "the plan gave no mask"));
        };
        masks::check(&mask)?;

        let begin = Instant::now();
        std::fs::create_dir_all(&photo.output).map_err(|e| Error::io(&photo.output, e))?;
        let composite = self.composite(&picture.rgb, behind.as_ref(), &mask)?;
        write(&photo.output, &picture, &mask, composite.as_ref())?;
        let wrote = milliseconds(begin);
        let (w, h) = (picture.size.w, picture.size.h);
        let compiled = if known { "" } else { " with compilation" };
        let to = photo.output.display();
        Ok(format!("{}: {w}x{h}, read {read}, computed{compiled} {computed}, written to {to} {wrote}", photo.name()))
    }

    fn composite(&self, photo: &Array, behind: Option<&Array>, mask: &Array) -> Result<Option<Array>> {
        let area = mask.len();
        match (&self.background, behind) {
            (Some(Ready::Colour(colour)), _) => blend(photo, |channel, _| colour[channel], mask).map(Some),
            (Some(_), Some(behind)) => {
                let values = behind.values::<f32>()?;
                blend(photo, |channel, pixel| values[channel * area + pixel], mask).map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// The mask's tint in the overlay.
const TINT: [f32; 3] = [0.1, 0.8, 0.4];

fn write(folder: &Path, picture: &picture::Picture, mask: &Array, composite: Option<&Array>) -> Result<()> {
    let (rgb, m) = (picture.rgb.values::<f32>()?, mask.values::<f32>()?);
    let alpha = picture.alpha.as_ref().map(Array::values::<f32>).transpose()?;
    let (size, area) = (picture.size, m.len());
    let cutout = Array::from_fn([1, 4, size.h, size.w], |i| match i.checked_sub(3 * area) {
        None => rgb[i],
        Some(pixel) => m[pixel] * alpha.map_or(1.0, |a| a[pixel]),
    });
    // The photo on the left, the same with the mask tinted on the right.
    let overlay = Array::from_fn([1, 3, size.h, 2 * size.w], |i| {
        let (row, x) = (i / (2 * size.w), i % (2 * size.w));
        let (channel, pixel) = (row / size.h, row % size.h * size.w + x % size.w);
        let value = rgb[channel * area + pixel];
        if x < size.w { value } else { value + (TINT[channel] - value) * 0.55 * m[pixel] }
    });
    picture::write_png(folder.join("mask.png"), mask)?;
    picture::write_png(folder.join("cutout.png"), &cutout)?;
    picture::write_png(folder.join("overlay.png"), &overlay)?;
    composite.map_or(Ok(()), |c| picture::write_png(folder.join("composite.png"), c))
}

fn milliseconds(since: Instant) -> String {
    format!("{:.0} ms", since.elapsed().as_secs_f64() * 1e3)
}
