// conv_transpose2d/lanes: two neighbours of the output that are one number of 64 bits, and both inside or both outside.

alias Stored = u64;

fn store(at: u32, values: vec2<f32>, inside: vec2<bool>) {
    let words = bitcast<vec2<u32>>(values);
    if inside.x { output[at / 2] = u64(words.x) | (u64(words.y) << 32u); }
}
