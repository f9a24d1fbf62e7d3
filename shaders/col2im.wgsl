// col2im: one invocation per output, which adds the elements of all blocks that lie on it.
#import index

override WORKGROUP: u32 = 64u;

struct Params {
    image: vec4<u32>,      // depth, height, width, as are all; .w is nothing
    block: vec4<u32>,
    counts: vec4<u32>,     // of blocks
    stride: vec4<u32>,
    dilation: vec4<u32>,
    before: vec4<u32>,     // the padding from where blocks start
    count: u32,
    input_skip: u32,
    output_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;          // planes of (block, counts)
@group(0) @binding(2) var<storage, read_write> output: array<f32>;   // planes of image

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let row = index / params.image.z;
    let slice = row / params.image.y;
    let plane = slice / params.image.x;
    // In the padded image.
    let at = vec3(slice - plane * params.image.x, row - slice * params.image.y, index - row * params.image.z) + params.before.xyz;

    let counts = params.counts.xyz;
    var tap = params.input_skip + plane * params.block.x * params.block.y * params.block.z * counts.x * counts.y * counts.z;
    var sum = 0.0;
    for (var z = 0u; z < params.block.x; z++) {
        for (var y = 0u; y < params.block.y; y++) {
            for (var x = 0u; x < params.block.z; x++) {
                // The block's start; one that would lie before 0 wraps and is far beyond the last.
                let start = at - vec3(z, y, x) * params.dilation.xyz;
                let block = start / params.stride.xyz;
                if (all(block < counts) && all(block * params.stride.xyz == start)) {
                    sum += input[tap + (block.x * counts.y + block.y) * counts.z + block.z];
                }
                tap += counts.x * counts.y * counts.z;
            }
        }
    }
    output[params.output_skip + index] = sum;
}
