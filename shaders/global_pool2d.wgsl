// global_pool2d: SHARE invocations reduce a plane, each a strided part of it and then all parts in a tree of fixed shape.
#import ahead
#import index
#import larger

override WORKGROUP: u32 = 64u;
override SHARE: u32 = 64u;  // divides WORKGROUP, a power of two

struct Params {
    planes: u32,
    elements: u32,     // of a plane
    length: u32,       // of a plane, in LANES elements
    input_skip: u32,
    output_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Lanes>;        // planes of H x W
@group(0) @binding(2) var<storage, read_write> output: array<f32>;   // planes

var<workgroup> parts: array<f32, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let plane = group_index(group, groups) * (WORKGROUP / SHARE) + local / SHARE;
    let lane = local % SHARE;
    var part = 0.0;
    if (plane < params.planes) {
        let start = params.input_skip / LANES + plane * params.length;
        var lanes = Lanes();
        if (IS_MAX) {
            lanes = input[start];
        }
        var i = lane;
        for (; i + (AHEAD - 1u) * SHARE < params.length; i += AHEAD * SHARE) {
#for n AHEAD
            let lanes$n = input[start + i + $n * SHARE];
#end
#for n AHEAD
            lanes = merge_lanes(lanes, lanes$n);
#end
        }
        for (; i < params.length; i += SHARE) {
            lanes = merge_lanes(lanes, input[start + i]);
        }
        part = merged(lanes);
    }
    if (SHARE > 1u) {
        parts[local] = part;
        for (var step = SHARE / 2u; step > 0u; step /= 2u) {
            workgroupBarrier();
            if (lane < step) {
                parts[local] = merge(parts[local], parts[local + step]);
            }
        }
        part = parts[local];
    }
    if (lane == 0u && plane < params.planes) {
        output[params.output_skip + plane] = select(part / f32(params.elements), part, IS_MAX);
    }
}
