// What attention/tile and attention/matrices share: their bindings, and how they store.
#set READ query key value
#import attention_items
#import attention_scores
#import noted

alias Element = vec4<f32>;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(4) var<storage, read> mask: array<u32>;             // bool or the bits of f32
@group(0) @binding(5) var<storage, read_write> output: array<Scalar>;  // (batch, heads, queries, value_size)

// Four elements of an output row, as far as it reaches.
fn store(start: u32, column: u32, item: vec4<f32>) {
    note(item, params.value_size - min(column, params.value_size));
#for c 4
    if (column + $c < params.value_size) {
        output[start + column + $c] = item[$c];
    }
#end
}
