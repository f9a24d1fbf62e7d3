// What both kernels of attention's gradient on tiles read. A row is a query or a key: SPLIT invocations share ROWS of them, each with every
// SPLIT-th vec4 in registers, while STEPS rows of the other side at a time lie in workgroup memory for all. The header gives HEAD and
// VALUE, the vec4s of a query or key and of a value (filled up with zeros), SPLIT, ROWS, STEPS and PRODUCTS, which is
// 2 * ROWS * STEPS * WORKGROUP where SPLIT is more than 1; STORED names the rows whose gradients are stored.
#import attention_gradient
#set READ query key value grad
#import attention_items

const WORKGROUP = 64u;
const HEAD_PART = HEAD / SPLIT;
const VALUE_PART = VALUE / SPLIT;
const TEAMS = WORKGROUP / SPLIT;

@group(0) @binding(4) var<storage, read> grad: array<Item>;  // (batch, heads, queries, value_size)

// What passes: keys and values, or queries and their outputs' gradients.
var<workgroup> head_tile: array<vec4<f32>, STEPS * HEAD>;
var<workgroup> value_tile: array<vec4<f32>, STEPS * VALUE>;
// Parts of dot products: SPLIT neighbours hold those of one row, first of its scores, then of their gradients.
var<workgroup> exchanged: array<f32, PRODUCTS>;

fn grad_row(row: u32) -> vec2<u32> {
    return row_of(params.output_skip, row, params.value_size);
}

#for input STORED
// Four elements of a row's gradient, as far as the row reaches.
fn store_$input(row: u32, column: u32, item: vec4<f32>) {
    let place = $input_row(row) * LANES;
#for c 4
    if (column + $c < place.y) {
        $input_grad[place.x + column + $c] = item[$c];
    }
#end
}
#end

// Scores of all that passes, which lies in workgroup memory, and slopes, the gradients of their weights. Not a struct of the two: Direct3D's
// older compiler, FXC, takes minutes for one with arrays.
fn products(
    own: ptr<function, array<vec4<f32>, ROWS * HEAD_PART>>, own_value: ptr<function, array<vec4<f32>, ROWS * VALUE_PART>>, local: u32,
    found_scores: ptr<function, array<f32, ROWS * STEPS>>, found_slopes: ptr<function, array<f32, ROWS * STEPS>>,
) {
    let part = local % SPLIT;
    for (var t = 0u; t < STEPS; t++) {
        var scores: array<vec4<f32>, ROWS>;
        var slopes: array<vec4<f32>, ROWS>;
        for (var r = 0u; r < ROWS; r++) {
            scores[r] = vec4<f32>(0.0);
            slopes[r] = vec4<f32>(0.0);
        }
        for (var x = 0u; x < HEAD_PART; x++) {
            let item = head_tile[t * HEAD + x * SPLIT + part];
            for (var r = 0u; r < ROWS; r++) {
                scores[r] += (*own)[r * HEAD_PART + x] * item;
            }
        }
        for (var x = 0u; x < VALUE_PART; x++) {
            let item = value_tile[t * VALUE + x * SPLIT + part];
            for (var r = 0u; r < ROWS; r++) {
                slopes[r] += (*own_value)[r * VALUE_PART + x] * item;
            }
        }
        for (var r = 0u; r < ROWS; r++) {
            (*found_scores)[r * STEPS + t] = sum_of(scores[r]);
            (*found_slopes)[r * STEPS + t] = sum_of(slopes[r]);
        }
    }
    if (SPLIT > 1u) {
        for (var s = 0u; s < ROWS * STEPS; s++) {
            exchanged[2u * s * WORKGROUP + local] = (*found_scores)[s];
            exchanged[(2u * s + 1u) * WORKGROUP + local] = (*found_slopes)[s];
        }
        workgroupBarrier();
        for (var s = 0u; s < ROWS * STEPS; s++) {
            let at = 2u * s * WORKGROUP + local - part;
            var score = 0.0;
            var slope = 0.0;
            for (var p = 0u; p < SPLIT; p++) {
                score += exchanged[at + p];
                slope += exchanged[at + WORKGROUP + p];
            }
            (*found_scores)[s] = score;
            (*found_slopes)[s] = slope;
        }
    }
}
