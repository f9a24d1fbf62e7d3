// Pixels and weights along one side of an image.

const NEAREST: u32 = 1u;   // any other mode but BICUBIC is bilinear
const BICUBIC: u32 = 2u;

// Up to four pixels: nearest uses .x, bilinear .xy. All `at` are inside the image; `weight` is 0 where the pixel was not.
struct Taps {
    at: vec4<u32>,
    weight: vec4<f32>,
}

// Keys' cubic for the pixels at -1, 0, 1 and 2 of a sample at `part` in 0..1.
fn cubic_weights(part: f32, a: f32) -> vec4<f32> {
    let near = vec2<f32>(part, 1.0 - part);
    let far = near + 1.0;
    let inner = ((a + 2.0) * near - (a + 3.0)) * near * near + 1.0;
    let outer = ((a * far - 5.0 * a) * far + 8.0 * a) * far - 4.0 * a;
    return vec4<f32>(outer.x, inner.x, inner.y, outer.y);
}

// How those change with `part`.
fn cubic_slopes(part: f32, a: f32) -> vec4<f32> {
    let near = vec2<f32>(part, 1.0 - part);
    let far = near + 1.0;
    let inner = (3.0 * (a + 2.0) * near - 2.0 * (a + 3.0)) * near;
    let outer = (3.0 * a * far - 10.0 * a) * far + 8.0 * a;
    return vec4<f32>(outer.x, inner.x, -inner.y, -outer.y);
}
