// Planes of max_unpool2d in parts, each a workgroup's: those in which an index strays from its window, or all.

override WORKGROUP: u32 = 64u;
override EACH: u32 = 16u;              // elements of an invocation
override STRAYS_ALONE: bool = false;

struct Params {
    planes: u32,
    input_plane: u32,   // H W
    output_plane: u32,  // OH OW
    input_skip: u32,
    output_skip: u32,
}

struct Part {
    plane: u32,
    first: u32,
    end: u32,
}

fn part_of(group: u32, elements: u32) -> Part {
    let parts = (elements + WORKGROUP * EACH - 1u) / (WORKGROUP * EACH);
    let first = group % parts * WORKGROUP * EACH;
    return Part(group / parts, first, min(first + WORKGROUP * EACH, elements));
}
