// roi_align/means: TEAM invocations per output: the mean of its bin's samples.
#import index
#import roi_align

override WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;            // (N, C, H, W)
@group(0) @binding(2) var<storage, read> rois: array<vec4<f32>>;       // (K): x1, y1, x2, y2
@group(0) @binding(3) var<storage, read> batch_indices: array<i32>;    // (K)
@group(0) @binding(4) var<storage, read_write> output: array<f32>;     // (K, C, OH, OW)

var<private> sum: f32;
var<workgroup> sums: array<f32, WORKGROUP>;

fn see(pixels: vec4<f32>, weights: vec4<f32>, places: vec4<u32>) {
    let terms = pixels * weights;
    sum += terms.x + terms.y + terms.z + terms.w;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * (WORKGROUP / TEAM) + local / TEAM;
    let member = local % TEAM;
    var walked = Walked(0.0, 0.0);
    if (index < params.count) {
        walked = walk(index, member);
    }
    if (TEAM > 1u) {
        sums[local] = sum;
        workgroupBarrier();
        for (var other = 1u; other < TEAM && member == 0u; other++) {
            sum += sums[local + other];
        }
    }
    if (index < params.count && member == 0u) {
        output[params.output_skip + index] = sum / max(walked.all, 1.0);
    }
}
