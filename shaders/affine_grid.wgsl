// affine_grid: one invocation per pixel, which writes its x and y.
#import index
#import affine
#import divide

override WORKGROUP: u32 = 64u;

struct Params {
    size: vec2<u32>,  // w, h
    span: vec2<f32>,  // pixels that -1..1 covers
    low: f32,         // where -1 is
    count: u32,
    theta_skip: u32,  // in pairs
    output_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> theta: array<vec2<f32>>;         // (N, 2, 3) floats as (N, 3) pairs
@group(0) @binding(2) var<storage, read_write> output: array<vec2<f32>>;  // (N, H, W) of x, y

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let row = divide(index, params.size.x);
    let image = divide(row.x, params.size.y);
    let matrix = params.theta_skip + 3u * image.x;
    let at = pixel_coordinate(vec2<u32>(row.y, image.y), params.low, params.span);
    output[params.output_skip + index] = affine_map(theta[matrix], theta[matrix + 1u], theta[matrix + 2u], at);
}
