// The core of products for GPUs: a workgroup computes a tile of TILE x TILE, a thread 8 x 8 of it. Shared memory holds DEPTH steps of
// both factors as blocks of 4 x 4, one or two blocks a thread, read one step ahead into registers, and is only written in whole
// vectors, which no backend turns into a race. What is multiplied, and where it goes, is of what is imported before: workgroups,
// tile_of, product_depth, block_a, load_a, block_b, load_b, and keep for four columns of a row, which notes what it stores.
#import noted

override TILE: u32 = 64; // 64, or 128 with a workgroup of 256
override DEPTH: u32 = 16; // 8 or 16
override WORKGROUP: u32 = 64; // (TILE / 8)^2
override ROWS: u32 = TILE;
override COLUMNS: u32 = TILE;
override PITCH: u32 = TILE / 4 + 1; // vectors from one step to the next: padded against bank conflicts
override BLOCKS: u32 = TILE * DEPTH / 16; // of one factor
var<workgroup> tile_a: array<vec4<f32>, PITCH * DEPTH>;
var<workgroup> tile_b: array<vec4<f32>, PITCH * DEPTH>;

// Block `block` of both factors at step `k`: four vectors along the rows of a or the columns of b.
fn load(block: u32, k: u32, tile: Tile) -> mat4x4<f32> {
    if block < BLOCKS { return transpose(load_a(block, k, tile)); }
    return load_b(block - BLOCKS, k, tile);
}

fn store(block: u32, m: mat4x4<f32>) {
    if block < BLOCKS {
        let at = block_a(block);
        let i = at.x * 4 * PITCH + at.y;
        tile_a[i] = m[0]; tile_a[i + PITCH] = m[1]; tile_a[i + 2 * PITCH] = m[2]; tile_a[i + 3 * PITCH] = m[3];
    } else {
        let at = block_b(block - BLOCKS);
        let i = at.x * 4 * PITCH + at.y;
        tile_b[i] = m[0]; tile_b[i + PITCH] = m[1]; tile_b[i + 2 * PITCH] = m[2]; tile_b[i + 3 * PITCH] = m[3];
    }
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) num_groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let group = group_index(group_id, num_groups);
    if group >= workgroups() { return; }
    let tile = tile_of(group, local);
    let tx = local % (TILE / 8);
    let ty = local / (TILE / 8);

    var sums: array<vec4<f32>, 16>; // [2 * r + h]: row r of 8, left or right half of 4 columns
    var first = load(local, 0u, tile);
    var second: mat4x4<f32>;
    if 2 * BLOCKS > WORKGROUP { second = load(local + WORKGROUP, 0u, tile); }
    for (var k = 0u; k < product_depth(); k += DEPTH) {
        if local < 2 * BLOCKS { store(local, first); }
        if 2 * BLOCKS > WORKGROUP { store(local + WORKGROUP, second); }
        workgroupBarrier();
        first = load(local, k + DEPTH, tile);
        if 2 * BLOCKS > WORKGROUP { second = load(local + WORKGROUP, k + DEPTH, tile); }
        for (var d = 0u; d < DEPTH; d++) {
            let a0 = tile_a[d * PITCH + ty];
            let a1 = tile_a[d * PITCH + TILE / 8 + ty];
            let b0 = tile_b[d * PITCH + tx];
            let b1 = tile_b[d * PITCH + TILE / 8 + tx];
#for r 4
            sums[2 * $r] = fma(vec4(a0[$r]), b0, sums[2 * $r]);
            sums[2 * $r + 1] = fma(vec4(a0[$r]), b1, sums[2 * $r + 1]);
            sums[2 * $r + 8] = fma(vec4(a1[$r]), b0, sums[2 * $r + 8]);
            sums[2 * $r + 9] = fma(vec4(a1[$r]), b1, sums[2 * $r + 9]);
#end
        }
        workgroupBarrier();
    }
    // The first is kept and all others move up: were there an index that depends on s, a compiler that leaves this a loop would have all
    // sums in memory, from their first step on.
    for (var s = 0u; s < 16; s++) {
        keep((s / 8 * TILE / 2) + ty * 4 + s % 8 / 2, (s % 2 * TILE / 2) + tx * 4, sums[0], tile);
#for i 15
        sums[$i] = sums[$i + 1];
#end
    }
    noted();
}
