//! The default model.

use super::{bytes, photo};
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
        let photo = photo(&rgba, width, height)?;
        if self.plan.as_ref().is_none_or(|(size, _)| *size != (height, width)) {
            let graph = Graph::new();
            let input = graph.input("photo", photo.ty())?;
            let mask = selfie::photo_mask(&graph, &selfie::weights()?, &input)?;
            self.plan = Some(((height, width), Plan::compile_async(&self.gpu, &[&mask], Options::default()).await?));
        }
        let Some((_, plan)) = &mut self.plan else { return Err(JsError::new("there is no plan")) };
        bytes(&plan.run_async(&[("photo", &photo)]).await?[0])
    }
}
