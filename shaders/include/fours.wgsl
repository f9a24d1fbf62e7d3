// Four numbers of 32 bits as two of 64, which a CPU's lanes load and store by half as many instructions: drivers test each component by itself.

alias Four = vec2<u64>;

fn words(four: Four) -> vec4<u32> {
    return vec4(u32(four.x), u32(four.x >> 32u), u32(four.y), u32(four.y >> 32u));
}

fn floats(four: Four) -> vec4<f32> {
    return bitcast<vec4<f32>>(words(four));
}

fn four_words(words: vec4<u32>) -> Four {
    return vec2(u64(words.x) | (u64(words.y) << 32u), u64(words.z) | (u64(words.w) << 32u));
}

fn four_floats(floats: vec4<f32>) -> Four {
    return four_words(bitcast<vec4<u32>>(floats));
}
