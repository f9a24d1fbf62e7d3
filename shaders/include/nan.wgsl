// NaN, which WGSL cannot write: by its bits, so that no compiler that reasons about real numbers removes it.

// The bits of a number without its sign, as the upper 31, are at most this; those of a NaN are more. The largest of many
// such words says whether a NaN was among them, for a shift and an integer maximum each.
const INFINITE_SHIFTED = 0xff000000u;

fn nan() -> f32 {
    var bits = 0x7fc00000u;
    return bitcast<f32>(bits);
}
