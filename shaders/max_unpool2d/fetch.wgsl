// max_unpool2d/fetch: one invocation per LANES neighbouring outputs, which take the values at the positions that named them last.
#import index
#import noted

alias Element = Values;

override WORKGROUP: u32 = 64u;

struct Params {
    count: u32,         // invocations
    input_plane: u32,   // H W
    output_plane: u32,  // OH OW
    input_skip: u32,
    output_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;          // planes of H x W
@group(0) @binding(2) var<storage, read> winners: array<Winners>;    // planes of OH x OW: position + 1, or 0
@group(0) @binding(3) var<storage, read_write> output: array<Values>;   // planes of OH x OW

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let plane = index * LANES / params.output_plane;
    let fetched = fetch(params.input_skip + plane * params.input_plane, winners[index]);
    note(fetched, 4u);
    noted();
    output[params.output_skip / LANES + index] = fetched;
}

fn value(first: u32, winner: u32) -> f32 {
    if (winner == 0u) {
        return 0.0;
    }
    return input[first + winner - 1u];
}
