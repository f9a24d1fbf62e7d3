//! Recipes: what a run of `foveate train` is, as TOML. A key that means nothing is refused by name.

use super::asking::SmemVqaRecipe;
use super::augmentations::AugmentationRecipe;
use super::cascades::MncRecipe;
use super::cnn::Cnn;
use super::columns::HypercolumnsRecipe;
use super::data::DataRecipe;
use super::digits::Digits;
use super::drawing::{DrawRecipe, GlimpsesRecipe};
use super::experiment::Experiment;
use super::listening::{self, ArsgRecipe};
use super::objects::ObjectsRecipe;
use super::pixels::Pixels;
use super::segmenters::{FcnRecipe, MultiscaleRecipe, RecurrentRecipe, UnetRecipe};
use super::telling::ShowAttendTellRecipe;
use super::translating::{LuongRecipe, RnnSearchRecipe};
use super::writing::{self, HandwritingRecipe};
use foveate::nn::optimiser::{Optimiser, Parameter};
use foveate::nn::schedule::Schedule;
use foveate::train::{Augmented, Clip, Dataset};
use foveate::{Error, Result};
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;
use toml::{Table, Value};

/// The recipes that come with the program.
pub(super) const BUILT_IN: &[(&str, &str)] = &[
    ("rotated-fcn", include_str!("../../../examples/recipes/rotated-fcn.toml")),
    ("rotated-st-fcn", include_str!("../../../examples/recipes/rotated-st-fcn.toml")),
    ("rotated-cnn", include_str!("../../../examples/recipes/rotated-cnn.toml")),
    ("rotated-st-cnn", include_str!("../../../examples/recipes/rotated-st-cnn.toml")),
    ("rts-fcn", include_str!("../../../examples/recipes/rts-fcn.toml")),
    ("rts-st-fcn", include_str!("../../../examples/recipes/rts-st-fcn.toml")),
    ("rts-cnn", include_str!("../../../examples/recipes/rts-cnn.toml")),
    ("rts-st-cnn", include_str!("../../../examples/recipes/rts-st-cnn.toml")),
    ("projected-st-cnn", include_str!("../../../examples/recipes/projected-st-cnn.toml")),
    ("elastic-st-cnn", include_str!("../../../examples/recipes/elastic-st-cnn.toml")),
    ("cluttered-cnn", include_str!("../../../examples/recipes/cluttered-cnn.toml")),
    ("cluttered-st-cnn", include_str!("../../../examples/recipes/cluttered-st-cnn.toml")),
    ("addition-fcn", include_str!("../../../examples/recipes/addition-fcn.toml")),
    ("addition-st-fcn", include_str!("../../../examples/recipes/addition-st-fcn.toml")),
    ("addition-2st-fcn", include_str!("../../../examples/recipes/addition-2st-fcn.toml")),
    ("cluttered-glimpses", include_str!("../../../examples/recipes/cluttered-glimpses.toml")),
    ("mnist-draw", include_str!("../../../examples/recipes/mnist-draw.toml")),
    ("digits-fcn32s", include_str!("../../../examples/recipes/digits-fcn32s.toml")),
    ("digits-fcn16s", include_str!("../../../examples/recipes/digits-fcn16s.toml")),
    ("digits-fcn8s", include_str!("../../../examples/recipes/digits-fcn8s.toml")),
    ("digits-singlescale", include_str!("../../../examples/recipes/digits-singlescale.toml")),
    ("digits-multiscale", include_str!("../../../examples/recipes/digits-multiscale.toml")),
    ("digits-recurrent-once", include_str!("../../../examples/recipes/digits-recurrent-once.toml")),
    ("digits-recurrent", include_str!("../../../examples/recipes/digits-recurrent.toml")),
    ("digits-mnc", include_str!("../../../examples/recipes/digits-mnc.toml")),
    ("digits-hypercolumns", include_str!("../../../examples/recipes/digits-hypercolumns.toml")),
    ("digits-deconvnet-0", include_str!("../../../examples/recipes/digits-deconvnet-0.toml")),
    ("digits-deconvnet-1", include_str!("../../../examples/recipes/digits-deconvnet-1.toml")),
    ("digits-deconvnet-2", include_str!("../../../examples/recipes/digits-deconvnet-2.toml")),
    ("digits-captions", include_str!("../../../examples/recipes/digits-captions.toml")),
    ("digits-captions-2", include_str!("../../../examples/recipes/digits-captions-2.toml")),
    ("digits-captions-hard", include_str!("../../../examples/recipes/digits-captions-hard.toml")),
    ("photos-captions", include_str!("../../../examples/recipes/photos-captions.toml")),
    ("squares-bag", include_str!("../../../examples/recipes/squares-bag.toml")),
    ("squares-smem", include_str!("../../../examples/recipes/squares-smem.toml")),
    ("squares-smem-beside", include_str!("../../../examples/recipes/squares-smem-beside.toml")),
    ("digits-answers", include_str!("../../../examples/recipes/digits-answers.toml")),
    ("photos-answers", include_str!("../../../examples/recipes/photos-answers.toml")),
    ("pronounce", include_str!("../../../examples/recipes/pronounce.toml")),
    ("pronounce-local", include_str!("../../../examples/recipes/pronounce-local.toml")),
    ("sentences", include_str!("../../../examples/recipes/sentences.toml")),
    ("sentences-local", include_str!("../../../examples/recipes/sentences-local.toml")),
    ("handwriting", include_str!("../../../examples/recipes/handwriting.toml")),
    ("handwriting-iam", include_str!("../../../examples/recipes/handwriting-iam.toml")),
    ("spoken-digits", include_str!("../../../examples/recipes/spoken-digits.toml")),
    ("spoken-digits-content", include_str!("../../../examples/recipes/spoken-digits-content.toml")),
    ("timit", include_str!("../../../examples/recipes/timit.toml")),
    ("folders-cnn", include_str!("../../../examples/recipes/folders-cnn.toml")),
    ("masks-mnc", include_str!("../../../examples/recipes/masks-mnc.toml")),
    ("masks-hypercolumns", include_str!("../../../examples/recipes/masks-hypercolumns.toml")),
    ("masks-fcn8s", include_str!("../../../examples/recipes/masks-fcn8s.toml")),
    ("masks-unet", include_str!("../../../examples/recipes/masks-unet.toml")),
];

/// A run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recipe {
    network: Network,
    /// Pictures of one's own, for systems that do not make theirs.
    data: Option<DataRecipe>,
    /// What examples go through in training, in this order.
    #[serde(default)]
    augmentation: Vec<AugmentationRecipe>,
    pub(super) train: Train,
    pub(super) optimiser: Optimiser,
    pub(super) schedule: Schedule,
    #[serde(default)]
    multiplier: Vec<Multiplier>,
}

/// What is trained, on what.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "system", rename_all = "kebab-case")]
enum Network {
    Stn(Digits),
    Cnn(Cnn),
    Fcn(FcnRecipe),
    Unet(UnetRecipe),
    Multiscale(MultiscaleRecipe),
    RecurrentCnn(RecurrentRecipe),
    DeconvnetDigits(ObjectsRecipe),
    Draw(DrawRecipe),
    Glimpses(GlimpsesRecipe),
    Rnnsearch(RnnSearchRecipe),
    Luong(LuongRecipe),
    Mnc(MncRecipe),
    Hypercolumns(HypercolumnsRecipe),
    ShowAttendTell(ShowAttendTellRecipe),
    Handwriting(HandwritingRecipe),
    SmemVqa(SmemVqaRecipe),
    Arsg(ArsgRecipe),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Train {
    /// Examples of a step.
    pub(super) batch: usize,
    /// Steps of the run.
    pub(super) steps: u64,
    /// What decides order, distortion and initial weights.
    #[serde(default = "one")]
    pub(super) seed: u64,
    /// Steps from report to report.
    #[serde(default = "fifty")]
    pub(super) report: u64,
    /// Steps from evaluation to evaluation, each with a checkpoint.
    #[serde(default = "thousand")]
    pub(super) evaluate: u64,
    clip_norm: Option<f32>,
    clip_value: Option<f32>,
}

/// Multipliers of rate and decay for the parameters whose names begin alike.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Multiplier {
    prefix: String,
    #[serde(default = "whole")]
    rate: f32,
    #[serde(default = "whole")]
    decay: f32,
}

fn one() -> u64 {
    1
}

fn fifty() -> u64 {
    50
}

fn thousand() -> u64 {
    1000
}

fn whole() -> f32 {
    1.0
}

/// The text of a file, or of a recipe that comes with the program.
pub(super) fn read(name: &str) -> Result<String> {
    match BUILT_IN.iter().find(|(n, _)| *n == name) {
        Some((_, text)) => Ok((*text).to_owned()),
        None if Path::new(name).extension().is_none() => {
            let names: Vec<&str> = BUILT_IN.iter().map(|(n, _)| *n).collect();
            Err(Error::model(name, format!("is no recipe that comes with the program; these do: {}", names.join(", "))))
        }
        None => std::fs::read_to_string(name).map_err(|e| Error::io(name, e)),
    }
}

/// What was asked for beside the recipe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Changes {
    pub(super) steps: Option<u64>,
    pub(super) seed: Option<u64>,
}

/// The text of the recipe that is really run: `text` with `changes`, and where there is an `earlier` run to go on with, with what was
/// changed then. The text of an `earlier` run is its file's.
///
/// # Errors
/// If a text is no TOML, or the earlier run was another's.
pub(super) fn changed(name: &str, text: &str, changes: Changes, earlier: Option<(&Path, &str)>) -> Result<String> {
    let table = |name: &str, text: &str| text.parse::<Table>().map_err(|e| Error::model(name, e.to_string()));
    let mut recipe = table(name, text)?;
    let earlier = earlier.map(|(path, text)| Ok((path.display().to_string(), table(&path.display().to_string(), text)?))).transpose()?;
    for (key, given) in [("steps", changes.steps), ("seed", changes.seed)] {
        let given = given.map(|number| i64::try_from(number).map(Value::Integer)).transpose();
        let given = given.map_err(|_| Error::model(name, format!("--{key} must be below 2^63")))?;
        let before = earlier.as_ref().and_then(|(_, earlier)| earlier.get("train")?.get(key).cloned());
        if let (Some(value), Some(Value::Table(train))) = (given.or(before), recipe.get_mut("train")) {
            train.insert(key.to_owned(), value);
        }
    }
    if let Some((path, mut earlier)) = earlier {
        if let (Some(Value::Table(train)), Some(steps)) = (earlier.get_mut("train"), recipe.get("train").and_then(|t| t.get("steps"))) {
            train.insert("steps".to_owned(), steps.clone());
        }
        if earlier != recipe {
            let other = recipe.iter().find(|(key, value)| earlier.get(*key) != Some(value)).map_or("what it lacks", |(key, _)| key);
            return Err(Error::model(path, format!("was run by another recipe than {name}: they differ in '{other}'")));
        }
    }
    Ok(recipe.to_string())
}

impl Recipe {
    /// The recipe `text`, which errors call `name`.
    pub(super) fn parse(name: &str, text: &str) -> Result<Self> {
        let recipe: Self = toml::from_str(text).map_err(|e| Error::model(name, e.to_string()))?;
        let Train { batch, report, evaluate, clip_norm, clip_value, .. } = recipe.train;
        if batch == 0 || report == 0 || evaluate == 0 {
            return Err(Error::model(name, "batch, report and evaluate must be at least 1"));
        }
        if clip_norm.is_some() && clip_value.is_some() {
            return Err(Error::model(name, "clip_norm and clip_value exclude each other"));
        }
        Ok(recipe)
    }

    /// What is trained, on the data in `folder`.
    pub(super) fn experiment(&self, folder: &Path) -> Result<Box<dyn Experiment>> {
        let open = |data: &DataRecipe| data.open(folder, self.train.seed);
        let wrong = |reason: &str| Err(Error::model("the recipe", reason));
        let augmented = !self.augmentation.is_empty();
        Ok(match (&self.network, &self.data) {
            (Network::Stn(digits), None) => Box::new(digits.clone()),
            (Network::Stn(_), Some(_)) => return wrong("has [data], but system 'stn' makes its own data"),
            (_, None) => return wrong("has no [data], which its system learns from; 'stn' alone makes its own"),
            (Network::Cnn(cnn), Some(data)) => Box::new(cnn.on(open(data)?)?),
            (Network::Fcn(fcn), Some(data)) => {
                let sets = open(data.with_things("fcn", false)?)?.labelled("fcn", 2)?;
                Box::new(Pixels::new(fcn.network(sets.about.classes.len()), fcn.start.as_ref(), sets))
            }
            (Network::Unet(unet), Some(data)) => {
                let sets = open(data.with_things("unet", false)?)?.labelled("unet", 2)?;
                Box::new(Pixels::new(unet.network(sets.channels, sets.about.classes.len()), unet.start.as_ref(), sets))
            }
            (Network::Multiscale(network), Some(data)) => {
                let sets = open(data.with_things("multiscale", false)?)?.labelled("multiscale", 2)?;
                Box::new(Pixels::new(network.network(sets.about.classes.len()), network.start.as_ref(), sets))
            }
            (Network::RecurrentCnn(network), Some(data)) => {
                let sets = open(data.with_things("recurrent-cnn", false)?)?.labelled("recurrent-cnn", 2)?;
                Box::new(Pixels::new(network.network(sets.channels, sets.about.classes.len()), network.start.as_ref(), sets))
            }
            (Network::Draw(draw), Some(data)) => {
                data.refuse_normalisation("draw")?;
                Box::new(draw.on(open(data)?))
            }
            (Network::Glimpses(glimpses), Some(data)) => Box::new(glimpses.on(open(data)?)?),
            (Network::Rnnsearch(rnnsearch), Some(DataRecipe::Pairs(pairs))) => Box::new(rnnsearch.on(pairs.open(folder)?)),
            (Network::Luong(luong), Some(DataRecipe::Pairs(pairs))) => Box::new(luong.on(pairs.open(folder)?)?),
            (Network::Rnnsearch(_) | Network::Luong(_), Some(_)) => {
                return wrong("has other [data] than translators learn from: kind = \"pairs\"");
            }
            (Network::Arsg(arsg), Some(DataRecipe::Recordings(listed))) => Box::new(arsg.on(listed.listed(folder, self.train.seed)?)),
            (Network::Arsg(arsg), Some(DataRecipe::Timit(timit))) => Box::new(arsg.on(timit.timit(folder, self.train.seed)?)),
            (Network::Arsg(_), Some(_)) => return Err(listening::other_data()),
            (Network::Handwriting(handwriting), Some(DataRecipe::PenFonts(fonts))) => {
                Box::new(handwriting.on(fonts.open(folder, self.train.seed)?))
            }
            (Network::Handwriting(handwriting), Some(DataRecipe::IamOndb(iam))) => Box::new(handwriting.on(iam.open(folder)?)),
            (Network::Handwriting(_), Some(_)) => return Err(writing::other_data()),
            (Network::ShowAttendTell(captioner), Some(DataRecipe::Captions(captions))) => {
                Box::new(captioner.on(augmented, |encoder| captions.open(folder, encoder))?)
            }
            (Network::ShowAttendTell(captioner), Some(DataRecipe::CaptionedDigits(digits))) => {
                Box::new(captioner.on(augmented, |encoder| digits.open(folder, self.train.seed, encoder))?)
            }
            (Network::ShowAttendTell(_), Some(_)) => {
                return wrong("has other [data] than 'show-attend-tell' learns from: kind = \"captions\" or \"captioned-digits\"");
            }
            (Network::SmemVqa(asked), Some(DataRecipe::Questions(questions))) => {
                Box::new(asked.on(augmented, |encoder| questions.open(folder, encoder))?)
            }
            (Network::SmemVqa(asked), Some(DataRecipe::AskedDigits(digits))) => {
                Box::new(asked.on(augmented, |encoder| digits.open(folder, self.train.seed, encoder))?)
            }
            (Network::SmemVqa(asked), Some(DataRecipe::Squares(squares))) => {
                Box::new(asked.on(augmented, |encoder| squares.open(folder, self.train.seed, encoder))?)
            }
            (Network::SmemVqa(_), Some(_)) => {
                return wrong("has other [data] than 'smem-vqa' learns from: kind = \"questions\", \"asked-digits\" or \"squares\"");
            }
            (Network::Mnc(mnc), Some(data)) => Box::new(mnc.on(data.things("mnc", folder, self.train.seed)?)?),
            (Network::Hypercolumns(columns), Some(data)) => {
                Box::new(columns.on(data.things("hypercolumns", folder, self.train.seed)?)?)
            }
            (Network::DeconvnetDigits(objects), Some(DataRecipe::DigitScenes(scenes))) => Box::new(objects.on(scenes)),
            (Network::DeconvnetDigits(_), Some(_)) => {
                return wrong("has other [data] than 'deconvnet-digits' learns from: kind = \"digit-scenes\"");
            }
        })
    }

    /// The examples to learn from as augmentations change them.
    pub(super) fn augmented(&self, data: Arc<dyn Dataset>) -> Result<Arc<dyn Dataset>> {
        if self.augmentation.is_empty() {
            return Ok(data);
        }
        let augmentations = self.augmentation.iter().map(AugmentationRecipe::augmentation).collect();
        Ok(Arc::new(Augmented::new(data, augmentations, self.train.seed)?))
    }

    pub(super) fn clip(&self) -> Option<Clip> {
        self.train.clip_norm.map(Clip::Norm).or(self.train.clip_value.map(Clip::Value))
    }

    /// The parameters with their multipliers; where several prefixes fit, all of theirs.
    pub(super) fn multiplied(&self, parameters: Vec<Parameter>) -> Vec<Parameter> {
        let of = |p: Parameter| {
            let fitting = self.multiplier.iter().filter(|m| p.name.starts_with(&m.prefix));
            let (rate, decay) = fitting.fold((1.0, 1.0), |(rate, decay), m| (rate * m.rate, decay * m.decay));
            p.multiplied(rate, decay)
        };
        parameters.into_iter().map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipes_that_come_along_are_read() {
        for (name, _) in BUILT_IN {
            let changes = Changes { steps: Some(7), seed: None };
            let recipe = Recipe::parse(name, &changed(name, &read(name).unwrap(), changes, None).unwrap()).unwrap();
            assert_eq!((recipe.train.steps, recipe.train.seed), (7, 1));
        }
        let error = read("unknown").unwrap_err().to_string();
        assert!(error.contains("rotated-st-cnn"), "{error}");
    }

    #[test]
    fn what_means_nothing_is_refused() {
        let text = read("rotated-fcn").unwrap();
        for (from, to, reason) in [
            ("batch = 256", "batch = 256\nbach = 3", "bach"),
            ("batch = 256", "batch = 0", "at least 1"),
            ("kind = \"sgd\"", "kind = \"sdg\"", "sdg"),
            ("task = \"rotated\"", "task = \"rotten\"", "rotten"),
            ("[train]", "[data]\nkind = \"npz\"\ntrain = \"a\"\ntest = \"b\"\n[train]", "makes its own data"),
            ("[train]", "[[augmentation]]\nkind = \"random-rotation\"\n[train]", "degrees"),
            ("[train]", "[[augmentation]]\nkind = \"random-flip\"\n[train]", "random-horizontal-flip"),
            ("[train]", "[train]\nclip_norm = 1.0\nclip_value = 1.0", "exclude"),
        ] {
            assert!(text.contains(from), "{from}");
            let recipe = Recipe::parse("recipe.toml", &text.replacen(from, to, 1));
            let error = recipe.and_then(|recipe| recipe.experiment(Path::new("nowhere")).map(|_| ())).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
