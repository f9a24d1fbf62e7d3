// lstm_cell_gradient: one invocation per unit of a row computes the step again and goes back through it.
#import lstm_cell

@group(0) @binding(4) var<storage, read> by_h: array<f32>;              // (n, H)
@group(0) @binding(5) var<storage, read> by_next: array<f32>;           // (n, H)
@group(0) @binding(6) var<storage, read_write> by_gates: array<f32>;    // (n, 4 H)
@group(0) @binding(7) var<storage, read_write> by_cell: array<f32>;     // (n, H)
@group(0) @binding(8) var<storage, read_write> by_peepholes: array<f32>; // (n, 3, H)

// A gradient of NaN stays.
fn clipped(gradient: f32) -> f32 {
    return bounded(gradient, -params.bound, params.bound);
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_index(group, groups) * WORKGROUP + local;
    if (at >= params.count) {
        return;
    }
    let before = cell[at];
    let ifg = gates_of(at, before);
    let after = ifg.y * before + ifg.x * ifg.z;
    let o = opened(at, after);
    let seen = hyperbolic_tangent(after);
    let of_h = by_h[at];
    let to_o = clipped(of_h * seen * o * (1.0 - o));
    let to_next = by_next[at] + of_h * o * (1.0 - seen * seen) + to_o * peephole(at, 2u);
    let to_i = clipped(to_next * ifg.z * ifg.x * (1.0 - ifg.x));
    let to_f = clipped(to_next * before * ifg.y * (1.0 - ifg.y));
    by_gates[gate_at(at, params.places.x)] = to_i;
    by_gates[gate_at(at, params.places.y)] = to_f;
    by_gates[gate_at(at, params.places.z)] = clipped(to_next * ifg.x * (1.0 - ifg.z * ifg.z));
    by_gates[gate_at(at, params.places.w)] = to_o;
    by_cell[at] = to_next * ifg.y + to_i * peephole(at, 0u) + to_f * peephole(at, 1u);
    if (PEEPHOLES) {
        let unit = at % params.hidden;
        let row = (at - unit) * 3u + unit;
        by_peepholes[row] = to_i * before;
        by_peepholes[row + params.hidden] = to_f * before;
        by_peepholes[row + 2u * params.hidden] = to_o * after;
    }
}
