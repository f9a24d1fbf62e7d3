//! `foveate draw`

use super::DeviceArgs;
use super::film::{self, Film};
use super::photos::milliseconds;
use clap::Args;
use foveate::array::{TensorType, picture};
use foveate::graph::Graph;
use foveate::models::Layers;
use foveate::models::draw::Draw as Network;
use foveate::nn::Weights;
use foveate::nn::init::normal;
use foveate::plan::Plan;
use foveate::{Error, Result};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Milliseconds that a film takes, and that its end is seen.
const FILM: usize = 3200;
const END: u32 = 2000;

#[derive(Debug, Args)]
#[command(after_help = "\
Digits as in MNIST, by a small network that foveate has trained, unless there is a --model: a
file of `foveate train` by the recipe mnist-draw, or one of yours of the system draw. Pictures
are made up out of random numbers, in as many steps as the network has learnt to take; where
it writes through a window, a red frame shows where, as thick as its filters are wide.

Examples:
  foveate draw -o digits.png
  foveate draw -o digits.gif --count 16
  foveate draw -o strokes.png --moments --count 8 --seed 7
  foveate draw --model runs/mnist-draw/weights.safetensors -o digits.png")]
pub(super) struct Draw {
    /// The network: what `foveate train` wrote [default: digits]
    #[arg(short, long, value_name = "WEIGHTS.safetensors")]
    model: Option<PathBuf>,
    /// Where to write: a .png of the drawings, or a .gif of how they were made
    #[arg(short, long, value_name = "FILE.png|FILE.gif")]
    output: PathBuf,
    /// How many drawings
    #[arg(short, long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1024))]
    count: u32,
    /// Another number gives other drawings
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A row for each drawing, moment by moment, instead of all as they are in the end
    #[arg(long)]
    moments: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

impl Draw {
    pub(super) fn run(self) -> Result<ExitCode> {
        let extension = self.output.extension().map(|e| e.to_string_lossy().to_lowercase());
        let moving = match extension.as_deref() {
            Some("png") => false,
            Some("gif") if !self.moments => true,
            Some("gif") => return Err(Error::shape("draw", "--moments are rows of a .png; a .gif shows all moments")),
            _ => return Err(Error::shape("draw", format!("{} is neither a .png nor a .gif", self.output.display()))),
        };
        let weights = self.model.map_or_else(foveate::models::draw::weights, Weights::open)?;
        let network = Network::of(&weights)?;
        let (graph, count) = (Graph::new(), self.count as usize);
        let ty = TensorType::f32([network.glimpses, count, network.latent]);
        let latent = normal(&ty.shape, 1.0, "drawings", self.seed);
        let drawn = network.drawn(&mut Layers::load(&graph, &weights), &graph.input("latent", ty)?)?;
        let shown: Vec<usize> = match (moving, self.moments) {
            (true, _) => (0..drawn.len()).collect(),
            (_, true) => film::chosen(drawn.len()).collect(),
            _ => vec![drawn.len() - 1],
        };
        let shown: Vec<_> = shown.into_iter().map(|t| drawn[t].clone()).collect();
        let answers = film::answers(&shown, count)?;

        let opened = Instant::now();
        let device = self.device.open()?;
        let name = device.name().to_owned();
        let mut plan = Plan::compile(device, &answers.iter().collect::<Vec<_>>())?;
        eprintln!("{name}, compiled in {}", milliseconds(opened));
        let begin = Instant::now();
        let answers = plan.run(&[("latent", &latent)])?;
        let took = milliseconds(begin);
        let film = Film::new(&answers, network.write, count)?;
        if moving {
            let frames = (0..film.moments()).map(|moment| film.together(moment, true)).collect::<Result<Vec<_>>>()?;
            let each = u32::try_from(FILM / frames.len().max(1)).unwrap_or(END);
            picture::write_gif(&self.output, &frames, each, END)?;
        } else {
            let sheet = if self.moments { film.sheet(None)? } else { film.together(0, false)? };
            picture::write_png(&self.output, &sheet)?;
        }
        println!("{count} drawings of {} steps in {took}, written to {}", network.glimpses, self.output.display());
        Ok(ExitCode::SUCCESS)
    }
}
