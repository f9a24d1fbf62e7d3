// grid_sample3d: one invocation per output voxel and `chunk` channels, for which the place in the input is found once.
#import index
#import divide
#import sample
#import sides

override WORKGROUP: u32 = 64u;

struct Params {
    input_size: vec4<u32>,   // w, h, d
    span: vec4<f32>,         // input voxels that -1..1 covers
    low: f32,                // where -1 is
    output_volume: u32,      // OD * OH * OW
    channels: u32,
    chunk: u32,              // channels of one invocation
    chunks: u32,
    count: u32,              // N * chunks * output_volume
    input_skip: u32,
    grid_skip: u32,
    output_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;          // (N, C, D, H, W)
@group(0) @binding(2) var<storage, read> grid: array<f32>;           // (N, OD, OH, OW, 3) of x, y, z
@group(0) @binding(3) var<storage, read_write> output: array<f32>;   // (N, C, OD, OH, OW)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let part = divide(index, params.output_volume);
    let image = divide(part.x, params.chunks);
    let voxel = part.y;
    let n = image.x;
    let first = image.y * params.chunk;
    let end = min(first + params.chunk, params.channels);

    let size = params.input_size;
    let place = params.grid_skip + 3u * (n * params.output_volume + voxel);
    var inside = true;
    let x = taps(grid[place], params.low, params.span.x, size.x, &inside);
    let y = taps(grid[place + 1u], params.low, params.span.y, size.y, &inside);
    let z = taps(grid[place + 2u], params.low, params.span.z, size.z, &inside);

    let plane = size.x * size.y;
    var src = params.input_skip + (n * params.channels + first) * plane * size.z;
    var dst = params.output_skip + (n * params.channels + first) * params.output_volume + voxel;
    for (var c = first; c < end; c++) {
        var value = sample(MODE, src + z.at.x * plane, size.x, x, y);
        if (MODE != NEAREST) {
            value = value * z.weight.x + sample(MODE, src + z.at.y * plane, size.x, x, y) * z.weight.y;
        }
        output[dst] = select(0.0, value, inside);
        src += plane * size.z;
        dst += params.output_volume;
    }
}
