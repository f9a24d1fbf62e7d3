//! Two pages: the default model blurs what is no person, and a U-Net learns what one paints. `scripts/browser.sh` builds and serves them.
//!
//! What blocks natively is awaited here: [`Gpu::open_async`](foveate::gpu::Gpu::open_async),
//! [`Plan::compile_async`](foveate::plan::Plan::compile_async) and [`Plan::run_async`](foveate::plan::Plan::run_async).
#![cfg(target_arch = "wasm32")]

mod learner;
mod segmenter;

use foveate::array::Array;
use wasm_bindgen::prelude::JsError;

/// A canvas's `ImageData` as a photo (1, 3, height, width) of 0..1.
fn photo(rgba: &[u8], width: usize, height: usize) -> Result<Array, JsError> {
    let pixels = width * height;
    if pixels == 0 || rgba.len() != 4 * pixels {
        return Err(JsError::new(&format!("{} bytes are not {width} x {height} pixels of red, green, blue and alpha", rgba.len())));
    }
    Ok(Array::from_fn([1, 3, height, width], |i| f32::from(rgba[i % pixels * 4 + i / pixels]) / 255.0))
}

/// Shares of 0..1 as bytes.
fn bytes(shares: &Array) -> Result<Vec<u8>, JsError> {
    Ok(shares.values::<f32>()?.iter().map(|p| (255.0 * p).round() as u8).collect())
}
