// The sample that the pixels and weights along two sides make.
// Reads `input: array<f32>`, which the shader that imports this declares.
#import taps

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
