// What the taps of a step meet of the input (NCHW), in registers, for convolutions on lanes: rows of neighbours, each of another input
// channel or row of the kernel. Whoever imports this binds `input` as array<vec2<u64>>.
#import fours

// STRIDE, SHIFT, LOADS, PADDED: as in conv2d/register
override STRIDE: u32 = 1;
override SHIFT: u32 = 4;
override LOADS: u32 = 6;
override PADDED: bool = true;
override PITCH: u32 = LOADS + 1; // vectors of `window` from one row to the next

var<private> window: array<vec4<f32>, 84>; // [row][vector]

// Element `i` of row `row`.
fn pixel(row: u32, i: u32) -> f32 {
    return window[row * PITCH + i / 4][i % 4];
}

// Loads the row of input whose element left of `window`'s is `i`. `y` and `x` say where that is; modulo 2^32, outside is large.
fn load(row: u32, i: u32, y: u32, x: u32) {
    let first = row * PITCH;
    for (var l = 0u; l < LOADS; l++) { window[first + l] = floats(input[(i32(i) >> 2) + i32(l)]); }
    if SHIFT == 4 { // whole vectors, then moved left by i % 4
        for (var l = first; l < first + LOADS; l++) { window[l] = select(window[l], vec4(window[l].yzw, window[l + 1].x), (i & 1) != 0); }
        for (var l = first; l < first + LOADS; l++) { window[l] = select(window[l], vec4(window[l].zw, window[l + 1].xy), (i & 2) != 0); }
    }
    if PADDED {
        let width = select(0u, params.input_size.y, y < params.input_size.x);
        for (var l = 0u; l < LOADS; l++) {
            window[first + l] = select(vec4(0.0), window[first + l], vec4(x + 4 * l) + vec4(0, 1, 2, 3) < vec4(width));
        }
    }
}
