// det/team: a workgroup per matrix, for large ones: the same elimination, whose rows and elements its invocations share.
#import index

override WORKGROUP: u32 = 256u;

struct Params {
    count: u32,   // matrices
    size: u32,    // rows and columns
    input_skip: u32,
    output_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;          // (count, size, size)
@group(0) @binding(2) var<storage, read_write> work: array<f32>;     // (count, size, size)
@group(0) @binding(3) var<storage, read_write> output: array<f32>;   // (count)

var<workgroup> heads: array<f32, WORKGROUP>;   // the largest magnitude that an invocation has seen in the column
var<workgroup> rows: array<u32, WORKGROUP>;    // and its row, the first of equals

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let matrix = group_index(group_id, groups);
    if (matrix >= params.count) {
        return;
    }
    let size = params.size;
    let base = matrix * size * size;
    for (var i = local; i < size * size; i += WORKGROUP) {
        work[base + i] = input[params.input_skip + base + i];
    }
    storageBarrier();
    var product = 1.0;
    for (var k = 0u; k < size; k++) {
        var largest = abs(work[base + k * size + k]);
        var pivot = k;
        for (var row = k + 1u + local; row < size; row += WORKGROUP) {
            let value = abs(work[base + row * size + k]);
            if (value > largest) {
                largest = value;
                pivot = row;
            }
        }
        heads[local] = largest;
        rows[local] = pivot;
        workgroupBarrier();
        for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
            if (local < half) {
                let other = heads[local + half];
                if (other > heads[local] || (other == heads[local] && rows[local + half] < rows[local])) {
                    heads[local] = other;
                    rows[local] = rows[local + half];
                }
            }
            workgroupBarrier();
        }
        pivot = rows[0];
        if (pivot != k) {
            product = -product;
            for (var j = k + local; j < size; j += WORKGROUP) {
                let value = work[base + k * size + j];
                work[base + k * size + j] = work[base + pivot * size + j];
                work[base + pivot * size + j] = value;
            }
        }
        storageBarrier();
        let head = work[base + k * size + k];
        product *= head;
        // What is stored last stays. Behind the loop, Direct3D's older compiler, FXC, would not take it.
        if (local == 0u) {
            output[params.output_skip + matrix] = product;
        }
        // Elements below and to the right, row by row.
        let left = size - k - 1u;
        if (head != 0.0) {
            for (var i = local; i < left * left; i += WORKGROUP) {
                let row = base + (k + 1u + i / left) * size;
                let column = k + 1u + i % left;
                work[row + column] = work[row + column] - work[row + k] / head * work[base + k * size + column];
            }
        }
        storageBarrier();
    }
}
