// grid_sample/by_grid3d: grid_sample/by_grid with a third side; not by cubics.
#import component
#import index
#import divide
#import sides

override WORKGROUP: u32 = 64u;
override TEAM: u32 = 1u;

struct Params {
    input_size: vec4<u32>,   // w, h, d
    span: vec4<f32>,         // input voxels that -1..1 covers
    low: f32,                // where -1 is
    volume: u32,             // OD * OH * OW
    channels: u32,
    count: u32,              // N * OD * OH * OW
    input_skip: u32,
    grid_skip: u32,
    grad_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;          // (N, C, D, H, W)
@group(0) @binding(2) var<storage, read> grid: array<f32>;           // (N, OD, OH, OW, 3) of x, y, z
@group(0) @binding(3) var<storage, read> output_grad: array<f32>;    // (N, C, OD, OH, OW)
@group(0) @binding(4) var<storage, read_write> output: array<f32>;   // as grid

var<workgroup> parts: array<vec3<f32>, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let places = WORKGROUP / TEAM;
    let member = local / places;
    let number = group_index(group, groups) * places + local % places;
    let index = min(number, params.count - 1u);
    let channels = select(0u, params.channels, number < params.count);

    let image = divide(index, params.volume);
    let place = params.grid_skip + 3u * index;
    let size = params.input_size;
    let across = around(grid[place], params.low, params.span.x, size.x);
    let down = around(grid[place + 1u], params.low, params.span.y, size.y);
    let through = around(grid[place + 2u], params.low, params.span.z, size.z);
    let x = taps_of(across, size.x);
    let y = taps_of(down, size.y);
    let z = taps_of(through, size.z);
    let dx = slopes_of(across, size.x);
    let dy = slopes_of(down, size.y);
    let dz = slopes_of(through, size.z);
    // With zeros around, a place that is none has no samples.
    let moves = !(PADDING == 0u && (across.far || down.far || through.far));

    let volume = size.x * size.y * size.z;
    let first = params.input_skip + image.x * params.channels * volume;
    let grad = params.grad_skip + image.x * params.channels * params.volume + image.y;
    var sum = vec3<f32>(0.0);
    for (var c = member; c < channels; c += TEAM) {
        var slopes = vec3<f32>(0.0);
        for (var k = 0u; k < 2u; k++) {
            for (var i = 0u; i < 2u; i++) {
                let row = first + c * volume + (z.at[k] * size.y + y.at[i]) * size.x;
                let values = vec2<f32>(input[row + x.at.x], input[row + x.at.y]);
                let value = dot(values, x.weight.xy);
                let by_x = dot(values, dx.weight.xy);
                let of_y = component(y.weight, i);
                let of_z = component(z.weight, k);
                slopes += vec3<f32>(by_x * of_y * of_z, value * component(dy.weight, i) * of_z, value * of_y * component(dz.weight, k));
            }
        }
        sum += output_grad[grad + c * params.volume] * slopes;
    }
    parts[local] = sum;
    for (var half = TEAM / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (member < half) {
            parts[local] += parts[local + half * places];
        }
    }
    if (member == 0u && number < params.count) {
        let slopes = select(vec3<f32>(0.0), parts[local], moves);
        output[place] = slopes.x;
        output[place + 1u] = slopes.y;
        output[place + 2u] = slopes.z;
    }
}
