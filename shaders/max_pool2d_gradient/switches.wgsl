// max_pool2d_gradient/switches: one invocation per input, which adds up the gradients of the windows that it won, in scan order.
#import index

override WORKGROUP: u32 = 64u;

struct Params {
    finish: array<vec4<u32>, 4>,
    input_size: vec2<u32>,   // y, x, as are all pairs
    grad_size: vec2<u32>,
    extent: vec2<u32>,       // inputs from a window's first to its last, both counted
    stride: vec2<u32>,
    padding: vec2<u32>,      // above and to the left
    count: u32,
    channels: u32,
    grad_skip: u32,
    output_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> indices: array<i32>;              // planes of GH x GW
@group(0) @binding(2) var<storage, read> grad: array<f32>;                 // the same
@group(0) @binding(3) var<storage, read_write> output: array<f32>;         // planes of H x W

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let row = index / params.input_size.y;
    let plane = row / params.input_size.x;
    let position = vec2(row - plane * params.input_size.x, index - row * params.input_size.y);
    // Window o covers o stride .. o stride + extent - 1 of the padded input.
    let padded = position + params.padding;
    let first = (max(padded + 1u, params.extent) - params.extent + params.stride - 1u) / params.stride;
    let end = min(padded / params.stride + 1u, params.grad_size);
    let own = i32(position.x * params.input_size.y + position.y);
    var sum = 0.0;
    for (var y = first.x; y < end.x; y++) {
        let row_at = params.grad_skip + (plane * params.grad_size.x + y) * params.grad_size.y;
        for (var x = first.y; x < end.y; x++) {
            if (indices[row_at + x] == own) {
                sum += grad[row_at + x];
            }
        }
    }
    output[params.output_skip + index] = finish(sum, index, plane % params.channels);
}
