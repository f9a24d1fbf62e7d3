// det/cofactors: a workgroup per matrix; the cofactors of all its elements, by exchange steps with complete pivoting.
//
// In y = A x a step exchanges x[c] and y[r], where A[r, c] = p is the largest element of the rows and columns no step has taken:
//   A[r, c] = 1 / p    A[r, j] = A[r, j] / p    A[i, c] = -A[i, c] / p    A[i, j] = A[i, j] - A[i, c] A[r, j] / p
// After size - 1 of them one row r and one column c are left. Where rows and columns that were taken together, as r and c are, are each
// other's `column_of` and `row_of`, and D is the product of all p with the sign of that permutation, the cofactors are
//   (i, j): D (A[r, c] A[l, k] - A[l, c] A[r, k]) with k = column_of(i), l = row_of(j)
//   (i, c): D A[r, k]    (r, j): -D A[l, c]    (r, c): D
// Nothing is divided by the last A[r, c], which is 0 where the matrix is singular; where an earlier p is 0, D and all of them are.
#import index
#import component

override WORKGROUP: u32 = 256u;
const LARGEST = 256u;

struct Params {
    count: u32,   // matrices
    size: u32,    // rows and columns, LARGEST at most
    input_skip: u32,
    output_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;               // (count, size, size)
@group(0) @binding(2) var<storage, read_write> work: array<vec4<f32>>;    // (count, size, fours of a row)
@group(0) @binding(3) var<storage, read_write> output: array<f32>;        // (count, size, size)

var<workgroup> heads: array<f32, WORKGROUP>;    // the largest magnitude that an invocation has seen
var<workgroup> places: array<u32, WORKGROUP>;   // and where it is, the first of equals
var<workgroup> pivot_row: array<vec4<f32>, LARGEST / 4u>;
var<workgroup> pivot_column: array<f32, LARGEST>;
var<workgroup> free_rows: array<bool, LARGEST>;
var<workgroup> free_columns: array<vec4<bool>, LARGEST / 4u>;
var<workgroup> column_of: array<u32, LARGEST>;
var<workgroup> row_of: array<u32, LARGEST>;

// The columns of the four numbers `four` of a row.
fn columns(four: u32) -> vec4<u32> {
    return four * 4u + vec4(0u, 1u, 2u, 3u);
}

fn element(start: u32, row: u32, column: u32) -> f32 {
    return component(work[start + row * ((params.size + 3u) / 4u) + column / 4u], column % 4u);
}

// The largest magnitude of four, -1 where a column is taken, and which it is.
fn largest(four: vec4<f32>, free: vec4<bool>) -> vec2<f32> {
    let size = select(vec4(-1.0), abs(four), free);
    let left = select(vec2(size.x, 0.0), vec2(size.y, 1.0), size.y > size.x);
    let right = select(vec2(size.z, 2.0), vec2(size.w, 3.0), size.w > size.z);
    return select(left, right, right.x > left.x);
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let matrix = group_index(group_id, groups);
    if (matrix >= params.count) {
        return;
    }
    let size = params.size;
    let fours = (size + 3u) / 4u;
    let first = matrix * size * size;
    let start = matrix * size * fours;
    for (var i = local; i < size; i += WORKGROUP) {
        free_rows[i] = true;
        column_of[i] = i;
        row_of[i] = i;
    }
    for (var q = local; q < fours; q += WORKGROUP) {
        free_columns[q] = columns(q) < vec4(size);
    }
    workgroupBarrier();
    var head = -1.0;
    var place = 0u;
    for (var i = local; i < size * fours; i += WORKGROUP) {
        let at = columns(i % fours);
        let row_start = params.input_skip + first + i / fours * size;
        let inside = min(at, vec4(size - 1u)) + row_start;
        let four = vec4(input[inside.x], input[inside.y], input[inside.z], input[inside.w]);
        let value = select(vec4(0.0), four, at < vec4(size));
        work[start + i] = value;
        let found = largest(value, free_columns[i % fours]);
        if (found.x > head) {
            head = found.x;
            place = i * 4u + u32(found.y);
        }
    }
    var product = 1.0;
    var r = 0u;
    var c = 0u;
    for (var step = 1u; step <= size; step++) {
        heads[local] = head;
        places[local] = place;
        storageBarrier();
        workgroupBarrier();
        for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
            if (local < half) {
                let other = heads[local + half];
                if (other > heads[local] || (other == heads[local] && places[local + half] < places[local])) {
                    heads[local] = other;
                    places[local] = places[local + half];
                }
            }
            workgroupBarrier();
        }
        r = places[0] / (fours * 4u);
        c = places[0] % (fours * 4u);
        let exchanges = heads[0] > 0.0 && step < size;
        if (exchanges) {
            let p = element(start, r, c);
            product *= select(-p, p, column_of[r] == c);
            for (var q = local; q < fours; q += WORKGROUP) {
                pivot_row[q] = select(work[start + r * fours + q], vec4(1.0), columns(q) == vec4(c)) / p;
            }
            for (var i = local; i < size; i += WORKGROUP) {
                pivot_column[i] = element(start, i, c);
            }
        } else if (step < size) {
            product = 0.0;
        }
        storageBarrier();
        workgroupBarrier();
        if (exchanges && local == 0u) {
            let row = row_of[c];
            let column = column_of[r];
            column_of[r] = c;
            row_of[c] = r;
            column_of[row] = column;
            row_of[column] = row;
            free_rows[r] = false;
            free_columns[c / 4u] = free_columns[c / 4u] & (columns(c / 4u) != vec4(c));
        }
        workgroupBarrier();
        head = -1.0;
        place = 0u;
        if (exchanges) {
            for (var i = local; i < size * fours; i += WORKGROUP) {
                let row = i / fours;
                let q = i % fours;
                var value = pivot_row[q];
                if (row != r) {
                    value = select(work[start + i], vec4(0.0), columns(q) == vec4(c)) - pivot_column[row] * value;
                }
                work[start + i] = value;
                let found = largest(value, free_columns[q]);
                if (free_rows[row] && found.x > head) {
                    head = found.x;
                    place = i * 4u + u32(found.y);
                }
            }
        }
    }
    let last = element(start, r, c);
    for (var at = local; at < size * size; at += WORKGROUP) {
        let i = at / size;
        let j = at % size;
        let k = column_of[i];
        let l = row_of[j];
        var cofactor = last * element(start, l, k) - element(start, l, c) * element(start, r, k);
        if (i == r && j == c) {
            cofactor = 1.0;
        } else if (i == r) {
            cofactor = -element(start, l, c);
        } else if (j == c) {
            cofactor = element(start, r, k);
        }
        output[params.output_skip + first + at] = product * cofactor;
    }
}
