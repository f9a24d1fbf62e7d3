// max_roi_pool/gradient: one invocation per place of the map: the gradients of the bins that it won, part by part, in scan order.
#import index
#import pick
#import whole_part

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
    spatial_scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> rois: array<vec4<f32>>;       // (K): x1, y1, x2, y2
@group(0) @binding(2) var<storage, read> batch_indices: array<i32>;    // (K)
@group(0) @binding(3) var<storage, read> indices: array<i32>;          // (K, C, OH, OW)
@group(0) @binding(4) var<storage, read> grad: array<f32>;             // the same
@group(0) @binding(5) var<storage, read_write> output: array<f32>;     // (N, C, H, W)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let row = index / params.input_size.x;
    let plane = row / params.input_size.y;
    let place = vec2<i32>(vec2(index - row * params.input_size.x, row - plane * params.input_size.y));
    let at = place.y * i32(params.input_size.x) + place.x;
    let image = (params.first + plane) / params.channels;
    let channel = params.first + plane - image * params.channels;
    let bins = vec2<i32>(params.output_size);

    var sum = 0.0;
    for (var k = 0u; k < params.parts; k++) {
        let part = whole_part(rois[k] * params.spatial_scale);
        let inside = place - part.first;
        if (pick(batch_indices[k], i32(params.images)) != image || !part.there || any(inside < vec2(0)) || any(inside >= part.size)) {
            continue;
        }
        // Bin b has what lies from b size / bins, rounded down, to before (b + 1) size / bins, rounded up.
        let begin = inside * bins / part.size;
        let end = ((inside + 1) * bins + part.size - 1) / part.size;
        for (var y = begin.y; y < end.y; y++) {
            for (var x = begin.x; x < end.x; x++) {
                let bin = ((k * params.channels + channel) * params.output_size.y + u32(y)) * params.output_size.x + u32(x);
                if (indices[bin] == at) {
                    sum += grad[bin];
                }
            }
        }
    }
    output[params.output_skip + index] = sum;
}
