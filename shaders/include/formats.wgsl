// f32 rounded to narrower float formats, by the bits: nearest, ties to even. `Element`, `Word` and `Flag` are the header's.

struct FloatFormat {
    cut: u32,      // bits of f32's mantissa that the format lacks
    least: u32,    // the exponent of the least normal number, biased as f32's; 0 where subnormal numbers are f32's own
    unit: u32,     // bits of the least subnormal number
    largest: u32,  // bits of the largest number
    over: u32,     // bits of what is larger
    negative_zero: bool,
}

fn rounded_to(x: Element, format: FloatFormat) -> Element {
    let bits = bitcast<Word>(x);
    let size = bits & Word(0x7fffffffu);
    // The bits that go are rounded by adding just under half of the last bit that stays, or half if that one is odd.
    let half = Word((1u << (format.cut - 1u)) - 1u);
    let normal = ((size + half + ((size >> Word(format.cut)) & Word(1u))) >> Word(format.cut)) << Word(format.cut);
    // Below the least normal number the last bit is worth `unit`, always: the mantissa with its leading 1 goes right by one more
    // for each exponent below, rounded as above. f32's own subnormal numbers are far below half a unit.
    let exponent = size >> Word(23u);
    let shift = min(Word(format.least + format.cut) - min(exponent, Word(format.least)), Word(25u));
    let mantissa = (size & Word(0x007fffffu)) | Word(0x00800000u);
    let odd = (mantissa >> shift) & Word(1u);
    let units = (mantissa + (Word(1u) << (shift - Word(1u))) - Word(1u) + odd) >> shift;
    let below = bitcast<Word>(Element(units) * bitcast<f32>(format.unit));
    var result = select(normal, below, exponent < Word(format.least));
    result = select(result, Word(format.over), result > Word(format.largest));
    let sign = select(bits & Word(0x80000000u), Word(0u), (result == Word(0u)) & Flag(!format.negative_zero));
    return bitcast<Element>(select(result | sign, bits, size > Word(0x7f800000u)));
}
