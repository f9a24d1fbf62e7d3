// lstm_cell: one invocation per unit of a row.
#import lstm_cell

@group(0) @binding(4) var<storage, read_write> h: array<f32>;      // (n, H)
@group(0) @binding(5) var<storage, read_write> next: array<f32>;   // (n, H)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_index(group, groups) * WORKGROUP + local;
    if (at >= params.count) {
        return;
    }
    let before = cell[at];
    let ifg = gates_of(at, before);
    let after = ifg.y * before + ifg.x * ifg.z;
    h[at] = opened(at, after) * hyperbolic_tangent(after);
    next[at] = after;
}
