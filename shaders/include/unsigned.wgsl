// Arithmetic on u32, defined for every pair: by zero gives 0, and what overflows wraps. Element is u32 or a vec4 of it.

fn divide(x: Element, y: Element) -> Element {
    return select(x / max(y, Element(1u)), Element(0u), y == Element(0u));
}

fn cut_remainder(x: Element, y: Element) -> Element {
    // By 1 leaves nothing, and by 0 shall leave nothing.
    return x % max(y, Element(1u));
}

fn floored_remainder(x: Element, y: Element) -> Element {
    return cut_remainder(x, y);
}

fn power(x: Element, y: Element) -> Element {
    var result = Element(1u);
    var square = x;
    for (var bit = 0u; bit < 32u; bit++) {
        result *= select(Element(1u), square, ((y >> Word(bit)) & Element(1u)) == Element(1u));
        square *= square;
    }
    return result;
}
