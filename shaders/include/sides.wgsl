// What a normalised coordinate reads along a side of an image or volume, of which -1..1 covers low..low + span.
#import taps

override MODE: u32 = 0u;         // 0 bilinear, 1 nearest, 2 bicubic
override PADDING: u32 = 0u;      // 0 zeros, 1 border, 2 reflection

const BORDER: u32 = 1u;
const REFLECTION: u32 = 2u;
const FAR: f32 = 16777216.0;     // f32 cannot tell pixels apart from here on; no side is longer
const CUBIC: f32 = -0.75;

// The pixels around a coordinate's position along a side of `size` pixels, as integers that may lie outside.
struct Around {
    at: vec4<i32>,
    within: vec4<bool>,
    part: f32,     // of a pixel from the one below the position to it
    slope: f32,    // pixels that the position moves for each unit of the coordinate; 0 where border or reflection hold it
    far: bool,     // NaN, infinite or so far away that no pixel is meant
}

fn around(coordinate: f32, low: f32, span: f32, size: u32) -> Around {
    let last = i32(size) - 1;
    var p = 0.5 * (coordinate + 1.0) * span + low;
    // By its bits: a compiler may assume that no comparison meets a NaN.
    let nan = (bitcast<u32>(p) & 0x7fffffffu) > 0x7f800000u;
    let far = nan || abs(p - low) >= FAR;
    if (PADDING == BORDER) {
        p = select(clamp(p, -FAR, FAR), 0.0, nan);
    } else {
        p = select(p, 0.0, far);
    }
    var slope = select(0.5 * span, 0.0, far);
    if (MODE != BICUBIC && PADDING != 0u) {
        if (PADDING == REFLECTION) {
            slope *= facing(p, low, span);
            p = reflected(p, low, span);
        }
        slope = select(slope, 0.0, p <= 0.0 || p >= f32(last));
        p = clamp(p, 0.0, f32(last));
    }
    var at: vec4<i32>;
    var part = 0.0;
    if (MODE == NEAREST) {
        at = vec4<i32>(i32(round(p)));
        slope = 0.0;
    } else {
        let whole = i32(floor(p));
        part = p - floor(p);
        if (MODE == BICUBIC) {
            at = whole + vec4<i32>(-1, 0, 1, 2);
            if (PADDING == BORDER) {
                at = clamp(at, vec4<i32>(0), vec4<i32>(last));
            } else if (PADDING == REFLECTION) {
                at = mirrored(at, low, span, last);
            }
        } else {
            at = whole + vec4<i32>(0, 1, 1, 1);
        }
    }
    let within = (at >= vec4<i32>(0)) & (at <= vec4<i32>(last));
    return Around(at, within, part, slope, far);
}

// What is read there: each pixel's weight.
fn taps_of(place: Around, size: u32) -> Taps {
    var weight = vec4<f32>(1.0 - place.part, place.part, 0.0, 0.0);
    if (MODE == NEAREST) {
        weight = vec4<f32>(1.0, 0.0, 0.0, 0.0);
    } else if (MODE == BICUBIC) {
        weight = cubic_weights(place.part, CUBIC);
    }
    return within_side(place, size, weight);
}

// How each pixel's weight changes with the coordinate.
fn slopes_of(place: Around, size: u32) -> Taps {
    var weight = vec4<f32>(-1.0, 1.0, 0.0, 0.0);
    if (MODE == BICUBIC) {
        weight = cubic_slopes(place.part, CUBIC);
    }
    return within_side(place, size, weight * place.slope);
}

fn within_side(place: Around, size: u32, weight: vec4<f32>) -> Taps {
    let inside = clamp(place.at, vec4<i32>(0), vec4<i32>(i32(size) - 1));
    return Taps(vec4<u32>(inside), select(vec4<f32>(0.0), weight, place.within));
}

// What a coordinate reads along a side of `size` pixels; clears `inside` where it reads none.
fn taps(coordinate: f32, low: f32, span: f32, size: u32, inside: ptr<function, bool>) -> Taps {
    let place = around(coordinate, low, span, size);
    *inside = *inside && any(place.within) && !(PADDING == 0u && place.far);
    return taps_of(place, size);
}

// A position mirrored at low and low + span until it lies between them.
fn reflected(p: f32, low: f32, span: f32) -> f32 {
    let turn = 2.0 * span;
    let away = abs(p - low);
    let extra = away - floor(away / max(turn, 1.0)) * turn;
    return select(min(extra, turn - extra) + low, 0.0, span == 0.0);
}

// Whether the mirrored position moves with the position, 1, or against it, -1.
fn facing(p: f32, low: f32, span: f32) -> f32 {
    let turn = 2.0 * span;
    let away = abs(p - low);
    let extra = away - floor(away / max(turn, 1.0)) * turn;
    return select(1.0, -1.0, (p < low) != (extra > span));
}

// Whole pixels mirrored, exactly: they repeat after 2 span, and run backwards in the second half.
fn mirrored(at: vec4<i32>, low: f32, span: f32, last: i32) -> vec4<i32> {
    let turn = max(i32(2.0 * span), 1);
    let once = (at % turn + turn) % turn;
    return select(once, turn + i32(2.0 * low) - once, once > vec4<i32>(last));
}
