// roi_align/largest_gradient: one invocation per pixel: the gradients of the bins that it won, part by part, in scan order.
#import index
#import pick
#import roi_samples

override WORKGROUP: u32 = 64u;

struct Params {
    input_size: vec2<u32>,    // w, h, as are all pairs
    output_size: vec2<u32>,
    images: u32,
    channels: u32,
    parts: u32,
    first: u32,               // plane
    count: u32,
    output_skip: u32,
    aligned: u32,
    spatial_scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> rois: array<vec4<f32>>;       // (K): x1, y1, x2, y2
@group(0) @binding(2) var<storage, read> batch_indices: array<i32>;    // (K)
@group(0) @binding(3) var<storage, read> indices: array<i32>;          // (K, C, OH, OW)
@group(0) @binding(4) var<storage, read> grad: array<f32>;             // the same, times the weights
@group(0) @binding(5) var<storage, read_write> output: array<f32>;     // (N, C, H, W)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let row = index / params.input_size.x;
    let plane = row / params.input_size.y;
    let at = vec2(index - row * params.input_size.x, row - plane * params.input_size.y);
    let place = i32(at.y * params.input_size.x + at.x);
    let position = vec2<f32>(at);
    let image = (params.first + plane) / params.channels;
    let channel = params.first + plane - image * params.channels;
    let aligned = params.aligned != 0u;
    let bins = params.output_size.x * params.output_size.y;

    var sum = 0.0;
    for (var k = 0u; k < params.parts; k++) {
        let corners = rois[k] * params.spatial_scale - select(0.0, 0.5, aligned);
        if (is_far(corners) || pick(batch_indices[k], i32(params.images)) != image) {
            continue;
        }
        // A sample is less than a pixel off those it lies between, or one where it is outside; the rest is for what rounding does.
        let size = select(max(corners.zw - corners.xy, vec2(1.0)), corners.zw - corners.xy, aligned);
        let end = corners.xy + size;
        if (any(position < min(corners.xy, end) - 2.0) || any(position > max(corners.xy, end) + 2.0)) {
            continue;
        }
        let first = (k * params.channels + channel) * bins;
        for (var bin = first; bin < first + bins; bin++) {
            if (indices[bin] == place) {
                sum += grad[bin];
            }
        }
    }
    output[params.output_skip + index] = sum;
}
