// recurrent: one time step of lstm, gru or rnn, of all directions. A team of TEAM invocations takes one hidden unit of one
// direction and BATCH sequences: it reads the unit's rows of the recurrence weights once, each invocation every TEAM-th item,
// adds up the products with the states before, and computes gates, activations and the states after.
//
// The header declares what differs: CELL, ROWS, GATES, BATCH, Item, the activations, and how c, r * h and the lengths are bound.
#import index

override WORKGROUP: u32 = 64u;
override TEAM: u32 = 8u;  // divides WORKGROUP; a power of two
override HAS_BIAS: bool = false;
override HAS_PEEPHOLES: bool = false;
override INPUT_FORGET: bool = false;

const RNN = 0u;
const LSTM = 1u;
const GRU = 2u;    // linear before reset
const RESET = 3u;  // of a gru without: r * h, for all units
const AFTER = 4u;  // what needs it

struct Params {
    alpha: array<vec4<f32>, 2>,  // of activations f, g, h in each direction
    beta: array<vec4<f32>, 2>,
    gates: vec4<u32>,            // of each row computed here, its gate's place among those of the weights
    step: u32,
    steps: u32,
    batch: u32,
    hidden: u32,
    columns: u32,                // items of a state
    chunks: u32,                 // of BATCH sequences
    teams: u32,
    reversed_from: u32,          // the first direction that is reversed
    has_h: u32,                  // else the states before are zeros
    has_c: u32,
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
@group(0) @binding(1) var<storage, read> projected: array<f32>;      // (T, B, D * GATES * H), or (B, T, ..)
@group(0) @binding(2) var<storage, read> recurrence: array<Item>;    // (D, GATES * H, H)
@group(0) @binding(3) var<storage, read> weights: array<f32>;        // (D, biases of input and recurrence, peepholes)
@group(0) @binding(4) var<storage, read> h_before: array<Item>;      // (D, B, H), or (B, D, H)
@group(0) @binding(5) var<storage, read_write> y: array<f32>;        // (T, D, B, H), or (B, T, D, H)
@group(0) @binding(6) var<storage, read_write> h_after: array<f32>;  // as h_before

const VALUES = ROWS * BATCH;
var<workgroup> partial: array<f32, WORKGROUP * VALUES>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let team = group_index(group, groups) * (WORKGROUP / TEAM) + local / TEAM;
    let member = local % TEAM;
    let first = team % params.chunks * BATCH;
    let unit = team / params.chunks % params.hidden;
    let direction = team / params.chunks / params.hidden;
    // Nothing to multiply past the end, nor with zeros.
    let columns = select(0u, params.columns, team < params.teams && params.has_h != 0u);

    var rows: array<u32, ROWS>;
    for (var r = 0u; r < ROWS; r++) {
        rows[r] = ((direction * GATES + params.gates[r]) * params.hidden + unit) * params.columns;
    }
    var states: array<u32, BATCH>;
    for (var b = 0u; b < BATCH; b++) {
        states[b] = state_at(direction, min(first + b, params.batch - 1u)) / LANES;
    }
    var sums: array<f32, VALUES>;
    for (var k = member; k < columns; k += TEAM) {
        var h: array<Item, BATCH>;
        for (var b = 0u; b < BATCH; b++) {
            h[b] = h_before[states[b] + k];
        }
        for (var r = 0u; r < ROWS; r++) {
            if (CELL == AFTER && r == 1u) {
                for (var b = 0u; b < BATCH; b++) {
                    h[b] = reset_item(states[b] + k);
                }
            }
            let weight = recurrence[rows[r] + k];
            for (var b = 0u; b < BATCH; b++) {
                sums[r * BATCH + b] += item_sum(weight * h[b]);
            }
        }
    }
    for (var v = 0u; v < VALUES; v++) {
        partial[v * WORKGROUP + local] = sums[v];
    }
    for (var half = TEAM / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (member < half) {
            for (var v = 0u; v < VALUES; v++) {
                partial[v * WORKGROUP + local] += partial[v * WORKGROUP + local + half];
            }
        }
    }
    if (TEAM > 1u) {
        workgroupBarrier();
    }
    if (team >= params.teams) {
        return;
    }
    for (var b = member; b < min(BATCH, params.batch - first); b += TEAM) {
        finish(Place(direction, first + b, unit), b * WORKGROUP + local - member);
    }
}

struct Place {
    direction: u32,
    batch: u32,
    unit: u32,
}

// The sum of row r stands at `at + r * BATCH * WORKGROUP`.
fn finish(place: Place, at: u32) {
    let d = place.direction;
    let length = clamp(sequence_length(place.batch), 0, i32(params.steps));
    let state = state_at(d, place.batch) + place.unit;
    let h = previous_h(state);
    let y_at = d * params.y_direction + place.batch * params.y_batch + place.unit;
    if (i32(params.step) >= length) {
        // Padding: the state stays.
        if (CELL != RESET) {
            y[params.step * params.y_time + y_at] = 0.0;
            h_after[state] = h;
            store_c(state, previous_c(state));
        }
        return;
    }
    let time = select(params.step, u32(length) - 1u - params.step, d >= params.reversed_from);
    // What the input and the state before give each gate, biases included.
    var x: array<f32, ROWS>;
    var u: array<f32, ROWS>;
    for (var r = 0u; r < ROWS; r++) {
        let gate = params.gates[r] * params.hidden + place.unit;
        x[r] = projected[time * params.x_time + place.batch * params.x_batch + d * GATES * params.hidden + gate];
        u[r] = partial[at + r * BATCH * WORKGROUP];
        if (HAS_BIAS) {
            x[r] += weights[d * params.weights_row + gate];
            u[r] += weights[d * params.weights_row + GATES * params.hidden + gate];
        }
    }
    var next = 0.0;
    // Rows that a cell does not have are not read; their index is 0 so that every cell's text is valid with any ROWS.
    switch CELL {
        case RESET: {
            store_reset(state, activate_f(x[0] + u[0], d) * h);
            return;
        }
        case AFTER: {
            let z = activate_f(x[0] + u[0], d);
            next = (1.0 - z) * activate_g(x[ROW1] + u[ROW1], d) + z * h;
        }
        case GRU: {
            let z = activate_f(x[0] + u[0], d);
            let r = activate_f(x[ROW1] + u[ROW1], d);
            next = (1.0 - z) * activate_g(x[ROW2] + r * u[ROW2], d) + z * h;
        }
        case LSTM: {
            let c = previous_c(state);
            let i = activate_f(x[0] + u[0] + peephole(place, 0u) * c, d);
            var f = 1.0 - i;
            if (!INPUT_FORGET) {
                f = activate_f(x[ROW2] + u[ROW2] + peephole(place, 2u) * c, d);
            }
            let cell = f * c + i * activate_g(x[ROW3] + u[ROW3], d);
            let o = activate_f(x[ROW1] + u[ROW1] + peephole(place, 1u) * cell, d);
            store_c(state, cell);
            next = o * activate_h(cell, d);
        }
        default: {
            next = activate_f(x[0] + u[0], d);
        }
    }
    y[time * params.y_time + y_at] = next;
    h_after[state] = next;
}

const ROW1 = min(1u, ROWS - 1u);
const ROW2 = min(2u, ROWS - 1u);
const ROW3 = min(3u, ROWS - 1u);

fn state_at(direction: u32, batch: u32) -> u32 {
    return direction * params.state_direction + batch * params.state_batch;
}

fn previous_h(at: u32) -> f32 {
    if (params.has_h == 0u) {
        return 0.0;
    }
    return lane(h_before[at / LANES], at % LANES);
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
