// Several parts of a tensor's rows, which lie one behind the other in a row of the whole. The header has Element, what is moved at a time, and
// PARTS, how many there are, with their bindings from 2 on: part0, part1 ..
#import index

override WORKGROUP: u32 = 64u;

struct Params {
    begins: array<vec4<u32>, 2>, // of each part in what they are together, and where the last ends
    count: u32,                  // items of all
    together: u32,               // items of a row of all parts
    row: u32,                    // items of a row of the whole
    start: u32,                  // where the first part begins in it
}

@group(0) @binding(0) var<uniform> params: Params;

fn begin(part: u32) -> u32 {
    return params.begins[part / 4u][part % 4u];
}

// An item's part, its place there, and that in the whole.
struct Place {
    part: u32, at: u32, whole: u32,
}

fn place_of(item: u32) -> Place {
    let row = item / params.together;
    let column = item - row * params.together;
    var part = 0u;
#for k PARTS
    part += u32(column >= begin($k + 1u));
#end
    let length = begin(part + 1u) - begin(part);
    return Place(part, row * length + column - begin(part), row * params.row + params.start + column);
}
