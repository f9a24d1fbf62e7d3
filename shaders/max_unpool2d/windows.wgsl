// max_unpool2d/windows: one invocation per LANES neighbouring columns of a band, the rows from one window's top to the next one's. It
// looks into the windows of these columns once: an output has the value of its window if that window's index names it. Where an index of a
// plane names an output outside its own window, the plane is noted among `strays`, and computed again by wipe, mark and fetch.
//
// Windows do not overlap, and each has a part of the output: so every index is looked at.
#import index
#import divide
#import noted

alias Element = Values;

override WORKGROUP: u32 = 64u;
override KERNEL_Y: u32 = 2u;
override KERNEL_X: u32 = 2u;
override STRIDE_Y: u32 = 2u;
override STRIDE_X: u32 = 2u;
override TOP: u32 = 0u;
override LEFT: u32 = 0u;

struct Params {
    count: u32,         // invocations
    height: u32,        // windows in a column
    width: u32,         // windows in a row
    bands: u32,         // of a plane: windows in a column, and what lies below
    output_height: u32,
    output_width: u32,
    input_skip: u32,
    output_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;                  // planes of H x W
@group(0) @binding(2) var<storage, read> indices: array<i32>;                // planes of H x W
@group(0) @binding(3) var<storage, read_write> strays: array<atomic<u32>>;   // planes
@group(0) @binding(4) var<storage, read_write> output: array<Values>;        // planes of OH x OW

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let row = divide(index * LANES, params.output_width);
    let plane = divide(row.x, params.bands);
    let band = plane.y;
#for w WINDOWS
    let window$w = look(plane.x, band, row.y + $w * LANES / WINDOWS);
#end
    let end = min((band + 1u) * STRIDE_Y - TOP, params.output_height);
    for (var y = max(band * STRIDE_Y, TOP) - TOP; y < end; y++) {
        let first = y * params.output_width + row.y;
        var found = Values(0.0);
#for w WINDOWS
        found = select(found, Values(window$w.value), lanes_from(first) == Indices(window$w.named));
#end
        note(found, 4u);
        output[(params.output_skip + plane.x * params.output_height * params.output_width + first) / LANES] = found;
    }
    noted();
}

struct Window {
    named: u32,
    value: f32,
}

// The window of a band's column x, if there is one.
fn look(plane: u32, wy: u32, x: u32) -> Window {
    let wx = (x + LEFT) / STRIDE_X;
    if (wy >= params.height || wx >= params.width) {
        return Window(0xffffffffu, 0.0);
    }
    let at = params.input_skip + (plane * params.height + wy) * params.width + wx;
    // A negative index is a large one.
    let named = u32(indices[at]);
    // The window's outputs: those of its rows and columns that there are.
    let top = max(wy * STRIDE_Y, TOP) - TOP;
    let left = max(wx * STRIDE_X, LEFT) - LEFT;
    let bottom = min(wy * STRIDE_Y + KERNEL_Y - TOP, params.output_height);
    let columns = min(wx * STRIDE_X + KERNEL_X - LEFT, params.output_width) - left;
    var inside = false;
    for (var i = 0u; i < KERNEL_Y; i++) {
        inside |= top + i < bottom && named - ((top + i) * params.output_width + left) < columns;
    }
    if (!inside && named < params.output_height * params.output_width) {
        atomicStore(&strays[plane], 1u);
    }
    return Window(named, input[at]);
}
