// Affine maps of normalised image coordinates.

// The normalised coordinates of a pixel's centre, where -1..1 covers low..low + span; 0 where that is one point.
// 2 (pixel - low) - span is a whole number below 2^25: one rounding, in the division.
fn pixel_coordinate(pixel: vec2<u32>, low: f32, span: vec2<f32>) -> vec2<f32> {
    let whole = vec2<f32>(2 * vec2<i32>(pixel) - vec2<i32>(i32(2.0 * low)) - vec2<i32>(span));
    return select(whole / max(span, vec2<f32>(1.0)), vec2<f32>(0.0), span == vec2<f32>(0.0));
}

// The 2 x 3 matrix (a b c; d e f), given as the pairs (a b) (c d) (e f), times (u, v, 1).
fn affine_map(ab: vec2<f32>, cd: vec2<f32>, ef: vec2<f32>, at: vec2<f32>) -> vec2<f32> {
    return vec2<f32>(dot(ab, at) + cd.x, cd.y * at.x + ef.x * at.y + ef.y);
}
