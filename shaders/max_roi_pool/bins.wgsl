// max_roi_pool/bins: one invocation per output: the largest of its bin, and where it lay.
#import index
#import larger
#import pick
#import whole_part

override WORKGROUP: u32 = 64u;

struct Params {
    input_size: vec2<u32>,    // w, h, as are all pairs
    output_size: vec2<u32>,
    images: u32,
    channels: u32,
    first: u32,               // part
    count: u32,
    output_skip: u32,
    spatial_scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;            // (N, C, H, W)
@group(0) @binding(2) var<storage, read> rois: array<vec4<f32>>;       // (K): x1, y1, x2, y2
@group(0) @binding(3) var<storage, read> batch_indices: array<i32>;    // (K)
@group(0) @binding(4) var<storage, read_write> output: array<f32>;     // (K, C, OH, OW)
@group(0) @binding(5) var<storage, read_write> indices: array<i32>;    // the same

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let row = index / params.output_size.x;
    let plane = row / params.output_size.y;
    let bin = vec2<i32>(vec2(index - row * params.output_size.x, row - plane * params.output_size.y));
    let k = plane / params.channels;
    let channel = plane - k * params.channels;

    let part = whole_part(rois[params.first + k] * params.spatial_scale);
    let bins = vec2<i32>(params.output_size);
    let size = vec2<i32>(params.input_size);
    // Bins reach from bin size / bins, rounded down, to where the next begins, rounded up: neighbours may share a place.
    let begin = clamp(part.first + bin * part.size / bins, vec2(0), size);
    let end = clamp(part.first + ((bin + 1) * part.size + bins - 1) / bins, vec2(0), size);
    let image = pick(batch_indices[params.first + k], i32(params.images));
    let base = (image * params.channels + channel) * params.input_size.x * params.input_size.y;

    var best = 0.0;
    var place = -1;
    if (part.there) {
        for (var y = begin.y; y < end.y; y++) {
            for (var x = begin.x; x < end.x; x++) {
                let at = y * size.x + x;
                let value = input[base + u32(at)];
                if (place < 0 || is_larger(value, best)) {
                    best = value;
                    place = at;
                }
            }
        }
    }
    output[params.output_skip + index] = best;
    indices[params.output_skip + index] = place;
}
