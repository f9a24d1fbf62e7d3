// grid_sample/add: one invocation per element of the output's gradient adds it, weighted, to the pixels that its sample has read.
#import component
#import index
#import divide
#import fixed_sum
#import sides

override WORKGROUP: u32 = 64u;

struct Params {
    input_size: vec2<u32>,   // w, h
    span: vec2<f32>,         // input pixels that -1..1 covers
    low: f32,                // where -1 is
    area: u32,               // OH * OW
    channels: u32,
    count: u32,              // planes * OH * OW
    first_channel: u32,      // of the first plane, in its image, whose grid is the first
    grid_skip: u32,          // in pairs
    grad_skip: u32,
    sums_start: u32,         // words before the first sum
    bits: u32,               // 2^bits >= OH * OW
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> grid: array<vec2<f32>>;              // (images, OH, OW) of x, y
@group(0) @binding(2) var<storage, read> output_grad: array<f32>;             // planes of OH x OW
@group(0) @binding(3) var<storage, read_write> sums: array<atomic<u32>>;      // the planes' largest; two words for each of planes x H x W

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let part = divide(index, params.area);
    let largest = atomicLoad(&sums[part.x]);
    // Nothing to add, or nothing that has a sum: see grid_sample/sums.
    if (largest == 0u || largest >= 0x7f800000u) {
        return;
    }
    let image = divide(params.first_channel + part.x, params.channels).x;
    let place = grid[params.grid_skip + image * params.area + part.y];
    var inside = true;
    let x = taps(place.x, params.low, params.span.x, params.input_size.x, &inside);
    let y = taps(place.y, params.low, params.span.y, params.input_size.y, &inside);
    if (!inside) {
        return;
    }
    let term = output_grad[params.grad_skip + index] * power_of_two(fixed_exponent(largest, params.bits));
    let plane = part.x * params.input_size.x * params.input_size.y;
    let side = select(select(2u, 1u, MODE == NEAREST), 4u, MODE == BICUBIC);
    for (var i = 0u; i < side; i++) {
        let row = plane + y.at[i] * params.input_size.x;
        for (var j = 0u; j < side; j++) {
            add(params.sums_start + 2u * (row + x.at[j]), fixed_words(term * component(y.weight, i) * component(x.weight, j)));
        }
    }
}
