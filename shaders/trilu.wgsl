// trilu: one invocation per element. Words are moved as they are, whatever they mean; zero is zero in all of them.
#import index

override WORKGROUP: u32 = 64u;
override UPPER: u32 = 1u;

struct Params {
    count: u32,
    rows: u32,
    columns: u32,
    k: i32,      // the diagonal, at most rows or columns away
    skip: u32,   // elements before the first matrix
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;         // (.., rows, columns)
@group(0) @binding(2) var<storage, read_write> output: array<u32>;  // (.., rows, columns)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = group_index(group, groups) * WORKGROUP + local;
    if (number >= params.count) {
        return;
    }
    let line = number / params.columns;
    let diagonal = i32(number - line * params.columns) - i32(line % params.rows);
    let kept = select(diagonal <= params.k, diagonal >= params.k, UPPER == 1u);
    output[params.skip + number] = select(0u, input[params.skip + number], kept);
}
