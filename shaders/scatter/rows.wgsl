// scatter/rows: a workgroup takes some columns of one row of the output, all of which the same updates name, and looks for these once: one bit
// for each update, so that they apply in their order. The header declares Scalar and says how numbers combine.
#import index
#import pick

override WORKGROUP: u32 = 64u;
override REPLACE: u32 = 1u;  // 1: the last update stands, 0: they combine

struct Params {
    rows: u32,       // of this launch
    first_row: u32,
    columns: u32,
    updates: u32,
    size: u32,       // rows of the output
    skip: u32,       // elements before the first row
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Scalar>;          // (rows, columns)
@group(0) @binding(2) var<storage, read> indices: array<i32>;           // (updates)
@group(0) @binding(3) var<storage, read> updates: array<Scalar>;        // (updates, columns)
@group(0) @binding(4) var<storage, read_write> output: array<Scalar>;   // (rows, columns)

// OWN, columns of an invocation, is the header's.
const WORDS = 8u;  // of 32 updates each, that are looked at together

var<workgroup> found: array<atomic<u32>, WORDS>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let group = group_index(group_id, groups);
    let row = group % params.rows;
    let first = group / params.rows * OWN * WORKGROUP + local;
    if (group / params.rows * OWN * WORKGROUP >= params.columns) {
        return;
    }
    let start = params.skip + row * params.columns;
    var values: array<Scalar, OWN>;
    for (var own = 0u; own < OWN; own++) {
        values[own] = input[start + min(first + own * WORKGROUP, params.columns - 1u)];
    }
    for (var begin = 0u; begin < params.updates; begin += 32u * WORDS) {
        for (var word = local; word < WORDS; word += WORKGROUP) {
            atomicStore(&found[word], 0u);
        }
        workgroupBarrier();
        for (var u = local; u < min(32u * WORDS, params.updates - begin); u += WORKGROUP) {
            if (pick(indices[begin + u], i32(params.size)) == params.first_row + row) {
                atomicOr(&found[u / 32u], 1u << (u % 32u));
            }
        }
        workgroupBarrier();
        for (var word = 0u; word < WORDS; word++) {
            var bits = atomicLoad(&found[word]);
            while (bits != 0u) {
                let update = (begin + 32u * word + firstTrailingBit(bits)) * params.columns;
                bits &= bits - 1u;
                for (var own = 0u; own < OWN; own++) {
                    let value = updates[update + min(first + own * WORKGROUP, params.columns - 1u)];
                    if (REPLACE == 1u) {
                        values[own] = value;
                    } else {
                        values[own] = combine(values[own], value);
                    }
                }
            }
        }
        // Nobody clears what another has yet to read.
        workgroupBarrier();
    }
    for (var own = 0u; own < OWN; own++) {
        if (first + own * WORKGROUP < params.columns) {
            output[start + first + own * WORKGROUP] = values[own];
        }
    }
}
