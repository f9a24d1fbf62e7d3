// Numbers as two halves: brought near 2^12 by a power of 2, rounded to 11 digits, and what that leaves.

// The exponent, with its bias, of the power of 2 that brings numbers of these magnitudes between 2^12 and 2^13: 12 - (e - 127) + 127.
// 1 / 2^126 is the last power whose inverse is a normal number.
fn scale_of(largest: u32) -> u32 {
    return min(266 - (largest >> 23), 253);
}

fn two_to(exponent: u32) -> f32 {
    return bitcast<f32>(exponent << 23);
}

// Rounded to the 11 digits of an f16, by its bits: a driver may take f32(f16(v)) for v.
fn high_of(v: vec4<f32>) -> vec4<f32> {
    return bitcast<vec4<f32>>((bitcast<vec4<u32>>(v) + 0x1000) & vec4(0xffffe000u));
}
