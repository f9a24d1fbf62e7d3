// sort/block: one workgroup sorts SPAN elements of a line and keeps the first of them. A bitonic sort whose merges begin by comparing mirrored
// places, so that every comparison puts the smaller pair first.
#import index
#import sort_key

override WORKGROUP: u32 = 256u;
override SPAN: u32 = 1024u;  // a power of two

struct Params {
    count: u32,       // runs of all lines
    columns: u32,     // elements of a line
    inner: u32,
    pairs: u32,       // of a line that are kept
    length: u32,      // pairs of a run that are kept
    input_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;             // (outer, columns, inner), as bits
@group(0) @binding(2) var<storage, read_write> runs: array<vec2<u32>>;  // (outer, inner, pairs)

var<workgroup> keys: array<u32, SPAN>;
var<workgroup> places: array<u32, SPAN>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let block = group_index(group, groups);
    let blocks = (params.columns + SPAN - 1u) / SPAN;
    let line = block / blocks;
    let run = block % blocks;
    let start = params.input_skip + line / params.inner * params.columns * params.inner + line % params.inner;
    for (var t = local; t < SPAN; t += WORKGROUP) {
        let column = run * SPAN + t;
        var pair = NOTHING;
        if (block < params.count && column < params.columns) {
            pair = vec2<u32>(sort_key(input[start + column * params.inner]), column);
        }
        keys[t] = pair.x;
        places[t] = pair.y;
    }
    for (var size = 2u; size <= SPAN; size *= 2u) {
        for (var half = size / 2u; half > 0u; half /= 2u) {
            workgroupBarrier();
            for (var t = local; t < SPAN / 2u; t += WORKGROUP) {
                let pairs_start = t / half * 2u * half;
                let offset = t % half;
                let a = pairs_start + offset;
                let b = select(a + half, pairs_start + 2u * half - 1u - offset, half == size / 2u);
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
        // The last run of a line may be short.
        let first = run * params.length;
        for (var t = local; t < min(params.length, params.pairs - first); t += WORKGROUP) {
            runs[line * params.pairs + first + t] = vec2<u32>(keys[t], places[t]);
        }
    }
}
