// im2col: one invocation per four neighbours of a row of columns, which are the elements of one tap.
#import index

override WORKGROUP: u32 = 64u;

struct Params {
    image: vec4<u32>,      // depth, height, width, as are all; .w is nothing
    block: vec4<u32>,
    counts: vec4<u32>,     // of blocks
    stride: vec4<u32>,
    dilation: vec4<u32>,
    before: vec4<u32>,     // the padding from where blocks start
    count: u32,            // invocations
    input_skip: u32,
    output_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;          // planes of image
@group(0) @binding(2) var<storage, read_write> output: array<f32>;   // planes of (block, counts)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let counts = params.counts.xyz;
    let across = (counts.z + 3u) / 4u;
    let row = index / across;
    let x = (index - row * across) * 4u;
    let slice = row / counts.y;
    let tap = slice / counts.x;
    let at = vec2(slice - tap * counts.x, row - slice * counts.y);
    let plane = tap / (params.block.x * params.block.y * params.block.z);
    let k = tap - plane * (params.block.x * params.block.y * params.block.z);
    let kx = k % params.block.z;
    let ky = k / params.block.z % params.block.y;
    let kz = k / (params.block.z * params.block.y);

    // What lies before the image wraps and is far beyond its end.
    let zy = at * params.stride.xy + vec2(kz, ky) * params.dilation.xy - params.before.xy;
    let inside = all(zy < params.image.xy);
    let first = ((plane * params.image.x + zy.x) * params.image.y + zy.y) * params.image.z + params.input_skip;
    let out = row * counts.z + params.output_skip;
    for (var i = x; i < min(x + 4u, counts.z); i++) {
        let p = i * params.stride.z + kx * params.dilation.z - params.before.z;
        var value = 0.0;
        if (inside && p < params.image.z) {
            value = input[first + p];
        }
        output[out + i] = value;
    }
}
