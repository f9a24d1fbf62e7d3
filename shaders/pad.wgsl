// pad: one invocation per four neighbours of a row of the output: where their coordinates lie outside the input, MODE says what stands
// there. The header declares Source and Element, what the input and the output are arrays of; ACROSS, Sources that an invocation looks for;
// and `store`, which is given where they belong, how many are left of the row, and the Sources.
#import index
#import noted

override WORKGROUP: u32 = 64u;
override LOOPS: u32 = 1u;
override MODE: u32 = 0u;  // 0 constant, 1 reflect, 2 edge, 3 wrap

struct Params {
    sizes: array<vec4<u32>, 2>,          // of the output, innermost first; along that in invocations
    input_sizes: array<vec4<u32>, 2>,
    input_strides: array<vec4<u32>, 2>,
    before: array<vec4<u32>, 2>,         // two's complement: elements before the input's first one
    count: u32,
    row: u32,                            // of the output, in Sources
    input_start: u32,
    output_start: u32,
    value: u32,                          // the bits of the constant
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Source>;
@group(0) @binding(2) var<storage, read_write> output: array<Element>;

// Where coordinate `at` of a dimension of `size` is taken from, if it is up to one `size` outside.
fn inside(at: i32, size: i32) -> i32 {
    let beyond = at >= size;
    switch MODE {
        case 1u: { return select(abs(at), 2 * (size - 1) - at, beyond); }
        case 3u: { return select(select(at, at + size, at < 0), at - size, beyond); }
        default: { return clamp(at, 0, size - 1); }
    }
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let row = index / params.sizes[0].x;
    let first = (index - row * params.sizes[0].x) * ACROSS;
    var rest = row;
    var source = params.input_start;
    var outside = false;
    for (var d = 1u; d < LOOPS; d++) {
        let outer = rest / params.sizes[d / 4u][d % 4u];
        let at = i32(rest - outer * params.sizes[d / 4u][d % 4u]) - i32(params.before[d / 4u][d % 4u]);
        let size = i32(params.input_sizes[d / 4u][d % 4u]);
        outside = outside || at < 0 || at >= size;
        source += u32(inside(at, size)) * params.input_strides[d / 4u][d % 4u];
        rest = outer;
    }
    let size = i32(params.input_sizes[0].x);
    var found: array<Source, ACROSS>;
#for i ACROSS
    let at$i = i32(min(first + $i, params.row - 1u)) - i32(params.before[0].x);
    let outside$i = outside || at$i < 0 || at$i >= size;
    found[$i] = select(input[source + u32(inside(at$i, size))], Source(params.value), MODE == 0u && outside$i);
#end
    store(row * params.row + first, params.row - first, found);
    noted();
}
