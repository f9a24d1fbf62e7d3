// affine_grid3d: one invocation per voxel, which writes its x, y and z.
#import index
#import affine
#import divide

override WORKGROUP: u32 = 64u;

struct Params {
    size: vec4<u32>,  // w, h, d
    span: vec4<f32>,  // voxels that -1..1 covers
    low: f32,         // where -1 is
    count: u32,
    theta_skip: u32,  // in vectors
    output_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> theta: array<vec4<f32>>;    // (N, 3, 4) floats as (N, 3) vectors
@group(0) @binding(2) var<storage, read_write> output: array<f32>;   // (N, D, H, W, 3) of x, y, z

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let row = divide(index, params.size.x);
    let plane = divide(row.x, params.size.y);
    let image = divide(plane.x, params.size.z);
    let matrix = params.theta_skip + 3u * image.x;
    let uv = pixel_coordinate(vec2(row.y, plane.y), params.low, params.span.xy);
    let w = pixel_coordinate(vec2(image.y, 0u), params.low, vec2(params.span.z, 1.0)).x;
    let at = vec4(uv, w, 1.0);
    let to = params.output_skip + 3u * index;
    output[to] = dot(theta[matrix], at);
    output[to + 1u] = dot(theta[matrix + 1u], at);
    output[to + 2u] = dot(theta[matrix + 2u], at);
}
