//! Pictures of one's own, or made ones, as a recipe names them: `[data]`.

use super::asking::{AskedDigits, QuestionsRecipe, SquaresRecipe};
use super::captions::{CaptionedDigits, CaptionsRecipe};
use super::listening::RecordingsRecipe;
use super::scenes::{self, ClutteredDigits, DigitScenes};
use super::translating::PairsRecipe;
use super::writing::{IamRecipe, PenFontsRecipe};
use foveate::array::{DType, Hw};
use foveate::train::{About, Dataset, Fit, Frame, ImageFolder, MaskFolder, Pictures, VOID};
use foveate::{Error, Result};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `[data]`
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(super) enum DataRecipe {
    Folders(Files),
    Masks(Files),
    Npz(Files),
    Idx(Files),
    DigitScenes(DigitScenes),
    ClutteredDigits(ClutteredDigits),
    Pairs(PairsRecipe),
    Captions(CaptionsRecipe),
    CaptionedDigits(CaptionedDigits),
    Questions(QuestionsRecipe),
    AskedDigits(AskedDigits),
    Squares(SquaresRecipe),
    PenFonts(PenFontsRecipe),
    IamOndb(IamRecipe),
    Recordings(RecordingsRecipe),
    Timit(RecordingsRecipe),
}

/// Where the pictures are, and what becomes of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Files {
    /// What is learnt from: a folder of class folders, a folder of photos, an `.npz` file, or the IDX file of pictures.
    train: PathBuf,
    /// What it is measured by.
    test: PathBuf,
    /// Of masks the folders of masks, of IDX the files of labels.
    train_labels: Option<PathBuf>,
    test_labels: Option<PathBuf>,
    /// Of masks, for networks that tell one thing from the next, the folders of masks of things.
    train_things: Option<PathBuf>,
    test_things: Option<PathBuf>,
    /// Pixels of an example's sides.
    size: Option<Size>,
    channels: Option<usize>,
    #[serde(default)]
    fit: FitName,
    /// What labels mean, in their order.
    classes: Option<Vec<String>>,
    /// Networks see (value - mean) / std, values being 0 to 1: one number, or one for each channel; 0.5 and 0.25 where nothing is said.
    mean: Option<Vec<f32>>,
    std: Option<Vec<f32>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Folders,
    Masks,
    Npz,
    Idx,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
enum Size {
    Square(usize),
    /// Height and width.
    Sides([usize; 2]),
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FitName {
    #[default]
    Crop,
    Stretch,
}

impl From<FitName> for Fit {
    fn from(name: FitName) -> Self {
        match name {
            FitName::Crop => Self::Crop,
            FitName::Stretch => Self::Stretch,
        }
    }
}

/// Data that have been opened.
#[derive(Clone)]
pub(super) struct Sets {
    pub(super) learnt: Arc<dyn Dataset>,
    pub(super) test: Arc<dyn Dataset>,
    pub(super) about: About,
    /// Height and width, and channels.
    pub(super) size: Hw,
    pub(super) channels: usize,
}

impl DataRecipe {
    /// The data in `folder`. `seed` decides what those are that are made.
    pub(super) fn open(&self, folder: &Path, seed: u64) -> Result<Sets> {
        match self {
            Self::Folders(files) => files.open(Kind::Folders, folder),
            Self::Masks(files) => files.open(Kind::Masks, folder),
            Self::Npz(files) => files.open(Kind::Npz, folder),
            Self::Idx(files) => files.open(Kind::Idx, folder),
            Self::DigitScenes(scenes) => Ok(Sets {
                learnt: Arc::new(scenes.learnt(folder, seed)?),
                test: Arc::new(scenes.test(folder)?),
                about: scenes::about(),
                size: Hw::square(scenes.side),
                channels: 3,
            }),
            Self::ClutteredDigits(digits) => Ok(Sets {
                learnt: Arc::new(digits.learnt(folder, seed)?),
                test: Arc::new(digits.test(folder)?),
                about: digits.about(),
                size: Hw::square(digits.side),
                channels: 1,
            }),
            Self::PenFonts(_) | Self::IamOndb(_) => Err(wrong("has handwriting, which 'handwriting' alone learns from")),
            Self::Recordings(_) | Self::Timit(_) => Err(wrong("has recordings, which 'arsg' alone learns from")),
            Self::Questions(_) | Self::AskedDigits(_) | Self::Squares(_) => {
                Err(wrong("has questions, which 'smem-vqa' alone learns from; the system learns from labels"))
            }
            Self::Pairs(_) => Err(wrong("is of kind 'pairs', which has sentences; the system learns from pictures")),
            Self::Captions(_) | Self::CaptionedDigits(_) => {
                Err(wrong("has captions, which 'show-attend-tell' alone learns from; the system learns from labels"))
            }
        }
    }

    /// The same of things in coloured pictures, one told from the next, for `system`.
    pub(super) fn things(&self, system: &str, folder: &Path, seed: u64) -> Result<Sets> {
        let sets = match self {
            Self::DigitScenes(scenes) => Sets {
                learnt: Arc::new(scenes.learnt(folder, seed)?.instances()),
                test: Arc::new(scenes.test(folder)?.instances()),
                ..self.open(folder, seed)?
            },
            _ => self.with_things(system, true)?.open(folder, seed)?,
        };
        if sets.channels != 3 {
            return Err(wrong(format!("has pictures of {} channels; '{system}' sees red, green and blue", sets.channels)));
        }
        sets.labelled(system, 2)
    }

    /// Whether labels tell one thing from the next.
    fn has_things(&self) -> bool {
        matches!(self, Self::Masks(files) if files.train_things.is_some())
    }

    /// Refuses data that tell things apart, which `system` does not, and others where it does.
    pub(super) fn with_things(&self, system: &str, wanted: bool) -> Result<&Self> {
        match (self.has_things(), wanted) {
            (true, false) => Err(wrong(format!("has train_things, and '{system}' tells no things of a class apart"))),
            (false, true) => {
                Err(wrong(format!("has no train_things and test_things, by which '{system}' learns to tell one thing from the next")))
            }
            _ => Ok(self),
        }
    }

    /// Refuses mean and std where `system` sees values of 0 to 1.
    pub(super) fn refuse_normalisation(&self, system: &str) -> Result<()> {
        match self {
            Self::Folders(files) | Self::Masks(files) | Self::Npz(files) | Self::Idx(files)
                if files.mean.is_some() || files.std.is_some() =>
            {
                Err(wrong(format!("has mean or std, and '{system}' sees values of 0 to 1 as they are")))
            }
            _ => Ok(()),
        }
    }
}

impl Files {
    fn open(&self, kind: Kind, folder: &Path) -> Result<Sets> {
        let labelled = matches!(kind, Kind::Masks | Kind::Idx);
        if [&self.train_labels, &self.test_labels].iter().any(|labels| labels.is_some() != labelled) {
            let who = if labelled { "needs train_labels and test_labels" } else { "has no train_labels and test_labels" };
            return Err(wrong(format!("kind = {kind:?} {who}: they are of masks and idx")));
        }
        if self.train_things.is_some() != self.test_things.is_some() || (self.train_things.is_some() && kind != Kind::Masks) {
            return Err(wrong(format!(
                "kind = {kind:?} has one of train_things and test_things alone, or they are of other data than masks"
            )));
        }
        let learnt = [Some(&self.train), self.train_labels.as_ref(), self.train_things.as_ref()];
        let test = [Some(&self.test), self.test_labels.as_ref(), self.test_things.as_ref()];
        let (learnt, classes) = self.part(kind, folder, learnt, self.classes.clone())?;
        let (test, _) = self.part(kind, folder, test, Some(classes.clone()))?;
        if learnt.tensors() != test.tensors() {
            let types = |data: &dyn Dataset| data.tensors().iter().map(|(name, ty)| format!("{name} {ty}")).collect::<Vec<_>>().join(", ");
            return Err(wrong(format!("train has {}, test {}; size and channels make them one", types(&*learnt), types(&*test))));
        }
        let image = learnt.tensors().into_iter().find(|(name, _)| name == "image");
        let &[channels, h, w] = image.as_ref().map_or(&[][..], |(_, ty)| &ty.shape) else { return Err(wrong("has no image")) };
        let each = |what: &str, numbers: &Option<Vec<f32>>, usual: f32| match numbers.as_deref().unwrap_or(&[usual]) {
            [one] => Ok(vec![*one; channels]),
            all if all.len() == channels => Ok(all.to_vec()),
            all => Err(wrong(format!("{what} has {} numbers for {channels} channels", all.len()))),
        };
        let (mean, std) = (each("mean", &self.mean, 0.5)?, each("std", &self.std, 0.25)?);
        if let Some(number) = std.iter().find(|n| !(n.is_finite() && **n > 0.0)) {
            return Err(wrong(format!("std has {number}, which nothing can be divided by")));
        }
        let size = Hw::new(h, w);
        let about = About { classes, size: Some(size), fit: self.fit.into(), mean, std };
        Ok(Sets { learnt, test, about, size, channels })
    }

    /// One part of the data, and the names of its classes.
    fn part(
        &self,
        kind: Kind,
        folder: &Path,
        [from, labels, things]: [Option<&PathBuf>; 3],
        classes: Option<Vec<String>>,
    ) -> Result<(Arc<dyn Dataset>, Vec<String>)> {
        let [path, labels] = [from, labels].map(|name| name.map(|name| folder.join(name)).unwrap_or_default());
        let frame = |own: Option<(Hw, usize)>| {
            let size = match self.size {
                Some(Size::Square(side)) => Some(Hw::square(side)),
                Some(Size::Sides([h, w])) => Some(Hw::new(h, w)),
                None => own.map(|(size, _)| size),
            };
            let size = size.ok_or_else(|| wrong("needs a size: photos have any"))?;
            Frame::new(size, self.channels.or(own.map(|(_, channels)| channels)).unwrap_or(3), self.fit.into())
        };
        let pictures = match kind {
            Kind::Folders => {
                let data = match &classes {
                    Some(classes) => ImageFolder::with_classes(path, frame(None)?, classes)?,
                    None => ImageFolder::open(path, frame(None)?)?,
                };
                let classes = data.classes().to_vec();
                return Ok((Arc::new(data), classes));
            }
            Kind::Masks => {
                let classes = classes.ok_or_else(|| wrong("needs classes: the names of 0, 1 and so on in masks"))?;
                let masks = MaskFolder::open(path, labels, frame(None)?, classes.len())?;
                let masks = if let Some(things) = things { masks.with_things(folder.join(things))? } else { masks };
                return Ok((Arc::new(masks), classes));
            }
            Kind::Npz => Pictures::open_npz(&path)?,
            Kind::Idx => Pictures::open_idx(&path, labels)?,
        };
        let classes = classes.unwrap_or_else(|| (0..pictures.classes()).map(|class| class.to_string()).collect());
        if pictures.classes() > classes.len() {
            let reason = format!("has the label {}; there are {} classes", pictures.classes() - 1, classes.len());
            return Err(Error::model(path.display().to_string(), reason));
        }
        let own = pictures.frame();
        let frame = frame(Some((own.size(), own.channels())))?;
        Ok((Arc::new(pictures.framed(frame)), classes))
    }
}

impl Sets {
    /// Refuses labels of other dimensions than `system` learns: none for a picture's, two for those of pixels.
    pub(super) fn labelled(self, system: &str, rank: usize) -> Result<Self> {
        let label = self.learnt.tensors().into_iter().find(|(name, ty)| name == "label" && ty.dtype == DType::I32);
        match label {
            Some((_, ty)) if ty.rank() == rank && rank > 0 && self.about.classes.len() > usize::from(VOID) => {
                let count = self.about.classes.len();
                Err(wrong(format!("has {count} classes; in masks there are {VOID} at most, since {VOID} is none")))
            }
            Some((_, ty)) if ty.rank() == rank => Ok(self),
            _ => {
                let wants = if rank == 0 { "a class for each picture" } else { "a class for each pixel" };
                Err(wrong(format!("is not what '{system}' learns from, {wants}")))
            }
        }
    }
}

fn wrong(reason: impl Into<String>) -> Error {
    Error::model("[data]", reason)
}
