// lstm_states: one invocation per unit of a sequence goes through its steps.
#import lstm_cell

override REVERSE: bool = false;
override HAS_LENS: bool = false;

@group(0) @binding(4) var<storage, read> sequence_lens: array<i32>;    // (n)
@group(0) @binding(5) var<storage, read_write> states: array<f32>;     // (T, n, H)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_index(group, groups) * WORKGROUP + local;
    if (at >= params.count) {
        return;
    }
    var length = i32(params.steps);
    if (HAS_LENS) {
        length = sequence_lens[at / params.hidden];
    }
    var state = cell[at];
    for (var i = 0u; i < params.steps; i++) {
        let time = select(i, params.steps - 1u - i, REVERSE);
        let place = time * params.count + at;
        let ifg = gates_of(place, state);
        state = select(state, ifg.y * state + ifg.x * ifg.z, i32(time) < length);
        states[place] = state;
    }
}
