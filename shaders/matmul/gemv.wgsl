// Matrix product with few rows: every element of b is read once, so reading it well is all that counts.
// LANES threads share ROWS x 4 elements of the output; each adds every LANES-th four steps of depth, then they add up.
#import index
#import matmul
#import noted

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>; // [batch, rows, depth]
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>; // [batch, depth, columns], or [batch, columns, depth] if TRANSPOSE_B
@group(0) @binding(3) var<storage, read> bias: array<f32>; // [columns]
@group(0) @binding(4) var<storage, read_write> output: array<f32>; // [batch, rows, columns]

override WORKGROUP: u32 = 64;
override LANES: u32 = 1; // divides WORKGROUP; a power of two
override ROWS: u32 = 4; // 1 to 4
override TRANSPOSE_B: bool = false;
override HAS_BIAS: bool = false;
// Whether depth, a_stride, a_skip, b_stride, b_skip and, unless TRANSPOSE_B, columns divide by 4.
override ALIGNED: bool = false;
var<workgroup> partial: array<vec4<f32>, WORKGROUP * ROWS>;

fn a_at(i: u32, valid: u32) -> vec4<f32> {
    if ALIGNED { return a[i / 4]; }
    let four = vec4(a[i / 4][i % 4], a[(i + 1) / 4][(i + 1) % 4], a[(i + 2) / 4][(i + 2) % 4], a[(i + 3) / 4][(i + 3) % 4]);
    return select(vec4(0.0), four, vec4(0u, 1, 2, 3) < vec4(valid));
}

fn b_at(i: u32, valid: u32) -> vec4<f32> {
    if ALIGNED { return b[i / 4]; }
    let four = vec4(b[i / 4][i % 4], b[(i + 1) / 4][(i + 1) % 4], b[(i + 2) / 4][(i + 2) % 4], b[(i + 3) / 4][(i + 3) % 4]);
    return select(vec4(0.0), four, vec4(0u, 1, 2, 3) < vec4(valid));
}

// Four steps of depth at four columns: [q] has those at depth k + q.
fn block_of_b(start: u32, k: u32, column: u32) -> mat4x4<f32> {
    if TRANSPOSE_B {
        let c = column;
        return transpose(mat4x4(along(start, k, c), along(start, k, c + 1), along(start, k, c + 2), along(start, k, c + 3)));
    }
    return mat4x4(across(start, k, column), across(start, k + 1, column), across(start, k + 2, column), across(start, k + 3, column));
}

// A column at four steps of depth.
fn along(start: u32, k: u32, column: u32) -> vec4<f32> {
    return b_at(start + min(column, params.columns - 1) * params.depth + k, params.depth - k);
}

// Four columns at a step of depth.
fn across(start: u32, k: u32, column: u32) -> vec4<f32> {
    return b_at(start + min(k, params.depth - 1) * params.columns + column, params.columns - min(column, params.columns));
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) num_groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let group = group_index(group_id, num_groups);
    if group >= params.groups { return; }
    let quads = WORKGROUP / LANES;
    let pieces = (params.columns + 4 * quads - 1) / (4 * quads);
    let down = (params.rows + ROWS - 1) / ROWS;
    // neighbouring threads read neighbouring memory
    let lane = select(local / quads, local % LANES, TRANSPOSE_B);
    let quad = select(local % quads, local / LANES, TRANSPOSE_B);
    let column = (group % pieces * quads + quad) * 4;
    let row = group / pieces % down * ROWS;
    let batch = group / (pieces * down);
    let columns_left = params.columns - min(column, params.columns);

    let a_start = params.a_skip + batch * params.a_stride;
    let b_start = params.b_skip + batch * params.b_stride;
    var sums: array<vec4<f32>, 4>;
    for (var k = lane * 4; k < params.depth; k += LANES * 4) {
        let left = params.depth - k;
        let y = block_of_b(b_start, k, column);
        for (var r = 0u; r < ROWS; r++) {
            let x = a_at(a_start + min(row + r, params.rows - 1) * params.depth + k, left);
#for q 4
            sums[r] = fma(vec4(x[$q]), y[$q], sums[r]);
#end
        }
    }
    if LANES > 1 {
        let place = quad * LANES + lane;
        for (var r = 0u; r < ROWS; r++) { partial[place * ROWS + r] = sums[r]; }
        for (var half = LANES / 2; half > 0; half /= 2) {
            workgroupBarrier();
            if lane < half {
                for (var r = 0u; r < ROWS; r++) { partial[place * ROWS + r] += partial[(place + half) * ROWS + r]; }
            }
        }
        for (var r = 0u; r < ROWS; r++) { sums[r] = partial[place * ROWS + r]; }
    }
    if lane > 0 { return; }
    for (var r = 0u; r < ROWS; r++) {
        let i = params.output_skip + batch * params.output_stride + (row + r) * params.output_pitch + column;
        var done = sums[r];
        if HAS_BIAS {
            let first = params.bias_skip + column; // those past the last column are not stored
            done += vec4(bias[first], bias[first + 1], bias[first + 2], bias[first + 3]);
        }
        done = finish(done, i, column);
        note(done, select(0u, columns_left, row + r < params.rows));
#for c 4
        if $c < columns_left && row + r < params.rows { output[i + $c] = done[$c]; }
#end
    }
    noted();
}
