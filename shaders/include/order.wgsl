// Numbers as keys that compare as unsigned integers: the larger key is the element looked for, and no float is compared.
// `Item` is u32 or four of them.

override FLOAT: u32 = 1u;
override UNSIGNED: u32 = 0u;
override SMALLEST: u32 = 0u;

fn order_key(bits: Item) -> Item {
    let sign = Item(0x80000000u);
    var key = bits ^ select(sign, Item(0u), Flags(UNSIGNED == 1u));
    if (FLOAT == 1u) {
        // Negative floats grow in magnitude with their bits: all bits turn. Positive ones come after them. -0 counts as 0.
        let number = select(bits, Item(0u), bits == sign);
        key = select(number | sign, ~number, number >= sign);
    }
    if (SMALLEST == 1u) {
        key = ~key;
    }
    // A NaN is found before any number.
    let is_nan = ((bits & Item(0x7fffffffu)) > Item(0x7f800000u)) & Flags(FLOAT == 1u);
    return select(key, Item(0xffffffffu), is_nan);
}
