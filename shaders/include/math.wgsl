// Elementary functions of f32, accurate to a few units in the last place on every device. The built-in ones need not be:
// Vulkan allows sin an error of 2^-11 and atan 4096 units. Polynomials: S. Moshier, Cephes Mathematical Library, single
// precision. NaN comes out as NaN. The header declares Element (f32 or vec4<f32>) and Word, Int, Flag of the same width.

fn is_nan(x: Element) -> Flag {
    return (bitcast<Word>(x) & Word(0x7fffffffu)) > Word(0x7f800000u);
}

// WGSL has no literals for these, and a constant expression may not make them.
fn infinity() -> Element {
    var bits = Word(0x7f800000u);
    return bitcast<Element>(bits);
}

fn not_a_number() -> Element {
    var bits = Word(0x7fc00000u);
    return bitcast<Element>(bits);
}

// 2^k for whole k from -126 to 127.
fn power_of_two(k: Element) -> Element {
    return bitcast<Element>(Word(Int(k) + Int(127)) << Word(23u));
}

// `size` with the sign of `x`.
fn with_sign(size: Element, x: Element) -> Element {
    return bitcast<Element>((bitcast<Word>(size) & Word(0x7fffffffu)) | (bitcast<Word>(x) & Word(0x80000000u)));
}

// e^r - 1 for |r| <= ln 2 / 2.
fn exponential_near_zero(r: Element) -> Element {
    let p = ((((1.9875691500e-4 * r + 1.3981999507e-3) * r + 8.3334519073e-3) * r + 4.1665795894e-2) * r + 1.6666665459e-1) * r;
    return (p + 5.0000001201e-1) * r * r + r;
}

// e^x = 2^k e^r with |r| <= ln 2 / 2. ln 2 is subtracted in two parts, the first exact for every k.
fn exponential(x: Element) -> Element {
    let near = clamp(x, Element(-104.0), Element(89.0));
    let k = round(near * 1.44269504);
    let r = (near - k * 0.693359375) + k * 2.12194440e-4;
    let half = floor(k * 0.5);
    let y = (exponential_near_zero(r) + 1.0) * power_of_two(half) * power_of_two(k - half);
    return select(y, x, is_nan(x));
}

// e^x - 1, without cancellation near 0.
fn exponential_minus_one(x: Element) -> Element {
    return select(exponential(x) - 1.0, exponential_near_zero(x), abs(x) < Element(0.34));
}

// ln(1 + t) - t for t from sqrt(1/2) - 1 to sqrt(2) - 1.
fn logarithm_tail(t: Element) -> Element {
    let p = (((7.0376836292e-2 * t - 1.1514610310e-1) * t + 1.1676998740e-1) * t - 1.2420140846e-1) * t + 1.4249322787e-1;
    let q = (((p * t - 1.6668057665e-1) * t + 2.0000714765e-1) * t - 2.4999993993e-1) * t + 3.3333331174e-1;
    return t * t * (q * t - 0.5);
}

// ln x = e ln 2 + ln m with m from sqrt(1/2) to sqrt(2).
fn logarithm(x: Element) -> Element {
    let tiny = x < Element(1.17549435e-38);
    let bits = bitcast<Word>(select(x, x * 8388608.0, tiny));
    let m = bitcast<Element>((bits & Word(0x007fffffu)) | Word(0x3f000000u));
    let low = m < Element(0.70710678);
    let t = select(m, m + m, low) - 1.0;
    let e = Element(Int((bits >> Word(23u)) & Word(255u)) - Int(126)) - select(Element(0.0), Element(1.0), low)
        - select(Element(0.0), Element(23.0), tiny);
    let y = (t + (logarithm_tail(t) - e * 2.12194440e-4)) + e * 0.693359375;
    let positive = select(select(y, infinity(), x >= infinity()), not_a_number(), x < Element(0.0));
    return select(select(positive, -infinity(), x == Element(0.0)), x, is_nan(x));
}

// ln(1 + x), without cancellation near 0.
fn logarithm_of_one_plus(x: Element) -> Element {
    let near = (x > Element(-0.29)) & (x < Element(0.41));
    return select(logarithm(1.0 + x), x + logarithm_tail(x), near);
}

// x minus whole multiples j of pi/2, from -pi/4 to pi/4. The parts of pi/2 have 9 bits each, so that products with j are
// exact for |x| up to 5e4.
fn quarter_turns(x: Element) -> Element {
    return round(x * 0.636619772);
}

fn rest_of_turn(x: Element, j: Element) -> Element {
    return (((x - j * 1.5703125) - j * 4.83512878e-4) - j * 3.13855708e-7) - j * 6.07710051e-11;
}

fn sine_near_zero(r: Element) -> Element {
    let z = r * r;
    return r + r * z * ((-1.9515295891e-4 * z + 8.3321608736e-3) * z - 1.6666654611e-1);
}

fn cosine_near_zero(r: Element) -> Element {
    let z = r * r;
    return 1.0 - 0.5 * z + z * z * ((2.443315711809948e-5 * z - 1.388731625493765e-3) * z + 4.166664568298827e-2);
}

// The function a quarter turn further on: sine, cosine, -sine, -cosine.
fn turned(r: Element, quarter: Int) -> Element {
    let y = select(sine_near_zero(r), cosine_near_zero(r), (quarter & Int(1)) == Int(1));
    return select(y, -y, (quarter & Int(2)) == Int(2));
}

fn sine(x: Element) -> Element {
    let j = quarter_turns(x);
    return turned(rest_of_turn(x, j), Int(j));
}

fn cosine(x: Element) -> Element {
    let j = quarter_turns(x);
    return turned(rest_of_turn(x, j), Int(j) + Int(1));
}

fn tangent(x: Element) -> Element {
    let j = quarter_turns(x);
    let r = rest_of_turn(x, j);
    return turned(r, Int(j)) / turned(r, Int(j) + Int(1));
}

fn arcsine_near_zero(a: Element, z: Element) -> Element {
    let p = (((4.2163199048e-2 * z + 2.4181311049e-2) * z + 4.5470025998e-2) * z + 7.4953002686e-2) * z + 1.6666752422e-1;
    return a + a * z * p;
}

// arcsin a = pi/2 - 2 arcsin sqrt((1 - a) / 2), which brings a above 1/2 below it.
fn arcsine(x: Element) -> Element {
    let a = abs(x);
    let far = a > Element(0.5);
    let z = select(a * a, max(0.5 - 0.5 * a, Element(0.0)), far);
    let y = arcsine_near_zero(select(a, sqrt(z), far), z);
    let folded = select(y, 1.57079633 - (y + y), far);
    return select(with_sign(folded, x), not_a_number(), (a > Element(1.0)) | is_nan(x));
}

fn arccosine(x: Element) -> Element {
    let a = abs(x);
    let far = a > Element(0.5);
    let z = select(a * a, max(0.5 - 0.5 * a, Element(0.0)), far);
    let y = arcsine_near_zero(select(a, sqrt(z), far), z);
    let outer = select(y + y, 3.14159265 - (y + y), x < Element(0.0));
    let folded = select(1.57079633 - with_sign(y, x), outer, far);
    return select(folded, not_a_number(), (a > Element(1.0)) | is_nan(x));
}

// Reduced at tan(pi/8) and tan(3 pi/8): arctan a = pi/4 + arctan((a - 1) / (a + 1)) = pi/2 - arctan(1 / a).
fn arctangent(x: Element) -> Element {
    let a = abs(x);
    let far = a > Element(2.41421356);
    let middle = (a > Element(0.414213562)) & (a <= Element(2.41421356));
    let t = select(select(a, (a - 1.0) / (a + 1.0), middle), -1.0 / a, far);
    let z = t * t;
    let p = ((8.05374449538e-2 * z - 1.38776856032e-1) * z + 1.99777106478e-1) * z - 3.33329491539e-1;
    let base = select(select(Element(0.0), Element(0.785398163), middle), Element(1.57079633), far);
    return select(with_sign(base + (p * z * t + t), x), x, is_nan(x));
}

fn hyperbolic_sine(x: Element) -> Element {
    let a = abs(x);
    let z = x * x;
    let near = x + x * z * ((2.03721912945e-4 * z + 8.33028376239e-3) * z + 1.66667160211e-1);
    // Half of e^a in two factors: sinh is finite a little further than e^a.
    let half = exponential(a * 0.5);
    return select(with_sign(0.5 * half * half - 0.5 / (half * half), x), near, a < Element(1.0));
}

fn hyperbolic_cosine(x: Element) -> Element {
    let half = exponential(abs(x) * 0.5);
    return 0.5 * half * half + 0.5 / (half * half);
}

fn hyperbolic_tangent(x: Element) -> Element {
    let a = abs(x);
    let z = x * x;
    let p = (((-5.70498872745e-3 * z + 2.06390887954e-2) * z - 5.37397155531e-2) * z + 1.33314422036e-1) * z - 3.33332819422e-1;
    let far = with_sign(1.0 - 2.0 / (exponential(a + a) + 1.0), x);
    return select(select(far, x + x * z * p, a < Element(0.625)), x, is_nan(x));
}

fn inverse_hyperbolic_sine(x: Element) -> Element {
    let a = abs(x);
    let z = x * x;
    let near = x + x * z * (((2.0122003309e-2 * z - 4.2699340972e-2) * z + 7.4847586088e-2) * z - 1.6666288134e-1);
    let far = select(logarithm(a + sqrt(z + 1.0)), logarithm(a) + 0.693147181, a > Element(1500.0));
    return select(select(with_sign(far, x), near, a < Element(0.5)), x, is_nan(x));
}

fn inverse_hyperbolic_cosine(x: Element) -> Element {
    let t = x - 1.0;
    let p = (((1.7596881071e-3 * t - 7.5272886713e-3) * t + 2.6454905019e-2) * t - 1.1784741703e-1) * t + 1.4142135263;
    let near = sqrt(max(t, Element(0.0))) * p;
    let far = select(logarithm(x + sqrt(t * (x + 1.0))), logarithm(x) + 0.693147181, x > Element(1500.0));
    return select(select(far, near, t < Element(0.5)), not_a_number(), (x < Element(1.0)) | is_nan(x));
}

fn inverse_hyperbolic_tangent(x: Element) -> Element {
    let a = abs(x);
    let z = x * x;
    let p = (((1.81740078349e-1 * z + 8.24370301058e-2) * z + 1.46691431730e-1) * z + 1.99782164500e-1) * z + 3.33337300303e-1;
    let far = 0.5 * logarithm((1.0 + a) / (1.0 - a));
    let y = select(with_sign(far, x), x + x * z * p, a < Element(0.5));
    return select(y, not_a_number(), (a > Element(1.0)) | is_nan(x));
}

// erf x, and beyond |x| = 1 as 1 - erfc |x| with erfc a = e^(-a a) P(1 / a a) / a.
fn error_function(x: Element) -> Element {
    let a = abs(x);
    let z = x * x;
    let t = (((7.853861353153693e-5 * z - 8.010193625184903e-4) * z + 5.188327685732524e-3) * z - 2.685381193529856e-2) * z;
    let near = x * (((t + 1.128358514861418e-1) * z - 3.761262582423300e-1) * z + 1.128379165726710);
    let q = 1.0 / max(z, Element(1.0));
    let p1 = (((2.326819970068386e-2 * q - 1.387039388740657e-1) * q + 3.687424674597105e-1) * q - 5.824733027278666e-1) * q;
    let p2 = (((p1 + 6.210004621745983e-1) * q - 4.944515323274145e-1) * q + 3.404879937665872e-1) * q - 2.741127028184656e-1;
    let middle = p2 * q + 5.638259427386472e-1;
    let r1 = (((-10.47766399936249 * q + 12.97719955372516) * q - 7.495518717768503) * q + 2.921019019210786) * q;
    let r2 = ((r1 - 1.015265279202700) * q + 4.218463358204948e-1) * q - 2.820767439740514e-1;
    let far = r2 * q + 5.641895067754075e-1;
    let beyond = 1.0 - exponential(-z) * select(middle, far, a > Element(2.0)) / max(a, Element(1.0));
    return select(select(with_sign(beyond, x), near, a < Element(1.0)), x, is_nan(x));
}
