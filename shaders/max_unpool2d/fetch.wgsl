// max_unpool2d/fetch: each output takes the value at the position that named it last. A workgroup for each part of a plane.
#import index
#import noted
#import max_unpool2d

alias Element = vec4<f32>;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> strays: array<u32>;           // planes
@group(0) @binding(2) var<storage, read> input: array<f32>;            // planes of H x W
@group(0) @binding(3) var<storage, read> winners: array<u32>;          // planes of OH x OW: position + 1, or 0
@group(0) @binding(4) var<storage, read_write> output: array<f32>;     // planes of OH x OW

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let part = part_of(group_index(group, groups), params.output_plane);
    if (part.plane >= params.planes || (STRAYS_ALONE && strays[part.plane] == 0u)) {
        return;
    }
    for (var i = part.first + local; i < part.end; i += WORKGROUP) {
        let winner = winners[part.plane * params.output_plane + i];
        var fetched = 0.0;
        if (winner != 0u) {
            fetched = input[params.input_skip + part.plane * params.input_plane + winner - 1u];
        }
        note(vec4(fetched), 1u);
        output[params.output_skip + part.plane * params.output_plane + i] = fetched;
    }
    noted();
}
