//! Digits in whole scenes: by a `DeconvNet` that `foveate train` has made, by the FCN-8s that is part of the crate, and by both together.
//!
//! ```sh
//! cargo run --release --example deconvnet -- runs/digits-deconvnet-2/weights.safetensors target/mnist 200
//! ```
//!
//! Prints the mean IU of each over so many scenes of digits that neither has learnt from.

use foveate::Result;
use foveate::array::{Hw, TensorType};
use foveate::gpu::Gpu;
use foveate::graph::{Graph, Var};
use foveate::models::deconvnet::{DeconvNet, Ensemble, Region, classes, scores_by_regions, squares};
use foveate::models::digit_scenes::{self, CLASSES, Scenes};
use foveate::models::narrow_fcn::NarrowFcn;
use foveate::nn::Weights;
use foveate::nn::metrics::Confusion;
use foveate::plan::Plan;
use foveate::train::Loader;
use std::path::Path;
use std::sync::Arc;

/// Of a scene.
const SIDE: usize = 128;
/// Squares that are looked at, a third of their side apart.
const SQUARES: [usize; 2] = [52, 68];

const NAMES: [&str; 4] = ["DeconvNet", "FCN-8s", "both, product", "both, mean"];

/// The classes that each finds in a photo.
fn found(weights: &Weights, photo: &Var) -> Result<Vec<Var>> {
    let regions: Vec<Region> = SQUARES.iter().flat_map(|side| squares(Hw::square(SIDE), *side, 3)).collect();
    let deconvnet = scores_by_regions(DeconvNet::of(weights)?, weights, photo, &regions)?;
    let of_digits = digit_scenes::weights()?;
    let fcn = NarrowFcn::score(&NarrowFcn::of(&of_digits)?.forward(&of_digits, photo)?)?;
    let [product, mean] = [Ensemble::Product, Ensemble::Mean].map(|by| by.probabilities(&deconvnet, &fcn));
    [&deconvnet, &fcn, &product?, &mean?].into_iter().map(|scores| classes(scores)?.reshape([1, SIDE, SIDE])).collect()
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, weights, folder, count] = &arguments[..] else {
        println!("deconvnet WEIGHTS.safetensors FOLDER SCENES, the folder with MNIST's files");
        return Ok(());
    };
    let count = count.parse().unwrap_or(200);
    let scenes = Scenes::open(SIDE, Path::new(folder), "t10k", count, 0)?.with(3, [2.0, 3.0])?.apart();
    let photo = Graph::new().input("image", TensorType::f32([1, 3, SIDE, SIDE]))?;
    let outputs = found(&Weights::open(weights)?, &photo)?;
    let mut plan = Plan::compile(&Gpu::new()?, &outputs.iter().collect::<Vec<_>>())?;
    let mut confusions = NAMES.iter().map(|_| Confusion::new(CLASSES)).collect::<Result<Vec<_>>>()?;
    for batch in Loader::in_order(Arc::new(scenes), 1)? {
        let batch = batch?;
        for (confusion, found) in confusions.iter_mut().zip(plan.run(&[("image", batch.get("image")?)])?) {
            confusion.add(batch.get("label")?, &found)?;
        }
    }
    for (name, confusion) in NAMES.into_iter().zip(confusions) {
        let [iu, right] = [confusion.mean_iou(), confusion.pixel_accuracy()].map(Option::unwrap_or_default);
        println!("{name:14} mean IU {iu:.4}, pixels right {:.2} %", 100.0 * right);
    }
    Ok(())
}
