// conv2d_weight (NCHW) as a product of matrices, for what computes one tile by tile: the output's gradient [channel][k] times what each
// tap saw of the input at pixel k, [k][tap], where k counts pixels of all images and a tap is input channel, kernel row, kernel column.
// A tile is ROWS output channels x COLUMNS taps of one group, DEPTH steps of k at a time. The constants are of what imports this. The sums, which are
// long, may be cut into slices, each with a copy of the output.
#import index
#import conv2d_weight

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>; // [images, input_channels, height, width]
@group(0) @binding(2) var<storage, read> grad: array<vec4<f32>>; // [images, output_channels, PIXELS]
@group(0) @binding(3) var<storage, read> none: array<f32>; // where others have a bias: the core's own bindings begin at 5
@group(0) @binding(4) var<storage, read_write> output: array<f32>; // [output_channels, group_inputs * KERNEL_H * KERNEL_W]

override KERNEL_H: u32 = 1; // kernel.x
override KERNEL_W: u32 = 1; // kernel.y
override ALIGNED: bool = false; // pixels of an image and grad_skip divide by 4
override WHOLE: bool = false; // each slice is whole steps of DEPTH
override TAPS: u32 = KERNEL_H * KERNEL_W;

// What a thread knows before it starts.
struct Tile {
    begin: u32, end: u32, // where k runs
    channel: u32, last: u32, // the tile's first channel, and the last of its group
    output: u32, tap: u32, // where the output of the slice begins, and the tile's first tap
    // Of this thread's four taps: how far they are from a pixel's place, and what they see of the first image's first pixel; modulo 2^32,
    // outside is large.
    top: vec4<u32>, left: vec4<u32>, corner: vec4<u32>,
}

// A step: an image, and the row and column of a pixel.
struct Pixel {
    image: u32, y: u32, x: u32,
}

// How far k runs in a slice, plainly the same for all threads: a barrier wants that.
fn product_depth() -> u32 {
    return params.slice_depth;
}

fn workgroups() -> u32 {
    return params.groups;
}

fn taps() -> u32 {
    return params.group_inputs * TAPS;
}

fn pixels() -> u32 {
    return params.grad_size.x * params.grad_size.y;
}

fn tile_of(group: u32, local: u32) -> Tile {
    let across = (taps() + COLUMNS - 1) / COLUMNS;
    let each = group_channels();
    let down = (each + ROWS - 1) / ROWS;
    let tap = group % across * COLUMNS;
    let number = group / (across * down) % convolution_groups();
    let slice = group / (across * down * convolution_groups());
    let seen = number * params.group_inputs; // the group's first input channel
    let first = params.first_channel + number * each;
    let own = min(vec4(0u, 1, 2, 3) + tap + local % (COLUMNS / 4) * 4, vec4(taps() - 1));
    let top = own % TAPS / KERNEL_W * params.dilation.x - params.padding.x;
    let left = own % KERNEL_W * params.dilation.y - params.padding.y;
    return Tile(
        slice * params.slice_depth, min((slice + 1) * params.slice_depth, params.images * pixels()),
        first + group / across % down * ROWS, first + each - 1,
        params.output_skip + slice * params.slice_elements, tap,
        top, left, params.input_skip + ((seen + own / TAPS) * params.input_size.x + top) * params.input_size.y + left,
    );
}

fn pixel_at(k: u32) -> Pixel {
    let image = k / pixels();
    let rest = k - image * pixels();
    let y = rest / params.grad_size.y;
    return Pixel(image, y, rest - y * params.grad_size.y);
}

// The pixel of the next step: with sizes that only the host knows, a division costs twenty times what this does.
fn after(p: Pixel) -> Pixel {
    let turns = p.x + 1 == params.grad_size.y;
    let ends = turns && p.y + 1 == params.grad_size.x;
    return Pixel(p.image + u32(ends), select(p.y + u32(turns), 0u, ends), select(p.x + 1, 0u, turns));
}

// What this thread's four taps see at step `k`. What is read outside, wherever that is, does not count.
fn seen_at(p: Pixel, k: u32, tile: Tile) -> vec4<f32> {
    let y = p.y * params.stride.x;
    let x = p.x * params.stride.y;
    let i = tile.corner + ((p.image * params.input_channels * params.input_size.x + y) * params.input_size.y + x);
    let inside = (tile.top + y < vec4(params.input_size.x)) & (tile.left + x < vec4(params.input_size.y));
    return select(vec4(0.0), vec4(input[i.x], input[i.y], input[i.z], input[i.w]), inside & vec4(WHOLE || k < tile.end));
}

// The gradient at four steps `k`, which lie at `at`.
fn grads_at(at: vec4<u32>, k: vec4<u32>, tile: Tile) -> vec4<f32> {
    // Where aligned, all four are of one image, and all before the end or none.
    if ALIGNED { return select(vec4(0.0), grad[at.x / 4], WHOLE || k.x < tile.end); }
    let four = vec4(grad[at.x / 4][at.x % 4], grad[at.y / 4][at.y % 4], grad[at.z / 4][at.z % 4], grad[at.w / 4][at.w % 4]);
    return select(vec4(0.0), four, k < vec4(tile.end));
}

// Where block `n` of the gradient lies: fours of steps, fours of channels. Neighbouring threads go along steps.
fn block_a(n: u32) -> vec2<u32> {
    return vec2(n % (DEPTH / 4), n / (DEPTH / 4));
}

// The block at step `k`: four channels of four steps each, zeros past the last step. Past the last channel is whatever lies there, since
// no row of a product depends on another.
fn load_a(n: u32, k: u32, tile: Tile) -> mat4x4<f32> {
    let steps = vec4(0u, 1, 2, 3) + tile.begin + k + block_a(n).x * 4;
    let at = params.grad_skip + steps + steps / pixels() * ((params.output_channels - 1) * pixels()); // for the first channel
    let channel = (vec4(0u, 1, 2, 3) + tile.channel + block_a(n).y * 4) * pixels();
    return mat4x4(
        grads_at(at + channel.x, steps, tile), grads_at(at + channel.y, steps, tile),
        grads_at(at + channel.z, steps, tile), grads_at(at + channel.w, steps, tile),
    );
}

// Where block `n` of what taps saw lies: fours of steps, fours of taps. Neighbouring threads read neighbouring taps.
fn block_b(n: u32) -> vec2<u32> {
    return vec2(n / (COLUMNS / 4), n % (COLUMNS / 4));
}

// The block at step `k`: four steps of four taps each.
fn load_b(n: u32, k: u32, tile: Tile) -> mat4x4<f32> {
    let depth = tile.begin + k + block_b(n).x * 4;
    let first = pixel_at(depth);
    let second = after(first);
    let third = after(second);
    return mat4x4(
        seen_at(first, depth, tile), seen_at(second, depth + 1, tile), seen_at(third, depth + 2, tile), seen_at(after(third), depth + 3, tile),
    );
}

// Stores four sums of row `row` of the tile.
fn keep(row: u32, column: u32, sums: vec4<f32>, tile: Tile) {
    let c = tile.channel + row;
    let t = tile.tap + column;
    note(sums, select(0u, taps() - min(t, taps()), c <= tile.last));
#for e 4
    if c <= tile.last && t + $e < taps() { output[tile.output + c * taps() + t + $e] = sums[$e]; }
#end
}
