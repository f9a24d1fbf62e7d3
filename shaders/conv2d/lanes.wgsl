// Dense or grouped 2-d convolution (NCHW) for software adapters whose subgroup is one vector of 8 lanes; a workgroup is a subgroup.
// One thread computes ROWS output channels of one group at 4 * VECTORS neighbouring pixels of one output row. All threads of a
// workgroup compute the same channels: each loads the weights of every eighth channel, and gets the others' by shuffles, which cost
// a hundredth of a load. Taps of a step are spelt out: what a loop carries is blended under the mask of active lanes in every turn.
// For a 1x1 convolution of stride 1 without padding, pass the image as one row of height * width pixels.
#import index
#import conv2d
#import window
#import vectors

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<vec2<u64>>; // [images, input_channels, height, width], four f32 each: half the loads
@group(0) @binding(2) var<storage, read> weight: array<f32>; // [output_channels, group_inputs, kernel height, kernel width]
@group(0) @binding(3) var<storage, read> bias: array<f32>; // [output_channels]
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f32>>; // [images, output_channels, height, width]

override HAS_BIAS: bool = false;
override ROWS: u32 = 16; // 1, 2, 4, 8 or 16
override VECTORS: u32 = 4; // 1, 2 or 4
override TAPS: u32 = 3; // of a kernel's row in one step: divides kernel.y, at most 7; one where dilation.y is not
override PLANES: u32 = 1; // input channels in one step: divides group_inputs; more than one only where the kernel is 1x1; at most 4
const LANES: u32 = 8;

var<private> sums: array<vec4<f32>, 64>; // [row][vector]
var<private> weights: array<vec2<f32>, 7>; // of this lane's channel, and of the one 8 further

// Adds the step's taps to one vector of sums; lane `lane` has the row's weights, `half` says which.
fn cell(row: u32, vector: u32, lane: u32, half: u32) {
    var sum = sums[row * VECTORS + vector];
    for (var t = 0u; t < PLANES * TAPS; t++) {
        let e = (vec4(0u, 1, 2, 3) + 4 * vector) * STRIDE + SHIFT % 4 + t % TAPS;
        let plane = t / TAPS;
        let pixels = vec4(pixel(plane, e.x), pixel(plane, e.y), pixel(plane, e.z), pixel(plane, e.w));
        sum = fma(vec4(subgroupShuffle(weights[t][half], lane)), pixels, sum);
    }
    sums[row * VECTORS + vector] = sum;
}

fn row_of(row: u32, lane: u32, half: u32) {
    cell(row, 0, lane, half);
    if VECTORS > 1 { cell(row, 1, lane, half); }
    if VECTORS > 2 { cell(row, 2, lane, half); cell(row, 3, lane, half); }
}

fn rows_of(lane: u32) {
    row_of(lane, lane, 0);
    if ROWS > LANES { row_of(lane + LANES, lane, 1); }
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) num_groups: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let group = group_index(group_id, num_groups);
    if group >= params.groups { return; }
    let size = params.input_size;
    let across = (params.output_size.y + 4 * VECTORS - 1) / (4 * VECTORS);
    let strips = across * params.output_size.x;
    let together = (strips * params.images + LANES - 1) / LANES; // groups with the same channels
    let per_group = (min(params.channels, params.group_outputs) + ROWS - 1) / ROWS;
    let block = group / together;
    let tile = group % together * LANES + lane;
    let image = min(tile / strips, params.images - 1); // past the last: computed again and not stored
    let strip = tile % strips;
    let y = strip / across;
    let x = strip % across * (4 * VECTORS);
    let group_start = params.first_channel + block / per_group * params.group_outputs;
    let channel = group_start + block % per_group * ROWS;
    let last = group_start + min(params.channels, params.group_outputs) - 1;

    let own = min(vec2(channel) + lane + vec2(0, LANES % ROWS), vec2(last)); // channels past the last read the last again
    var w = params.weight_skip + own * (params.group_inputs * params.kernel.x * params.kernel.y);
    if HAS_BIAS {
        let added = vec2(bias[params.bias_skip + own.x], bias[params.bias_skip + own.y]);
        for (var r = 0u; r < ROWS; r++) {
            let value = vec4(subgroupShuffle(added[r / LANES], r % LANES));
            for (var v = 0u; v < VECTORS; v++) { sums[r * VECTORS + v] = value; }
        }
    }
    let left = x * STRIDE - params.padding.y - SHIFT % 4; // modulo 2^32, and so are the indices below
    let first_plane = (params.first_image + image) * params.input_channels + channel / params.group_outputs * params.group_inputs;
    let plane_size = size.x * size.y;
    var plane = params.input_skip + first_plane * plane_size;
    for (var c = 0u; c < params.group_inputs; c += PLANES) {
        for (var ky = 0u; ky < params.kernel.x; ky++) {
            let row = y * params.stride.x + ky * params.dilation.x - params.padding.x;
            for (var kx = 0u; kx < params.kernel.y; kx += TAPS) {
                let column = left + kx * params.dilation.y;
                let i = plane + row * size.y + column;
                load(0, i, row, column);
                if PLANES > 1 { load(1, i + plane_size, row, column); }
                if PLANES > 2 { load(2, i + 2 * plane_size, row, column); load(3, i + 3 * plane_size, row, column); }
                for (var t = 0u; t < PLANES * TAPS; t++) {
                    weights[t].x = weight[w.x + t];
                    if ROWS > LANES { weights[t].y = weight[w.y + t]; }
                }
                rows_of(0);
                if ROWS > 1 { rows_of(1); }
                if ROWS > 2 { rows_of(2); rows_of(3); }
                if ROWS > 4 { rows_of(4); rows_of(5); rows_of(6); rows_of(7); }
                w += PLANES * TAPS;
            }
        }
        plane += PLANES * plane_size;
    }
    if tile >= strips * params.images { return; }
    // One vector of one channel at a time, so that the text of `finish` stands here once: the first is stored, then the others move up.
    let first_output = (params.first_image + image) * params.output_channels + channel;
    var i = params.output_skip + (first_output * params.output_size.x + y) * params.output_size.y + x;
    for (var r = channel; r <= min(channel + ROWS - 1, last); r++) {
        var row: array<vec4<f32>, 5>;
        for (var v = 0u; v < VECTORS; v++) { row[v] = sums[v]; }
        var at = i;
        for (var remaining = min(params.output_size.y - x, 4 * VECTORS); remaining > 0; remaining -= min(4u, remaining)) {
            put(finish(row[0], at, r), at, remaining);
            for (var v = 0u; v < VECTORS; v++) { row[v] = row[v + 1]; }
            at += 4;
        }
        for (var s = 0u; s < ROWS - 1; s++) {
            for (var v = 0u; v < VECTORS; v++) { sums[s * VECTORS + v] = sums[(s + 1) * VECTORS + v]; }
        }
        i += params.output_size.x * params.output_size.y;
    }
    noted();
}
