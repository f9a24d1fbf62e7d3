// roi_align/means: one invocation per output: the mean of its bin's samples.
#import index
#import pick
#import roi_samples

override WORKGROUP: u32 = 64u;

struct Params {
    input_size: vec2<u32>,    // w, h, as are all pairs
    output_size: vec2<u32>,
    most: vec2<u32>,          // samples along one side of a bin that can meet the image
    images: u32,
    channels: u32,
    first: u32,               // part
    count: u32,
    output_skip: u32,
    samples: u32,             // along each side of a bin; 0: one to a pixel
    aligned: u32,
    spatial_scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;            // (N, C, H, W)
@group(0) @binding(2) var<storage, read> rois: array<vec4<f32>>;       // (K): x1, y1, x2, y2
@group(0) @binding(3) var<storage, read> batch_indices: array<i32>;    // (K)
@group(0) @binding(4) var<storage, read_write> output: array<f32>;     // (K, C, OH, OW)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let row = index / params.output_size.x;
    let plane = row / params.output_size.y;
    let bin = vec2<f32>(vec2(index - row * params.output_size.x, row - plane * params.output_size.y));
    let k = plane / params.channels;
    let channel = plane - k * params.channels;

    let corners = rois[params.first + k] * params.spatial_scale - select(0.0, 0.5, params.aligned != 0u);
    if (is_far(corners)) {
        output[params.output_skip + index] = 0.0;
        return;
    }
    let image = pick(batch_indices[params.first + k], i32(params.images));
    let base = (image * params.channels + channel) * params.input_size.x * params.input_size.y;
    let aligned = params.aligned != 0u;
    let across = samples(corners.x, corners.z, params.output_size.x, bin.x, params.samples, aligned);
    let down = samples(corners.y, corners.w, params.output_size.y, bin.y, params.samples, aligned);

    var sum = 0.0;
    for (var i = 0u; i < params.most.y; i++) {
        let step_y = down.skipped + f32(i);
        let y = down.start + step_y * down.step;
        if (step_y >= down.count || y < -1.0 || y > f32(params.input_size.y)) {
            continue;
        }
        let v = tap(y, params.input_size.y);
        let top = base + v.low * params.input_size.x;
        let bottom = base + v.high * params.input_size.x;
        for (var j = 0u; j < params.most.x; j++) {
            let step_x = across.skipped + f32(j);
            let x = across.start + step_x * across.step;
            if (step_x >= across.count || x < -1.0 || x > f32(params.input_size.x)) {
                continue;
            }
            let u = tap(x, params.input_size.x);
            let pixels = vec4(input[top + u.low], input[top + u.high], input[bottom + u.low], input[bottom + u.high]);
            let weights = vec4(1.0 - v.part, 1.0 - v.part, v.part, v.part) * vec4(1.0 - u.part, u.part, 1.0 - u.part, u.part);
            let terms = pixels * weights;
            sum += terms.x + terms.y + terms.z + terms.w;
        }
    }
    output[params.output_skip + index] = sum / max(across.count * down.count, 1.0);
}
