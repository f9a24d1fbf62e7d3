// avg_pool2d: one invocation per output, which adds the taps of its window that lie inside the input.
#import index

override WORKGROUP: u32 = 64u;

struct Params {
    input_size: vec2<u32>,   // y, x, as are all pairs
    output_size: vec2<u32>,
    kernel: vec2<u32>,
    stride: vec2<u32>,
    padding: vec2<u32>,      // above and to the left
    counted: vec2<u32>,      // the padded map, whose positions count; 0 if those of the input do
    count: u32,
    input_skip: u32,
    output_skip: u32,
    divisor: u32,            // 0 for the number of positions
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;          // planes of H x W
@group(0) @binding(2) var<storage, read_write> output: array<f32>;   // planes of OH x OW

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let row = index / params.output_size.y;
    let plane = row / params.output_size.x;
    // In the padded map: the window's start, and the part of it that lies inside the input.
    let start = vec2(row - plane * params.output_size.x, index - row * params.output_size.y) * params.stride;
    let first = max(start, params.padding);
    let size = min(start + params.kernel, params.input_size + params.padding) - first;
    let corner = first - params.padding;

    var row_at = params.input_skip + (plane * params.input_size.x + corner.x) * params.input_size.y + corner.y;
    var sum = 0.0;
    for (var y = 0u; y < size.x; y++) {
        for (var x = 0u; x < size.y; x++) {
            sum += input[row_at + x];
        }
        row_at += params.input_size.y;
    }
    var positions = size;
    if (params.counted.x > 0u) {
        positions = min(params.kernel, params.counted - start);
    }
    var divisor = positions.x * positions.y;
    if (params.divisor > 0u) {
        divisor = params.divisor;
    }
    output[params.output_skip + index] = sum / f32(divisor);
}
