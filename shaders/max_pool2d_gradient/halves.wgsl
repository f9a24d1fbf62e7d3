// max_pool2d_gradient/halves: of 2 x 2 windows, stride 2, no padding; one invocation per four neighbouring windows, whose two times eight
// inputs it compares anew. The header says what a `Four` is.
#import index
#import larger
#import noted

override WORKGROUP: u32 = 64u;

struct Params {
    finish: array<vec4<u32>, 4>,
    count: u32,
    fours: u32,         // GW / 4
    grad_height: u32,
    channels: u32,
    input_skip: u32,
    grad_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Four>;           // planes of 2 GH x 2 GW
@group(0) @binding(2) var<storage, read> grad: array<Four>;            // planes of GH x GW
@group(0) @binding(3) var<storage, read_write> output: array<Four>;    // as input

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    // Rows of the input are 2 GW / 4 vectors, and twice as many as grad's.
    let row = index / params.fours;
    let upper = row * 4u * params.fours + 2u * (index - row * params.fours);
    let lower = upper + 2u * params.fours;
    let skip = params.input_skip / 4u;
    let a = floats(input[skip + upper]);
    let b = floats(input[skip + upper + 1u]);
    let c = floats(input[skip + lower]);
    let d = floats(input[skip + lower + 1u]);
    // Scan order: upper left, upper right, lower left, lower right of each window.
    let upper_left = vec4(a.xz, b.xz);
    let upper_right = vec4(a.yw, b.yw);
    let lower_left = vec4(c.xz, d.xz);
    let lower_right = vec4(c.yw, d.yw);
    let second = are_larger(upper_right, upper_left);
    var best = select(upper_left, upper_right, second);
    let third = are_larger(lower_left, best);
    best = select(best, lower_left, third);
    let fourth = are_larger(lower_right, best);

    let of_window = floats(grad[params.grad_skip / 4u + index]);
    let zero = vec4<f32>();
    let of_lower_right = select(zero, of_window, fourth);
    let left = select(of_window, zero, fourth);
    let of_lower_left = select(zero, left, third);
    let above = select(left, zero, third);
    let of_upper_right = select(zero, above, second);
    let of_upper_left = select(above, zero, second);
    let channel = row / params.grad_height % params.channels;
    store(skip, upper, channel, of_upper_left, of_upper_right);
    store(skip, lower, channel, of_lower_left, of_lower_right);
    noted();
}

// Eight neighbours of a row, those of even columns and those of odd ones.
fn store(skip: u32, at: u32, channel: u32, even: vec4<f32>, odd: vec4<f32>) {
    let first = finish(vec4(even.x, odd.x, even.y, odd.y), 4u * at, channel);
    let second = finish(vec4(even.z, odd.z, even.w, odd.w), 4u * at + 4u, channel);
    note(first, 4u);
    note(second, 4u);
    output[skip + at] = four_floats(first);
    output[skip + at + 1u] = four_floats(second);
}
