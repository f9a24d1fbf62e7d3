// Conversions of four elements at once. bool is a u32 of 0 or 1; f16 lies packed, two to a u32.

fn f32_to_i32(x: vec4<f32>) -> vec4<i32> {
    // 2147483520 is the largest f32 below 2^31.
    let cut = vec4<i32>(clamp(x, vec4(-2147483648.0), vec4(2147483520.0)));
    let top = select(cut, vec4(2147483647), x >= vec4(2147483648.0));
    return select(top, vec4(0), is_nan_bits(x));
}

fn f32_to_u32(x: vec4<f32>) -> vec4<u32> {
    // 4294967040 is the largest f32 below 2^32.
    let cut = vec4<u32>(clamp(x, vec4(0.0), vec4(4294967040.0)));
    let top = select(cut, vec4(4294967295u), x >= vec4(4294967296.0));
    return select(top, vec4(0u), is_nan_bits(x));
}

fn f32_to_bool(x: vec4<f32>) -> vec4<u32> {
    return vec4<u32>((bitcast<vec4<u32>>(x) & vec4(0x7fffffffu)) != vec4(0u));
}

fn is_nan_bits(x: vec4<f32>) -> vec4<bool> {
    return (bitcast<vec4<u32>>(x) & vec4(0x7fffffffu)) > vec4(0x7f800000u);
}

// Exact. f16 has 5 bits of exponent biased by 15 and 10 of mantissa, f32 has 8 biased by 127 and 23.
fn f16_to_f32(packed: vec2<u32>) -> vec4<f32> {
    let half = vec4(packed.x & 0xffffu, packed.x >> 16u, packed.y & 0xffffu, packed.y >> 16u);
    let sign = (half & vec4(0x8000u)) << vec4(16u);
    let size = half & vec4(0x7fffu);
    let normal = (size << vec4(13u)) + vec4(112u << 23u);
    let special = (size << vec4(13u)) | vec4(0x7f800000u);
    let subnormal = bitcast<vec4<u32>>(vec4<f32>(size) * 5.9604644775390625e-8);
    let bits = select(select(normal, special, size >= vec4(0x7c00u)), subnormal, size < vec4(0x0400u));
    return bitcast<vec4<f32>>(sign | bits);
}

// Rounded to nearest, ties to even; from 65520 on infinite. NaN keeps its upper bits and becomes quiet.
fn f32_to_f16(x: vec4<f32>) -> vec2<u32> {
    let bits = bitcast<vec4<u32>>(x);
    let size = bits & vec4(0x7fffffffu);
    // The 13 bits that go are rounded by adding just under half of the last bit that stays, or half if that one is odd.
    let normal = (size - vec4(112u << 23u) + vec4(0xfffu) + ((size >> vec4(13u)) & vec4(1u))) >> vec4(13u);
    // Below 2^-14 the last bit counts 2^-24: the mantissa with its leading 1 goes right by 126 - exponent, rounded as above.
    let exponent = size >> vec4(23u);
    let shift = clamp(vec4(126u) - min(exponent, vec4(126u)), vec4(14u), vec4(25u));
    let mantissa = (size & vec4(0x007fffffu)) | vec4(0x00800000u);
    let odd = (mantissa >> shift) & vec4(1u);
    let below = (mantissa + (vec4(1u) << (shift - vec4(1u))) - vec4(1u) + odd) >> shift;
    var half = select(normal, below, size < vec4(113u << 23u));
    half = select(half, vec4(0x7c00u), size >= vec4(0x477ff000u));
    half = select(half, vec4(0x7e00u) | ((size >> vec4(13u)) & vec4(0x3ffu)), size > vec4(0x7f800000u));
    half |= (bits >> vec4(16u)) & vec4(0x8000u);
    return vec2(half.x | (half.y << 16u), half.z | (half.w << 16u));
}
