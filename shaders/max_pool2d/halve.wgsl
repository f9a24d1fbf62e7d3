// max_pool2d/halve: 2 x 2 windows, stride 2, no padding; one invocation per four neighbouring outputs. The header says what
// a `Four` is.
#import index
#import larger
#import noted

alias Element = vec4<f32>;

override WORKGROUP: u32 = 64u;

struct Params {
    input_size: vec2<u32>,   // y, x, as are all pairs
    output_size: vec2<u32>,
    kernel: vec2<u32>,
    stride: vec2<u32>,
    dilation: vec2<u32>,
    padding: vec2<u32>,
    count: u32,
    input_skip: u32,
    output_skip: u32,
    indices_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Four>;         // planes of H x W, W a multiple of 8
@group(0) @binding(2) var<storage, read_write> output: array<Four>;  // planes of OH x W/2

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let fours = params.output_size.y / 4u;
    let row = index / fours;
    let x = index % fours;
    let y = row % params.output_size.x;
    let plane = row / params.output_size.x;
    let input_row = params.input_size.y / 4u;
    let at = params.input_skip / 4u + (plane * params.input_size.x + 2u * y) * input_row + 2u * x;
    let a = floats(input[at]);
    let b = floats(input[at + 1u]);
    let c = floats(input[at + input_row]);
    let d = floats(input[at + input_row + 1u]);
    // Scan order: upper left, upper right, lower left, lower right of each window.
    var best = vec4(a.xz, b.xz);
    var offset = vec4<u32>();
    let upper_right = vec4(a.yw, b.yw);
    let lower_left = vec4(c.xz, d.xz);
    let lower_right = vec4(c.yw, d.yw);
    var wins = are_larger(upper_right, best);
    best = select(best, upper_right, wins);
    offset = select(offset, vec4(1u), wins);
    wins = are_larger(lower_left, best);
    best = select(best, lower_left, wins);
    offset = select(offset, vec4(params.input_size.y), wins);
    wins = are_larger(lower_right, best);
    best = select(best, lower_right, wins);
    offset = select(offset, vec4(params.input_size.y + 1u), wins);
    note(best, 4u);
    noted();
    output[params.output_skip / 4u + index] = four_floats(best);
    store_indices(index, offset + 2u * y * params.input_size.y + 8u * x + vec4(0u, 2u, 4u, 6u));
}
