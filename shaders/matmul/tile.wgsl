// Matrix product for GPUs: one workgroup computes TILE x TILE elements of one output matrix, one thread 8 x 8 of them.
// Each step brings DEPTH columns of a and rows of b into shared memory as blocks of 4 x 4, one or two blocks a thread,
// read one step ahead into registers. Shared memory is only written in whole vectors, which no backend turns into a race.
#import index
#import matmul

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>; // [batch, rows, depth]
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>; // [batch, depth, columns], or [batch, columns, depth] if TRANSPOSE_B
@group(0) @binding(3) var<storage, read> bias: array<f32>; // [columns]
@group(0) @binding(4) var<storage, read_write> output: array<f32>; // [batch, rows, columns]

override TILE: u32 = 64; // 64, or 128 with a workgroup of 256
override DEPTH: u32 = 16; // 8 or 16
override WORKGROUP: u32 = 64; // (TILE / 8)^2
override TRANSPOSE_B: bool = false;
override HAS_BIAS: bool = false;
override ALIGNED_A: bool = false; // depth, a_stride and a_skip divide by 4
override ALIGNED_B: bool = false; // columns (depth if TRANSPOSE_B), b_stride and b_skip divide by 4
override PITCH: u32 = TILE / 4 + 1; // vectors from one step of depth to the next: padded against bank conflicts
override BLOCKS: u32 = TILE * DEPTH / 16;
var<workgroup> tile_a: array<vec4<f32>, PITCH * DEPTH>;
var<workgroup> tile_b: array<vec4<f32>, PITCH * DEPTH>;

// Four elements of a row of a, zeros past its first `valid`.
fn a_at(i: u32, valid: u32) -> vec4<f32> {
    if ALIGNED_A { return select(vec4(0.0), a[i / 4], valid > 0); }
    let four = vec4(a[i / 4][i % 4], a[(i + 1) / 4][(i + 1) % 4], a[(i + 2) / 4][(i + 2) % 4], a[(i + 3) / 4][(i + 3) % 4]);
    return select(vec4(0.0), four, vec4(0u, 1, 2, 3) < vec4(valid));
}

fn b_at(i: u32, valid: u32) -> vec4<f32> {
    if ALIGNED_B { return select(vec4(0.0), b[i / 4], valid > 0); }
    let four = vec4(b[i / 4][i % 4], b[(i + 1) / 4][(i + 1) % 4], b[(i + 2) / 4][(i + 2) % 4], b[(i + 3) / 4][(i + 3) % 4]);
    return select(vec4(0.0), four, vec4(0u, 1, 2, 3) < vec4(valid));
}

// Four of them.
fn a_block(i: vec4<u32>, valid: u32) -> mat4x4<f32> {
    return mat4x4(a_at(i.x, valid), a_at(i.y, valid), a_at(i.z, valid), a_at(i.w, valid));
}

fn b_block(i: vec4<u32>, valid: vec4<u32>) -> mat4x4<f32> {
    return mat4x4(b_at(i.x, valid.x), b_at(i.y, valid.y), b_at(i.z, valid.z), b_at(i.w, valid.w));
}

// Block `block` of step `k`: four vectors along the rows of a or the columns of b. Rows and columns past the last read
// the last again and are not stored; depths past the last are zeros.
fn load(block: u32, k: u32, row: u32, column: u32, batch: u32) -> mat4x4<f32> {
    let n = block % BLOCKS;
    let four = vec4(0u, 1, 2, 3);
    let a_start = params.a_skip + batch * params.a_stride;
    let b_start = params.b_skip + batch * params.b_stride;
    if block < BLOCKS || TRANSPOSE_B {
        let depth = k + n % (DEPTH / 4) * 4;
        let valid = params.depth - min(depth, params.depth);
        let first = four + n / (DEPTH / 4) * 4;
        if block < BLOCKS {
            return transpose(a_block(min(first + row, vec4(params.rows - 1)) * params.depth + depth + a_start, valid));
        }
        return transpose(b_block(min(first + column, vec4(params.columns - 1)) * params.depth + depth + b_start, vec4(valid)));
    }
    let depth = four + k + n / (TILE / 4) * 4;
    let first = column + n % (TILE / 4) * 4;
    let valid = params.columns - min(first, params.columns);
    return b_block(depth * params.columns + first + b_start, select(vec4(0u), vec4(valid), depth < vec4(params.depth)));
}

fn store(block: u32, m: mat4x4<f32>) {
    let n = block % BLOCKS;
    let along_depth = block < BLOCKS || TRANSPOSE_B;
    let depth = select(n / (TILE / 4), n % (DEPTH / 4), along_depth) * 4;
    let place = select(n % (TILE / 4), n / (DEPTH / 4), along_depth);
    let i = depth * PITCH + place;
    if block < BLOCKS {
        tile_a[i] = m[0]; tile_a[i + PITCH] = m[1]; tile_a[i + 2 * PITCH] = m[2]; tile_a[i + 3 * PITCH] = m[3];
    } else {
        tile_b[i] = m[0]; tile_b[i + PITCH] = m[1]; tile_b[i + 2 * PITCH] = m[2]; tile_b[i + 3 * PITCH] = m[3];
    }
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) num_groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let group = group_index(group_id, num_groups);
    if group >= params.groups { return; }
    let across = (params.columns + TILE - 1) / TILE;
    let down = (params.rows + TILE - 1) / TILE;
    let column = group % across * TILE;
    let row = group / across % down * TILE;
    let batch = group / (across * down);
    let tx = local % (TILE / 8);
    let ty = local / (TILE / 8);

    var sums: array<vec4<f32>, 16>; // [2 * r + h]: row r of 8, left or right half of 4 columns
    var first = load(local, 0u, row, column, batch);
    var second: mat4x4<f32>;
    if 2 * BLOCKS > WORKGROUP { second = load(local + WORKGROUP, 0u, row, column, batch); }
    for (var k = 0u; k < params.depth; k += DEPTH) {
        if local < 2 * BLOCKS { store(local, first); }
        if 2 * BLOCKS > WORKGROUP { store(local + WORKGROUP, second); }
        workgroupBarrier();
        first = load(local, k + DEPTH, row, column, batch);
        if 2 * BLOCKS > WORKGROUP { second = load(local + WORKGROUP, k + DEPTH, row, column, batch); }
        for (var d = 0u; d < DEPTH; d++) {
            let a0 = tile_a[d * PITCH + ty];
            let a1 = tile_a[d * PITCH + TILE / 8 + ty];
            let b0 = tile_b[d * PITCH + tx];
            let b1 = tile_b[d * PITCH + TILE / 8 + tx];
            for (var r = 0u; r < 4; r++) {
                sums[2 * r] = fma(vec4(a0[r]), b0, sums[2 * r]);
                sums[2 * r + 1] = fma(vec4(a0[r]), b1, sums[2 * r + 1]);
                sums[2 * r + 8] = fma(vec4(a1[r]), b0, sums[2 * r + 8]);
                sums[2 * r + 9] = fma(vec4(a1[r]), b1, sums[2 * r + 9]);
            }
        }
        workgroupBarrier();
    }
    for (var s = 0u; s < 16; s++) {
        let r = row + (s / 8 * TILE / 2) + ty * 4 + s % 8 / 2;
        let c = column + (s % 2 * TILE / 2) + tx * 4;
        let i = params.output_skip + batch * params.output_stride + r * params.output_pitch + c;
        var done = sums[s];
        if HAS_BIAS {
            let first = params.bias_skip + c; // those past the last column are not stored
            done += vec4(bias[first], bias[first + 1], bias[first + 2], bias[first + 3]);
        }
        done = finish(done, i, c);
        for (var e = 0u; e < 4; e++) {
            if r < params.rows && c + e < params.columns { output[i + e] = done[e]; }
        }
    }
}
