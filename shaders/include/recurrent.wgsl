// One time step of lstm, gru or rnn, of all directions, but for the products of the states before with the recurrence weights: kernels differ
// in how they add these up. Gates, activations and the states after are computed by whoever has all the sums of a hidden unit.
//
// The header declares what differs: CELL, SUMS, GATES, the activations, and how y, h_after, c, r * h and the lengths are bound. A kernel
// declares h_before and recurrence as it reads them, and h_at; AFTER has r * h and z in place of h_before.

#import component

override HAS_BIAS: bool = false;
override HAS_PEEPHOLES: bool = false;
override INPUT_FORGET: bool = false;

const RNN = 0u;
const LSTM = 1u;
const GRU = 2u;    // linear before reset
const RESET = 3u;  // of a gru without: r * h and z, for all units
const AFTER = 4u;  // what needs them

struct Params {
    alpha: array<vec4<f32>, 2>,  // of activations f, g, h in each direction
    beta: array<vec4<f32>, 2>,
    gates: vec4<u32>,            // of each sum computed here, its gate's place among those of the weights
    step: u32,
    steps: u32,
    batch: u32,
    hidden: u32,
    depth: u32,                  // products of a sum, in whatever a kernel reads at a time; 0 if the states before are zeros
    chunks: u32,                 // of BATCH sequences, for teams
    count: u32,                  // teams, or else workgroups
    reversed_from: u32,          // the first direction that is reversed
    has_c: u32,                  // else the cell states before are zeros
    clip: f32,
    weights_row: u32,            // biases and peepholes of a direction
    peepholes: u32,              // where in it they begin
    x_time: u32,                 // strides, in elements
    x_batch: u32,
    y_time: u32,
    y_batch: u32,
    y_direction: u32,
    state_batch: u32,
    state_direction: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> projected: array<f32>;  // (T, B, D * GATES * H), or (B, T, ..)
@group(0) @binding(3) var<storage, read> weights: array<f32>;    // (D, biases of input and recurrence, peepholes)
// Of the header: y (T, D, B, H), or (B, T, D, H), and h_after (D, B, H), or (B, D, H).

struct Place {
    direction: u32,
    batch: u32,
    unit: u32,
}

// Where a step of a sequence stands; false behind the end, where states stay.
fn is_in_time(place: Place) -> bool {
    return i32(params.step) < sequence_length_of(place);
}

fn sequence_length_of(place: Place) -> i32 {
    return clamp(sequence_length(place.batch), 0, i32(params.steps));
}

fn time_of(place: Place) -> u32 {
    return select(params.step, u32(sequence_length_of(place)) - 1u - params.step, place.direction >= params.reversed_from);
}

fn y_at(place: Place, time: u32) -> u32 {
    return time * params.y_time + place.direction * params.y_direction + place.batch * params.y_batch + place.unit;
}

fn padding(place: Place) {
    let state = state_at(place.direction, place.batch) + place.unit;
    y[y_at(place, params.step)] = 0.0;
    h_after[state] = previous_h(state);
    store_c(state, previous_c(state));
}

// What the input gives gate `r` of those computed here, and what the state before does, biases included.
fn by_input(place: Place, r: u32) -> f32 {
    let gate = params.gates[r] * params.hidden + place.unit;
    let x = projected[time_of(place) * params.x_time + place.batch * params.x_batch + place.direction * GATES * params.hidden + gate];
    if (HAS_BIAS) {
        return x + weights[place.direction * params.weights_row + gate];
    }
    return x;
}

fn by_state(place: Place, r: u32, sum: f32) -> f32 {
    if (HAS_BIAS) {
        let gate = params.gates[r] * params.hidden + place.unit;
        return sum + weights[place.direction * params.weights_row + GATES * params.hidden + gate];
    }
    return sum;
}

// From the sums of a unit's products to its state after: where one gate needs another.
fn advance(place: Place, sums: array<f32, SUMS>) {
    if (!is_in_time(place)) {
        padding(place);
        return;
    }
    let d = place.direction;
    let state = state_at(d, place.batch) + place.unit;
    var x: array<f32, SUMS>;
    var u: array<f32, SUMS>;
    for (var r = 0u; r < SUMS; r++) {
        x[r] = by_input(place, r);
        u[r] = by_state(place, r, sums[r]);
    }
    var next = 0.0;
    if (CELL == GRU) {
        let z = activate_f(x[0] + u[0], d);
        let r = activate_f(x[SUM1] + u[SUM1], d);
        next = (1.0 - z) * activate_g(x[SUM2] + r * u[SUM2], d) + z * previous_h(state);
    } else {
        let c = previous_c(state);
        let i = activate_f(x[0] + u[0] + peephole(place, 0u) * c, d);
        var f = 1.0 - i;
        if (!INPUT_FORGET) {
            f = activate_f(x[SUM2] + u[SUM2] + peephole(place, 2u) * c, d);
        }
        let cell = f * c + i * activate_g(x[SUM3] + u[SUM3], d);
        let o = activate_f(x[SUM1] + u[SUM1] + peephole(place, 1u) * cell, d);
        store_c(state, cell);
        next = o * activate_h(cell, d);
    }
    y[y_at(place, time_of(place))] = next;
    h_after[state] = next;
}

// From the sum of a gate's products: where no gate needs another's.
fn advance_gate(place: Place, r: u32, sum: f32) {
    if (!is_in_time(place)) {
        if (CELL != RESET) {
            padding(place);
        }
        return;
    }
    let d = place.direction;
    let first = state_at(d, place.batch);
    let state = first + place.unit;
    let given = by_input(place, r) + by_state(place, r, sum);
    if (CELL == RESET) {
        // r h of a sequence, then z, which is the first gate.
        let gate = activate_f(given, d);
        store_reset(2u * first + select(0u, params.hidden, r == 0u) + place.unit, select(gate * previous_h(state), gate, r == 0u));
        return;
    }
    var next: f32;
    if (CELL == AFTER) {
        let z = h_at(2u * first + params.hidden + place.unit);
        next = (1.0 - z) * activate_g(given, d) + z * previous_h(state);
    } else {
        next = activate_f(given, d);
    }
    y[y_at(place, time_of(place))] = next;
    h_after[state] = next;
}

// The same as advance for kernels that compute four columns at a time, the gates of one unit, and more than there are.
fn advance_gates(place: Place, gates: vec4<f32>) {
    if (place.batch >= params.batch || place.unit >= params.hidden) {
        return;
    }
    var sums: array<f32, SUMS>;
    for (var s = 0u; s < min(SUMS, 4u); s++) {
        sums[s] = component(gates, s);
    }
    advance(place, sums);
}

// The text of every cell must be valid with any number of sums, so none reaches past them.
const SUM1 = min(1u, SUMS - 1u);
const SUM2 = min(2u, SUMS - 1u);
const SUM3 = min(3u, SUMS - 1u);

// Where what is multiplied begins.
fn factors_at(direction: u32, batch: u32) -> u32 {
    if (CELL == AFTER) {
        return 2u * state_at(direction, batch);
    }
    return state_at(direction, batch);
}

fn state_at(direction: u32, batch: u32) -> u32 {
    return direction * params.state_direction + batch * params.state_batch;
}

// Where the weights begin that give a unit its sum `s`.
fn weights_at(direction: u32, s: u32, unit: u32) -> u32 {
    return ((direction * GATES + params.gates[s]) * params.hidden + unit) * params.hidden;
}

fn previous_h(at: u32) -> f32 {
    if (params.depth == 0u) {
        return 0.0;
    }
    return own_h(at);
}

fn previous_c(at: u32) -> f32 {
    if (params.has_c == 0u) {
        return 0.0;
    }
    return load_c(at);
}

fn peephole(place: Place, gate: u32) -> f32 {
    if (!HAS_PEEPHOLES) {
        return 0.0;
    }
    return weights[place.direction * params.weights_row + params.peepholes + gate * params.hidden + place.unit];
}
