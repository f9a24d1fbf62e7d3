//! How well a network names pixels of scenes of digits, by itself and with votes of superpixels.
//!
//! ```sh
//! foveate train digits-multiscale --data target/mnist
//! cargo run --release --example superpixels -- runs/digits-multiscale/weights.safetensors target/mnist
//! ```

use foveate::array::{Array, TensorType};
use foveate::graph::Graph;
use foveate::models::digit_scenes::{CLASSES, Scenes};
use foveate::models::multiscale::Multiscale;
use foveate::models::pixelwise::Pixelwise;
use foveate::models::superpixels::{Superpixels, vote};
use foveate::nn::Weights;
use foveate::nn::metrics::Confusion;
use foveate::plan::Plan;
use foveate::train::Loader;
use foveate::{Error, Result, gpu::Gpu};
use std::sync::Arc;

const SIDE: usize = 128;
const SCENES: usize = 200;
const SCALES: [f32; 5] = [20.0, 50.0, 100.0, 200.0, 400.0];

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(weights), Some(mnist)) = (arguments.next(), arguments.next()) else {
        return Err(Error::shape("superpixels", "takes the weights of a multiscale network and the folder with MNIST's files"));
    };
    let weights = Weights::open(weights)?;
    let net = Multiscale::of(&weights)?;
    let image = Graph::new().input("image", TensorType::f32([1, 3, SIDE, SIDE]))?;
    let probabilities = net.scores(&weights, &image)?.softmax(1)?;
    let mut plan = Plan::compile(&Gpu::new()?, &[&probabilities, &probabilities.argmax(1, true, false)?])?;

    let scenes = Scenes::open(SIDE, mnist.as_ref(), "t10k", SCENES, 0)?.with(3, [2.0, 3.0])?.apart();
    let mut alone = Confusion::new(CLASSES)?;
    let mut voted = Vec::new();
    for scale in SCALES {
        voted.push((Superpixels { scale, ..Superpixels::default() }, Confusion::new(CLASSES)?, 0));
    }
    for batch in Loader::in_order(Arc::new(scenes), 1)? {
        let batch = batch?;
        let (photo, label) = (batch.get("image")?, batch.get("label")?);
        let found = plan.run(&[("image", photo)])?;
        let [probabilities, classes] = &found[..] else { continue };
        alone.add(label, &flat(classes)?)?;
        for (superpixels, confusion, segments) in &mut voted {
            let cut = superpixels.segments(photo)?;
            *segments += cut.values::<i32>()?.iter().max().map_or(0, |last| last + 1);
            confusion.add(label, &flat(&vote(probabilities, &cut)?)?)?;
        }
    }
    println!("{SCENES} scenes, pixel by pixel: {}", said(&alone));
    for (superpixels, confusion, segments) in &voted {
        let each = f64::from(*segments) / SCENES as f64;
        println!("by superpixels of scale {}, {each:.0} in each: {}", superpixels.scale, said(confusion));
    }
    Ok(())
}

fn said(confusion: &Confusion) -> String {
    let (iou, pixels) = (confusion.mean_iou().unwrap_or(0.0), confusion.pixel_accuracy().unwrap_or(0.0));
    format!("mean IU {iou:.3}, {:.2} % of pixels right", 100.0 * pixels)
}

/// Classes (1, 1, h, w) without the channel.
fn flat(classes: &Array) -> Result<Array> {
    classes.clone().reshaped([1, SIDE, SIDE])
}
