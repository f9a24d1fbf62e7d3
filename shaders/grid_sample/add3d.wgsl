// grid_sample/add3d: grid_sample/add with a third side; not by cubics.
#import component
#import index
#import divide
#import fixed_sum
#import sides

override WORKGROUP: u32 = 64u;

struct Params {
    input_size: vec4<u32>,   // w, h, d
    span: vec4<f32>,         // input voxels that -1..1 covers
    low: f32,                // where -1 is
    volume: u32,             // OD * OH * OW
    channels: u32,
    count: u32,              // volumes * OD * OH * OW
    first_channel: u32,      // of the first volume, in its image, whose grid is the first
    grid_skip: u32,
    grad_skip: u32,
    sums_start: u32,         // words before the first sum
    bits: u32,               // 2^bits >= OD * OH * OW
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> grid: array<f32>;                    // (images, OD, OH, OW, 3) of x, y, z
@group(0) @binding(2) var<storage, read> output_grad: array<f32>;             // volumes of OD x OH x OW
@group(0) @binding(3) var<storage, read_write> sums: array<atomic<u32>>;      // the largest; two words for each of volumes x D x H x W

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let part = divide(index, params.volume);
    let largest = atomicLoad(&sums[part.x]);
    // Nothing to add, or nothing that has a sum: see grid_sample/sums.
    if (largest == 0u || largest >= 0x7f800000u) {
        return;
    }
    let image = divide(params.first_channel + part.x, params.channels).x;
    let place = params.grid_skip + 3u * (image * params.volume + part.y);
    let size = params.input_size;
    var inside = true;
    let x = taps(grid[place], params.low, params.span.x, size.x, &inside);
    let y = taps(grid[place + 1u], params.low, params.span.y, size.y, &inside);
    let z = taps(grid[place + 2u], params.low, params.span.z, size.z, &inside);
    if (!inside) {
        return;
    }
    let term = output_grad[params.grad_skip + index] * power_of_two(fixed_exponent(largest, params.bits));
    let side = select(2u, 1u, MODE == NEAREST);
    for (var k = 0u; k < side; k++) {
        for (var i = 0u; i < side; i++) {
            let row = ((part.x * size.z + z.at[k]) * size.y + y.at[i]) * size.x;
            for (var j = 0u; j < side; j++) {
                add(params.sums_start + 2u * (row + x.at[j]), fixed_words(term * component(z.weight, k) * component(y.weight, i) * component(x.weight, j)));
            }
        }
    }
}
