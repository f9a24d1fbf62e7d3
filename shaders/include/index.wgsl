// Linear numbers from the grid: a dispatch is one row of workgroups, folded in two where it is too long.

fn group_index(group: vec3<u32>, groups: vec3<u32>) -> u32 {
    return group.y * groups.x + group.x;
}
