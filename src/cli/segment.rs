//! `foveate segment`

use super::DeviceArgs;
use super::background::Background;
use super::cutter::Cutter;
use super::labels::Labeller;
use super::masks::{MaskArgs, Network};
use super::photos::{self, milliseconds};
use super::things::Finder;
use super::trained;
use clap::Args;
use foveate::models::superpixels::Superpixels;
use foveate::{Error, Result};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

#[derive(Debug, Args)]
#[command(after_help = "\
Writes mask.png, cutout.png (with alpha) and overlay.png (the photo, and beside it with the mask
tinted) to the output folder; with --background also composite.png. A published system that tells
classes apart writes classes.png (a class a pixel, in PASCAL VOC's palette) and overlay.png with a
legend, as does a network that `foveate train` made. A cascade, which tells one thing from the
next of its class, writes instances.png and classes.png (PASCAL VOC's SegmentationObject and
SegmentationClass), instances.json (class, score, box, pixels) and overlay.png; with --refine
hypercolumns say anew which pixels of a box belong to its thing. Several photos get a folder each,
named after the photo.

Examples:
  foveate segment                                     the built-in photo
  foveate segment me.jpg --background blur            me.jpg in front of itself, blurred
  foveate segment holiday/ --output cut --background '#20406080'
  foveate segment me.png --background beach.webp --device cpu
  foveate segment street.jpg --model fcn8s --weights fcn8s-heavy-pascal.safetensors
  foveate segment me.jpg --model deconvnet --weights deconvnet.safetensors --regions boxes.txt
  foveate segment --model digits                      handwritten digits, 40 to 70 pixels high
  foveate segment --model digits --superpixels        its classes as segments of one colour vote
  foveate segment --model single-digits               each with a mask, a box and a score of its own
  foveate segment --model single-digits --refine digit-columns   the same with finer masks
  foveate segment street.jpg --model mnc --weights mnc.safetensors --refine hypercolumns.safetensors
  foveate segment yard.jpg --model runs/masks-unet/weights.safetensors
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
    /// Have masks of things drawn anew by hypercolumns: the released network's weights, those of `foveate train`, or the built-in ones
    /// for digits
    #[arg(long, requires = "model", value_name = "WEIGHTS.safetensors|digit-columns")]
    refine: Option<String>,
    /// Give all pixels of a superpixel, a segment of much the same colour, the class that is likeliest over all of it. SCALE is how much
    /// colours may change in one, and so how large they are [default: 100]
    #[arg(long, requires = "model", value_name = "SCALE", num_args = 0..=1, require_equals = true, default_missing_value = "100")]
    superpixels: Option<f32>,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    mask: MaskArgs,
}

impl Segment {
    pub(super) fn run(self) -> Result<ExitCode> {
        let photos = photos::find(&self.photos, self.mask.built_in(), &self.output)?;
        let background = self.background.map(Background::load).transpose()?;
        let network = self.mask.load()?;
        let refiner = self.refine.as_deref().map(trained::refiner).transpose()?;
        if refiner.is_some() && !matches!(network, Network::Things(_)) {
            return Err(Error::unsupported("--refine", "with a model that finds no things: a cascade does, single-digits or mnc"));
        }
        let superpixels = self.superpixels.map(|scale| Superpixels { scale, ..Superpixels::default() });
        if superpixels.is_some() && !matches!(network, Network::Classes(_)) {
            return Err(Error::unsupported("--superpixels", "with a model that gives pixels no classes: fcn8s does, or digits"));
        }
        let opened = Instant::now();
        let device = self.device.open()?;
        eprintln!("{}, opened in {}", device.name(), milliseconds(opened));
        let classifier = match network {
            Network::Masks(masker) => {
                let mut cutter = Cutter::new(&device, masker, background);
                return Ok(photos::each(&photos, &mut |photo| cutter.cut(photo)));
            }
            Network::Things(_) | Network::Classes(_) if background.is_some() => {
                return Err(Error::unsupported("--background", "with a model that finds classes or things, not a mask"));
            }
            Network::Things(cascade) => {
                let mut finder = Finder::new(&device, *cascade, refiner)?;
                return Ok(photos::each(&photos, &mut |photo| finder.find(photo)));
            }
            Network::Classes(classifier) => *classifier,
        };
        let mut labeller = Labeller::new(&device, classifier, superpixels, photos.len() == 1)?;
        Ok(photos::each(&photos, &mut |photo| labeller.label(photo)))
    }
}
