// Quotients of f32 rounded as IEEE 754 has it, to nearest and ties to even, on every device: WGSL's own may be off by 2.5 units
// in the last place. `Element`, `Word` and `Int` are the header's. Quotients below 2^-126 count as 0.

// x = mx 2^(ex - 150) and y = my 2^(ey - 150), both mantissas in 2^23..2^24, subnormal numbers shifted up to that. Their quotient is
// in 1/2..2, so that of mx 2^25 by my has 25 or 26 bits and a rest: 8 bits of it at a time, as 32 have room for, and one at last.
fn quotient(x: Element, y: Element) -> Element {
    let bx = bitcast<Word>(x) & Word(0x7fffffffu);
    let by = bitcast<Word>(y) & Word(0x7fffffffu);
    let fx = select(bx & Word(0x007fffffu), (bx & Word(0x007fffffu)) | Word(0x00800000u), bx >= Word(0x00800000u));
    let fy = max(select(by & Word(0x007fffffu), (by & Word(0x007fffffu)) | Word(0x00800000u), by >= Word(0x00800000u)), Word(1u));
    let up_x = min(countLeadingZeros(fx), Word(31u)) - Word(8u);
    let up_y = countLeadingZeros(fy) - Word(8u);
    let mx = fx << up_x;
    let my = fy << up_y;
    var whole = mx / my;
    var rest = mx % my;
    for (var i = 0u; i < 4u; i++) {
        let bits = Word(select(8u, 1u, i == 3u));
        rest <<= bits;
        whole = (whole << bits) | (rest / my);
        rest = rest % my;
    }
    // 24 bits stay, of 26 or 25. What goes is rounded by adding just under half of the last that stays, or half if that is odd or
    // there is a rest.
    let cut = select(Word(1u), Word(2u), whole >= Word(1u << 25u));
    let sticky = min(rest, Word(1u));
    let odd = (whole >> cut) & Word(1u);
    let kept = (whole + (Word(1u) << (cut - Word(1u))) - Word(1u) + max(odd, sticky)) >> cut;
    // kept in 2^23..2^24: kept 2^(ex - ey - 25 + cut) has the biased exponent ex - ey + 125 + cut.
    let ex = Int(max(bx >> Word(23u), Word(1u)) - up_x);
    let ey = Int(max(by >> Word(23u), Word(1u)) - up_y);
    let exponent = ex - ey + Int(cut) + Int(125);
    let bits = (Word(clamp(exponent, Int(1), Int(254))) << Word(23u)) + (kept - Word(0x00800000u));
    var size = select(bits, Word(0u), exponent < Int(1));
    size = select(size, Word(0x7f800000u), exponent > Int(254));
    size = select(size, Word(0x7f800000u), (bx == Word(0x7f800000u)) | (by == Word(0u)));
    size = select(size, Word(0u), (bx == Word(0u)) | (by == Word(0x7f800000u)));
    let same = (bx == by) & ((bx == Word(0u)) | (bx == Word(0x7f800000u)));
    size = select(size, Word(0x7fc00000u), same | (max(bx, by) > Word(0x7f800000u)));
    return bitcast<Element>(size | ((bitcast<Word>(x) ^ bitcast<Word>(y)) & Word(0x80000000u)));
}
