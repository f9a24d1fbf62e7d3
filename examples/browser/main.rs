//! The default model in a browser: a photo or the camera in, and what is no person blurred. `scripts/browser.sh` builds the page and serves it.
//!
//! What blocks natively is awaited here: [`Gpu::open_async`](foveate::gpu::Gpu::open_async),
//! [`Plan::compile_async`](foveate::plan::Plan::compile_async) and [`Plan::run_async`](foveate::plan::Plan::run_async).
#![cfg(target_arch = "wasm32")]

use foveate::array::Array;
use foveate::gpu::{Gpu, GpuOptions};
use foveate::graph::Graph;
use foveate::models::selfie;
use foveate::plan::{Options, Plan};
use wasm_bindgen::prelude::{JsError, wasm_bindgen};

/// Finds the person in pictures.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Segmenter {
    gpu: Gpu,
    /// For pictures of one size: height and width.
    plan: Option<((usize, usize), Plan)>,
}

#[wasm_bindgen]
impl Segmenter {
    /// Opens the browser's GPU.
    pub async fn open() -> Result<Self, JsError> {
        console_error_panic_hook::set_once();
        Ok(Self { gpu: Gpu::open_async(&GpuOptions::default()).await?, plan: None })
    }

    /// What the browser says of its GPU.
    pub fn adapter(&self) -> String {
        self.gpu.capabilities().name.clone()
    }

    /// How likely each pixel is to show a person, 0 to 255, of a canvas's `ImageData`.
    pub async fn mask(&mut self, rgba: Vec<u8>, width: usize, height: usize) -> Result<Vec<u8>, JsError> {
        let pixels = width * height;
        if pixels == 0 || rgba.len() != 4 * pixels {
            return Err(JsError::new(&format!("{} bytes are not {width} x {height} pixels of red, green, blue and alpha", rgba.len())));
        }
        let photo = Array::from_fn([1, 3, height, width], |i| f32::from(rgba[i % pixels * 4 + i / pixels]) / 255.0);
        if self.plan.as_ref().is_none_or(|(size, _)| *size != (height, width)) {
            let graph = Graph::new();
            let input = graph.input("photo", photo.ty())?;
            let mask = selfie::photo_mask(&graph, &selfie::weights()?, &input)?;
            self.plan = Some(((height, width), Plan::compile_async(&self.gpu, &[&mask], Options::default()).await?));
        }
        let Some((_, plan)) = &mut self.plan else { return Err(JsError::new("there is no plan")) };
        let masks = plan.run_async(&[("photo", &photo)]).await?;
        Ok(masks[0].values::<f32>()?.iter().map(|p| (255.0 * p).round() as u8).collect())
    }
}
