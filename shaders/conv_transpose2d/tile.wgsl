// conv_transpose2d/tile: one workgroup computes 64 rows x 64 places of a matrix product, and scatters it to the output.
//
// A class of phases (phases.rs) makes one dense product. Rows are (channel, phase y, phase x), places are (image, qy, qx),
// products are (channel of the input, tap y, tap x); the last of each runs fastest. Each of 64 invocations holds
// rows 4 down .. 4 down + 3 and 32 more on, times places 4 across .. 4 across + 3 and 32 more on.
#import index
#import conv_transpose2d
#import rows_places
#import noted

const ROWS: u32 = 64u;
const COLUMNS: u32 = 64u;

override DEPTH: u32 = 16u;  // products staged at a time: 4, 8 or 16

var<workgroup> weights: array<vec4<f32>, DEPTH * 16u>;  // [product][4 rows]
var<workgroup> inputs: array<vec4<f32>, DEPTH * 16u>;   // [product][4 places]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let group = group_index(group_id, groups);
    let row_tile = group % params.row_tiles;
    let place_tile = group / params.row_tiles % params.place_tiles;
    let part = group / params.row_tiles / params.place_tiles;
    let channel_group = part % params.groups;
    let slice = part / params.groups;
    if (slice >= params.slices) {
        return;
    }
    rows[local] = row(min(row_tile * 64u + local, params.rows - 1u), channel_group, slice);
    places[local] = place(min(place_tile * 64u + local, params.places - 1u), channel_group);
    workgroupBarrier();

    // Each invocation stages 4 rows and 4 places of every fourth product, and walks (channel, tap y, tap x) in steps of 4.
    let lane = local % 16u;
    let row_at = vec4(rows[4u * lane].weight, rows[4u * lane + 1u].weight, rows[4u * lane + 2u].weight, rows[4u * lane + 3u].weight);
    let place0 = places[4u * lane];
    let place1 = places[4u * lane + 1u];
    let place2 = places[4u * lane + 2u];
    let place3 = places[4u * lane + 3u];
    let begin = slice * params.slice_products;
    let end = min(begin + params.slice_products, params.products);
    var product = begin + local / 16u;
    let taps = max(params.taps_h * params.taps_w, 1u);
    let taps_w = max(params.taps_w, 1u);
    var channel = product / taps;
    var tap_y = product % taps / taps_w;
    var tap_x = product % taps_w;
    let step_channel = 4u / taps;
    let step_y = 4u % taps / taps_w;
    let step_x = 4u % taps % taps_w;

    let down = local / 8u;
    let across = local % 8u;
    var c00 = vec4<f32>(); var c01 = vec4<f32>(); var c02 = vec4<f32>(); var c03 = vec4<f32>();
    var c04 = vec4<f32>(); var c05 = vec4<f32>(); var c06 = vec4<f32>(); var c07 = vec4<f32>();
    var c10 = vec4<f32>(); var c11 = vec4<f32>(); var c12 = vec4<f32>(); var c13 = vec4<f32>();
    var c14 = vec4<f32>(); var c15 = vec4<f32>(); var c16 = vec4<f32>(); var c17 = vec4<f32>();
    for (var start = begin; start < end; start += DEPTH) {
        for (var i = 0u; i < DEPTH; i += 4u) {
            let slot = (i + local / 16u) * 16u + lane;
            var w = vec4<f32>();
            var v = vec4<f32>();
            if (product < end) {
                w = load_rows(row_at + channel * params.weight_channel + tap_y * params.tap_step_h + tap_x * params.tap_step_w);
                let back_y = params.lag_h + tap_y * params.input_step_h;
                let back_x = params.lag_w + tap_x * params.input_step_w;
                let plane = channel * params.input_h * params.input_w;
                v = vec4(load(place0, plane, back_y, back_x), load(place1, plane, back_y, back_x),
                    load(place2, plane, back_y, back_x), load(place3, plane, back_y, back_x));
            }
            weights[slot] = w;
            inputs[slot] = v;
            product += 4u;
            channel += step_channel;
            tap_y += step_y;
            tap_x += step_x;
            if (tap_x >= taps_w) {
                tap_x -= taps_w;
                tap_y += 1u;
            }
            if (tap_y >= params.taps_h) {
                tap_y -= params.taps_h;
                channel += 1u;
            }
        }
        workgroupBarrier();
        for (var k = 0u; k < DEPTH; k++) {
            let w0 = weights[k * 16u + down];
            let w1 = weights[k * 16u + 8u + down];
            let v0 = inputs[k * 16u + across];
            let v1 = inputs[k * 16u + 8u + across];
            c00 += w0 * v0.x; c01 += w0 * v0.y; c02 += w0 * v0.z; c03 += w0 * v0.w;
            c04 += w0 * v1.x; c05 += w0 * v1.y; c06 += w0 * v1.z; c07 += w0 * v1.w;
            c10 += w1 * v0.x; c11 += w1 * v0.y; c12 += w1 * v0.z; c13 += w1 * v0.w;
            c14 += w1 * v1.x; c15 += w1 * v1.y; c16 += w1 * v1.z; c17 += w1 * v1.w;
        }
        workgroupBarrier();
    }

    let r = 4u * down;
    let p = 4u * across;
    let rows_left = params.rows - row_tile * 64u;
    let places_left = params.places - place_tile * 64u;
    // One place at a time, so that what is done to a result before it is stored stands in the code once and not eight times.
    for (var i = 0u; i < 8u; i++) {
        var low = c00;
        var high = c10;
        switch (i) {
            case 1u: { low = c01; high = c11; }
            case 2u: { low = c02; high = c12; }
            case 3u: { low = c03; high = c13; }
            case 4u: { low = c04; high = c14; }
            case 5u: { low = c05; high = c15; }
            case 6u: { low = c06; high = c16; }
            case 7u: { low = c07; high = c17; }
            default: {}
        }
        store_place(r, p + i / 4u * 32u + i % 4u, rows_left, places_left, low, high);
    }
    noted();
}

fn store_place(r: u32, p: u32, rows_left: u32, places_left: u32, low: vec4<f32>, high: vec4<f32>) {
    if (p < places_left) {
        store_rows(places[p], r, rows_left, low);
        store_rows(places[p], r + 32u, rows_left, high);
    }
}
