// layer_norm: TEAM invocations per row, each over every TEAM-th item: the mean, then the variance around it, then the output.
#import ahead
#import index
#import noted

alias Element = Item;

override WORKGROUP: u32 = 64u;
override TEAM: u32 = 64u;
override AFFINE: u32 = 0u;  // 1: weight, 2: weight and bias

struct Params {
    rows: u32,
    columns: u32,  // items in a row
    skip: u32,     // items before the first row
    eps: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Item>;         // (rows, columns)
@group(0) @binding(2) var<storage, read> weight: array<Item>;        // (columns)
@group(0) @binding(3) var<storage, read> bias: array<Item>;          // (columns)
@group(0) @binding(4) var<storage, read_write> output: array<Item>;  // (rows, columns)

var<workgroup> sums: array<f32, WORKGROUP>;
var<workgroup> squares: array<f32, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_index(group, groups) * (WORKGROUP / TEAM) + local / TEAM;
    let member = local % TEAM;
    let columns = select(0u, params.columns, row < params.rows);
    let start = params.skip + row * params.columns;
    let count = f32(params.columns * LANES);

    var sum = Item(0.0);
    var k = member;
    for (; k + (AHEAD - 1u) * TEAM < columns; k += AHEAD * TEAM) {
#for i AHEAD
        let item$i = input[start + k + $i * TEAM];
#end
#for i AHEAD
        sum += item$i;
#end
    }
    for (; k < columns; k += TEAM) {
        sum += input[start + k];
    }
    sums[local] = item_sum(sum);
    for (var half = TEAM / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (member < half) {
            sums[local] += sums[local + half];
        }
    }
    if (TEAM > 1u) {
        workgroupBarrier();
    }
    let mean = sums[local - member] / count;

    var square = Item(0.0);
    k = member;
    for (; k + (AHEAD - 1u) * TEAM < columns; k += AHEAD * TEAM) {
#for i AHEAD
        let centred$i = input[start + k + $i * TEAM] - mean;
#end
#for i AHEAD
        square += centred$i * centred$i;
#end
    }
    for (; k < columns; k += TEAM) {
        let centred = input[start + k] - mean;
        square += centred * centred;
    }
    squares[local] = item_sum(square);
    for (var half = TEAM / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (member < half) {
            squares[local] += squares[local + half];
        }
    }
    if (TEAM > 1u) {
        workgroupBarrier();
    }
    let scale = 1.0 / sqrt(squares[local - member] / count + params.eps);

    for (k = member; k < columns; k += TEAM) {
        var value = (input[start + k] - mean) * scale;
        if (AFFINE >= 1u) {
            value *= weight[k];
        }
        if (AFFINE == 2u) {
            value += bias[k];
        }
        note(value, 4u);
        output[start + k] = value;
    }
    noted();
}
