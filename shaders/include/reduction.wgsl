// What a reduction does with its numbers: `convert` each, `combine` two at a time, `finish` the result.
// For floats and integers alike; `Scalar`, `Item` and `Floats` are the header's.
#import nan

override FLOAT: u32 = 1u;
override CONVERT: u32 = 0u;  // 0: as it is, 1: absolute value, 2: square
override COMBINE: u32 = 0u;  // 0: sum, 1: product, 2: maximum, 3: minimum, 4: log of the sum of exponentials
override FINISH: u32 = 0u;   // 0: as it is, 1: over the count, 2: square root, 3: logarithm

fn convert(item: Item) -> Item {
    switch CONVERT {
        case 1u: { return abs(item); }
        case 2u: { return item * item; }
        default: { return item; }
    }
}

fn combine(a: Item, b: Item) -> Item {
    switch COMBINE {
        case 0u: { return a + b; }
        case 1u: { return a * b; }
        // A NaN wins on either side.
        case 2u: { return select(b, a, ((a > b) & !item_is_nan(b)) | item_is_nan(a)); }
        case 3u: { return select(b, a, ((a < b) & !item_is_nan(b)) | item_is_nan(a)); }
        default: {
            let both = Item(Floats(max(a, b)) + log(1.0 + fall(Floats(a), Floats(b))));
            return select(both, Item(Floats(nan())), item_is_nan(a) | item_is_nan(b));
        }
    }
}

fn combine_scalars(a: Scalar, b: Scalar) -> Scalar {
    return lane(combine(Item(a), Item(b)), 0u);
}

// By the bits: a compiler that reasons about real numbers may take any comparison of a NaN for true or false.
fn item_is_nan(item: Item) -> Flags {
    return ((bitcast<Bits>(item) & Bits(0x7fffffffu)) > Bits(0x7f800000u)) & Flags(FLOAT == 1u);
}

// exp(-|a - b|), which is 1 also for two equal infinities.
fn fall(a: Floats, b: Floats) -> Floats {
    return select(exp(-abs(a - b)), Floats(1.0), a == b);
}

fn finish(item: Item, count: u32) -> Item {
    switch FINISH {
        case 1u: { return item / Item(Scalar(count)); }
        case 2u: { return Item(sqrt(Floats(item))); }
        case 3u: { return Item(log(Floats(item))); }
        default: { return item; }
    }
}
