// avg_pool2d: one invocation per output, which adds the taps of its window that lie inside the input.
#import index
#import noted

alias Element = f32;

override WORKGROUP: u32 = 64u;
override DILATED: bool = true;

struct Params {
    input_size: vec2<u32>,   // y, x, as are all pairs
    output_size: vec2<u32>,
    kernel: vec2<u32>,
    stride: vec2<u32>,
    dilation: vec2<u32>,
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
    let start = vec2(row - plane * params.output_size.x, index - row * params.output_size.y) * params.stride;
    // Tap k lies at start + k * dilation - padding: the first inside the input, the first behind it, the first behind what counts.
    var first = max(params.padding, start) - start;
    var end = params.input_size + params.padding - start;
    var counted = params.counted - start;
    if (DILATED) {
        first = (first + params.dilation - 1u) / params.dilation;
        end = (end + params.dilation - 1u) / params.dilation;
        counted = (counted + params.dilation - 1u) / params.dilation;
    }
    end = min(end, params.kernel);
    let corner = start + first * params.dilation - params.padding;

    var row_at = params.input_skip + (plane * params.input_size.x + corner.x) * params.input_size.y + corner.y;
    var sum = 0.0;
    for (var y = first.x; y < end.x; y++) {
        var at = row_at;
        for (var x = first.y; x < end.y; x++) {
            sum += input[at];
            at += params.dilation.y;
        }
        row_at += params.dilation.x * params.input_size.y;
    }
    var positions = end - first;
    if (params.counted.x > 0u) {
        positions = min(params.kernel, counted);
    }
    var divisor = f32(positions.x) * f32(positions.y);
    if (params.divisor > 0u) {
        divisor = f32(params.divisor);
    }
    let mean = sum / divisor;
    note(mean, 1u);
    noted();
    output[params.output_skip + index] = mean;
}
