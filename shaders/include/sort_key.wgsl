// Numbers as keys that sort as unsigned integers: the smaller key comes first, and no float is compared. NaN stands above
// every number and -0 is 0.

override KIND: u32 = 2u;        // 0: u32 and bool, 1: i32, 2: f32
override DESCENDING: u32 = 0u;  // 1: the largest first

fn sort_key(bits: u32) -> u32 {
    let sign = 0x80000000u;
    var key = bits;
    if (KIND == 1u) {
        key = bits ^ sign;
    }
    if (KIND == 2u) {
        // Negative floats grow in magnitude with their bits: all bits turn. Positive ones come after them.
        let number = select(bits, 0u, bits == sign);
        key = select(number | sign, ~number, number >= sign);
        key = select(key, 0xffffffffu, (bits & 0x7fffffffu) > 0x7f800000u);
    }
    return select(key, ~key, DESCENDING == 1u);
}

// What stands behind every element.
const NOTHING = vec2<u32>(0xffffffffu, 0xffffffffu);

// Whether a comes before b: a pair is a key and an index, which decides between equal keys.
fn comes_first(a: vec2<u32>, b: vec2<u32>) -> bool {
    return a.x < b.x || (a.x == b.x && a.y < b.y);
}
