// reverse_sequence: one invocation moves one Element, which is one word or, in a vec4, four neighbours. The header declares Element.
#import index

override WORKGROUP: u32 = 64u;
override TIME_AXIS: u32 = 0u;

struct Params {
    count: u32,
    second: u32,  // the size of dimension 1
    inner: u32,   // Elements behind it
    times: u32,   // the size of the time axis
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Element>;         // first, second, inner
@group(0) @binding(2) var<storage, read> lengths: array<i32>;           // of each sequence
@group(0) @binding(3) var<storage, read_write> output: array<Element>;  // first, second, inner

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = group_index(group, groups) * WORKGROUP + local;
    if (number >= params.count) {
        return;
    }
    let row = number / params.inner;
    let first = row / params.second;
    let second = row - first * params.second;
    let time = select(second, first, TIME_AXIS == 0u);
    let length = u32(clamp(lengths[select(first, second, TIME_AXIS == 0u)], 0, i32(params.times)));
    let other = select(time, length - 1u - time, time < length);
    let source = select(first * params.second + other, other * params.second + second, TIME_AXIS == 0u);
    output[number] = input[source * params.inner + number - row * params.inner];
}
