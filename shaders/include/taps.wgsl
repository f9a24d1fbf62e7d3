// Pixels and weights along one side of an image, and the sample that two sides' make.
// Reads `input: array<f32>`, which the shader that imports this declares.

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

// The sample in the plane of `width` pixels a row that starts at `base`.
fn sample(mode: u32, base: u32, width: u32, x: Taps, y: Taps) -> f32 {
    if (mode == NEAREST) {
        return input[base + y.at.x * width + x.at.x];
    }
    if (mode == BICUBIC) {
        let rows = base + y.at * width;
        return dot(vec4<f32>(row(rows.x, x), row(rows.y, x), row(rows.z, x), row(rows.w, x)), y.weight);
    }
    let top = base + y.at.x * width;
    let bottom = base + y.at.y * width;
    let above = input[top + x.at.x] * x.weight.x + input[top + x.at.y] * x.weight.y;
    let below = input[bottom + x.at.x] * x.weight.x + input[bottom + x.at.y] * x.weight.y;
    return above * y.weight.x + below * y.weight.y;
}

fn row(base: u32, x: Taps) -> f32 {
    let at = base + x.at;
    return dot(vec4<f32>(input[at.x], input[at.y], input[at.z], input[at.w]), x.weight);
}
