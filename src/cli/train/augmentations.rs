//! Augmentations as recipes name them.

use foveate::train::Augmentation;
use serde::Deserialize;

/// `[[augmentation]]`, with torchvision's numbers where it leaves some out.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum AugmentationRecipe {
    RandomHorizontalFlip {
        #[serde(default = "even")]
        p: f64,
    },
    RandomVerticalFlip {
        #[serde(default = "even")]
        p: f64,
    },
    RandomCrop {
        padding: usize,
    },
    RandomResizedCrop {
        #[serde(default = "usual_scale")]
        scale: [f64; 2],
        #[serde(default = "usual_ratio")]
        ratio: [f64; 2],
    },
    RandomRotation {
        degrees: f64,
    },
    ColorJitter {
        #[serde(default)]
        brightness: f64,
        #[serde(default)]
        contrast: f64,
        #[serde(default)]
        saturation: f64,
    },
    GaussianNoise {
        #[serde(default)]
        mean: f64,
        #[serde(default = "usual_sigma")]
        sigma: f64,
        #[serde(default = "yes")]
        clip: bool,
    },
}

fn even() -> f64 {
    0.5
}

fn usual_scale() -> [f64; 2] {
    [0.08, 1.0]
}

fn usual_ratio() -> [f64; 2] {
    [3.0 / 4.0, 4.0 / 3.0]
}

fn usual_sigma() -> f64 {
    0.1
}

fn yes() -> bool {
    true
}

impl AugmentationRecipe {
    pub(super) fn augmentation(&self) -> Augmentation {
        match *self {
            Self::RandomHorizontalFlip { p } => Augmentation::HorizontalFlip { p },
            Self::RandomVerticalFlip { p } => Augmentation::VerticalFlip { p },
            Self::RandomCrop { padding } => Augmentation::Crop { padding },
            Self::RandomResizedCrop { scale, ratio } => Augmentation::ResizedCrop { scale, ratio },
            Self::RandomRotation { degrees } => Augmentation::Rotation { degrees },
            Self::ColorJitter { brightness, contrast, saturation } => Augmentation::ColorJitter { brightness, contrast, saturation },
            Self::GaussianNoise { mean, sigma, clip } => Augmentation::GaussianNoise { mean, sigma, clip },
        }
    }
}
