//! `foveate models`

use clap::Args;
use foveate::Result;
use foveate::array::TensorType;
use foveate::graph::Graph;
use foveate::models::fcn::{Fcn, Variant};
use foveate::models::{Parameter, selfie};
use foveate::plan::Cost;
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  foveate models    parameters, multiply-adds for one picture of the given size, and where the system is from")]
pub(super) struct Models {}

impl Models {
    #[expect(clippy::unused_self, reason = "the shape of a command")]
    pub(super) fn run(self) -> Result<ExitCode> {
        println!("{:<14} {:>12} {:>16}  {:<9}  source", "system", "parameters", "multiply-adds", "picture");
        let graph = Graph::new();
        let (size, weights) = (selfie::SIZE, selfie::weights()?);
        let image = graph.input("image", TensorType::f32([1, 3, size.h, size.w]))?;
        let cost = Cost::of(&[&selfie::forward(&graph, &weights, &image)?])?;
        line("selfie", weights.parameters(), cost, size.h, "Google MediaPipe 2021; its weights are part of foveate");
        for variant in Variant::ALL {
            let fcn = Fcn::new(variant);
            let data = Graph::new().input("data", TensorType::f32([1, 3, 500, 500]))?;
            let network = fcn.outline(&data)?;
            let Some(score) = network.layer("score") else { continue };
            let learned = network.parameters.iter().filter(|p| p.learned()).map(Parameter::len).sum();
            line(variant.name(), learned, Cost::of(&[&score.output])?, 500, "Long, Shelhamer, Darrell, CVPR 2015");
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn line(name: &str, parameters: usize, cost: Cost, side: usize, source: &str) {
    println!("{name:<14} {parameters:>12} {:>16}  {:<9}  {source}", cost.multiply_adds, format!("{side} x {side}"));
}
