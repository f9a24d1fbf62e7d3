// Dense or grouped 2-d convolution (NCHW) for GPUs, as a product of the weights [channel][k] and gathered pixels [k][pixel],
// where k counts input channel, kernel row, kernel column. One workgroup computes TILE output channels of one group at
// TILE pixels of one image, one thread 8 x 8 of them. Shared memory holds DEPTH steps of k, written in whole vectors.
#import index
#import conv2d

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>; // [images, input_channels, height, width]
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>; // [output_channels, group_inputs, KERNEL_H, KERNEL_W]
@group(0) @binding(3) var<storage, read> bias: array<f32>; // [output_channels]
@group(0) @binding(4) var<storage, read_write> output: array<f32>; // [images, output_channels, height, width]

override TILE: u32 = 64; // 64, or 128 with a workgroup of 256
override DEPTH: u32 = 16; // 8 or 16
override WORKGROUP: u32 = 64; // (TILE / 8)^2
override KERNEL_H: u32 = 1; // kernel.x
override KERNEL_W: u32 = 1; // kernel.y
override HAS_BIAS: bool = false;
override ALIGNED: bool = false; // group_inputs * KERNEL_H * KERNEL_W and weight_skip divide by 4
override PITCH: u32 = TILE / 4 + 1; // vectors from one step of k to the next: padded against bank conflicts
override BLOCKS: u32 = TILE * DEPTH / 16;
override TAPS: u32 = KERNEL_H * KERNEL_W;
var<workgroup> tile_a: array<vec4<f32>, PITCH * DEPTH>;
var<workgroup> tile_b: array<vec4<f32>, PITCH * DEPTH>;

// What a thread knows before it starts.
struct Place {
    depth: u32, channel: u32, last: u32, // how far k runs; the tile's first channel, the group's last
    plane: u32, // where the first input channel of the group begins
    top: vec4<u32>, left: vec4<u32>, // of this thread's four gathered pixels, modulo 2^32: outside is large
}

// Four weights of a channel, zeros past the first `valid`.
fn weights_at(i: u32, valid: u32) -> vec4<f32> {
    if ALIGNED { return select(vec4(0.0), weight[i / 4], valid > 0); }
    let four = vec4(weight[i / 4][i % 4], weight[(i + 1) / 4][(i + 1) % 4], weight[(i + 2) / 4][(i + 2) % 4], weight[(i + 3) / 4][(i + 3) % 4]);
    return select(vec4(0.0), four, vec4(0u, 1, 2, 3) < vec4(valid));
}

// The input of tap `k` for this thread's four pixels.
fn pixels_at(k: u32, place: Place) -> vec4<f32> {
    let y = place.top + k % TAPS / KERNEL_W * params.dilation.x;
    let x = place.left + k % KERNEL_W * params.dilation.y;
    let inside = (y < vec4(params.input_size.x)) & (x < vec4(params.input_size.y)) & vec4(k < place.depth);
    let plane = place.plane + k / TAPS * (params.input_size.x * params.input_size.y);
    let i = select(vec4(0u), plane + y * params.input_size.y + x, inside);
    return select(vec4(0.0), vec4(input[i.x], input[i.y], input[i.z], input[i.w]), inside);
}

// Block `block` of step `k`: four vectors along the channels or along the pixels.
fn load(block: u32, k: u32, place: Place) -> mat4x4<f32> {
    let n = block % BLOCKS;
    if block < BLOCKS {
        let depth = k + n % (DEPTH / 4) * 4;
        let valid = place.depth - min(depth, place.depth);
        let channel = vec4(0u, 1, 2, 3) + place.channel + n / (DEPTH / 4) * 4;
        let i = min(channel, vec4(place.last)) * place.depth + depth + params.weight_skip;
        return transpose(mat4x4(weights_at(i.x, valid), weights_at(i.y, valid), weights_at(i.z, valid), weights_at(i.w, valid)));
    }
    let depth = k + n / (TILE / 4) * 4;
    return mat4x4(pixels_at(depth, place), pixels_at(depth + 1, place), pixels_at(depth + 2, place), pixels_at(depth + 3, place));
}

fn store(block: u32, m: mat4x4<f32>) {
    let n = block % BLOCKS;
    let depth = select(n / (TILE / 4), n % (DEPTH / 4), block < BLOCKS) * 4;
    let place = select(n % (TILE / 4), n / (DEPTH / 4), block < BLOCKS);
    let i = depth * PITCH + place;
    if block < BLOCKS {
        tile_a[i] = m[0]; tile_a[i + PITCH] = m[1]; tile_a[i + 2 * PITCH] = m[2]; tile_a[i + 3 * PITCH] = m[3];
    } else {
        tile_b[i] = m[0]; tile_b[i + PITCH] = m[1]; tile_b[i + 2 * PITCH] = m[2]; tile_b[i + 3 * PITCH] = m[3];
    }
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) num_groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let group = group_index(group_id, num_groups);
    if group >= params.groups { return; }
    let pixels = params.output_size.x * params.output_size.y;
    let across = (pixels + TILE - 1) / TILE;
    let per_group = (min(params.channels, params.group_outputs) + TILE - 1) / TILE;
    let blocks = max(params.channels / params.group_outputs, 1u) * per_group;
    let pixel = group % across * TILE;
    let block = group / across % blocks;
    let image = params.first_image + group / (across * blocks);
    let group_start = params.first_channel + block / per_group * params.group_outputs;
    let channel = group_start + block % per_group * TILE;
    let plane = image * params.input_channels + channel / params.group_outputs * params.group_inputs;
    let gathered = min(vec4(0u, 1, 2, 3) + pixel + local % (TILE / 4) * 4, vec4(pixels - 1));
    let place = Place(
        params.group_inputs * TAPS, channel, group_start + min(params.channels, params.group_outputs) - 1,
        params.input_skip + plane * params.input_size.x * params.input_size.y,
        gathered / params.output_size.y * params.stride.x - params.padding.x,
        gathered % params.output_size.y * params.stride.y - params.padding.y,
    );
    let tx = local % (TILE / 8);
    let ty = local / (TILE / 8);

    var sums: array<vec4<f32>, 16>; // [2 * r + h]: row r of 8, left or right half of 4 columns
    var first = load(local, 0u, place);
    var second: mat4x4<f32>;
    if 2 * BLOCKS > WORKGROUP { second = load(local + WORKGROUP, 0u, place); }
    let depth = params.group_inputs * TAPS; // `place.depth` too, but a barrier wants a bound that is plainly uniform
    for (var k = 0u; k < depth; k += DEPTH) {
        if local < 2 * BLOCKS { store(local, first); }
        if 2 * BLOCKS > WORKGROUP { store(local + WORKGROUP, second); }
        workgroupBarrier();
        first = load(local, k + DEPTH, place);
        if 2 * BLOCKS > WORKGROUP { second = load(local + WORKGROUP, k + DEPTH, place); }
        for (var d = 0u; d < DEPTH; d++) {
            let a0 = tile_a[d * PITCH + ty];
            let a1 = tile_a[d * PITCH + TILE / 8 + ty];
            let b0 = tile_b[d * PITCH + tx];
            let b1 = tile_b[d * PITCH + TILE / 8 + tx];
            for (var r = 0u; r < 4; r++) {
                sums[2 * r] = fma(vec4(a0[r]), b0, sums[2 * r]);
                sums[2 * r + 1] = fma(vec4(a0[r]), b1, sums[2 * r + 1]);
                sums[2 * r + 8] = fma(vec4(a1[r]), b0, sums[2 * r + 8]);
                sums[2 * r + 9] = fma(vec4(a1[r]), b1, sums[2 * r + 9]);
            }
        }
        workgroupBarrier();
    }
    for (var s = 0u; s < 16; s++) {
        let c = channel + (s / 8 * TILE / 2) + ty * 4 + s % 8 / 2;
        let p = pixel + (s % 2 * TILE / 2) + tx * 4;
        let i = params.output_skip + (image * params.output_channels + c) * pixels + p;
        let done = finish(sums[s] + select(0.0, bias[params.bias_skip + c], HAS_BIAS), i, c);
        for (var e = 0u; e < 4; e++) {
            if c <= place.last && p + e < pixels { output[i + e] = done[e]; }
        }
    }
}
