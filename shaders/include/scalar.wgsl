// Kernels that move one element at a time. `Scalar` is the header's.

const LANES = 1u;
alias Item = Scalar;
alias Floats = f32;
alias Flags = bool;
alias Bits = u32;

fn lane(item: Item, i: u32) -> Scalar {
    return item;
}

fn item_sum(item: Item) -> Scalar {
    return item;
}

fn item_max(item: Item) -> Scalar {
    return item;
}
