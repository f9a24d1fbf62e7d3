// one_hot: one invocation per element of the output. Words are moved as they are, whatever they mean.
#import index

override WORKGROUP: u32 = 64u;

struct Params {
    count: u32,  // elements of this part of the output
    depth: u32,
    inner: u32,  // indices behind the new dimension
    indices_start: u32,
    output_start: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> indices: array<i32>;        // outer, inner
@group(0) @binding(2) var<storage, read> values: array<u32>;         // off, on
@group(0) @binding(3) var<storage, read_write> output: array<u32>;   // outer, depth, inner

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = group_index(group, groups) * WORKGROUP + local;
    if (number >= params.count) {
        return;
    }
    let row = number / params.inner;
    let outer = row / params.depth;
    let place = i32(row - outer * params.depth);
    let index = indices[params.indices_start + outer * params.inner + number - row * params.inner];
    let hot = index == place || index == place - i32(params.depth);
    output[params.output_start + number] = values[select(0u, 1u, hot)];
}
