// lrn: one invocation per element, over the squares of the channels around it.
#import floats
#import index

override WORKGROUP: u32 = 64u;

struct Params {
    count: u32,
    channels: u32,
    inner: u32,      // elements from a channel to the next
    before: u32,     // channels that count before this one
    after: u32,
    skip: u32,
    factor: f32,     // alpha / size
    beta: f32,
    bias: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;          // (N, C, inner)
@group(0) @binding(2) var<storage, read_write> output: array<f32>;   // (N, C, inner)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let channel = index / params.inner % params.channels;
    let back = min(channel, params.before);
    let channels = back + 1u + min(params.channels - 1u - channel, params.after);
    let at = params.skip + index;
    var squares = 0.0;
    for (var i = 0u; i < channels; i++) {
        let value = input[at - (back - i) * params.inner];
        squares += value * value;
    }
    output[at] = input[at] / power(params.bias + params.factor * squares, params.beta);
}
