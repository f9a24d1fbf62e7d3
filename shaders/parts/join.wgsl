// parts/join: one invocation moves one Element of a part to its place in the whole.
#import parts
#import noted

@group(0) @binding(1) var<storage, read_write> whole: array<Element>;

fn taken(part: u32, at: u32) -> Element {
    switch part {
#for k PARTS
        case $k: {
            return part$k[at];
        }
#end
        default: {
            return Element(0u);
        }
    }
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let item = group_index(group, groups) * WORKGROUP + local;
    if (item >= params.count) {
        return;
    }
    let place = place_of(item);
    let value = taken(place.part, place.at);
    note(value, 4u);
    noted();
    whole[place.whole] = value;
}
