// Matrix product of integers modulo 2^32, which is exact where the result has 32 bits: i32 and u32 alike, as i32.
// One workgroup computes 32 x 32 elements of one output matrix, one thread 4 x 4; neighbours share what they read by the cache.
#import index
#import matmul

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<i32>; // [batch, rows, depth]
@group(0) @binding(2) var<storage, read> b: array<i32>; // [batch, depth, columns], or [batch, columns, depth] if TRANSPOSE_B
@group(0) @binding(3) var<storage, read_write> output: array<i32>; // [batch, rows, columns]

override TRANSPOSE_B: bool = false;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) num_groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let group = group_index(group_id, num_groups);
    if group >= params.groups { return; }
    let across = (params.columns + 31) / 32;
    let down = (params.rows + 31) / 32;
    let column = (group % across * 8 + local % 8) * 4;
    let row = (group / across % down * 8 + local / 8) * 4;
    let batch = group / (across * down);
    if row >= params.rows || column >= params.columns { return; }

    // Rows and columns past the last read the last again and are not stored.
    let rows = min(vec4(0u, 1, 2, 3) + row, vec4(params.rows - 1));
    let columns = min(vec4(0u, 1, 2, 3) + column, vec4(params.columns - 1));
    var ia = params.a_skip + batch * params.a_stride + rows * params.depth;
    let b_start = params.b_skip + batch * params.b_stride;
    var ib = b_start + select(columns, columns * params.depth, TRANSPOSE_B);
    let b_step = select(params.columns, 1u, TRANSPOSE_B);
    var sums: array<vec4<i32>, 4>; // a row of 4 columns each
    for (var k = 0u; k < params.depth; k++) {
        let four = vec4(b[ib.x], b[ib.y], b[ib.z], b[ib.w]);
        sums[0] += a[ia.x] * four;
        sums[1] += a[ia.y] * four;
        sums[2] += a[ia.z] * four;
        sums[3] += a[ia.w] * four;
        ia += 1u;
        ib += b_step;
    }
    for (var r = 0u; r < 4; r++) {
        let i = params.output_skip + batch * params.output_stride + (row + r) * params.output_pitch + column;
#for c 4
        if row + r < params.rows && column + $c < params.columns { output[i + $c] = sums[r][$c]; }
#end
    }
}
