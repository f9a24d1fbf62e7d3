// Kernels that move four neighbouring elements at a time. `Scalar` is the header's.

const LANES = 4u;
alias Item = vec4<Scalar>;
alias Floats = vec4<f32>;
alias Flags = vec4<bool>;
alias Bits = vec4<u32>;

fn lane(item: Item, i: u32) -> Scalar {
    // Chosen, as `component` does and for its reason.
    let pair = select(item.xy, item.zw, i > 1u);
    return select(pair.x, pair.y, (i & 1u) == 1u);
}

fn item_sum(item: Item) -> Scalar {
    return (item.x + item.y) + (item.z + item.w);
}

fn item_max(item: Item) -> Scalar {
    return max(max(item.x, item.y), max(item.z, item.w));
}
