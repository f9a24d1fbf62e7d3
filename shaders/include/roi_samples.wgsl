// The samples of a bin along one side of a part, and the pixels that they lie between.
#import larger

const FAR: f32 = 16777216.0;   // f32 cannot tell pixels apart from here on

// `count` samples, and the first that may meet the image.
struct Samples {
    start: f32,
    step: f32,
    count: f32,
    skipped: f32,
}

// Two pixels and the weight of the second.
struct Tap {
    low: u32,
    high: u32,
    part: f32,
}

fn is_far(corners: vec4<f32>) -> bool {
    let nan = is_nan_of_one(corners.x) || is_nan_of_one(corners.y) || is_nan_of_one(corners.z) || is_nan_of_one(corners.w);
    return nan || any(abs(corners) >= vec4(FAR));
}

// Of one of `bins` of a part from start to end; `wanted` samples, or one to a pixel where that is 0.
fn samples(start: f32, end: f32, bins: u32, bin: f32, wanted: u32, aligned: bool) -> Samples {
    let part = end - start;
    let length = select(max(part, 1.0), part, aligned) / f32(bins);
    let count = select(f32(wanted), max(ceil(length), 0.0), wanted == 0u);
    let step = length / max(count, 1.0);
    let first = start + bin * length + 0.5 * step;
    var skipped = 0.0;
    if (wanted == 0u && count > 0.0) {
        skipped = clamp(floor((-2.0 - first) / step), 0.0, count);
    }
    return Samples(first, step, count, skipped);
}

fn tap(position: f32, size: u32) -> Tap {
    let last = f32(size - 1u);
    let inside = clamp(position, 0.0, last);
    let low = floor(inside);
    return Tap(u32(low), u32(min(low + 1.0, last)), inside - low);
}
