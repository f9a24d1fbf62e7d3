// What both kernels of attention's gradient on tiles read. A row is a query or a key: SPLIT invocations share ROWS of them, each with every
// SPLIT-th vec4 in registers, while STEPS rows of the other side at a time lie in workgroup memory for all. The header gives HEAD and
// VALUE, the vec4s of a query or key and of a value (filled up with zeros), SPLIT, ROWS, STEPS and PRODUCTS, which is
// 2 * ROWS * STEPS * WORKGROUP where SPLIT is more than 1.
#import attention_gradient
#import attention_items

const WORKGROUP = 64u;
const HEAD_PART = HEAD / SPLIT;
const VALUE_PART = VALUE / SPLIT;
const TEAMS = WORKGROUP / SPLIT;

@group(0) @binding(4) var<storage, read> grad: array<Item>;  // (batch, heads, queries, value_size)

fn grad_item(row: u32, x: u32, there: bool) -> vec4<f32> {
    let size = select(0u, params.value_size / LANES, there);
    let at = params.output_skip + row * size;
    var item = vec4<f32>(0.0);
    if (LANES == 4u) {
        if (x < size) {
            item = vec4<f32>(grad[at + x]);
        }
    } else {
        for (var c = 0u; c < 4u; c++) {
            if (x * 4u + c < size) {
                item[c] = lane(grad[at + x * 4u + c], 0u);
            }
        }
    }
    return item;
}
