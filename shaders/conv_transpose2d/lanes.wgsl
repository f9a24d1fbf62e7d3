// conv_transpose2d/lanes: a class of phases as in conv_transpose2d/tile, for software adapters whose subgroup is one vector of 8 lanes.
//
// A workgroup is a subgroup. One thread computes 8 rows, which are four pairs of neighbouring phases, at 32 places. All threads of a
// workgroup compute the same places: each loads the inputs of four neighbours, and gets the others' by shuffles, which cost a hundredth of
// a load. Products of a step are spelt out: what a loop carries is blended under the mask of active lanes in every turn.
#import index
#import conv_transpose2d
#import noted

@group(0) @binding(0) var<uniform> params: Params; // place_tiles: of 8 times four neighbours along x
@group(0) @binding(1) var<storage, read> input: array<vec2<u64>>; // four f32 each: half the loads
@group(0) @binding(2) var<storage, read> weight: array<u64>; // two f32 each
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<Stored>;

override TAPS: u32 = 2; // along x, of each phase; at most 4
override PLANES: u32 = 1; // input channels in one step: divides group_channels; at most 4, and PLANES * TAPS at most 6
override SHIFT: u32 = 4; // what lies before the first input of four places in its vector; 4 where that differs
override LOADS: u32 = 2; // vectors that hold these inputs: (min(SHIFT, 3) + 3 + TAPS) / 4, rounded up
override PITCH: u32 = LOADS + 1; // vectors of `window` from one input channel to the next
const LANES: u32 = 8;
const VECTORS: u32 = 2;
const PAIRS: u32 = 4;

var<private> sums: array<vec4<f32>, 64>; // [place][vector of rows]
var<private> those: array<vec4<f32>, 8>; // of four places
var<private> window: array<vec4<f32>, 16>; // [input channel][vector]: inputs of this lane's places
var<private> weights: array<vec4<f32>, 12>; // [product][vector of rows]

struct Place {
    image: u32,
    y: u32,
    x: u32,
}

// The first of four neighbours.
fn place_of(four: u32) -> Place {
    let across = (params.places_w + 3) / 4;
    let row = four / across;
    return Place(row / params.places_h, params.place_first_h + row % params.places_h, params.place_first_w + (four - row * across) * 4);
}

// Element `i` of a row of inputs in channel `plane`.
fn pixel(plane: u32, i: u32) -> f32 {
    return window[plane * PITCH + i / 4][i % 4];
}

// Loads the row of inputs whose element left of `window`'s is `i`. `y` and `x` say where that is; modulo 2^32, outside is large.
fn load(plane: u32, i: u32, y: u32, x: u32) {
    let first = plane * PITCH;
    for (var l = 0u; l < LOADS; l++) {
        let four = input[(i32(i) >> 2) + i32(l)];
        window[first + l] = bitcast<vec4<f32>>(vec4(u32(four.x), u32(four.x >> 32u), u32(four.y), u32(four.y >> 32u)));
    }
    if SHIFT == 4 { // whole vectors, then moved left by i % 4
        for (var l = first; l < first + LOADS; l++) { window[l] = select(window[l], vec4(window[l].yzw, window[l + 1].x), (i & 1) != 0); }
        for (var l = first; l < first + LOADS; l++) { window[l] = select(window[l], vec4(window[l].zw, window[l + 1].xy), (i & 2) != 0); }
    }
    let width = select(0u, params.input_w, y < params.input_h);
    for (var l = 0u; l < LOADS; l++) {
        window[first + l] = select(vec4(0.0), window[first + l], vec4(x + 4 * l) + vec4(0, 1, 2, 3) < vec4(width));
    }
}

fn pair_at(i: u32) -> vec2<f32> {
    let pair = weight[i / 2];
    return bitcast<vec2<f32>>(vec2(u32(pair), u32(pair >> 32u)));
}

// Adds the step's products to one vector of sums.
fn cell(lane: u32, own: u32, vector: u32) {
    let at = (lane * 4 + own) * VECTORS + vector;
    var sum = sums[at];
    for (var p = 0u; p < PLANES * TAPS; p++) {
        let value = subgroupShuffle(pixel(p / TAPS, SHIFT % 4 + own + TAPS - 1 - p % TAPS), lane);
        sum = fma(vec4(value), weights[p * VECTORS + vector], sum);
    }
    sums[at] = sum;
}

fn places_of(lane: u32) {
    cell(lane, 0, 0); cell(lane, 0, 1);
    cell(lane, 1, 0); cell(lane, 1, 1);
    cell(lane, 2, 0); cell(lane, 2, 1);
    cell(lane, 3, 0); cell(lane, 3, 1);
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) num_groups: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let group = group_index(group_id, num_groups);
    let place_tile = group % params.place_tiles; // groups that follow each other read the same weights
    let part = group / params.place_tiles;
    let channel_group = part / params.row_tiles;
    if channel_group >= params.groups { return; }
    let row = (part % params.row_tiles * LANES + lane) * (2 * PAIRS);

    var weight_at: array<u32, PAIRS>;
    var row_at: array<vec4<u32>, PAIRS>; // index of the output for place 0, y and x there modulo 2^32, channel
    var added: array<f32, PAIRS>;
    for (var p = 0u; p < PAIRS; p++) {
        let r = min(row + 2 * p, params.rows - 2); // rows past the last are those of the last, and not stored
        let phase_x = r % params.phases_w;
        let phase_y = r / params.phases_w % params.phases_h;
        let channel = r / params.phases_w / params.phases_h;
        let plane = channel_group * params.group_outputs + channel;
        let y = params.origin_h + phase_y;
        let x = params.origin_w + phase_x;
        weight_at[p] = params.weight_first + channel_group * params.group_channels * params.weight_channel
            + channel * params.weight_plane + phase_y * params.weight_row + phase_x;
        row_at[p] = vec4(params.output_skip + (plane * params.output_h + y) * params.output_w + x, y, x, params.bias_first + plane);
        added[p] = bias[row_at[p].w * params.has_bias];
    }
    let images = params.places / (params.places_h * params.places_w);
    let fours = images * params.places_h * ((params.places_w + 3) / 4);
    let own = place_of(min(place_tile * LANES + lane, fours - 1)); // past the last: computed again and not stored
    let size = params.input_h * params.input_w;
    let x = own.x - (TAPS - 1) - SHIFT % 4; // modulo 2^32, and so are the indices below
    var plane = params.input_skip + (own.image * params.input_channels + channel_group * params.group_channels) * size;
    for (var c = 0u; c < params.group_channels; c += PLANES) {
        for (var ty = 0u; ty < params.taps_h; ty++) {
            let y = own.y - params.lag_h - ty * params.input_step_h;
            let i = plane + y * params.input_w + x;
            load(0, i, y, x);
            if PLANES > 1 { load(1, i + size, y, x); }
            if PLANES > 2 { load(2, i + 2 * size, y, x); }
            if PLANES > 3 { load(3, i + 3 * size, y, x); }
            for (var p = 0u; p < PLANES * TAPS; p++) {
                let w = (c + p / TAPS) * params.weight_channel + ty * params.tap_step_h + p % TAPS * params.tap_step_w;
                weights[p * VECTORS] = vec4(pair_at(weight_at[0] + w), pair_at(weight_at[1] + w));
                weights[p * VECTORS + 1] = vec4(pair_at(weight_at[2] + w), pair_at(weight_at[3] + w));
            }
            places_of(0); places_of(1); places_of(2); places_of(3); places_of(4); places_of(5); places_of(6); places_of(7);
        }
        plane += PLANES * size;
    }
    // Four places at a time, of these one at a time: the first one's sums are stored, then all move up, so that no index into sums
    // depends on the place.
    for (var l = 0u; l < LANES; l++) {
        let four = place_tile * LANES + l;
        let first = place_of(four);
        let y_at = first.y * params.stride_h;
        let image_at = (first.image * params.output_channels * params.output_h + y_at) * params.output_w;
        let last = select(0u, params.place_first_w + params.places_w, four < fours);
        for (var s = 0u; s < 4 * VECTORS; s++) { those[s] = sums[s]; }
        for (var place = first.x; place < min(first.x + 4, last); place++) {
            let x_at = place * params.stride_w;
            for (var p = 0u; p < PAIRS; p++) {
                let x = vec2(row_at[p].z + x_at) + vec2(0, 1);
                let inside = vec2(row + 2 * p < params.rows && row_at[p].y + y_at < params.output_h) & (x < vec2(params.output_w));
                let at = row_at[p].x + image_at + x_at;
                let values = vec2(those[p / 2][p % 2 * 2], those[p / 2][p % 2 * 2 + 1]) + added[p];
                let done = vec2(finish(values.x, at, row_at[p].w), finish(values.y, at + 1, row_at[p].w));
                note(done.x, u32(inside.x));
                note(done.y, u32(inside.y));
                store(at, done, inside);
            }
            for (var s = 0u; s < 3 * VECTORS; s++) { those[s] = those[s + VECTORS]; }
        }
        for (var s = 0u; s < LANES - 1; s++) {
            for (var v = 0u; v < 4 * VECTORS; v++) { sums[s * 4 * VECTORS + v] = sums[(s + 1) * 4 * VECTORS + v]; }
        }
    }
    noted();
}
