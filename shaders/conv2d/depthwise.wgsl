// Depthwise 2-d convolution (NCHW; group_inputs = 1, any multiplier), dilation 1 along y.
// One thread computes 4 * VECTORS neighbouring columns of `segment` rows of one output channel. It walks down the rows:
// each input row is read once and added to every output row it touches; a finished output row is stored.
#import index
#import conv2d
#import vectors

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>; // [images, input_channels, height, width]
@group(0) @binding(2) var<storage, read> weight: array<f32>; // [output_channels, 1, KERNEL_H, KERNEL_W]
@group(0) @binding(3) var<storage, read> bias: array<f32>; // [output_channels]
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f32>>; // [images, output_channels, height, width]

override WORKGROUP: u32 = 8;
override HAS_BIAS: bool = false;
override KERNEL_H: u32 = 3; // kernel.x, at most 7
override KERNEL_W: u32 = 3; // kernel.y, at most 7
override STRIDE_H: u32 = 1; // stride.x
override STRIDE_W: u32 = 1; // stride.y
override DILATION_W: u32 = 1; // dilation.y
override VECTORS: u32 = 4; // 1, 2 or 4
// How far into a vector of the input every strip starts: (input_skip - padding.y) % 4 if the input's width divides by 4,
// else 4: differs from row to row.
override SHIFT: u32 = 4;
// Vectors that hold every input a row of taps needs: (4 * VECTORS - 1) * STRIDE_W + (KERNEL_W - 1) * DILATION_W + 1
// elements and min(SHIFT, 3) before them, divided by 4, rounded up; at most 20.
override LOADS: u32 = 6;
override PADDED: bool = true; // any tap of a stored pixel may lie outside the input

override BEHIND: u32 = (KERNEL_H - 1) / STRIDE_H;
var<private> weights: array<f32, 64>; // 0 past the kernel
var<private> w: array<vec4<f32>, 21>; // a piece of an input row
var<private> sums: array<vec4<f32>, 28>; // [m * VECTORS ..]: the output row m rows above the one that begins here

// Adds one column of the kernel, every STRIDE_H-th weight from row s on, to all sums. The loops of the shader are small
// so that every driver unrolls them: no index into a private array may remain. None ends by <=: m <= 0 is m == 0 to a driver, and no bound.
fn column(s: u32, kx: u32) {
    for (var v = 0u; v < VECTORS; v++) {
        let e = (vec4(0u, 1, 2, 3) + 4 * v) * STRIDE_W + kx * DILATION_W + SHIFT % 4;
        let pixels = vec4(w[e.x / 4][e.x % 4], w[e.y / 4][e.y % 4], w[e.z / 4][e.z % 4], w[e.w / 4][e.w % 4]);
        for (var m = 0u; m < BEHIND + 1; m++) {
            let factor = weights[(m * STRIDE_H + s) * KERNEL_W + kx];
            sums[m * VECTORS + v] = fma(vec4(factor), pixels, sums[m * VECTORS + v]);
        }
    }
}

// Reads row `row` of the plane that begins at `plane`, from element `left` on, and adds it to all sums: it is row s of those below an output row.
fn see(row: u32, s: u32, plane: u32, left: u32) {
    let size = params.input_size;
    let first = plane + row * size.y + left; // of w[0].x
    for (var l = 0u; l < LOADS; l++) { w[l] = input[(i32(first) >> 2) + i32(l)]; }
    if SHIFT == 4 { // whole vectors, then moved left by first % 4
        for (var l = 0u; l < LOADS; l++) { w[l] = select(w[l], vec4(w[l].yzw, w[l + 1].x), (first & 1) != 0); }
        for (var l = 0u; l < LOADS; l++) { w[l] = select(w[l], vec4(w[l].zw, w[l + 1].xy), (first & 2) != 0); }
    }
    if PADDED {
        let width = select(0u, size.y, row < size.x);
        for (var l = 0u; l < LOADS; l++) {
            w[l] = select(vec4(0.0), w[l], vec4(left + 4 * l) + vec4(0, 1, 2, 3) < vec4(width));
        }
    }
    column(s, 0u);
    if KERNEL_W > 1 { column(s, 1u); }
    if KERNEL_W > 2 { column(s, 2u); }
    if KERNEL_W > 3 { column(s, 3u); }
    if KERNEL_W > 4 { column(s, 4u); }
    if KERNEL_W > 5 { column(s, 5u); }
    if KERNEL_W > 6 { column(s, 6u); }
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) num_groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let group = group_index(group_id, num_groups);
    if group >= params.groups { return; }
    let size = params.input_size;
    let across = (params.output_size.y + 4 * VECTORS - 1) / (4 * VECTORS);
    let down = (params.output_size.x + params.segment - 1) / params.segment;
    let tile = group * WORKGROUP + local;
    if tile >= params.images * params.channels * down * across { return; }
    let x = tile % across * (4 * VECTORS);
    let y = tile / across % down * params.segment;
    let channel = params.first_channel + tile / (across * down) % params.channels;
    let image = params.first_image + tile / (across * down * params.channels);

    for (var ky = 0u; ky < KERNEL_H; ky++) {
        for (var kx = 0u; kx < KERNEL_W; kx++) {
            let t = ky * KERNEL_W + kx;
            weights[t] = weight[params.weight_skip + channel * (KERNEL_H * KERNEL_W) + t];
        }
    }
    let start = vec4(select(0.0, bias[params.bias_skip + channel], HAS_BIAS));
    let left = x * STRIDE_W - params.padding.y - SHIFT % 4; // modulo 2^32, and so are the indices below
    let plane = (image * params.input_channels + channel / params.group_outputs) * size.x * size.y;
    let rows = min(params.segment, params.output_size.x - y);
    var i = params.output_skip + ((image * params.output_channels + channel) * params.output_size.x + y) * params.output_size.y + x;
    for (var t = 0u; t < rows + BEHIND; t++) {
        // Not at the end of a turn, where FXC leaves it out if one row of sums is all there is.
        for (var s = 0u; s < BEHIND * VECTORS; s++) { sums[(BEHIND + 1) * VECTORS - 1 - s] = sums[BEHIND * VECTORS - 1 - s]; }
        for (var v = 0u; v < VECTORS; v++) { sums[v] = start; }
        // Spelt out, so that no index into weights depends on s. Rows past the kernel are between two outputs' rows.
#for s 7
        if min(STRIDE_H, KERNEL_H) > $su { see((y + t) * STRIDE_H + $s - params.padding.x, $s, params.input_skip + plane, left); }
#end
        if t >= BEHIND {
            for (var v = 0u; v < VECTORS; v++) {
                let remaining = params.output_size.y - min(x + 4 * v, params.output_size.y);
                let o = i + 4 * v;
                put(finish(sums[BEHIND * VECTORS + v], o, channel), o, remaining);
            }
            i += params.output_size.y;
        }
    }
    noted();
}
