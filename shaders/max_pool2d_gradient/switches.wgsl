// max_pool2d_gradient/switches: one invocation per four neighbouring inputs of a row, or as many as there are, to which it adds the gradients of
// the windows that they won, in scan order.
#import index
#import noted

override WORKGROUP: u32 = 64u;
// Known to the compiler, as divisions by numbers that it knows are products.
override STRIDE_H: u32 = 2u;
override STRIDE_W: u32 = 2u;

struct Params {
    finish: array<vec4<u32>, 4>,
    input_size: vec2<u32>,   // y, x, as are all pairs
    grad_size: vec2<u32>,
    extent: vec2<u32>,       // inputs from a window's first to its last, both counted
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

// The first window that covers the padded input `at` along an axis. Window o covers o stride .. o stride + extent - 1.
fn first_window(at: u32, extent: u32, stride: u32) -> u32 {
    return (max(at + 1u, extent) - extent + stride - 1u) / stride;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let fours = (params.input_size.y + 3u) / 4u;
    let row = index / fours;
    let x = 4u * (index - row * fours);
    let plane = row / params.input_size.x;
    let y = row - plane * params.input_size.x;

    let padded_y = y + params.padding.x;
    let padded_x = x + params.padding.y;
    let end_y = min(padded_y / STRIDE_H + 1u, params.grad_size.x);
    let end_x = min((padded_x + 3u) / STRIDE_W + 1u, params.grad_size.y);
    let first_x = first_window(padded_x, params.extent.y, STRIDE_W);
    let neighbours = vec4<u32>(0u, 1u, 2u, 3u);
    let own = vec4<i32>(neighbours + (y * params.input_size.y + x));
    var sums = vec4<f32>();
    for (var wy = first_window(padded_y, params.extent.x, STRIDE_H); wy < end_y; wy++) {
        let row_at = params.grad_skip + (plane * params.grad_size.x + wy) * params.grad_size.y;
        for (var wx = first_x; wx < end_x; wx++) {
            // Not all four lie in each window; what lies before it is large.
            let covered = neighbours + (padded_x - wx * STRIDE_W) < vec4(params.extent.y);
            let won = covered & (vec4(indices[row_at + wx]) == own);
            sums += select(vec4<f32>(), vec4(grad[row_at + wx]), won);
        }
    }
    let at = row * params.input_size.y + x;
    let done = finish(sums, at, plane % params.channels);
    note(done, params.input_size.y - x);
#for i 4
    if ($i < params.input_size.y - x) {
        output[params.output_skip + at + $i] = done[$i];
    }
#end
    noted();
}
