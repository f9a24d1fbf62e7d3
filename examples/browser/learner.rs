//! A U-Net that learns from what is painted on one photo.
//!
//! ```text
//! photo, painted labels --> U-Net --> scores --> loss of the painted pixels --> gradients --> Adam --> weights of the next step
//!                                        '-----> how likely each pixel is what was painted
//! ```
//!
//! All of it is one plan: weights and Adam's moments stay on the GPU, and a step is one submission.

use super::{bytes, photo};
use foveate::array::{Array, DType, TensorType};
use foveate::gpu::{Gpu, GpuOptions};
use foveate::graph::Graph;
use foveate::models::pixelwise::{self, Pixelwise};
use foveate::models::unet::UNet;
use foveate::nn::Random;
use foveate::nn::loss::CrossEntropy;
use foveate::nn::optimiser::{Adam, Optimiser};
use foveate::plan::{Options, Plan};
use foveate::train::About;
use wasm_bindgen::prelude::{JsError, wasm_bindgen};

/// The label of a pixel that nobody has painted.
const UNKNOWN: u8 = 255;
const RATE: f32 = 3e-3;

/// Learns to tell what was painted from what was painted otherwise.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Learner {
    gpu: Gpu,
    plan: Plan,
    /// Height and width.
    size: [usize; 2],
    loss: f64,
}

#[wasm_bindgen]
impl Learner {
    /// A network that has learnt nothing yet, for the photo of a canvas's `ImageData`.
    pub async fn open(rgba: Vec<u8>, width: usize, height: usize, seed: u32) -> Result<Self, JsError> {
        console_error_panic_hook::set_once();
        let gpu = Gpu::open_async(&GpuOptions::default()).await?;
        let photo = photo(&rgba, width, height)?;
        let net = UNet { inputs: 3, classes: 2, channels: vec![8, 16, 32, 32], last_up: 8, padded: true, dropout: 0.0 };

        let graph = Graph::new();
        let image = net.image(&About::new(3), &graph.constant(photo)?)?;
        let label = graph.input("label", TensorType::new(DType::I32, [1, height, width]))?;
        let weights = net.initial(u64::from(seed))?;
        let (scored, parameters) = net.trainable(&weights, &image, &mut Random::new(&graph, u64::from(seed))?)?;
        let painted = CrossEntropy { ignore_index: Some(i32::from(UNKNOWN)), ..CrossEntropy::default() };
        let loss = pixelwise::loss(&scored, &label, &painted)?;
        let gradients = loss.gradient(&parameters.iter().map(|p| &p.var).collect::<Vec<_>>())?;
        Optimiser::Adam(Adam::default()).update(&parameters, &gradients, &graph.constant(Array::scalar(RATE))?)?;
        let scores = &scored.last().ok_or_else(|| JsError::new("the network has no scores"))?.scores;
        let likely = scores.softmax(1)?.narrow(1, 1, 1)?;
        let plan = Plan::compile_async(&gpu, &[&likely, &loss], Options::default()).await?;
        Ok(Self { gpu, plan, size: [height, width], loss: f64::NAN })
    }

    /// What the browser says of its GPU.
    pub fn adapter(&self) -> String {
        self.gpu.capabilities().name.clone()
    }

    /// The loss before the last step.
    pub fn loss(&self) -> f64 {
        self.loss
    }

    /// One step on a label for each pixel: 1 what is wanted, 0 what is not, 255 what nobody has painted. Gives back how likely each pixel
    /// was wanted before it, 0 to 255.
    pub async fn step(&mut self, labels: Vec<u8>) -> Result<Vec<u8>, JsError> {
        let [height, width] = self.size;
        let has = |class: u8| labels.contains(&class);
        if labels.len() != height * width || !has(0) || !has(1) {
            return Err(JsError::new(&format!("{} labels: there must be {height} x {width}, with 0 and 1 among them", labels.len())));
        }
        let labels = Array::from_fn([1, height, width], |i| i32::from(labels[i]));
        let made = self.plan.run_async(&[("label", &labels)]).await?;
        self.loss = made[1].to_f64().first().copied().unwrap_or(f64::NAN);
        bytes(&made[0])
    }
}
