// gather_sum: one invocation per item of the output adds up the elements that its place is made of. The header declares Item: one element, or
// four neighbours of the dimensions behind the axis.
#import index
#import noted
#import pick

override WORKGROUP: u32 = 64u;

struct Params {
    count: u32,         // items of the output
    inner: u32,         // items after the axis
    places: u32,        // of the output along the axis
    most: u32,          // elements of a sum
    size: u32,          // of the axis in the input
    input_start: u32,
    output_start: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Item>;          // outer, size, inner
@group(0) @binding(2) var<storage, read> indices: array<i32>;         // places, most
@group(0) @binding(3) var<storage, read> weights: array<f32>;         // places, most
@group(0) @binding(4) var<storage, read_write> output: array<Item>;   // outer, places, inner

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let row = index / params.inner;
    let outer = row / params.places;
    let first = (row - outer * params.places) * params.most;
    let start = params.input_start + outer * params.size * params.inner + index - row * params.inner;
    var sum = Item();
    for (var k = first; k < first + params.most; k++) {
        sum = fma(input[start + pick(indices[k], i32(params.size)) * params.inner], Item(weights[k]), sum);
    }
    note(sum, LANES);
    noted();
    output[params.output_start + index] = sum;
}
