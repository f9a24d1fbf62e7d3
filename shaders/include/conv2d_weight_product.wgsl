// conv2d_weight (NCHW) as a product of matrices, for what computes one tile by tile: the output's gradient [channel][k] times what each
// tap saw of the input at pixel k, [k][tap], where k counts pixels of all images and a tap is input channel, kernel row, kernel column.
// A tile is ROWS output channels x COLUMNS taps, DEPTH steps of k at a time. The constants are of what imports this. The sums, which are
// long, may be cut into slices, each with a copy of the output.
#import index
#import conv2d_weight

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>; // [images, input_channels, height, width]
@group(0) @binding(2) var<storage, read> grad: array<vec4<f32>>; // [images, output_channels, PIXELS]
@group(0) @binding(3) var<storage, read> none: array<f32>; // where others have a bias: the core's own bindings begin at 5
@group(0) @binding(4) var<storage, read_write> output: array<f32>; // [output_channels, input_channels * KERNEL_H * KERNEL_W]

override KERNEL_H: u32 = 1; // kernel.x
override KERNEL_W: u32 = 1; // kernel.y
override ALIGNED: bool = false; // pixels of an image and grad_skip divide by 4
override TAPS: u32 = KERNEL_H * KERNEL_W;

// What a thread knows before it starts.
struct Tile {
    begin: u32, end: u32, // where k runs
    channel: u32, // the tile's first channel
    output: u32, tap: u32, // where the output of the slice begins, and the tile's first tap
    planes: vec4<u32>, // of this thread's four taps: the channel's first element,
    top: vec4<u32>, left: vec4<u32>, // and how far the tap is from a pixel's place, modulo 2^32: outside is large
}

// How far k runs in a slice, plainly the same for all threads: a barrier wants that.
fn product_depth() -> u32 {
    return params.slice_depth;
}

fn workgroups() -> u32 {
    return params.groups;
}

fn taps() -> u32 {
    return params.input_channels * TAPS;
}

fn pixels() -> u32 {
    return params.grad_size.x * params.grad_size.y;
}

fn tile_of(group: u32, local: u32) -> Tile {
    let across = (taps() + COLUMNS - 1) / COLUMNS;
    let down = (params.channels + ROWS - 1) / ROWS;
    let tap = group % across * COLUMNS;
    let slice = group / (across * down);
    let own = min(vec4(0u, 1, 2, 3) + tap + local % (COLUMNS / 4) * 4, vec4(taps() - 1));
    return Tile(
        slice * params.slice_depth, min((slice + 1) * params.slice_depth, params.images * pixels()),
        params.first_channel + group / across % down * ROWS,
        params.output_skip + slice * params.slice_elements, tap,
        params.input_skip + own / TAPS * (params.input_size.x * params.input_size.y),
        own % TAPS / KERNEL_W * params.dilation.x - params.padding.x,
        own % KERNEL_W * params.dilation.y - params.padding.y,
    );
}

// What this thread's four taps see at step `k`.
fn seen_at(k: u32, tile: Tile) -> vec4<f32> {
    let pixel = k % pixels();
    let y = tile.top + pixel / params.grad_size.y * params.stride.x;
    let x = tile.left + pixel % params.grad_size.y * params.stride.y;
    let inside = (y < vec4(params.input_size.x)) & (x < vec4(params.input_size.y)) & vec4(k < tile.end);
    let image = k / pixels() * (params.input_channels * params.input_size.x * params.input_size.y);
    let i = select(vec4(0u), image + tile.planes + y * params.input_size.y + x, inside);
    return select(vec4(0.0), vec4(input[i.x], input[i.y], input[i.z], input[i.w]), inside);
}

// The gradient of `channel` at step `k`.
fn grad_at(channel: u32, k: u32, tile: Tile) -> f32 {
    let i = params.grad_skip + (k / pixels() * params.output_channels + channel) * pixels() + k % pixels();
    return select(0.0, grad[i / 4][i % 4], k < tile.end);
}

// The same at four steps.
fn grads_at(channel: u32, k: u32, tile: Tile) -> vec4<f32> {
    if ALIGNED { // then all four are of one image, and all before the end or none
        let i = params.grad_skip + (k / pixels() * params.output_channels + channel) * pixels() + k % pixels();
        return select(vec4(0.0), grad[i / 4], k < tile.end);
    }
    return vec4(grad_at(channel, k, tile), grad_at(channel, k + 1, tile), grad_at(channel, k + 2, tile), grad_at(channel, k + 3, tile));
}

// Where block `n` of the gradient lies: fours of steps, fours of channels. Neighbouring threads go along steps.
fn block_a(n: u32) -> vec2<u32> {
    return vec2(n % (DEPTH / 4), n / (DEPTH / 4));
}

// The block at step `k`: four channels of four steps each. The last channel again past the last, zeros past the last step.
fn load_a(n: u32, k: u32, tile: Tile) -> mat4x4<f32> {
    let depth = tile.begin + k + block_a(n).x * 4;
    let channel = min(vec4(0u, 1, 2, 3) + tile.channel + block_a(n).y * 4, vec4(params.first_channel + params.channels - 1));
    return mat4x4(
        grads_at(channel.x, depth, tile), grads_at(channel.y, depth, tile),
        grads_at(channel.z, depth, tile), grads_at(channel.w, depth, tile),
    );
}

// Where block `n` of what taps saw lies: fours of steps, fours of taps. Neighbouring threads read neighbouring taps.
fn block_b(n: u32) -> vec2<u32> {
    return vec2(n / (COLUMNS / 4), n % (COLUMNS / 4));
}

// The block at step `k`: four steps of four taps each.
fn load_b(n: u32, k: u32, tile: Tile) -> mat4x4<f32> {
    let depth = tile.begin + k + block_b(n).x * 4;
    return mat4x4(seen_at(depth, tile), seen_at(depth + 1, tile), seen_at(depth + 2, tile), seen_at(depth + 3, tile));
}

// Stores four sums of row `row` of the tile.
fn keep(row: u32, column: u32, sums: vec4<f32>, tile: Tile) {
    let c = tile.channel + row;
    let t = tile.tap + column;
    note(sums, select(0u, taps() - min(t, taps()), c < params.first_channel + params.channels));
    for (var e = 0u; e < 4; e++) {
        if c < params.first_channel + params.channels && t + e < taps() { output[tile.output + c * taps() + t + e] = sums[e]; }
    }
}
