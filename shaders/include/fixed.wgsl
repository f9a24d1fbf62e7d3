// Sums that do not depend on the order of their terms: numbers as 64-bit integers, two words each, added atomically. An addition
// of integers is exact and wraps, so the words that all terms leave are the same whatever the order.
//
// All terms of a sum are scaled by one power of two, so that the largest sum there can be stays below 2^31 in the upper word. What
// a term has below 2^-32 is cut off.

// The scale's exponent for up to 2^bits terms of at most `largest`, a number's bits, each with a weight below 2.
fn fixed_exponent(largest: u32, bits: u32) -> i32 {
    let above = i32(largest >> 23u) - 126;   // largest < 2^above
    return clamp(30 - i32(bits) - above, -126, 126);
}

fn power_of_two(exponent: i32) -> f32 {
    return bitcast<f32>(u32(exponent + 127) << 23u);
}

// A scaled term, the lower word first.
fn fixed_words(term: f32) -> vec2<u32> {
    let size = abs(term);
    let high = u32(size);
    let low = u32((size - floor(size)) * 4294967296.0);
    return select(vec2<u32>(low, high), negated(vec2<u32>(low, high)), term < 0.0);
}

// A sum, still scaled.
fn fixed_value(words: vec2<u32>) -> f32 {
    let negative = words.y >= 0x80000000u;
    let size = select(words, negated(words), negative);
    let value = f32(size.y) + f32(size.x) * (1.0 / 4294967296.0);
    return select(value, -value, negative);
}

fn negated(words: vec2<u32>) -> vec2<u32> {
    return vec2<u32>(0u - words.x, ~words.y + select(0u, 1u, words.x == 0u));
}
