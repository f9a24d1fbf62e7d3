// roi_align/weights: one invocation per part, bin and pixel along one side: how much of the pixel there is in the bin's mean.
#import index
#import roi_samples

override WORKGROUP: u32 = 64u;

struct Params {
    size: u32,       // of the image along the side
    bins: u32,
    most: u32,       // samples of a bin that can meet the image
    first: u32,      // part
    count: u32,
    output_skip: u32,
    samples: u32,    // of a bin; 0: one to a pixel
    aligned: u32,
    across: u32,     // along x rather than y
    spatial_scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> rois: array<vec4<f32>>;        // (K): x1, y1, x2, y2
@group(0) @binding(2) var<storage, read_write> output: array<f32>;      // (K, bins, size)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let row = index / params.size;
    let pixel = index - row * params.size;
    let k = row / params.bins;

    let corners = rois[params.first + k] * params.spatial_scale - select(0.0, 0.5, params.aligned != 0u);
    let ends = select(corners.yw, corners.xz, params.across != 0u);
    let bin = samples(ends.x, ends.y, params.bins, f32(row - k * params.bins), params.samples, params.aligned != 0u);
    var sum = 0.0;
    for (var i = 0u; i < params.most; i++) {
        let at = bin.skipped + f32(i);
        let position = bin.start + at * bin.step;
        if (at >= bin.count || position < -1.0 || position > f32(params.size)) {
            continue;
        }
        let v = tap(position, params.size);
        sum += select(0.0, 1.0 - v.part, v.low == pixel) + select(0.0, v.part, v.high == pixel);
    }
    output[params.output_skip + index] = select(sum / max(bin.count, 1.0), 0.0, is_far(corners));
}
