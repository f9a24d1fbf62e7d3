// resize with antialias: one invocation per output pixel and plane. The weights' hat (or cubic) is as wide as the step from one
// output pixel to the next, so that each input pixel counts; those outside the image are left out or the nearest inside. Weights are scaled to sum 1.
#import divide
#import index
#import line
#import noted

alias Element = f32;

override WORKGROUP: u32 = 64u;
override CUBIC: bool = false;
override EXCLUDE: bool = true;   // leave out pixels outside

struct Params {
    x_whole: vec4<u32>,      // a line of positions: include/line.wgsl
    x_real: vec4<f32>,       // .w: 1 / the weights' widening
    y_whole: vec4<u32>,
    y_real: vec4<f32>,
    input_size: vec2<u32>,   // w, h
    output_size: vec2<u32>,
    count: u32,              // OH * OW * planes
    input_skip: u32,
    output_skip: u32,
    cubic_coefficient: f32,
    extrapolate: u32,        // pixels whose place is outside are `extrapolation`
    extrapolation: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;          // (planes, H, W)
@group(0) @binding(2) var<storage, read_write> output: array<f32>;   // (planes, OH, OW)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let part = divide(index, params.output_size.x * params.output_size.y);
    let pixel = divide(part.y, params.output_size.x);
    let x = reach(pixel.y, params.x_whole, params.x_real, params.input_size.x);
    let y = reach(pixel.x, params.y_whole, params.y_real, params.input_size.y);

    if (params.extrapolate != 0u && (outside(x, params.input_size.x) || outside(y, params.input_size.y))) {
        keep(index, params.extrapolation);
        return;
    }

    let width = params.input_size.x;
    let end = vec2<i32>(params.input_size) - 1;
    let plane = params.input_skip + part.x * width * params.input_size.y;
    var sum = 0.0;
    var all_rows = 0.0;
    var all_columns = 0.0;
    for (var i = y.first; i <= y.last; i++) {
        var row = 0.0;
        all_columns = 0.0;
        for (var j = x.first; j <= x.last; j++) {
            let weight = filter_at(f32(j - x.whole) - x.part, params.x_real.w);
            row += weight * input[plane + u32(clamp(i, 0, end.y)) * width + u32(clamp(j, 0, end.x))];
            all_columns += weight;
        }
        let weight = filter_at(f32(i - y.whole) - y.part, params.y_real.w);
        sum += weight * row;
        all_rows += weight;
    }
    keep(index, sum / (all_rows * all_columns));
}

fn keep(index: u32, pixel: f32) {
    note(pixel, 1u);
    noted();
    output[params.output_skip + index] = pixel;
}

// A position and the pixels that it reaches; there is at least one, the host has seen to that.
struct Reach {
    whole: i32,
    part: f32,
    first: i32,
    last: i32,
}

fn reach(at: u32, line: vec4<u32>, real: vec4<f32>, size: u32) -> Reach {
    let place = place(vec4<u32>(at), line, real);
    let radius = select(1.0, 2.0, CUBIC) / real.w;
    let first = place.whole.x + i32(ceil(place.part.x - radius));
    let last = place.whole.x + i32(floor(place.part.x + radius));
    if (!EXCLUDE) {
        return Reach(place.whole.x, place.part.x, first, last);
    }
    return Reach(place.whole.x, place.part.x, max(first, 0), min(last, i32(size) - 1));
}

fn outside(at: Reach, size: u32) -> bool {
    let last = i32(size) - 1;
    return at.whole < 0 || at.whole > last || (at.whole == last && at.part > 0.0);
}

fn filter_at(distance: f32, narrow: f32) -> f32 {
    let d = abs(distance) * narrow;
    if (!CUBIC) {
        return max(0.0, 1.0 - d);
    }
    let a = params.cubic_coefficient;
    let inner = ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
    let outer = ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a;
    return select(select(0.0, outer, d < 2.0), inner, d <= 1.0);
}
