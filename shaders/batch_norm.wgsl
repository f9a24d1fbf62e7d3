// batch_norm: one invocation per item of the output.
#import index

override WORKGROUP: u32 = 64u;

struct Params {
    count: u32,      // items of all rows
    inner: u32,      // items in a row: a channel of an image
    channels: u32,
    first_row: u32,  // the row, n * channels + c, that the buffers begin with
    skip: u32,       // items before it
    eps: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Item>;         // (n, channels, inner)
@group(0) @binding(2) var<storage, read> scale: array<f32>;          // (channels)
@group(0) @binding(3) var<storage, read> bias: array<f32>;           // (channels)
@group(0) @binding(4) var<storage, read> mean: array<f32>;           // (channels)
@group(0) @binding(5) var<storage, read> variance: array<f32>;       // (channels)
@group(0) @binding(6) var<storage, read_write> output: array<Item>;  // (n, channels, inner)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let c = (params.first_row + index / params.inner) % params.channels;
    let factor = scale[c] / sqrt(variance[c] + params.eps);
    let at = params.skip + index;
    output[at] = (input[at] - mean[c]) * factor + bias[c];
}
