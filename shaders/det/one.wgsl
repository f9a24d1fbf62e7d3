// det/one: one invocation per matrix, by Gaussian elimination with partial pivoting on a copy of it.
#import index

override WORKGROUP: u32 = 64u;

struct Params {
    count: u32,   // matrices
    size: u32,    // rows and columns
    input_skip: u32,
    output_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;          // (count, size, size)
@group(0) @binding(2) var<storage, read_write> work: array<f32>;     // (size, size, count): neighbours read neighbours
@group(0) @binding(3) var<storage, read_write> output: array<f32>;   // (count)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let matrix = group_index(group, groups) * WORKGROUP + local;
    if (matrix >= params.count) {
        return;
    }
    let size = params.size;
    let next = params.count;
    let start = params.input_skip + matrix * size * size;
    for (var i = 0u; i < size * size; i++) {
        work[i * next + matrix] = input[start + i];
    }
    var product = 1.0;
    for (var k = 0u; k < size; k++) {
        var pivot = k;
        var largest = abs(work[(k * size + k) * next + matrix]);
        for (var row = k + 1u; row < size; row++) {
            let value = abs(work[(row * size + k) * next + matrix]);
            if (value > largest) {
                largest = value;
                pivot = row;
            }
        }
        if (pivot != k) {
            product = -product;
            for (var j = k; j < size; j++) {
                let upper = (k * size + j) * next + matrix;
                let lower = (pivot * size + j) * next + matrix;
                let value = work[upper];
                work[upper] = work[lower];
                work[lower] = value;
            }
        }
        let head = work[(k * size + k) * next + matrix];
        product *= head;
        if (head != 0.0) {
            for (var row = k + 1u; row < size; row++) {
                let factor = work[(row * size + k) * next + matrix] / head;
                for (var j = k + 1u; j < size; j++) {
                    let below = (row * size + j) * next + matrix;
                    work[below] = work[below] - factor * work[(k * size + j) * next + matrix];
                }
            }
        }
    }
    output[params.output_skip + matrix] = product;
}
