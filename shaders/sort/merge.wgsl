// sort/merge: two neighbouring runs become one. One invocation makes OWN pairs of it: it looks, halving, for how many of the pairs before
// its own are of the first run, and goes on from there.
#import index

override WORKGROUP: u32 = 64u;
override STEPS: u32 = 1u;  // of the search, enough for `length` pairs

struct Params {
    count: u32,          // invocations
    pairs: u32,          // of a line
    length: u32,         // pairs of a run, of which the last of a line may have fewer
    merged_pairs: u32,   // of a line that are kept
    merged_length: u32,  // pairs of a merged run that are kept
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> runs: array<vec2<u32>>;          // (lines, pairs)
@group(0) @binding(2) var<storage, read_write> merged: array<vec2<u32>>;  // (lines, merged_pairs)

const OWN = 8u;  // ops/sort.rs: MERGED

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = group_index(group, groups) * WORKGROUP + local;
    if (number >= params.count) {
        return;
    }
    // A merged run is the work of whole invocations.
    let of_run = (params.merged_length + OWN - 1u) / OWN;
    let of_line = (params.merged_pairs + params.merged_length - 1u) / params.merged_length * of_run;
    let line = number / of_line;
    let run = number % of_line / of_run;
    let skip = number % of_run * OWN;
    let a = line * params.pairs + min(2u * run * params.length, params.pairs);
    let b = line * params.pairs + min((2u * run + 1u) * params.length, params.pairs);
    let a_pairs = b - a;
    let b_pairs = min(params.length, (line + 1u) * params.pairs - b);

    // The fewest pairs of a, so that none of b's before `skip` comes after a pair of a that is left. Of equals, a's come first.
    var low = max(skip, b_pairs) - b_pairs;
    var high = min(skip, a_pairs);
    for (var step = 0u; step < STEPS; step++) {
        if (low < high) {
            let middle = (low + high) / 2u;
            if (runs[a + middle].x <= runs[b + skip - 1u - middle].x) {
                low = middle + 1u;
            } else {
                high = middle;
            }
        }
    }
    var from_a = low;
    var from_b = skip - low;
    let end = line * params.pairs + params.pairs - 1u;
    var next_a = runs[min(a + from_a, end)];
    var next_b = runs[min(b + from_b, end)];
    let to = line * params.merged_pairs + run * params.merged_length;
    let most = min(params.merged_length, params.merged_pairs - run * params.merged_length);
    for (var own = 0u; own < OWN; own++) {
        let take_a = from_b >= b_pairs || (from_a < a_pairs && next_a.x <= next_b.x);
        if (skip + own < most) {
            merged[to + skip + own] = select(next_b, next_a, take_a);
        }
        from_a += u32(take_a);
        from_b += u32(!take_a);
        let next = runs[min(select(b + from_b, a + from_a, take_a), end)];
        next_a = select(next_a, next, take_a);
        next_b = select(next, next_b, take_a);
    }
}
