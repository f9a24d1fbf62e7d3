//! A class for each pixel, by a published system: `classes.png`, and `overlay.png` with a legend.

use super::by_regions::ByRegions;
use super::photos::{Photo, milliseconds};
use clap::{Args, ValueEnum};
use foveate::array::picture::Picture;
use foveate::array::{Array, TensorType, picture};
use foveate::graph::Graph;
use foveate::models::deconvnet::{DeconvNet, Ensemble, SIZE};
use foveate::models::fcn::{Fcn, Variant};
use foveate::models::{Normalisation, voc};
use foveate::nn::Weights;
use foveate::plan::{Device, PlanCache};
use foveate::{Error, Result};
use std::path::PathBuf;
use std::time::Instant;

/// A published system that gives each pixel a class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum System {
    Fcn(Variant),
    DeconvNet,
    /// `DeconvNet` and FCN-8s together.
    EDeconvNet,
}

impl System {
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
        Self::all().find(|system| system.name() == name)
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

    /// # Errors
    /// If there are too many or too few weights, a tensor of the network is missing from them or has another shape, or an option is about
    /// another system.
    pub(super) fn load(self, system: System) -> Result<Classifier> {
        let name = system.name();
        let wants = if system == System::EDeconvNet { 2 } else { 1 };
        if self.weights.len() != wants {
            let file = if wants == 1 { "--weights FILE" } else { "--weights FILE --weights FILE, DeconvNet's and FCN-8s'" };
            let reason = format!("{name} takes {file}; `foveate init` writes files of the right names and shapes");
            return Err(Error::shape("segment", reason));
        }
        if matches!(system, System::Fcn(_)) && self.regions.is_some() {
            return Err(Error::shape("segment", format!("--regions are about deconvnet, and {name} sees the whole photo")));
        }
        if system != System::EDeconvNet && self.ensemble.is_some() {
            return Err(Error::shape("segment", format!("--ensemble is about edeconvnet, not {name}")));
        }
        let weights = self.weights.iter().map(Weights::open).collect::<Result<Vec<_>>>()?;
        let ensemble = if self.ensemble == Some(EnsembleArg::Mean) { Ensemble::Mean } else { Ensemble::Product };
        let network = match (system, &weights[..]) {
            (System::Fcn(variant), [weights]) => Network::Fcn(Whole::new(variant, weights)?),
            (System::EDeconvNet, [one, other]) => {
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
    network: Network,
    regions: Option<PathBuf>,
}

#[derive(Debug)]
enum Network {
    Fcn(Whole),
    DeconvNet(Regional, Option<(Whole, Ensemble)>),
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
        net.forward(weights, &Graph::new().input("data", TensorType::f32([1, 3, SIZE.h, SIZE.w]))?, Normalisation::Inference)?;
        Ok(Self { net, weights: weights.clone() })
    }
}

/// How a photo gets its classes.
enum Way {
    AtOnce(PlanCache),
    ByRegions(Box<ByRegions>),
}

/// Everything that photos share.
pub(super) struct Labeller {
    way: Way,
    /// The classes are PASCAL VOC's.
    voc: bool,
}

impl Labeller {
    /// With a progress bar over the regions of a photo if `progress`.
    pub(super) fn new(device: &Device, classifier: Classifier, progress: bool) -> Self {
        let (way, classes) = match classifier.network {
            Network::Fcn(Whole { fcn, weights }) => {
                let build = move |_: &Graph, inputs: &[_]| Ok(vec![fcn.photo_classes(&weights, &inputs[0])?]);
                (Way::AtOnce(PlanCache::new(device, 2, build)), fcn.classes)
            }
            Network::DeconvNet(regional, with) => {
                let classes = regional.net.classes;
                (Way::ByRegions(Box::new(ByRegions::new(device, regional, with, classifier.regions, progress))), classes)
            }
        };
        Self { way, voc: classes == voc::CLASSES.len() }
    }

    /// Labels one photo and says in a line what is in it and how long each stage took.
    pub(super) fn label(&mut self, photo: &Photo) -> Result<String> {
        let begin = Instant::now();
        let picture = photo.read()?;
        let read = milliseconds(begin);

        let begin = Instant::now();
        let (classes, about) = self.classes(photo, &picture)?;
        let computed = milliseconds(begin);

        let begin = Instant::now();
        let to = &photo.output;
        std::fs::create_dir_all(to).map_err(|e| Error::io(to, e))?;
        picture::write_indexed_png(to.join("classes.png"), &classes, voc::colour)?;
        picture::write_png(to.join("overlay.png"), &voc::sheet(&picture.rgb, &classes, |class| self.name(class))?)?;
        let wrote = milliseconds(begin);

        let pixels = picture.size.area() as f64;
        let share = |&(class, count): &(u8, usize)| format!("{} {:.1} %", self.name(class), 100.0 * count as f64 / pixels);
        let found = voc::legend(&classes)?.iter().map(share).collect::<Vec<_>>().join(", ");
        let (name, w, h, to) = (photo.name(), picture.size.w, picture.size.h, to.display());
        Ok(format!("{name}: {w}x{h}, {found}; read {read}, computed{about} {computed}, written to {to} {wrote}"))
    }

    /// The class of each pixel, and what else there is to say.
    fn classes(&mut self, photo: &Photo, picture: &Picture) -> Result<(Array, String)> {
        match &mut self.way {
            Way::ByRegions(regions) => regions.classes(photo, picture),
            Way::AtOnce(plans) => {
                let inputs = [("photo", &picture.rgb)];
                let compiled = if plans.contains(&inputs) { "" } else { " with compilation" };
                Ok((first(plans.run(&inputs)?)?, compiled.to_owned()))
            }
        }
    }

    fn name(&self, class: u8) -> String {
        match voc::CLASSES.get(usize::from(class)) {
            Some(name) if self.voc => (*name).to_owned(),
            _ => format!("class {class}"),
        }
    }
}

/// The one output of a plan.
pub(super) fn first(outputs: Vec<Array>) -> Result<Array> {
    outputs.into_iter().next().ok_or_else(|| Error::shape("segment", "the plan gave nothing"))
}
