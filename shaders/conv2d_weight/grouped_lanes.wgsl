// The gradient of the weight of a convolution of several groups (NCHW), whose channels see few others, for software adapters whose subgroup
// is one vector of 8 lanes; a workgroup is a subgroup. It computes TAPS neighbouring taps of a row of a kernel; each lane goes over every eighth
// row of pixels, 4 * VECTORS in one step, and in the end all lanes' sums are added up.
#import index
#import conv2d_weight
#import conv2d_weight_lanes

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<vec2<u64>>; // [images, input_channels, input_size], four f32 each: half the loads
@group(0) @binding(2) var<storage, read> grad: array<vec2<u64>>; // [images, output_channels, grad_size]
@group(0) @binding(3) var<storage, read> none: array<f32>; // as in conv2d_weight_product
@group(0) @binding(4) var<storage, read_write> output: array<f32>; // [output_channels, kernel rows, TAPS]

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) num_groups: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let group = group_index(group_id, num_groups);
    if group >= params.groups { return; }
    let columns = params.kernel.y / TAPS; // rows of taps as this kernel counts them
    let rows = params.group_inputs * params.kernel.x * columns; // of one output channel
    let slice = group / (params.channels * rows);
    let channel = params.first_channel + group / rows % params.channels;
    let row = group % rows;
    let seen = channel / params.group_outputs * params.group_inputs + row / columns / params.kernel.x;
    let above = row / columns % params.kernel.x * params.dilation.x - params.padding.x; // modulo 2^32, and so are the indices below
    let before = row % columns * (TAPS * params.dilation.y) - params.padding.y - SHIFT % 4;

    let size = params.grad_size;
    let end = min((slice + 1) * params.slice_depth, params.images * size.x);
    for (var line = slice * params.slice_depth + lane; line < end; line += LANES) {
        let image = line / size.x;
        let y = above + line % size.x * params.stride.x;
        let from_input = params.input_skip + ((image * params.input_channels + seen) * params.input_size.x + y) * params.input_size.y;
        let from_grad = params.grad_skip + ((image * params.output_channels + channel) * size.x + line % size.x) * size.y;
        for (var x = 0u; x < size.y; x += 4 * VECTORS) {
            left = size.y - x;
            load_grad(0, from_grad + x);
            var g: array<vec4<f32>, 4>;
            for (var v = 0u; v < VECTORS; v++) { g[v] = grads[v]; }
            let column = before + x * STRIDE;
            load(0, from_input + column, y, column);
            all_taps(0, 0, &g);
        }
    }
    let first = params.output_skip + slice * params.slice_elements + (channel * rows + row) * TAPS;
    for (var t = 0u; t < TAPS; t++) {
        let sum = subgroupAdd(sums[t]);
        if lane == 0 { output[first + t] = sum; }
    }
}
