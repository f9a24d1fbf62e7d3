// One of four, chosen. `four[i]` is a product with (0, 1, 0, 0), say, to Direct3D's older compiler, FXC: NaN where another of the four is infinite.
fn component(four: vec4<f32>, i: u32) -> f32 {
    let pair = select(four.xy, four.zw, i > 1u);
    return select(pair.x, pair.y, (i & 1u) == 1u);
}
