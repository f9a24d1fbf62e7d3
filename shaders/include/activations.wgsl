// Activation functions of f32. Element is f32 or a vec4 of it. NaN passes through: by arithmetic, or where a bound could
// replace it, because its bits are asked for. A compiler may take a comparison with NaN for true.
#import math

fn bounded(x: Element, low: f32, high: f32) -> Element {
    let above = select(x, Element(low), x < Element(low));
    return select(select(above, Element(high), above > Element(high)), x, is_nan(x));
}

fn relu(x: Element) -> Element {
    return select(x, Element(0.0), (x < Element(0.0)) & !is_nan(x));
}

fn leaky_relu(x: Element, alpha: f32) -> Element {
    return select(x, x * alpha, x < Element(0.0));
}

fn thresholded_relu(x: Element, alpha: f32) -> Element {
    return select(Element(0.0), x, (x > Element(alpha)) & !is_nan(x));
}

fn shrink(x: Element, threshold: f32, bias: f32) -> Element {
    let near = select(Element(0.0), x - bias, (x > Element(threshold)) & !is_nan(x));
    return select(near, x + bias, (x < Element(-threshold)) & !is_nan(x));
}

fn elu(x: Element, alpha: f32) -> Element {
    return select(x, alpha * exponential_minus_one(x), x < Element(0.0));
}

fn celu(x: Element, alpha: f32) -> Element {
    return select(x, alpha * exponential_minus_one(x / alpha), x < Element(0.0));
}

fn selu(x: Element, alpha: f32, gamma: f32) -> Element {
    return gamma * elu(x, alpha);
}

// Of e^-|x|, which never overflows.
fn sigmoid(x: Element) -> Element {
    let e = exponential(-abs(x));
    return select(Element(1.0), e, x < Element(0.0)) / (1.0 + e);
}

fn softplus(x: Element) -> Element {
    return select(x, Element(0.0), x < Element(0.0)) + logarithm_of_one_plus(exponential(-abs(x)));
}

fn softsign(x: Element) -> Element {
    return x / (1.0 + abs(x));
}

fn hard_sigmoid(x: Element, alpha: f32, beta: f32) -> Element {
    return bounded(x * alpha + beta, 0.0, 1.0);
}

fn hard_swish(x: Element) -> Element {
    return x * bounded(x * 0.166666667 + 0.5, 0.0, 1.0);
}

fn gelu(x: Element) -> Element {
    return 0.5 * x * (1.0 + error_function(x * 0.707106781));
}

fn gelu_tanh(x: Element) -> Element {
    return 0.5 * x * (1.0 + hyperbolic_tangent(0.797884561 * (x + 0.044715 * x * x * x)));
}

// tanh ln(1 + e^x) = n / (n + 2) with n = e^x (e^x + 2); from 20 on it is 1.
fn mish(x: Element) -> Element {
    let e = exponential(min(x, Element(20.0)));
    let n = e * (e + 2.0);
    return x * select(n / (n + 2.0), Element(1.0), x > Element(20.0));
}

fn sign_of(x: Element) -> Element {
    return Element(x > Element(0.0)) - Element(x < Element(0.0));
}
