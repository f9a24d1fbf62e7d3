// gather: one invocation moves one Element, which is one word or, in a vec4, four neighbours. The header declares Element.
#import index
#import noted
#import pick

override WORKGROUP: u32 = 64u;

struct Params {
    count: u32,         // Elements of the output
    inner: u32,         // Elements after the axis
    picks: u32,         // indices
    size: u32,          // of the axis in the input
    input_start: u32,
    output_start: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Element>;    // outer, size, inner
@group(0) @binding(2) var<storage, read> indices: array<i32>;      // picks
@group(0) @binding(3) var<storage, read_write> output: array<Element>;  // outer, picks, inner

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let row = index / params.inner;
    let x = index - row * params.inner;
    let outer = row / params.picks;
    let place = pick(indices[row - outer * params.picks], i32(params.size));
    let moved = input[params.input_start + (outer * params.size + place) * params.inner + x];
    note(moved, 4u);
    noted();
    output[params.output_start + index] = moved;
}
