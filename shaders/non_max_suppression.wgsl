// non_max_suppression: one workgroup per image, a round per box that is kept. Behind the box of a round each invocation crosses out those of
// its boxes that overlap it too much; the first that is left of all is the next round's.
#import index
#import larger

override WORKGROUP: u32 = 256u;

const NONE: u32 = 0xffffffffu;

struct Params {
    boxes: u32,
    most: u32,
    first_round: u32,
    rounds: u32,        // of this launch
    images: u32,        // of this launch
    first_image: u32,
    boxes_skip: u32,    // boxes
    output_skip: u32,
    edge: f32,          // 1: the last pixel belongs to a box
    threshold: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> boxes: array<vec4<f32>>;        // (images, boxes): x1, y1, x2, y2
@group(0) @binding(2) var<storage, read_write> crossed: array<u32>;      // (all images, boxes): 1 if a better box covers it
@group(0) @binding(3) var<storage, read_write> indices: array<i32>;      // (images, most)

var<workgroup> first_left: atomic<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let image = group_index(group, groups);
    let there = image < params.images;
    // A launch that goes on begins with the box that was kept last: crossing out behind it once more changes nothing.
    let resumed = params.first_round > 0u;
    var best = 0u;
    if (there && resumed) {
        best = bitcast<u32>(indices[params.output_skip + image * params.most + params.first_round - 1u]);
    }
    let rounds = params.rounds + select(0u, 1u, resumed);
    for (var turn = 0u; turn < rounds; turn++) {
        let round = params.first_round + turn - select(0u, 1u, resumed);
        if (local == 0u) {
            if (there) {
                indices[params.output_skip + image * params.most + round] = bitcast<i32>(best);
            }
            atomicStore(&first_left, NONE);
        }
        workgroupBarrier();
        if (there && best != NONE) {
            let left = cross_out(image, best, round == 0u, local);
            atomicMin(&first_left, left);
        }
        workgroupBarrier();
        best = atomicLoad(&first_left);
        workgroupBarrier();
    }
}

// Crosses out those of this invocation's boxes behind `best` that overlap it too much, and returns the first that is left.
fn cross_out(image: u32, best: u32, fresh: bool, local: u32) -> u32 {
    let kept = boxes[params.boxes_skip + image * params.boxes + best];
    var left = NONE;
    // The first of its boxes, each WORKGROUP away from the one before, that lies behind `best`.
    for (var box = best + 1u + (local + WORKGROUP - (best + 1u) % WORKGROUP) % WORKGROUP; box < params.boxes; box += WORKGROUP) {
        let at = (params.first_image + image) * params.boxes + box;
        let before = !fresh && crossed[at] != 0u;
        let now = before || covers(kept, boxes[params.boxes_skip + image * params.boxes + box]);
        crossed[at] = select(0u, 1u, now);
        if (!now) {
            left = min(left, box);
        }
    }
    return left;
}

fn covers(a: vec4<f32>, b: vec4<f32>) -> bool {
    if (has_nan(a) || has_nan(b)) {
        return false;
    }
    let both = area(vec4<f32>(max(a.xy, b.xy), min(a.zw, b.zw)));
    return both > params.threshold * (area(a) + area(b) - both) && both > 0.0;
}

fn area(box: vec4<f32>) -> f32 {
    let side = max(box.zw - box.xy + params.edge, vec2<f32>(0.0));
    return side.x * side.y;
}

fn has_nan(box: vec4<f32>) -> bool {
    return is_nan_of_one(box.x) || is_nan_of_one(box.y) || is_nan_of_one(box.z) || is_nan_of_one(box.w);
}
