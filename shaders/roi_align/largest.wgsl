// roi_align/largest: TEAM invocations per output: the largest weighted pixel of its bin's samples, where it lay, and its weight.
#import index
#import larger
#import roi_align

override WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;            // (N, C, H, W)
@group(0) @binding(2) var<storage, read> rois: array<vec4<f32>>;       // (K): x1, y1, x2, y2
@group(0) @binding(3) var<storage, read> batch_indices: array<i32>;    // (K)
@group(0) @binding(4) var<storage, read_write> output: array<f32>;     // (K, C, OH, OW)
@group(0) @binding(5) var<storage, read_write> indices: array<i32>;    // the same
@group(0) @binding(6) var<storage, read_write> weights: array<f32>;    // the same

struct Picked {
    value: f32,
    place: i32,
    weight: f32,
}

const OUTSIDE = Picked(0.0, -1, 0.0);

// Nothing yet where the place is -1.
var<private> best: Picked = OUTSIDE;

var<workgroup> bests: array<Picked, WORKGROUP>;
var<workgroup> met: array<f32, WORKGROUP>;

fn see(pixels: vec4<f32>, of_pixels: vec4<f32>, places: vec4<u32>) {
#for k 4
    let value$k = pixels[$k] * of_pixels[$k];
    if (best.place < 0 || is_larger(value$k, best.value)) {
        best = Picked(value$k, i32(places[$k]), of_pixels[$k]);
    }
#end
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
        bests[local] = best;
        met[local] = walked.met;
        workgroupBarrier();
        // In the order of their samples: the first among equals stays.
        for (var other = 1u; other < TEAM && member == 0u; other++) {
            let its = bests[local + other];
            walked.met += met[local + other];
            if (its.place >= 0 && (best.place < 0 || is_larger(its.value, best.value))) {
                best = its;
            }
        }
    }
    if (index >= params.count || member > 0u) {
        return;
    }
    // A sample outside is 0.
    if (walked.met < walked.all && best.value < 0.0 && !is_nan_of_one(best.value)) {
        best = OUTSIDE;
    }
    let at = params.output_skip + index;
    output[at] = best.value;
    indices[at] = best.place;
    weights[at] = best.weight;
}
