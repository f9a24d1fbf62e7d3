//! DRAW as recipes name it: networks that draw pictures, and networks that name them after some glimpses.

use super::data::Sets;
use super::experiment::{Experiment, Inputs};
use super::looks;
use super::tally::Tally;
use crate::cli::film::{self, Film};
use foveate::Result;
use foveate::array::{Array, DType, picture};
use foveate::graph::{Graph, Var};
use foveate::models::Layers;
use foveate::models::draw::{Draw, Glimpses, Moment};
use foveate::models::stn::{Network, Output};
use foveate::nn::{Random, Weights};
use foveate::ops::stack;
use foveate::train::{Batch, Dataset, Objective};
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;

/// Pictures that are drawn.
const DRAWN: usize = 8;

/// `system = "draw"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DrawRecipe {
    /// Steps of a drawing.
    #[serde(default = "sixty_four")]
    glimpses: usize,
    /// Units of either LSTM.
    #[serde(default = "usual_hidden")]
    hidden: usize,
    /// Numbers drawn in a step.
    #[serde(default = "hundred")]
    latent: usize,
    /// The side of the window that is read, and of the one that is written; all of the picture without.
    read: Option<usize>,
    write: Option<usize>,
    /// Whether pixels are black or white, drawn anew in each step with their value as the probability of white.
    #[serde(default)]
    binary: bool,
}

/// `system = "glimpses"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GlimpsesRecipe {
    #[serde(default = "eight")]
    glimpses: usize,
    /// The side of a glimpse.
    #[serde(default = "twelve")]
    side: usize,
    /// Units of the LSTM.
    #[serde(default = "usual_hidden")]
    hidden: usize,
}

fn sixty_four() -> usize {
    64
}

fn usual_hidden() -> usize {
    256
}

fn hundred() -> usize {
    100
}

fn eight() -> usize {
    8
}

fn twelve() -> usize {
    12
}

/// A network that draws, with its pictures.
pub(super) struct Drawing {
    network: Draw,
    binary: bool,
    sets: Sets,
}

impl DrawRecipe {
    pub(super) fn on(&self, sets: Sets) -> Drawing {
        let &Self { glimpses, hidden, latent, read, write, binary } = self;
        Drawing { network: Draw { channels: sets.channels, size: sets.size, glimpses, hidden, latent, read, write }, binary, sets }
    }
}

impl Drawing {
    fn image(&self, inputs: &Inputs, random: &mut Random) -> Result<Var> {
        let image = inputs.get("image")?;
        if self.binary { random.uniform(image.shape())?.less(image)?.cast(DType::F32) } else { Ok(image.clone()) }
    }

    fn normal(&self, random: &mut Random, count: usize) -> Result<Var> {
        random.normal(&[self.network.glimpses, count, self.network.latent])
    }
}

impl Experiment for Drawing {
    fn name(&self) -> String {
        let Draw { channels, size, glimpses, hidden, latent, read, write } = &self.network;
        let through = |side: &Option<usize>| side.map_or("whole".to_owned(), |side| format!("through {side} x {side}"));
        format!(
            "pictures of {channels} x {} x {} in {glimpses} steps, {hidden} units, {latent} numbers a step; read {}, written {}",
            size.h,
            size.w,
            through(read),
            through(write)
        )
    }

    fn initial(&self, seed: u64) -> Result<Weights> {
        self.network.init(seed)
    }

    fn data(&self, _: &Path, _: u64) -> Result<[Arc<dyn Dataset>; 2]> {
        Ok([Arc::clone(&self.sets.learnt), Arc::clone(&self.sets.test)])
    }

    fn objective(&self, graph: &Graph, weights: &Weights, inputs: &Inputs, random: &mut Random) -> Result<Objective> {
        let image = self.image(inputs, random)?;
        let noise = self.normal(random, image.shape()[0])?;
        let seen = self.network.seen(&mut Layers::load(graph, weights), &image, &noise)?;
        let metrics = vec![("divergence".to_owned(), seen.divergence.reduce_mean(&[], false)?)];
        Ok(Objective { loss: seen.nats.reduce_mean(&[], false)?, metrics, parameters: weights.states(graph) })
    }

    /// Nats; the first pictures; how they are drawn again; and others made up.
    fn answers(&self, graph: &Graph, weights: &Weights, inputs: &Inputs) -> Result<Vec<Var>> {
        let mut random = Random::new(graph, 0)?;
        let image = self.image(inputs, &mut random)?;
        let count = image.shape()[0];
        let noise = self.normal(&mut random, count)?;
        let latent = self.normal(&mut random, DRAWN)?;
        let seen = self.network.seen(&mut Layers::load(graph, weights), &image, &noise)?;
        let made_up = self.network.drawn(&mut Layers::load(graph, weights), &latent)?;
        let mut answers = vec![seen.nats.unsqueeze(1)?, image.narrow(0, 0, count.min(DRAWN))?];
        for moments in [&seen.moments, &made_up] {
            let chosen: Vec<Moment> = film::chosen(moments.len()).map(|t| moments[t].clone()).collect();
            answers.extend(film::answers(&chosen, count.min(DRAWN))?);
        }
        Ok(answers)
    }

    fn tally(&self) -> Result<Tally> {
        Ok(Tally::means(&["test_nats"]))
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        self.network.metadata()
    }

    fn draw(&self, batch: &Batch, answers: &[Array], folder: &Path) -> Result<()> {
        let Some((first, films)) = answers.get(1..).and_then(<[Array]>::split_first) else { return Ok(()) };
        let each = films.len() / 2;
        for (name, before, film) in [("seen.png", Some(first), &films[..each]), ("drawn.png", None, &films[each..])] {
            let shown = if before.is_some() { batch.count } else { DRAWN };
            picture::write_png(folder.join(name), &Film::new(film, self.network.write, shown)?.sheet(before)?)?;
        }
        Ok(())
    }
}

/// A network that takes glimpses, with its pictures.
pub(super) struct Naming {
    network: Glimpses,
    sets: Sets,
}

impl GlimpsesRecipe {
    pub(super) fn on(&self, sets: Sets) -> Result<Naming> {
        let sets = sets.labelled("glimpses", 0)?;
        let &Self { glimpses, side, hidden } = self;
        let network = Glimpses { channels: sets.channels, size: sets.size, glimpses, side, hidden, classes: sets.about.classes.len() };
        Ok(Naming { network, sets })
    }
}

impl Naming {
    fn output(&self, graph: &Graph, weights: &Weights, inputs: &Inputs) -> Result<Output> {
        let image = self.sets.about.normalised(inputs.get("image")?, 1.0, 0.0)?;
        self.network.build(&mut Layers::load(graph, weights), &image)
    }
}

impl Experiment for Naming {
    fn name(&self) -> String {
        let Glimpses { size, glimpses, side, hidden, classes, .. } = &self.network;
        format!("{classes} classes of pictures of {} x {}, {glimpses} glimpses of {side} x {side}, {hidden} units", size.h, size.w)
    }

    fn initial(&self, seed: u64) -> Result<Weights> {
        self.network.init(seed)
    }

    fn data(&self, _: &Path, _: u64) -> Result<[Arc<dyn Dataset>; 2]> {
        Ok([Arc::clone(&self.sets.learnt), Arc::clone(&self.sets.test)])
    }

    fn objective(&self, graph: &Graph, weights: &Weights, inputs: &Inputs, _: &mut Random) -> Result<Objective> {
        looks::objective(&self.output(graph, weights, inputs)?, graph, weights, inputs)
    }

    /// Names; and where each glimpse of the first pictures was.
    fn answers(&self, graph: &Graph, weights: &Weights, inputs: &Inputs) -> Result<Vec<Var>> {
        let output = self.output(graph, weights, inputs)?;
        let places = output.warps.iter().map(|warp| warp.theta.narrow(0, 0, warp.theta.shape()[0].min(DRAWN)));
        let places = stack(&places.collect::<Result<Vec<_>>>()?, 0)?;
        Ok(vec![output.logits.argmax(1, false, false)?, places])
    }

    fn tally(&self) -> Result<Tally> {
        Tally::labels(self.network.classes, looks::scores)
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        let mut all = self.sets.about.metadata();
        all.extend(self.network.metadata());
        all
    }

    fn draw(&self, batch: &Batch, answers: &[Array], folder: &Path) -> Result<()> {
        let Some(places) = answers.get(1) else { return Ok(()) };
        let film = Film::still(batch.get("image")?, places, self.network.side, batch.count.min(DRAWN))?;
        picture::write_png(folder.join("glimpses.png"), &film.sheet(None)?)
    }
}
