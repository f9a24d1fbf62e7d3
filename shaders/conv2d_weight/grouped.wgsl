// The gradient of the weight of a convolution of several groups (NCHW), whose channels see few others: depthwise convolutions.
// A workgroup computes up to TAPS neighbouring taps of one row of one kernel. Its invocations go over the pixels of a slice, ACROSS of them
// side by side along a row and the others below; their sums are added up in a tree.
#import index
#import conv2d_weight

override WORKGROUP: u32 = 64u;
override ACROSS: u32 = 64u; // divides WORKGROUP, a power of two
override TAPS: u32 = 3u; // 1 to 4

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>; // [images, input_channels, input_size]
@group(0) @binding(2) var<storage, read> grad: array<f32>; // [images, output_channels, grad_size]
@group(0) @binding(3) var<storage, read> none: array<f32>; // as in conv2d_weight_product
@group(0) @binding(4) var<storage, read_write> output: array<f32>; // [output_channels, group_inputs, kernel]

var<workgroup> sums: array<vec4<f32>, WORKGROUP>;

// `sum`, and the product of a pixel's gradient and what it sees in a row of the input from index `row` on, if it sees something there.
fn added(sum: f32, g: f32, row: u32, column: u32) -> f32 {
    let width = params.input_size.y;
    return select(sum, fma(g, input[row + min(column, width - 1)], sum), column < width);
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) num_groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let group = group_index(group_id, num_groups);
    if group >= params.groups { return; }
    let columns = (params.kernel.y + TAPS - 1) / TAPS; // rows of taps as this kernel counts them
    let rows = params.group_inputs * params.kernel.x * columns; // of one output channel
    let slice = group / (params.channels * rows);
    let channel = params.first_channel + group / rows % params.channels;
    let row = group % rows;
    let first = row % columns * TAPS;
    let seen = channel / params.group_outputs * params.group_inputs + row / columns / params.kernel.x;
    let above = row / columns % params.kernel.x * params.dilation.x - params.padding.x; // modulo 2^32, and so are columns
    let before = first * params.dilation.y - params.padding.y;
    let step = params.dilation.y;

    let size = params.grad_size;
    let end = min((slice + 1) * params.slice_depth, params.images * size.x);
    var sum = vec4(0.0);
    for (var top = slice * params.slice_depth; top < end; top += WORKGROUP / ACROSS) {
        let line = top + local / ACROSS;
        let image = line / size.x;
        let y = above + line % size.x * params.stride.x;
        let from_input = params.input_skip + ((image * params.input_channels + seen) * params.input_size.x + y) * params.input_size.y;
        let from_grad = params.grad_skip + ((image * params.output_channels + channel) * size.x + line % size.x) * size.y;
        let width = select(0u, size.y, line < end && y < params.input_size.x); // what there is to go over
        for (var left = 0u; left < size.y; left += ACROSS) {
            let x = left + local % ACROSS;
            if x < width {
                let g = grad[from_grad + x];
                let column = before + x * params.stride.y;
                sum.x = added(sum.x, g, from_input, column);
                if TAPS > 1 { sum.y = added(sum.y, g, from_input, column + step); }
                if TAPS > 2 { sum.z = added(sum.z, g, from_input, column + 2 * step); }
                if TAPS > 3 { sum.w = added(sum.w, g, from_input, column + 3 * step); }
            }
        }
    }

    sums[local] = sum;
    for (var half = WORKGROUP / 2; half > 0; half /= 2u) {
        workgroupBarrier();
        if local < half { sums[local] = sums[local] + sums[local + half]; }
    }
    if local != 0 { return; }
    sum = sums[0];
    let taps = min(TAPS, params.kernel.y - first);
    let at = params.output_skip + slice * params.slice_elements
        + (channel * params.group_inputs * params.kernel.x + row / columns) * params.kernel.y + first;
    output[at] = sum.x;
    if taps > 1 { output[at + 1] = sum.y; }
    if taps > 2 { output[at + 2] = sum.z; }
    if taps > 3 { output[at + 3] = sum.w; }
}
