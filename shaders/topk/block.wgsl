// topk/block: one workgroup sorts SPAN pairs and keeps the first of them. A bitonic sort whose merges begin by comparing
// mirrored places, so that every comparison puts the smaller pair first.
#import index
#import sort_key

override WORKGROUP: u32 = 256u;
override SPAN: u32 = 1024u;  // a power of two
override SORT: u32 = 1u;     // 0: the pairs are bitonic already, only the steps within SPAN of a longer merge are left

struct Params {
    blocks: u32,  // of a line
    count: u32,   // blocks of all lines
    given: u32,   // pairs of a line of the source
    kept: u32,    // pairs of a block of the output
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<vec2<u32>>;        // (lines, given)
@group(0) @binding(2) var<storage, read_write> sorted: array<vec2<u32>>;  // (lines, blocks, kept)

var<workgroup> keys: array<u32, SPAN>;
var<workgroup> places: array<u32, SPAN>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let block = group_index(group, groups);
    let line = block / params.blocks;
    let first = block % params.blocks * SPAN;
    for (var t = local; t < SPAN; t += WORKGROUP) {
        var pair = NOTHING;
        if (block < params.count && first + t < params.given) {
            pair = source[line * params.given + first + t];
        }
        keys[t] = pair.x;
        places[t] = pair.y;
    }
    for (var size = select(SPAN, 2u, SORT == 1u); size <= SPAN; size *= 2u) {
        for (var half = size / 2u; half > 0u; half /= 2u) {
            workgroupBarrier();
            let mirrored = SORT == 1u && half == size / 2u;
            for (var t = local; t < SPAN / 2u; t += WORKGROUP) {
                let run = t / half * 2u * half;
                let offset = t % half;
                let a = run + offset;
                let b = select(a + half, run + 2u * half - 1u - offset, mirrored);
                let pair_a = vec2<u32>(keys[a], places[a]);
                let pair_b = vec2<u32>(keys[b], places[b]);
                if (comes_first(pair_b, pair_a)) {
                    keys[a] = pair_b.x;
                    places[a] = pair_b.y;
                    keys[b] = pair_a.x;
                    places[b] = pair_a.y;
                }
            }
        }
    }
    workgroupBarrier();
    if (block < params.count) {
        for (var t = local; t < params.kept; t += WORKGROUP) {
            sorted[block * params.kept + t] = vec2<u32>(keys[t], places[t]);
        }
    }
}
