// What lstm_cell and its gradient know of a unit: the sums of its gates, and its cell state.
#import index
#import activations

override WORKGROUP: u32 = 64u;
override PEEPHOLES: bool = false;

struct Params {
    places: vec4<u32>,  // of i, f, g, o among the four
    count: u32,         // rows * hidden
    hidden: u32,
    bound: f32,         // of the gradient of a gate's sum
    steps: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gates: array<f32>;      // (n, 4 H)
@group(0) @binding(2) var<storage, read> cell: array<f32>;       // (n, H)
@group(0) @binding(3) var<storage, read> peepholes: array<f32>;  // (3, H): of i, f, o

// Where i, f, g or o of item `at` lies in gates.
fn gate_at(at: u32, place: u32) -> u32 {
    let unit = at % params.hidden;
    return (at - unit) * 4u + place * params.hidden + unit;
}

fn peephole(at: u32, k: u32) -> f32 {
    if (PEEPHOLES) {
        return peepholes[k * params.hidden + at % params.hidden];
    }
    return 0.0;
}

// i, f, g.
fn gates_of(at: u32, before: f32) -> vec3<f32> {
    let i = sigmoid(gates[gate_at(at, params.places.x)] + peephole(at, 0u) * before);
    let f = sigmoid(gates[gate_at(at, params.places.y)] + peephole(at, 1u) * before);
    return vec3(i, f, hyperbolic_tangent(gates[gate_at(at, params.places.z)]));
}

fn opened(at: u32, after: f32) -> f32 {
    return sigmoid(gates[gate_at(at, params.places.w)] + peephole(at, 2u) * after);
}
