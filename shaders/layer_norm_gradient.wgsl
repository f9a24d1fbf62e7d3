// layer_norm_gradient: TEAM invocations per row, each over every TEAM-th item: the mean, then three sums around it, then the output.
//
//   w = grad * weight, c = input - mean: variance = mean(c^2), and the output is
//   (w - mean(w) - c * mean(w c) / (variance + eps)) / sqrt(variance + eps)
#import ahead
#import index
#import noted

alias Element = Item;

override WORKGROUP: u32 = 64u;
override TEAM: u32 = 64u;
override HAS_WEIGHT: bool = false;

struct Params {
    rows: u32,
    columns: u32,   // items in a row
    skip: u32,      // items before the first row
    row_skip: u32,  // rows before the first one's mean and inverse
    eps: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Item>;          // (rows, columns)
@group(0) @binding(2) var<storage, read> grad: array<Item>;           // (rows, columns)
@group(0) @binding(3) var<storage, read> weight: array<Item>;         // (columns)
@group(0) @binding(4) var<storage, read_write> output: array<Item>;   // (rows, columns)
@group(0) @binding(5) var<storage, read_write> mean: array<f32>;      // (rows)
@group(0) @binding(6) var<storage, read_write> inverse: array<f32>;   // (rows)

// Sums of c^2, w and w c; the first of x before.
var<workgroup> squares: array<f32, WORKGROUP>;
var<workgroup> sums: array<f32, WORKGROUP>;
var<workgroup> products: array<f32, WORKGROUP>;

fn weighted(at: u32, k: u32) -> Item {
    if (HAS_WEIGHT) {
        return grad[at] * weight[k];
    }
    return grad[at];
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_index(group, groups) * (WORKGROUP / TEAM) + local / TEAM;
    let member = local % TEAM;
    let columns = select(0u, params.columns, row < params.rows);
    let start = params.skip + row * params.columns;
    let count = f32(params.columns * LANES);

    var total = Item(0.0);
    var k = member;
    for (; k + (AHEAD - 1u) * TEAM < columns; k += AHEAD * TEAM) {
#for i AHEAD
        let item$i = input[start + k + $i * TEAM];
#end
#for i AHEAD
        total += item$i;
#end
    }
    for (; k < columns; k += TEAM) {
        total += input[start + k];
    }
    squares[local] = item_sum(total);
    for (var half = TEAM / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (member < half) {
            squares[local] += squares[local + half];
        }
    }
    if (TEAM > 1u) {
        workgroupBarrier();
    }
    let middle = squares[local - member] / count;
    if (TEAM > 1u) {
        // All have read the mean before its place takes a sum of squares.
        workgroupBarrier();
    }

    var square = Item(0.0);
    var sum = Item(0.0);
    var product = Item(0.0);
    k = member;
    for (; k + (AHEAD - 1u) * TEAM < columns; k += AHEAD * TEAM) {
#for i AHEAD
        let centred$i = input[start + k + $i * TEAM] - middle;
        let weighted$i = weighted(start + k + $i * TEAM, k + $i * TEAM);
#end
#for i AHEAD
        square += centred$i * centred$i;
        sum += weighted$i;
        product += weighted$i * centred$i;
#end
    }
    for (; k < columns; k += TEAM) {
        let centred = input[start + k] - middle;
        let value = weighted(start + k, k);
        square += centred * centred;
        sum += value;
        product += value * centred;
    }
    squares[local] = item_sum(square);
    sums[local] = item_sum(sum);
    products[local] = item_sum(product);
    for (var half = TEAM / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (member < half) {
            squares[local] += squares[local + half];
            sums[local] += sums[local + half];
            products[local] += products[local + half];
        }
    }
    if (TEAM > 1u) {
        workgroupBarrier();
    }
    let first = local - member;
    let scale = 1.0 / sqrt(squares[first] / count + params.eps);
    let shift = sums[first] / count;
    let slope = products[first] / count * scale * scale;

    if (member == 0u && row < params.rows) {
        mean[params.row_skip + row] = middle;
        inverse[params.row_skip + row] = scale;
    }
    for (k = member; k < columns; k += TEAM) {
        let value = (weighted(start + k, k) - shift - (input[start + k] - middle) * slope) * scale;
        note(value, 4u);
        output[start + k] = value;
    }
    noted();
}
