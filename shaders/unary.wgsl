// unary: one invocation per four neighbouring elements. Buffers are whole vec4s long, so the last ones need no care.
// The header declares Input and Output, what the buffers are arrays of, and apply.
#import index
#import noted

override WORKGROUP: u32 = 64u;

struct Params {
    count: u32,  // of four elements each
    alpha: f32,
    beta: f32,
    low: u32,
    high: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Input>;
@group(0) @binding(2) var<storage, read_write> output: array<Output>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index < params.count) {
        let value = apply(input[index], params.alpha, params.beta, params.low, params.high);
#for n NOTES
        note(value, 4u);
        noted();
#end
        output[index] = value;
    }
}
