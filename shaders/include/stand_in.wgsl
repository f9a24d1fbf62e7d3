// What stands in for matrices of subgroups on any adapter: src/gpu/stand_in.rs says how they lie in threads, and writes what is set here.
// A matrix has MATRIX_SIDE rows; a thread holds MATRIX_WIDTH numbers of a C. ARRAYS are the ways in which matrices lie in shared memory,
// each with its number, matrix_is_.., and what reads an element, matrix_element_..; STORED are those that a C is stored to, an element
// by matrix_put_... There are MATRIX_ROWS registers of A, MATRIX_LINES of B and MATRIX_SUMS of C.

var<private> matrix_row: u32;
var<private> matrix_column: u32;
var<private> matrix_nothing: u32; // 0, which no compiler knows: none unrolls a loop
var<private> matrix_rows: array<vec2<u32>, MATRIX_ROWS>; // of each A: where it begins, and matrix_place
var<private> matrix_lines: array<vec2<u32>, MATRIX_LINES>; // of each B
var<private> matrix_a: array<f32, MATRIX_ROWS * MATRIX_SIDE>;
var<private> matrix_c: array<f32, MATRIX_SUMS * MATRIX_WIDTH>; // the first is zero

fn matrix_begin(lane: u32, nothing: u32) {
    matrix_row = lane % MATRIX_SIDE;
    matrix_column = lane / MATRIX_SIDE * MATRIX_WIDTH;
    matrix_nothing = nothing;
}

// Which array, and how far it is from line to line there.
fn matrix_place(array_number: u32, pitch: u32) -> u32 { return array_number << 16 | pitch; }

// Reads the rows of A's.
fn matrix_hold(first: u32, last: u32) {
    for (var a = first; a <= last + matrix_nothing; a++) {
        let at = matrix_rows[a].x;
        let pitch = matrix_rows[a].y & 0xffff;
        for (var k = 0u; k < MATRIX_SIDE + matrix_nothing; k++) {
            switch matrix_rows[a].y >> 16 {
#for x ARRAYS
                case matrix_is_$x: { matrix_a[a * MATRIX_SIDE + k] = matrix_element_$x(at, pitch, matrix_row, k); }
#end
                default: {}
            }
        }
    }
}

// Computes steps of the program: to = c + a b, or c + b where a is MATRIX_ADD.
fn matrix_run(first: u32, last: u32) {
    for (var i = first; i <= last + matrix_nothing; i++) {
        let to = matrix_program[i] >> 24;
        let c = (matrix_program[i] >> 16) & 0xff;
        let a = (matrix_program[i] >> 8) & 0xff;
        let b = matrix_program[i] & 0xff;
#for j WIDTH
        var sum$j = matrix_c[c * MATRIX_WIDTH + $j];
#end
        if a == MATRIX_ADD {
#for j WIDTH
            sum$j += matrix_c[b * MATRIX_WIDTH + $j];
#end
        } else {
            let at = matrix_lines[b].x;
            let pitch = matrix_lines[b].y & 0xffff;
            for (var k = 0u; k < MATRIX_SIDE + matrix_nothing; k++) {
                let factor = matrix_a[a * MATRIX_SIDE + k];
                switch matrix_lines[b].y >> 16 {
#for x ARRAYS
                    case matrix_is_$x: {
#for j WIDTH
                        sum$j += factor * matrix_element_$x(at, pitch, k, matrix_column + $j);
#end
                    }
#end
                    default: {}
                }
            }
        }
#for j WIDTH
        matrix_c[to * MATRIX_WIDTH + $j] = sum$j;
#end
    }
}

#for x ARRAYS
fn matrix_load_$x(c: u32, at: u32, pitch: u32) {
#for j WIDTH
    matrix_c[c * MATRIX_WIDTH + $j] = matrix_element_$x(at, pitch, matrix_row, matrix_column + $j);
#end
}

#end
#for x STORED
fn matrix_store_$x(c: u32, at: u32, pitch: u32) {
#for j WIDTH
    matrix_put_$x(at, pitch, matrix_row, matrix_column + $j, matrix_c[c * MATRIX_WIDTH + $j]);
#end
}

#end
