// transpose/tile: one workgroup turns one tile of 32 x 32 words through its memory: 8 rows of 32 invocations read along x,
// where the input is contiguous, and write along y, where the output is. Loops other than x and y are counted by the group.
#import index

override LOOPS: u32 = 2u;

const TILE: u32 = 32u;
const ROWS: u32 = 8u;

struct Params {
    sizes: array<vec4<u32>, 2>,           // of the loops, innermost first: y, x, then the others
    input_strides: array<vec4<u32>, 2>,
    output_strides: array<vec4<u32>, 2>,
    count: u32,                           // tiles
    tiles_x: u32,
    tiles_y: u32,
    input_start: u32,
    output_start: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read_write> output: array<u32>;

// Rows of 33, so that a column lies in as many banks as it has words.
var<workgroup> tile: array<u32, 1056>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups);
    if (index >= params.count) {
        return;
    }
    var rest = index / params.tiles_y;
    let y0 = (index - rest * params.tiles_y) * TILE;
    let others = rest / params.tiles_x;
    let x0 = (rest - others * params.tiles_x) * TILE;
    rest = others;
    var source = params.input_start;
    var place = params.output_start;
    for (var d = 2u; d < LOOPS; d++) {
        let outer = rest / params.sizes[d / 4u][d % 4u];
        let at = rest - outer * params.sizes[d / 4u][d % 4u];
        source += at * params.input_strides[d / 4u][d % 4u];
        place += at * params.output_strides[d / 4u][d % 4u];
        rest = outer;
    }
    let size_y = params.sizes[0].x;
    let size_x = params.sizes[0].y;
    let fast = local % TILE;
    let slow = local / TILE;

    for (var row = slow; row < TILE; row += ROWS) {
        if (x0 + fast < size_x && y0 + row < size_y) {
            tile[row * (TILE + 1u) + fast] = input[source + (y0 + row) * params.input_strides[0].x + x0 + fast];
        }
    }
    workgroupBarrier();
    for (var column = slow; column < TILE; column += ROWS) {
        if (y0 + fast < size_y && x0 + column < size_x) {
            output[place + (x0 + column) * params.output_strides[0].y + y0 + fast] = tile[fast * (TILE + 1u) + column];
        }
    }
}
