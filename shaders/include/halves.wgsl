// Two floats that a shader takes for one number of 64 bits, where they lie in memory as two f16.

fn pair_of_halves(halves: u32) -> u64 {
    let words = bitcast<vec2<u32>>(unpack2x16float(halves));
    return u64(words.x) | (u64(words.y) << 32u);
}

fn pairs_of_halves(halves: u64) -> vec2<u64> {
    return vec2(pair_of_halves(u32(halves)), pair_of_halves(u32(halves >> 32u)));
}

fn halves_of_pair(pair: u64) -> u32 {
    return pack2x16float(bitcast<vec2<f32>>(vec2(u32(pair), u32(pair >> 32u))));
}

fn halves_of_pairs(pairs: vec2<u64>) -> u64 {
    return u64(halves_of_pair(pairs.x)) | (u64(halves_of_pair(pairs.y)) << 32u);
}
