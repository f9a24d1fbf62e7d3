//! The published systems that give each pixel a class, and their weights: `--model fcn8s --weights FILE`.

use super::trained::TrainedPixels;
use clap::{Args, ValueEnum};
use foveate::array::TensorType;
use foveate::graph::Graph;
use foveate::models::Normalisation;
use foveate::models::deconvnet::{DeconvNet, Ensemble};
use foveate::models::fcn::{Fcn, Variant};
use foveate::nn::Weights;
use foveate::{Error, Result};
use std::path::PathBuf;

/// A published system that gives each pixel a class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Published {
    Fcn(Variant),
    DeconvNet,
    /// `DeconvNet` and FCN-8s together.
    EDeconvNet,
}

impl Published {
    fn all() -> impl Iterator<Item = Self> {
        Variant::ALL.into_iter().map(Self::Fcn).chain([Self::DeconvNet, Self::EDeconvNet])
    }

    fn name(self) -> &'static str {
        match self {
            Self::Fcn(variant) => variant.name(),
            Self::DeconvNet => "deconvnet",
            Self::EDeconvNet => "edeconvnet",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::all().find(|kind| kind.name() == name)
    }

    pub(super) fn names() -> String {
        Self::all().map(Self::name).collect::<Vec<_>>().join(", ")
    }
}

#[derive(Debug, Args)]
pub(super) struct SystemArgs {
    /// The published system's weights, by the names of its checkpoint; edeconvnet takes two files, DeconvNet's and FCN-8s'
    #[arg(long, requires = "model", value_name = "FILE.safetensors")]
    weights: Vec<PathBuf>,
    /// Where deconvnet looks for objects: lines of `x1 y1 x2 y2`, the likeliest first, in a file, or in a folder of files called
    /// after the photos, street.txt for street.jpg [default: all of the photo, and windows of three sizes over it]
    #[arg(long, requires = "model", value_name = "FILE|DIR")]
    regions: Option<PathBuf>,
    /// How edeconvnet puts both together [default: product]
    #[arg(long, requires = "model", value_enum)]
    ensemble: Option<EnsembleArg>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EnsembleArg {
    /// DeconvNet's scores times FCN-8s' where these are above 0, as in the released program
    Product,
    /// The mean of both probabilities, as in the paper
    Mean,
}

impl SystemArgs {
    /// Refuses options that are about something else.
    pub(super) fn none(&self, about: &str) -> Result<()> {
        if self.weights.is_empty() && self.regions.is_none() && self.ensemble.is_none() {
            return Ok(());
        }
        Err(Error::shape("segment", format!("--weights, --regions and --ensemble are about {about}")))
    }

    /// The weights of a system called `name` that takes one file and no other option.
    pub(super) fn only_weights(self, name: &str) -> Result<Weights> {
        match &self.weights[..] {
            [weights] if self.regions.is_none() && self.ensemble.is_none() => Weights::open(weights),
            _ => Err(Error::shape("segment", format!("{name} takes --weights FILE, and neither --regions nor --ensemble"))),
        }
    }

    /// # Errors
    /// If there are too many or too few weights, a tensor of the network is missing from them or has another shape, or an option is about
    /// another system.
    pub(super) fn load(self, kind: Published) -> Result<Classifier> {
        let name = kind.name();
        let wants = if kind == Published::EDeconvNet { 2 } else { 1 };
        if self.weights.len() != wants {
            let file = if wants == 1 { "--weights FILE" } else { "--weights FILE --weights FILE, DeconvNet's and FCN-8s'" };
            let reason = format!("{name} takes {file}; `foveate init` writes files of the right names and shapes");
            return Err(Error::shape("segment", reason));
        }
        if matches!(kind, Published::Fcn(_)) && self.regions.is_some() {
            return Err(Error::shape("segment", format!("--regions are about deconvnet, and {name} sees the whole photo")));
        }
        if kind != Published::EDeconvNet && self.ensemble.is_some() {
            return Err(Error::shape("segment", format!("--ensemble is about edeconvnet, not {name}")));
        }
        let weights = self.weights.iter().map(Weights::open).collect::<Result<Vec<_>>>()?;
        let ensemble = if self.ensemble == Some(EnsembleArg::Mean) { Ensemble::Mean } else { Ensemble::Product };
        let network = match (kind, &weights[..]) {
            (Published::Fcn(variant), [weights]) => Network::Fcn(Whole::new(variant, weights)?),
            (Published::EDeconvNet, [one, other]) => {
                // Both have layers of the same names: their scores tell them apart.
                let (deconvnet, fcn) = if one.contains("score_fr.weight") { (other, one) } else { (one, other) };
                Network::DeconvNet(Regional::new(deconvnet)?, Some((Whole::new(Variant::Fcn8s, fcn)?, ensemble)))
            }
            (_, all) => Network::DeconvNet(all.first().map_or_else(|| Err(Error::shape("segment", "no weights")), Regional::new)?, None),
        };
        Ok(Classifier { network, regions: self.regions })
    }
}

/// A system and its weights.
#[derive(Debug)]
pub(super) struct Classifier {
    pub(super) network: Network,
    /// Where `DeconvNet` looks.
    pub(super) regions: Option<PathBuf>,
}

/// With the weights it needs.
#[derive(Debug)]
pub(super) enum Network {
    Fcn(Whole),
    DeconvNet(Regional, Option<(Whole, Ensemble)>),
    Trained(Box<TrainedPixels>),
}

/// FCN, which sees the whole photo.
#[derive(Clone, Debug)]
pub(super) struct Whole {
    pub(super) fcn: Fcn,
    pub(super) weights: Weights,
}

impl Whole {
    fn new(variant: Variant, weights: &Weights) -> Result<Self> {
        let fcn = Fcn::of(variant, weights)?;
        // What is wrong with the weights is said before the first photo is read.
        fcn.forward(weights, &Graph::new().input("data", TensorType::f32([1, 3, 32, 32]))?)?;
        Ok(Self { fcn, weights: weights.clone() })
    }
}

/// `DeconvNet`, which sees regions of it.
#[derive(Clone, Debug)]
pub(super) struct Regional {
    pub(super) net: DeconvNet,
    pub(super) weights: Weights,
}

impl Regional {
    fn new(weights: &Weights) -> Result<Self> {
        let net = DeconvNet::of(weights)?;
        net.forward(weights, &Graph::new().input("data", TensorType::f32([1, 3, net.size().h, net.size().w]))?, Normalisation::Inference)?;
        Ok(Self { net, weights: weights.clone() })
    }
}
