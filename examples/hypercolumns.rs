//! Masks of digits in whole scenes: as a cascade draws them, and as hypercolumns draw them anew in the same boxes.
//!
//! ```sh
//! cargo run --release --example hypercolumns -- target/mnist 200
//! cargo run --release --example hypercolumns -- target/mnist 200 runs/digits-mnc/weights.safetensors runs/digits-hypercolumns/weights.safetensors
//! ```
//!
//! Prints the average precision of both over so many scenes of digits that neither has learnt from, masks being right from an overlap on.

use foveate::array::{Array, Hw, TensorType};
use foveate::gpu::Gpu;
use foveate::graph::Graph;
use foveate::models::digit_scenes::{self, Scenes};
use foveate::models::hypercolumns::{Refiner, refined};
use foveate::models::mnc::{Cascade, Instance, count};
use foveate::nn::Weights;
use foveate::nn::metrics::Precision;
use foveate::plan::{Plan, PlanCache};
use foveate::train::Loader;
use foveate::{Error, Result};
use indicatif::ProgressBar;
use std::path::Path;
use std::sync::Arc;

/// Of a scene.
const SIDE: usize = 128;
/// The overlaps from which on a mask is right.
const OVERLAPS: [f64; 5] = [0.5, 0.6, 0.7, 0.8, 0.9];

/// What finds digits, and what draws their masks anew.
struct Networks {
    cascade: Cascade,
    finds: Plan,
    refiner: Refiner,
    draws: PlanCache,
}

impl Networks {
    fn new(cascade: Weights, columns: Weights) -> Result<Self> {
        let (gpu, size) = (Gpu::new()?, [1, 3, SIDE, SIDE]);
        let (cascade, refiner) = (Cascade::new(cascade)?, Refiner::new(columns)?);
        let found = cascade.found(&Graph::new().input("image", TensorType::f32(size))?)?;
        let finds = Plan::compile(&gpu, &[&found.boxes, &found.masks, &found.scores])?;
        let own = refiner.clone();
        let draws = PlanCache::new(&gpu, 8, move |_, inputs| Ok(vec![own.heat(&inputs[0], &inputs[1], &inputs[2])?]));
        Ok(Self { cascade, finds, refiner, draws })
    }

    /// The digits in a scene, with either masks.
    fn found(&mut self, image: &Array) -> Result<[Vec<Instance>; 2]> {
        let size = Hw::square(SIDE);
        let found = self.cascade.instances(&self.finds.run(&[("image", image)])?, size, 0.0)?;
        let [boxes, classes] = self.refiner.asked(&found)?;
        let heat = self.draws.run(&[("image", image), ("boxes", &boxes), ("classes", &classes)])?;
        let heat = heat.first().ok_or_else(|| Error::shape("hypercolumns", "no heat"))?;
        let drawn = refined(&found, heat, size)?;
        Ok([found, drawn])
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (folder, scenes, weights) = match &arguments[..] {
        [folder, scenes] => (folder, scenes, [digit_scenes::cascade_weights()?, digit_scenes::column_weights()?]),
        [folder, scenes, cascade, columns] => (folder, scenes, [Weights::open(cascade)?, Weights::open(columns)?]),
        _ => {
            println!("hypercolumns FOLDER SCENES [CASCADE.safetensors HYPERCOLUMNS.safetensors], the folder with MNIST's files");
            return Ok(());
        }
    };
    let Ok(scenes) = scenes.parse() else { return Err(Error::shape("hypercolumns", format!("'{scenes}' is no number of scenes"))) };
    let data = Scenes::open(SIDE, Path::new(folder), "t10k", scenes, 0)?.with(3, [2.0, 3.0])?.apart().instances();
    let [cascade, columns] = weights;
    let mut networks = Networks::new(cascade, columns)?;
    let mut precisions = [Precision::default(), Precision::default()];
    let bar = ProgressBar::new(scenes as u64);
    for batch in Loader::in_order(Arc::new(data), 1)? {
        let batch = batch?;
        let labels = batch.get("label")?.values::<i32>()?;
        for (precision, found) in precisions.iter_mut().zip(networks.found(batch.get("image")?)?) {
            count(precision, &found, labels);
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    println!("AP of masks from an overlap of {OVERLAPS:?} on");
    for (name, precision) in ["as found", "by hypercolumns"].into_iter().zip(&precisions) {
        let each: Vec<String> = OVERLAPS.iter().map(|least| format!("{:.3}", precision.mean(*least).unwrap_or(0.0))).collect();
        println!("{name:16} {}", each.join("  "));
    }
    Ok(())
}
