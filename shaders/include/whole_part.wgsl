// Parts of a map whose corners are whole places, the last ones included, cut into bins.

struct WholePart {
    first: vec2<i32>,   // x, y, as are all pairs
    size: vec2<i32>,
    there: bool,
}

// The part between `corners`, x1, y1, x2, y2, of which each is a number below 2^15; else it is not there.
fn whole_part(corners: vec4<f32>) -> WholePart {
    let numbers = (bitcast<vec4<u32>>(corners) & vec4(0x7fffffffu)) < vec4(0x47000000u);
    if (!all(numbers)) {
        return WholePart(vec2(0), vec2(1), false);
    }
    // To the nearest, halves away from 0. The difference is exact.
    let whole = trunc(corners);
    let places = vec4<i32>(whole + select(vec4(0.0), sign(corners), abs(corners - whole) >= vec4(0.5)));
    return WholePart(places.xy, max(places.zw - places.xy + 1, vec2(1)), true);
}
