// Arithmetic on i32, defined for every pair: by zero gives 0, and what overflows wraps. Element is i32 or a vec4 of it.

fn divide(x: Element, y: Element) -> Element {
    // By -1 apart: the quotient of the least number does not exist, its wrapped negation does.
    let safe = select(y, Element(1), (y == Element(0)) | (y == Element(-1)));
    let quotient = select(x / safe, Element(0) - x, y == Element(-1));
    return select(quotient, Element(0), y == Element(0));
}

fn cut_remainder(x: Element, y: Element) -> Element {
    return x % select(y, Element(1), (y == Element(0)) | (y == Element(-1)));
}

fn floored_remainder(x: Element, y: Element) -> Element {
    let cut = cut_remainder(x, y);
    let other_side = (cut != Element(0)) & ((cut < Element(0)) != (y < Element(0)));
    return select(cut, cut + y, other_side);
}

fn power(x: Element, y: Element) -> Element {
    var result = Element(1);
    var square = x;
    for (var bit = 0u; bit < 32u; bit++) {
        result *= select(Element(1), square, ((y >> Word(bit)) & Element(1)) == Element(1));
        square *= square;
    }
    let parity = Element(1) - ((y & Element(1)) << Word(1u));
    let inverse = select(select(Element(0), parity, x == Element(-1)), Element(1), x == Element(1));
    return select(result, inverse, y < Element(0));
}
