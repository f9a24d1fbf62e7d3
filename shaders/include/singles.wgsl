// conv_transpose2d/lanes: two neighbours of the output where they may lie in two pairs, or not both inside.

alias Stored = f32;

fn store(at: u32, values: vec2<f32>, inside: vec2<bool>) {
    if inside.x { output[at] = values.x; }
    if inside.y { output[at + 1] = values.y; }
}
