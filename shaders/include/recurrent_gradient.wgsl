// A step backwards through lstm, gru or rnn, of all directions, but for the products of what the gates of the step behind it give back:
// kernels differ in how they add these up. Whoever has the sum of a unit makes the gradients of its gates.

const RNN = 0u;
const LSTM = 1u;
const GRU = 2u;           // linear before reset
const GRU_OF_RESET = 3u;  // without

override CELL: u32 = 2u;
override GATES: u32 = 3u;
override SLOPES: u32 = 4u;
override HOLDS: bool = false;   // of an rnn or lstm: the last slope says what stays of the state, whose gradient is 0 else
override RESETS: bool = false;  // of GRU_OF_RESET: whether it is the products with reset states that are gone through

struct Params {
    step: u32,           // counted backwards
    steps: u32,
    batch: u32,
    hidden: u32,
    first: u32,          // of a unit's weights the first that is multiplied, in whatever a kernel reads at a time
    depth: u32,          // and how many are
    chunks: u32,         // of BATCH sequences, for teams
    count: u32,          // teams, or else workgroups
    reversed_from: u32,  // the first direction that is reversed
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> slopes: array<f32>;            // (D, T, B, SLOPES * H)
// Of the kernel: 2, recurrence (D, H, GATES * H), the weights' transpose; 3, behind, what is multiplied with them, (D, B, ..).
@group(0) @binding(4) var<storage, read_write> ahead: array<f32>;       // what the next launch multiplies, (D, B, ..)
@group(0) @binding(5) var<storage, read_write> gates: array<f32>;       // (D, T, B, GATES * H)
@group(0) @binding(6) var<storage, read_write> states: array<f32>;      // (D, T, B, H): the gradients of y, those of the states after this
@group(0) @binding(7) var<storage, read_write> first_state: array<f32>; // (D, B, H), an lstm's (D, B, 2 * H): what is under way
@group(0) @binding(8) var<storage, read_write> candidates: array<f32>;  // of GRU_OF_RESET: n's part of what is multiplied, (D, B, H)

// Where a step of a sequence lies among all of them.
fn row_of_step(direction: u32, step: u32, batch: u32) -> u32 {
    let time = select(params.steps - 1u - step, step, direction >= params.reversed_from);
    return (direction * params.steps + time) * params.batch + batch;
}

fn slope(row: u32, which: u32, unit: u32) -> f32 {
    return slopes[(row * SLOPES + which) * params.hidden + unit];
}

// What a unit does with the sum of what its gates, one step later in time, give back.
fn retreat(direction: u32, batch: u32, unit: u32, sum: f32) {
    let hidden = params.hidden;
    let sequence = direction * params.batch + batch;
    let state = sequence * select(1u, 2u, CELL == LSTM) * hidden + unit;
    if (RESETS) {
        let row = row_of_step(direction, params.step, batch);
        let r = sum * slope(row, 1u, unit);
        gates[(row * GATES + 1u) * hidden + unit] = r;
        ahead[(sequence * 2u + 1u) * hidden + unit] = r;
        first_state[state] = states[row * hidden + unit] * slope(row, 3u, unit) + sum * slope(row, 4u, unit);
        return;
    }
    var h = sum;
    if (params.step == 0u || CELL == GRU_OF_RESET) {
        h += first_state[state];
    } else if (CELL == GRU || HOLDS) {
        let behind = row_of_step(direction, params.step - 1u, batch);
        h += states[behind * hidden + unit] * slope(behind, SLOPES - 1u, unit);
    }
    if (params.step == params.steps) {
        first_state[state] = h;
        return;
    }
    let row = row_of_step(direction, params.step, batch);
    h += states[row * hidden + unit];
    states[row * hidden + unit] = h;
    var c = h;
    if (CELL == LSTM) {
        c = first_state[state + hidden] + h * slope(row, 4u, unit);
        first_state[state + hidden] = c * slope(row, 5u, unit);
    }
    for (var gate = 0u; gate < GATES; gate++) {
        if (CELL == GRU_OF_RESET && gate == 1u) {
            continue;
        }
        // An lstm's o acts on h alone, its other gates on c.
        let given = select(c, h, gate == 1u) * slope(row, gate, unit);
        gates[(row * GATES + gate) * hidden + unit] = given;
        if (CELL != GRU_OF_RESET) {
            ahead[(sequence * GATES + gate) * hidden + unit] = given;
        } else if (gate == 0u) {
            ahead[sequence * 2u * hidden + unit] = given;
        } else {
            candidates[sequence * hidden + unit] = given;
        }
    }
}
