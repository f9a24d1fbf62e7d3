// What the kernels of conv2d_weight on lanes share: a step's pixels, 4 * VECTORS of a row of the gradient, and what some taps see there.
#import window

override TAPS: u32 = 3; // of a kernel's row: divides kernel.y, at most 7; one where dilation.y is not
override WHOLE: bool = false; // whether 4 * VECTORS divide a row of the gradient
override VECTORS: u32 = 4; // 1, 2 or 4
override ALIGNED_OUTPUT: bool = false; // whether rows of the gradient start with a vector
const LANES: u32 = 8;

var<private> sums: array<f32, 64>;
var<private> grads: array<vec4<f32>, 10>; // [channel][vector]
var<private> left: u32; // pixels of the row from the step's first on

// Loads the step's gradient of the channel whose first element is `i`.
fn load_grad(half: u32, i: u32) {
    let first = half * (VECTORS + 1);
    for (var v = 0u; v < VECTORS; v++) { grads[first + v] = floats(grad[i / 4 + v]); }
    if !ALIGNED_OUTPUT { // whole vectors, then moved left by i % 4
        grads[first + VECTORS] = floats(grad[i / 4 + VECTORS]);
        for (var v = first; v < first + VECTORS; v++) { grads[v] = select(grads[v], vec4(grads[v].yzw, grads[v + 1].x), (i & 1) != 0); }
        if (i & 1) != 0 { grads[first + VECTORS] = grads[first + VECTORS].yzww; }
        for (var v = first; v < first + VECTORS; v++) { grads[v] = select(grads[v], vec4(grads[v].zw, grads[v + 1].xy), (i & 2) != 0); }
    }
    if !WHOLE {
        for (var v = 0u; v < VECTORS; v++) { grads[first + v] = select(vec4(0.0), grads[first + v], vec4(0u, 1, 2, 3) + 4 * v < vec4(left)); }
    }
}

// Adds the step's pixels, whose gradient is `g`, to sums from `at` on of some taps of row `own` of the window, from `first` on. A loop of
// more taps at once is not unrolled, so that every turn counts among those after which a driver ends loops, and sums lie in memory.
const SOME: u32 = 3;

fn some_taps(first: u32, at: u32, own: u32, g: ptr<function, array<vec4<f32>, 4>>) {
    for (var t = first; t < min(first + SOME, TAPS); t++) {
        var sum = sums[at + t];
        for (var v = 0u; v < VECTORS; v++) {
            let e = (vec4(0u, 1, 2, 3) + 4 * v) * STRIDE + SHIFT % 4 + t;
            var seen = vec4(pixel(own, e.x), pixel(own, e.y), pixel(own, e.z), pixel(own, e.w));
            // A pixel that is not there has the gradient 0, and could see an infinity.
            if !WHOLE { seen = select(vec4(0.0), seen, vec4(0u, 1, 2, 3) + 4 * v < vec4(left)); }
            let g = g[v];
            sum = fma(g.x, seen.x, sum);
            sum = fma(g.y, seen.y, sum);
            sum = fma(g.z, seen.z, sum);
            sum = fma(g.w, seen.w, sum);
        }
        sums[at + t] = sum;
    }
}

// The same for all taps of the row.
fn all_taps(at: u32, own: u32, g: ptr<function, array<vec4<f32>, 4>>) {
    some_taps(0, at, own, g);
    if TAPS > SOME { some_taps(SOME, at, own, g); }
    if TAPS > 2 * SOME { some_taps(2 * SOME, at, own, g); }
}
