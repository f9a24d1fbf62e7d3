// Functions of two f32: exact remainders, powers, minimum and maximum that let NaN through.
#import math

fn smaller(x: Element, y: Element) -> Element {
    return select(y, x, ((x < y) & !is_nan(y)) | is_nan(x));
}

fn larger(x: Element, y: Element) -> Element {
    return select(y, x, ((x > y) & !is_nan(y)) | is_nan(x));
}

// x = mx 2^(ex - 150) and y = my 2^(ey - 150) with 24-bit mx, my. While ex > ey the dividend is shifted left and reduced
// modulo my, 8 bits at a time as 32 have room for: 253 in all, so 32 steps. Nothing is ever rounded.
fn cut_remainder(x: Element, y: Element) -> Element {
    let bx = bitcast<Word>(x) & Word(0x7fffffffu);
    let by = bitcast<Word>(y) & Word(0x7fffffffu);
    let ex = max(bx >> Word(23u), Word(1u));
    let ey = max(by >> Word(23u), Word(1u));
    let one = Word(0x00800000u);
    let mx = select(bx & (one - Word(1u)), (bx & (one - Word(1u))) | one, bx >= one);
    let my = max(select(by & (one - Word(1u)), (by & (one - Word(1u))) | one, by >= one), Word(1u));
    var left = max(ex, ey) - ey;
    var rest = mx % my;
    for (var i = 0u; i < 32u; i++) {
        if (all(left == Word(0u))) {
            break;
        }
        let bits = min(left, Word(8u));
        rest = (rest << bits) % my;
        left -= bits;
    }
    // rest 2^(ey - 150), in two factors that are both normal numbers.
    let e = Element(Int(ey)) - 150.0;
    let half = floor(e * 0.5);
    let size = Element(rest) * power_of_two(half) * power_of_two(e - half);
    // Signs come last: select(with_sign(size, x), x, ..) is neither on lavapipe of Mesa 26.2.
    let result = with_sign(select(size, bitcast<Element>(bx), bx < by), x);
    let undefined = (bx >= Word(0x7f800000u)) | (by > Word(0x7f800000u)) | (by == Word(0u));
    return select(result, not_a_number(), undefined);
}

fn floored_remainder(x: Element, y: Element) -> Element {
    let cut = cut_remainder(x, y);
    let other_side = (cut != Element(0.0)) & ((cut < Element(0.0)) != (y < Element(0.0)));
    return select(cut, cut + y, other_side & !is_nan(cut));
}

// |x|^n for whole n up to 63, by squaring.
fn whole_power(x: Element, n: Word) -> Element {
    var result = Element(1.0);
    var square = x;
    for (var bit = 0u; bit < 6u; bit++) {
        result *= select(Element(1.0), square, ((n >> Word(bit)) & Word(1u)) == Word(1u));
        square *= square;
    }
    return result;
}

fn power(x: Element, y: Element) -> Element {
    let size = abs(y);
    let is_whole = floor(y) == y;
    let is_odd = is_whole & (size < Element(16777216.0)) & (floor(size * 0.5) * 2.0 != size);
    let base = abs(x);
    let small = is_whole & (size <= Element(63.0));
    let multiplied = whole_power(base, Word(min(size, Element(63.0))));
    let by_whole = select(multiplied, 1.0 / multiplied, y < Element(0.0));
    let by_logarithm = exponential(y * logarithm(base));
    var result = select(by_logarithm, by_whole, small);
    result = select(result, sqrt(base), y == Element(0.5));
    let negative = (bitcast<Word>(x) >> Word(31u)) == Word(1u);
    result = select(result, -result, negative & is_odd);
    let finite = (base < infinity()) & (base > Element(0.0));
    result = select(result, not_a_number(), negative & finite & !is_whole & (size < infinity()));
    result = select(result, not_a_number(), is_nan(x) | is_nan(y));
    return select(result, Element(1.0), (y == Element(0.0)) | (x == Element(1.0)) | ((base == Element(1.0)) & (size >= infinity())));
}
