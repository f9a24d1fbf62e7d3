// gather_nd: one invocation moves one Element, which is one word or, in a vec4, four neighbours. The header declares Element.
#import index
#import pick

override WORKGROUP: u32 = 64u;
override DEPTH: u32 = 1u;

struct Params {
    sizes: array<vec4<u32>, 2>,    // of the dimensions that a tuple indexes
    strides: array<vec4<u32>, 2>,  // of those dimensions, in slices
    count: u32,                    // Elements of this part of the output
    inner: u32,                    // Elements of a slice
    picks: u32,                    // tuples of a batch
    slices: u32,                   // of a batch
    row: u32,                      // the tuple that this part begins with
    indices_start: u32,
    output_start: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Element>;         // batches, slices, inner
@group(0) @binding(2) var<storage, read> indices: array<i32>;           // batches * picks, DEPTH
@group(0) @binding(3) var<storage, read_write> output: array<Element>;  // batches * picks, inner

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let row = index / params.inner;
    let x = index - row * params.inner;
    var slice = (params.row + row) / params.picks * params.slices;
    for (var d = 0u; d < DEPTH; d++) {
        let place = pick(indices[params.indices_start + row * DEPTH + d], i32(params.sizes[d / 4u][d % 4u]));
        slice += place * params.strides[d / 4u][d % 4u];
    }
    output[params.output_start + index] = input[slice * params.inner + x];
}
