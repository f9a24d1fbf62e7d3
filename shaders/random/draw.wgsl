// random/draw: one invocation per four elements, each from the counter (stream, its place) alone.
#import index
#import threefry

override WORKGROUP: u32 = 64u;
override UNIFORM: bool = false;  // floats of 0 to 1, 1 left out, else all bits

struct Params {
    vectors: u32,
    first: u32,   // the place of the first element that the output's binding shows, in vectors
    stream: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> key: array<vec2<u32>>;              // (2)
@group(0) @binding(2) var<storage, read_write> output: array<vec4<u32>>;     // any shape

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let vector = group_index(group, groups) * WORKGROUP + local;
    if (vector >= params.vectors) {
        return;
    }
    let place = 4u * (params.first + vector);
    var bits = vec4(drawn(place), drawn(place + 1u), drawn(place + 2u), drawn(place + 3u));
    if (UNIFORM) {
        // 23 bits behind the exponent of 1 are a float of 1 to 2.
        bits = bitcast<vec4<u32>>(bitcast<vec4<f32>>((bits >> vec4(9u)) | vec4(0x3F800000u)) - 1.0);
    }
    output[vector] = bits;
}

fn drawn(place: u32) -> u32 {
    let both = threefry(key[0], vec2(params.stream, place));
    return both.x ^ both.y;
}
