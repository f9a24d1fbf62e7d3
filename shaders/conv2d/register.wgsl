// Dense or grouped 2-d convolution (NCHW) for software adapters: no shared memory, everything in registers.
// One thread computes ROWS output channels of one group at 4 * VECTORS neighbouring pixels of one output row.
// For a 1x1 convolution of stride 1 without padding, pass the image as one row of height * width pixels.
#import component
#import index
#import conv2d
#import vectors

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>; // [images, input_channels, height, width]
@group(0) @binding(2) var<storage, read> weight: array<f32>; // [output_channels, group_inputs, kernel height, kernel width]
@group(0) @binding(3) var<storage, read> bias: array<f32>; // [output_channels]
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f32>>; // [images, output_channels, height, width]

override WORKGROUP: u32 = 8;
override HAS_BIAS: bool = false;
override VECTORS: u32 = 4; // 1, 2 or 4
override STRIDE: u32 = 1; // stride.y
// How far into a vector of the input every strip starts: (input_skip - padding.y) % 4 if the input's width divides by 4,
// else 4: differs from row to row.
override SHIFT: u32 = 4;
// Vectors that hold every input a row of taps needs: (4 * VECTORS - 1) * STRIDE + (kernel.y - 1) * dilation.y + 1
// elements and min(SHIFT, 3) before them, divided by 4, rounded up; at most 20.
override LOADS: u32 = 6;
override PADDED: bool = true; // any tap of a stored pixel may lie outside the input
override POINT: bool = false; // the kernel is 1x1
const ROWS: u32 = 8;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) num_groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let group = group_index(group_id, num_groups);
    if group >= params.groups { return; }
    let size = params.input_size;
    let kernel = select(params.kernel, vec2(1u), POINT);
    let across = (params.output_size.y + 4 * VECTORS - 1) / (4 * VECTORS);
    let strips = across * params.output_size.x;
    let per_group = (min(params.channels, params.group_outputs) + ROWS - 1) / ROWS;
    let blocks = max(params.channels / params.group_outputs, 1u) * per_group;
    let tile = group * WORKGROUP + local;
    let image = tile / (strips * blocks);
    if image >= params.images { return; }
    let strip = tile % strips;
    let block = tile / strips % blocks;
    let y = strip / across;
    let x = strip % across * (4 * VECTORS);
    let group_start = params.first_channel + block / per_group * params.group_outputs;
    let channel = group_start + block % per_group * ROWS;
    let last = group_start + min(params.channels, params.group_outputs) - 1;

    var weight_rows: array<u32, ROWS>; // channels past the last read the last again
    for (var r = 0u; r < ROWS; r++) {
        weight_rows[r] = params.weight_skip + min(channel + r, last) * (params.group_inputs * kernel.x * kernel.y);
    }
    var sums: array<vec4<f32>, ROWS * 4>;
    if HAS_BIAS {
        for (var r = 0u; r < ROWS; r++) {
            let added = vec4(bias[params.bias_skip + min(channel + r, last)]);
            for (var v = 0u; v < VECTORS; v++) { sums[r * VECTORS + v] = added; }
        }
    }
    let left = x * STRIDE - params.padding.y - SHIFT % 4; // modulo 2^32, and so are the indices below
    let first_plane = (params.first_image + image) * params.input_channels + channel / params.group_outputs * params.group_inputs;
    var plane = params.input_skip + first_plane * size.x * size.y + left;
    var k = 0u;
    for (var c = 0u; c < params.group_inputs; c++) {
        for (var ky = 0u; ky < kernel.x; ky++) {
            let row = y * params.stride.x + ky * params.dilation.x - params.padding.x;
            let i = plane + row * size.y; // of w[0].x
            var w: array<vec4<f32>, 21>;
            for (var l = 0u; l < LOADS; l++) { w[l] = input[(i32(i) >> 2) + i32(l)]; }
            if SHIFT == 4 { // whole vectors, then moved left by i % 4
                for (var l = 0u; l < LOADS; l++) { w[l] = select(w[l], vec4(w[l].yzw, w[l + 1].x), (i & 1) != 0); }
                for (var l = 0u; l < LOADS; l++) { w[l] = select(w[l], vec4(w[l].zw, w[l + 1].xy), (i & 2) != 0); }
            }
            if PADDED {
                let width = select(0u, size.y, row < size.x);
                for (var l = 0u; l < LOADS; l++) {
                    w[l] = select(vec4(0.0), w[l], vec4(left + 4 * l) + vec4(0, 1, 2, 3) < vec4(width));
                }
            }
            for (var kx = 0u; kx < kernel.y; kx++) {
                for (var r = 0u; r < ROWS; r++) {
                    let factor = vec4(weight[weight_rows[r] + k]);
                    for (var v = 0u; v < VECTORS; v++) {
                        let e = (vec4(0u, 1, 2, 3) + 4 * v) * STRIDE + SHIFT % 4;
                        let pixels = vec4(component(w[e.x / 4], e.x % 4), component(w[e.y / 4], e.y % 4), component(w[e.z / 4], e.z % 4), component(w[e.w / 4], e.w % 4));
                        sums[r * VECTORS + v] = fma(factor, pixels, sums[r * VECTORS + v]);
                    }
                }
                k++;
                if !POINT {
                    for (var d = 0u; d < params.dilation.y; d++) {
                        for (var l = 0u; l < LOADS; l++) { w[l] = vec4(w[l].yzw, w[l + 1].x); }
                    }
                }
            }
        }
        plane += size.x * size.y;
    }
    // one channel at a time: the first row of sums is stored, then all move up, so that no index into sums depends on r
    let first_output = (params.first_image + image) * params.output_channels + channel;
    var i = params.output_skip + (first_output * params.output_size.x + y) * params.output_size.y + x;
    for (var r = channel; r <= min(channel + ROWS - 1, last); r++) {
        for (var v = 0u; v < VECTORS; v++) {
            let remaining = params.output_size.y - min(x + 4 * v, params.output_size.y);
            let first = i + 4 * v;
            put(finish(sums[v], first, r), first, remaining);
        }
        for (var s = 0u; s < (ROWS - 1) * VECTORS; s++) { sums[s] = sums[s + VECTORS]; }
        i += params.output_size.x * params.output_size.y;
    }
    noted();
}
