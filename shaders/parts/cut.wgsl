// parts/cut: one invocation moves one Element of the whole to its place in a part.
#import parts

@group(0) @binding(1) var<storage, read> whole: array<Element>;

fn put(part: u32, at: u32, value: Element) {
    switch part {
#for k PARTS
        case $k: {
            part$k[at] = value;
        }
#end
        default: {}
    }
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let item = group_index(group, groups) * WORKGROUP + local;
    if (item >= params.count) {
        return;
    }
    let place = place_of(item);
    put(place.part, place.at, whole[place.whole]);
}
