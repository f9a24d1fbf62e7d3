// max_pool2d/window: one invocation per output, which looks at the taps of its window that lie inside the input.
// The header says what a `Scalar` is and which of two is larger.
#import index
#import noted

alias Element = Scalar;

override WORKGROUP: u32 = 64u;
override DILATED: bool = true;

struct Params {
    input_size: vec2<u32>,   // y, x, as are all pairs
    output_size: vec2<u32>,
    kernel: vec2<u32>,
    stride: vec2<u32>,
    dilation: vec2<u32>,
    padding: vec2<u32>,      // above and to the left
    count: u32,
    input_skip: u32,
    output_skip: u32,
    indices_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Scalar>;          // planes of H x W
@group(0) @binding(2) var<storage, read_write> output: array<Scalar>;   // planes of OH x OW

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let row = index / params.output_size.y;
    let plane = row / params.output_size.x;
    let start = vec2(row - plane * params.output_size.x, index - row * params.output_size.y) * params.stride;
    // Tap k lies at start + k * dilation - padding: the first inside, and the first behind.
    var first = max(params.padding, start) - start;
    var end = params.input_size + params.padding - start;
    if (DILATED) {
        first = (first + params.dilation - 1u) / params.dilation;
        end = (end + params.dilation - 1u) / params.dilation;
    }
    end = min(end, params.kernel);
    let corner = start + first * params.dilation - params.padding;

    let plane_at = params.input_skip + plane * params.input_size.x * params.input_size.y;
    var best_at = corner.x * params.input_size.y + corner.y;
    var best = input[plane_at + best_at];
    var row_at = best_at;
    for (var ky = first.x; ky < end.x; ky++) {
        var at = row_at;
        for (var kx = first.y; kx < end.y; kx++) {
            let value = input[plane_at + at];
            if (is_larger(value, best)) {
                best = value;
                best_at = at;
            }
            at += params.dilation.y;
        }
        row_at += params.dilation.x * params.input_size.y;
    }
    note(best, 1u);
    noted();
    output[params.output_skip + index] = best;
    store_index(index, best_at);
}
