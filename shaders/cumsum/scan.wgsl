// cumsum/scan: one workgroup per line. A tile at a time: each invocation adds up ITEMS neighbours, the totals are scanned by
// doubling strides, and what came before the tile is carried along.
#import index

override WORKGROUP: u32 = 256u;
override EXCLUSIVE: u32 = 0u;
override REVERSE: u32 = 0u;
const ITEMS = 4u;

struct Params {
    lines: u32,    // outer * inner
    columns: u32,  // elements of a line
    inner: u32,    // from one element of a line to the next
    skip: u32,     // elements before the first line
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Scalar>;         // (outer, columns, inner)
@group(0) @binding(2) var<storage, read_write> output: array<Scalar>;  // (outer, columns, inner)

var<workgroup> totals: array<Scalar, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let line = group_index(group, groups);
    let columns = select(0u, params.columns, line < params.lines);
    let start = params.skip + line / params.inner * params.columns * params.inner + line % params.inner;
    var carry = Scalar();
    for (var tile = 0u; tile < columns; tile += WORKGROUP * ITEMS) {
        let first = tile + local * ITEMS;
        var sums: array<Scalar, ITEMS>;
        var total = Scalar();
        for (var i = 0u; i < ITEMS; i++) {
            let before = total;
            if (first + i < columns) {
                total += input[start + place(first + i, columns) * params.inner];
            }
            sums[i] = select(total, before, EXCLUSIVE == 1u);
        }
        totals[local] = total;
        for (var reach = 1u; reach < WORKGROUP; reach *= 2u) {
            workgroupBarrier();
            var sum = totals[local];
            if (local >= reach) {
                sum += totals[local - reach];
            }
            workgroupBarrier();
            totals[local] = sum;
        }
        workgroupBarrier();
        var base = carry;
        if (local > 0u) {
            base += totals[local - 1u];
        }
        carry += totals[WORKGROUP - 1u];
        for (var i = 0u; i < ITEMS; i++) {
            if (first + i < columns) {
                output[start + place(first + i, columns) * params.inner] = base + sums[i];
            }
        }
        workgroupBarrier();
    }
}

fn place(column: u32, columns: u32) -> u32 {
    return select(column, columns - 1u - column, REVERSE == 1u);
}
