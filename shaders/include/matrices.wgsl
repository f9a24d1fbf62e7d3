// The core of products on cooperative matrices. What is multiplied, and where it goes, is of what is imported before: workgroups,
// tile_of, product_depth, block_a, load_a, block_b, load_b, and keep for four columns of a row, or for four rows of a column if
// BY_COLUMNS, which notes what it stores. The header says that and how large things are.
//
// A workgroup of 2 x 2 subgroups computes a tile of ROWS x COLUMNS, each subgroup DOWN x ACROSS matrices of SIDE x SIDE. Shared memory
// holds DEPTH steps of both factors in f16, brought near 2^12 by powers of 2 first: f16 ends at 65504, and loses digits below 2^-14.
//
// With LOWS = 1 a number v is two halves, high + low: high is v rounded to 11 digits, low what that leaves, to 11 digits too. Of the
// four products of halves the one of both lows is below 2^-22 of the whole and left out. Three are as exact as f32 needs: |error| of a
// product is at most 2^-21 of it, a quarter each for the lows' own roundings and half for what is left out. Sums of SIDE steps start from
// zero and are then added up in f32, since tensor cores cut what they add to a long sum rather than round it.

#import noted
#import split

const PITCH_A: u32 = DEPTH / 4 + 2; // vectors from row to row: 16 bytes of padding spare bank conflicts, more or less does not
const PITCH_B: u32 = COLUMNS / 4 + 2;
const PITCH_SUMS: u32 = ACROSS * SIDE / 4;
const FOURS: u32 = SIDE / 4;

@group(0) @binding(5) var<storage, read> largest_a: u32; // bits of the largest magnitude in a
@group(0) @binding(6) var<storage, read> largest_b: u32;
override LEAST_A: u32 = 0; // bits of a magnitude that is reckoned with in any case
override SCALED_A: bool = true; // else it lies in memory as f16, and is multiplied as it is
override SCALED_B: bool = true;
const NO_EXPONENT: u32 = 127;

var<workgroup> high_a: array<vec4<f16>, ROWS * PITCH_A>;
var<workgroup> high_b: array<vec4<f16>, DEPTH * PITCH_B>;
#for l LOWS
var<workgroup> low_a: array<vec4<f16>, ROWS * PITCH_A>;
var<workgroup> low_b: array<vec4<f16>, DEPTH * PITCH_B>;
#end
var<workgroup> sums: array<vec4<f32>, 4 * SIDE * PITCH_SUMS>; // a row of matrices of each subgroup

fn store_a(block: u32, m: mat4x4<f32>, scale: f32) {
    let at = block_a(block);
    let i = at.y * 4 * PITCH_A + at.x;
#for e FOUR
    let v$e = m[$e] * scale;
#for l LOWS
    let h$e = high_of(v$e);
    high_a[i + $e * PITCH_A] = vec4<f16>(h$e);
    low_a[i + $e * PITCH_A] = vec4<f16>(v$e - h$e);
#end
#for h HIGHS_ALONE
    high_a[i + $e * PITCH_A] = vec4<f16>(v$e);
#end
#end
}

fn store_b(block: u32, m: mat4x4<f32>, scale: f32) {
    let at = block_b(block);
    let i = at.x * 4 * PITCH_B + at.y;
#for e FOUR
    let v$e = m[$e] * scale;
#for l LOWS
    let h$e = high_of(v$e);
    high_b[i + $e * PITCH_B] = vec4<f16>(h$e);
    low_b[i + $e * PITCH_B] = vec4<f16>(v$e - h$e);
#end
#for h HIGHS_ALONE
    high_b[i + $e * PITCH_B] = vec4<f16>(v$e);
#end
#end
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) num_groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32, @builtin(subgroup_id) subgroup: u32, @builtin(subgroup_invocation_id) lane: u32,
) {
    let group = group_id.y * num_groups.x + group_id.x; // group_index, where it is plainly the same for all threads
    if group >= workgroups() { return; }
    let tile = tile_of(group, local);
    let top = subgroup / 2 * DOWN * SIDE;
    let left = subgroup % 2 * ACROSS * SIDE;
    let exponent_a = select(NO_EXPONENT, scale_of(max(largest_a, LEAST_A)), SCALED_A);
    let exponent_b = select(NO_EXPONENT, scale_of(largest_b), SCALED_B);
    let scale_a = two_to(exponent_a);
    let scale_b = two_to(exponent_b);
    let zero = MatrixC();
#for r DOWN
#for c ACROSS
    var sum$r_$c = MatrixC();
#end
#end
    for (var k = 0u; k < product_depth(); k += DEPTH) {
#for j LOADS_A
        let a$j = load_a(local + $j * WORKGROUP, k, tile);
#end
#for j LOADS_B
        let b$j = load_b(local + $j * WORKGROUP, k, tile);
#end
#for j LOADS_A
        store_a(local + $j * WORKGROUP, a$j, scale_a);
#end
#for j LOADS_B
        store_b(local + $j * WORKGROUP, b$j, scale_b);
#end
        workgroupBarrier();
#for s STEPS
#for r DOWN
        let high_a$s_$r = coopLoadT<MatrixA>(&high_a[(top + $r * SIDE) * PITCH_A + $s * SIDE / 4], PITCH_A);
#end
#for c ACROSS
        let high_b$s_$c = coopLoadT<MatrixB>(&high_b[$s * SIDE * PITCH_B + (left + $c * SIDE) / 4], PITCH_B);
#end
#for l LOWS
#for r DOWN
        let low_a$s_$r = coopLoadT<MatrixA>(&low_a[(top + $r * SIDE) * PITCH_A + $s * SIDE / 4], PITCH_A);
#end
#for c ACROSS
        let low_b$s_$c = coopLoadT<MatrixB>(&low_b[$s * SIDE * PITCH_B + (left + $c * SIDE) / 4], PITCH_B);
#end
#for r DOWN
#for c ACROSS
        let left$s_$r_$c = coopMultiplyAdd(low_a$s_$r, high_b$s_$c, zero);
        let both$s_$r_$c = coopMultiplyAdd(high_a$s_$r, low_b$s_$c, left$s_$r_$c);
        let step$s_$r_$c = coopMultiplyAdd(high_a$s_$r, high_b$s_$c, both$s_$r_$c);
        sum$r_$c = sum$r_$c + step$s_$r_$c;
#end
#end
#end
#for h HIGHS_ALONE
#for r DOWN
#for c ACROSS
        sum$r_$c = coopMultiplyAdd(high_a$s_$r, high_b$s_$c, sum$r_$c);
#end
#end
#end
#end
        workgroupBarrier();
    }
    // Elements of a matrix are reached through memory alone.
    let mine = subgroup * SIDE * PITCH_SUMS;
    let back_a = two_to(254 - exponent_a);
    let back_b = two_to(254 - exponent_b);
#for r DOWN
#for c ACROSS
#for k BY_ROWS
    coopStoreT(sum$r_$c, &sums[mine + $c * SIDE / 4], PITCH_SUMS);
#end
#for k BY_COLUMNS
    coopStore(sum$r_$c, &sums[mine + $c * SIDE * FOURS], FOURS);
#end
#end
    workgroupBarrier();
    for (var i = lane; i < SIDE * PITCH_SUMS; i += WORKGROUP / 4) {
        let done = sums[mine + i] * back_a * back_b;
#for k BY_ROWS
        keep(top + $r * SIDE + i / PITCH_SUMS, left + i % PITCH_SUMS * 4, done, tile);
#end
#for k BY_COLUMNS
        keep(top + $r * SIDE + i % FOURS * 4, left + i / FOURS, done, tile);
#end
    }
    workgroupBarrier();
#end
    noted();
}
