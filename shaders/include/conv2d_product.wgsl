// conv2d (NCHW) as a product of matrices, for what computes one tile by tile: the weights [channel][k] times the input that they
// meet [k][pixel], where k counts input channel, kernel row, kernel column; or BY_TAPS kernel row, kernel column, input channel, so that
// a step has one tap, and where that lies need not be found for each k. A tile is ROWS output channels of one group at COLUMNS pixels of
// one image, DEPTH steps of k at a time. The constants are of what imports this. Long sums may be cut into slices, each with a copy of
// the output.
#import index
#import conv2d

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>; // [images, input_channels, height, width]
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>; // [output_channels][k]
@group(0) @binding(3) var<storage, read> bias: array<f32>; // [output_channels]
@group(0) @binding(4) var<storage, read_write> output: array<f32>; // [images, output_channels, height, width]

override KERNEL_H: u32 = 1; // kernel.x
override KERNEL_W: u32 = 1; // kernel.y
override HAS_BIAS: bool = false;
override ALIGNED: bool = false; // group_inputs * KERNEL_H * KERNEL_W and weight_skip divide by 4
override WHOLE: bool = false; // each slice is whole steps of DEPTH
override TAPS: u32 = KERNEL_H * KERNEL_W;
override BY_TAPS: bool = false; // DEPTH divides group_inputs, and k is below 2^20

// What a thread knows before it starts.
struct Tile {
    begin: u32, end: u32, // where k runs
    channel: u32, last: u32, // the tile's first channel, the group's last
    output: u32, pixel: u32, // where the planes of the image's output begin, and the tile's first pixel
    // Of this thread's four gathered pixels: where their first tap lies in the group's first input channel, and its row and column,
    // modulo 2^32: outside is large. Where bits tell them apart, `inside` has one for each tap that is.
    corner: vec4<u32>, top: vec4<u32>, left: vec4<u32>, inside: vec4<u32>,
}

// How far k runs in a slice, plainly the same for all threads: a barrier wants that.
fn product_depth() -> u32 {
    return params.slice_depth;
}

fn workgroups() -> u32 {
    return params.groups;
}

fn tile_of(group: u32, local: u32) -> Tile {
    let pixels = params.output_size.x * params.output_size.y;
    let across = (pixels + COLUMNS - 1) / COLUMNS;
    let per_group = (min(params.channels, params.group_outputs) + ROWS - 1) / ROWS;
    let blocks = max(params.channels / params.group_outputs, 1u) * per_group;
    let pixel = group % across * COLUMNS;
    let block = group / across % blocks;
    let image = params.first_image + group / (across * blocks) % params.images;
    let slice = group / (across * blocks * params.images);
    let group_start = params.first_channel + block / per_group * params.group_outputs;
    let channel = group_start + block % per_group * ROWS;
    let plane = image * params.input_channels + channel / params.group_outputs * params.group_inputs;
    let gathered = min(vec4(0u, 1, 2, 3) + pixel + local % (COLUMNS / 4) * 4, vec4(pixels - 1));
    let top = gathered / params.output_size.y * params.stride.x - params.padding.x;
    let left = gathered % params.output_size.y * params.stride.y - params.padding.y;
    return Tile(
        slice * params.slice_depth, min((slice + 1) * params.slice_depth, params.group_inputs * TAPS),
        channel, group_start + min(params.channels, params.group_outputs) - 1,
        params.output_skip + slice * params.slice_elements + image * params.output_channels * pixels, pixel,
        params.input_skip + (plane * params.input_size.x + top) * params.input_size.y + left, top, left, taps_inside(top, left),
    );
}

// A bit for each tap of four pixels, if there are no more than 32: whether it lies in the input.
fn taps_inside(top: vec4<u32>, left: vec4<u32>) -> vec4<u32> {
    var inside = vec4(0u);
    if TAPS <= 32 {
        var across = vec4(0u);
        for (var x = 0u; x < KERNEL_W; x++) {
            across |= select(vec4(0u), vec4(1u << x), left + x * params.dilation.y < vec4(params.input_size.y));
        }
        for (var y = 0u; y < KERNEL_H; y++) {
            inside |= select(vec4(0u), across << vec4(y * KERNEL_W), top + y * params.dilation.x < vec4(params.input_size.x));
        }
    }
    return inside;
}

// Four weights of a channel, zeros past the first `valid`.
fn weights_at(i: u32, valid: u32) -> vec4<f32> {
    if ALIGNED { return select(vec4(0.0), weight[i / 4], WHOLE || valid > 0); }
    let four = vec4(weight[i / 4][i % 4], weight[(i + 1) / 4][(i + 1) % 4], weight[(i + 2) / 4][(i + 2) % 4], weight[(i + 3) / 4][(i + 3) % 4]);
    return select(vec4(0.0), four, vec4(0u, 1, 2, 3) < vec4(valid));
}

// The input of tap `k` for this thread's four pixels. What is read outside, wherever that is, does not count.
fn pixels_at(k: u32, tile: Tile) -> vec4<f32> {
    let tap = k % TAPS;
    let y = tap / KERNEL_W * params.dilation.x;
    let x = tap % KERNEL_W * params.dilation.y;
    let i = tile.corner + ((k / TAPS * params.input_size.x + y) * params.input_size.y + x);
    return inputs_at(i, is_inside(tap, y, x, tile) & vec4(WHOLE || k < tile.end));
}

// The same of four channels, from `ahead` of step `k`'s first one on, under the tap of that step.
fn channels_at(k: u32, ahead: u32, tile: Tile) -> mat4x4<f32> {
    // k over the channels of a group, for k < 2^20: a half more, so that three roundings of 2^-23 lead to no other whole number.
    let tap = u32((f32(k) + 0.5) * (1.0 / f32(params.group_inputs)));
    let y = tap / KERNEL_W * params.dilation.x;
    let x = tap % KERNEL_W * params.dilation.y;
    let plane = params.input_size.x * params.input_size.y;
    let i = tile.corner + ((k - tap * params.group_inputs + ahead) * plane + y * params.input_size.y + x);
    let counts = is_inside(tap, y, x, tile) & vec4(WHOLE || k < tile.end);
    return mat4x4(inputs_at(i, counts), inputs_at(i + plane, counts), inputs_at(i + 2 * plane, counts), inputs_at(i + 3 * plane, counts));
}

fn is_inside(tap: u32, y: u32, x: u32, tile: Tile) -> vec4<bool> {
    if TAPS <= 32 { return (tile.inside & vec4(1u << (tap % 32))) != vec4(0u); }
    return (tile.top + y < vec4(params.input_size.x)) & (tile.left + x < vec4(params.input_size.y));
}

fn inputs_at(i: vec4<u32>, counts: vec4<bool>) -> vec4<f32> {
    return select(vec4(0.0), vec4(input[i.x], input[i.y], input[i.z], input[i.w]), counts);
}

// Where block `n` of the weights lies: fours of steps, fours of channels. Neighbouring threads go along steps.
fn block_a(n: u32) -> vec2<u32> {
    return vec2(n % (DEPTH / 4), n / (DEPTH / 4));
}

// The block at step `k`: four channels of four steps each, zeros past the last step. Past the last channel is whatever lies there, since
// no row of a product depends on another.
fn load_a(n: u32, k: u32, tile: Tile) -> mat4x4<f32> {
    let depth = tile.begin + k + block_a(n).x * 4;
    let valid = tile.end - min(depth, tile.end);
    let channel = vec4(0u, 1, 2, 3) + tile.channel + block_a(n).y * 4;
    let i = channel * (params.group_inputs * TAPS) + depth + params.weight_skip;
    return mat4x4(weights_at(i.x, valid), weights_at(i.y, valid), weights_at(i.z, valid), weights_at(i.w, valid));
}

// Where block `n` of the gathered input lies: fours of steps, fours of pixels. Neighbouring threads read neighbouring pixels.
fn block_b(n: u32) -> vec2<u32> {
    return vec2(n / (COLUMNS / 4), n % (COLUMNS / 4));
}

// The block at step `k`: four steps of four pixels each.
fn load_b(n: u32, k: u32, tile: Tile) -> mat4x4<f32> {
    if BY_TAPS { return channels_at(tile.begin + k, block_b(n).x * 4, tile); }
    let depth = tile.begin + k + block_b(n).x * 4;
    return mat4x4(pixels_at(depth, tile), pixels_at(depth + 1, tile), pixels_at(depth + 2, tile), pixels_at(depth + 3, tile));
}

// Stores four sums of row `row` of the tile.
fn keep(row: u32, column: u32, sums: vec4<f32>, tile: Tile) {
    let pixels = params.output_size.x * params.output_size.y;
    let c = tile.channel + row;
    let p = tile.pixel + column;
    let i = tile.output + c * pixels + p;
    let done = finish(sums + select(0.0, bias[params.bias_skip + c], HAS_BIAS), i, c);
    note(done, select(0u, pixels - min(p, pixels), c <= tile.last));
#for e 4
    if c <= tile.last && p + $e < pixels { output[i + $e] = done[$e]; }
#end
}
