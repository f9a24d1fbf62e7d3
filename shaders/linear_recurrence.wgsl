// linear_recurrence: one invocation per line goes through its steps one after another; neighbours read neighbours.
#import index

override WORKGROUP: u32 = 64u;
override REVERSE: bool = false;
override HAS_INITIAL: bool = false;

struct Params {
    lines: u32,   // outer * inner
    steps: u32,   // elements of a line
    inner: u32,   // from one element of a line to the next
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;          // (outer, steps, inner)
@group(0) @binding(2) var<storage, read> factor: array<f32>;         // (outer, steps, inner)
@group(0) @binding(3) var<storage, read> initial: array<f32>;        // (outer, inner)
@group(0) @binding(4) var<storage, read_write> output: array<f32>;   // (outer, steps, inner)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let line = group_index(group, groups) * WORKGROUP + local;
    if (line >= params.lines) {
        return;
    }
    let start = line / params.inner * params.steps * params.inner + line % params.inner;
    var state = 0.0;
    if (HAS_INITIAL) {
        state = initial[line];
    }
    for (var i = 0u; i < params.steps; i++) {
        let at = start + select(i, params.steps - 1u - i, REVERSE) * params.inner;
        state = factor[at] * state + input[at];
        output[at] = state;
    }
}
