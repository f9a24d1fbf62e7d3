// Matrix product for software adapters: no shared memory, everything in registers.
// One thread computes ROWS x 4 * VECTORS elements of one output matrix; neighbouring threads share rows.
#import index
#import matmul
#import vectors

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>; // [batch, rows, depth]
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>; // [batch, depth, columns], or [batch, columns, depth] if TRANSPOSE_B
@group(0) @binding(3) var<storage, read> bias: array<f32>; // [columns]
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f32>>; // [batch, rows, columns]

override WORKGROUP: u32 = 8;
override TRANSPOSE_B: bool = false;
override HAS_BIAS: bool = false;
override ALIGNED_B: bool = false; // whether columns, b_stride and b_skip divide by 4
const ROWS: u32 = 8;
const VECTORS: u32 = 4;

// One of b where it lies along depth; columns past the last read the last again.
fn b_at(start: u32, column: u32, k: u32) -> f32 {
    let i = start + min(column, params.columns - 1) * params.depth + k;
    return b[i / 4][i % 4];
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) num_groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let group = group_index(group_id, num_groups);
    if group >= params.groups { return; }
    let across = (params.columns + 4 * VECTORS - 1) / (4 * VECTORS);
    let down = (params.rows + ROWS - 1) / ROWS;
    let tile = group * WORKGROUP + local;
    let batch = tile / (across * down);
    if batch >= params.batches { return; }
    let row = tile / across % down * ROWS;
    let column = tile % across * (4 * VECTORS);

    var a_rows: array<u32, ROWS>; // rows past the last read the last again
    for (var r = 0u; r < ROWS; r++) {
        a_rows[r] = params.a_skip + batch * params.a_stride + min(row + r, params.rows - 1) * params.depth;
    }
    let b_start = params.b_skip + batch * params.b_stride;
    var sums: array<vec4<f32>, ROWS * VECTORS>;
    if HAS_BIAS {
        for (var v = 0u; v < VECTORS; v++) {
            let first = params.bias_skip + column + 4 * v; // those past the last column are not stored
            let added = vec4(bias[first], bias[first + 1], bias[first + 2], bias[first + 3]);
            for (var r = 0u; r < ROWS; r++) { sums[r * VECTORS + v] = added; }
        }
    }
    for (var k = 0u; k < params.depth; k++) {
        var y: array<vec4<f32>, VECTORS + 1>;
        if TRANSPOSE_B {
            for (var v = 0u; v < VECTORS; v++) {
                let c = column + 4 * v;
                y[v] = vec4(b_at(b_start, c, k), b_at(b_start, c + 1, k), b_at(b_start, c + 2, k), b_at(b_start, c + 3, k));
            }
        } else {
            let i = b_start + k * params.columns + column;
            for (var v = 0u; v < VECTORS; v++) { y[v] = b[i / 4 + v]; }
            if !ALIGNED_B { // whole vectors, then moved left by i % 4
                y[VECTORS] = b[i / 4 + VECTORS];
                for (var v = 0u; v < VECTORS; v++) { y[v] = select(y[v], vec4(y[v].yzw, y[v + 1].x), (i & 1) != 0); }
                y[VECTORS] = select(y[VECTORS], y[VECTORS].yzww, (i & 1) != 0);
                for (var v = 0u; v < VECTORS; v++) { y[v] = select(y[v], vec4(y[v].zw, y[v + 1].xy), (i & 2) != 0); }
            }
        }
        for (var r = 0u; r < ROWS; r++) {
            let x = a[a_rows[r] + k];
            for (var v = 0u; v < VECTORS; v++) { sums[r * VECTORS + v] = fma(vec4(x), y[v], sums[r * VECTORS + v]); }
        }
    }
    // one row at a time: the first row of sums is stored, then all move up, so that no index into sums depends on r
    var i = params.output_skip + batch * params.output_stride + row * params.output_pitch + column;
    for (var r = row; r < min(row + ROWS, params.rows); r++) {
        for (var v = 0u; v < VECTORS; v++) {
            let left = params.columns - min(column + 4 * v, params.columns);
            let first = i + 4 * v;
            put(finish(sums[v], first, column + 4 * v), first, left);
        }
        for (var s = 0u; s < (ROWS - 1) * VECTORS; s++) { sums[s] = sums[s + VECTORS]; }
        i += params.output_pitch;
    }
    noted();
}
