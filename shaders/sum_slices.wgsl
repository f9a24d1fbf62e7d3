// One invocation per output element adds its slices in order, then the bias.
#import ahead
#import index
#import noted

override WORKGROUP: u32 = 64u;

struct Params {
    finish: array<vec4<u32>, 4>, // numbers of the header's `finish`
    count: u32,     // output elements, and elements of a slice
    slices: u32,
    plane: u32,     // elements from a channel to the next
    channels: u32,
    has_bias: u32,  // 0 reads the first of the zeros that stand in for it
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> slices: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    var sum = 0.0;
    var slice = 0u;
    for (; slice + AHEAD <= params.slices; slice += AHEAD) {
#for i AHEAD
        let part$i = slices[(slice + $i) * params.count + index];
#end
#for i AHEAD
        sum += part$i;
#end
    }
    for (; slice < params.slices; slice++) {
        sum += slices[slice * params.count + index];
    }
    let channel = index / params.plane % params.channels;
    let done = finish(sum + bias[channel * params.has_bias], index, channel);
    note(done, 1u);
    output[index] = done;
    noted();
}
