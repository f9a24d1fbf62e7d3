// Four numbers as one vector: as `fours`, for all but a CPU's lanes.

alias Four = vec4<f32>;

fn floats(four: Four) -> vec4<f32> {
    return four;
}

fn four_floats(floats: vec4<f32>) -> Four {
    return floats;
}
