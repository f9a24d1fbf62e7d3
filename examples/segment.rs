//! The default model from a program: a photo in, the share of it that shows a person out.
//!
//!     cargo run --release --example segment -- me.jpg

use foveate::array::picture::{Picture, write_png};
use foveate::gpu::Gpu;
use foveate::graph::Graph;
use foveate::models::selfie;
use foveate::plan::Plan;

fn main() -> foveate::Result<()> {
    let path = std::env::args().nth(1).unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/assets/astronaut.png").to_owned());
    let photo = Picture::open(path)?;

    let graph = Graph::new();
    let input = graph.input("photo", photo.rgb.ty())?;
    let mask = selfie::photo_mask(&graph, &selfie::weights()?, &input)?;

    let gpu = Gpu::new()?;
    let mut plan = Plan::compile(&gpu, &[&mask])?;
    let mask = plan.run(&[("photo", &photo.rgb)])?.remove(0);
    let values = mask.values::<f32>()?;
    let person = values.iter().filter(|v| **v > 0.5).count();
    println!("{}: {:.0} % of the photo is a person", gpu.capabilities().name, 100.0 * person as f64 / values.len() as f64);

    write_png("mask.png", &mask)?;
    println!("{}", plan.profile(&[("photo", &photo.rgb)])?);
    Ok(())
}
