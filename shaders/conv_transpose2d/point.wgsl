// conv_transpose2d/point: maps of one pixel, whose outputs are the kernel itself: output[n, j] = sum of input[n, c] * weight[c, j].
//
// A workgroup takes ACROSS times LANES columns of IMAGES images; its invocations share out the channels where ACROSS is less than 64.
#import index

override ACROSS: u32 = 16u;
override IMAGES: u32 = 4u;  // or 1

struct Params {
    columns: u32,         // of LANES elements each
    column_tiles: u32,
    batch: u32,
    batch_tiles: u32,
    channels: u32,        // in this launch
    channel_first: u32,
    input_channels: u32,  // between images
    slices: u32,          // parts of the sum, each to its own copy of the output
    slice_channels: u32,
    weight_skip: u32,
    output_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<Lanes>;
@group(0) @binding(3) var<storage, read_write> output: array<Lanes>;

var<workgroup> partial: array<array<Lanes, 4>, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let group = group_index(group_id, groups);
    let column = group % params.column_tiles * ACROSS + local % ACROSS;
    let n = group / params.column_tiles % params.batch_tiles * IMAGES;
    let slice = group / params.column_tiles / params.batch_tiles;
    if (slice >= params.slices) {
        return;
    }
    let last = params.batch - 1u;
    let row0 = params.channel_first + n * params.input_channels;
    let row1 = params.channel_first + min(n + 1u, last) * params.input_channels;
    let row2 = params.channel_first + min(n + 2u, last) * params.input_channels;
    let row3 = params.channel_first + min(n + 3u, last) * params.input_channels;
    let end = min((slice + 1u) * params.slice_channels, params.channels);
    var s0 = Lanes();
    var s1 = Lanes();
    var s2 = Lanes();
    var s3 = Lanes();
    if (column < params.columns) {
        for (var c = slice * params.slice_channels + local / ACROSS; c < end; c += 64u / ACROSS) {
            let w = weight[params.weight_skip / LANES + c * params.columns + column];
            s0 += input[row0 + c] * w;
            if (IMAGES > 1u) {
                s1 += input[row1 + c] * w;
                s2 += input[row2 + c] * w;
                s3 += input[row3 + c] * w;
            }
        }
    }
    if (ACROSS < 64u) {
        partial[local][0] = s0;
        partial[local][1] = s1;
        partial[local][2] = s2;
        partial[local][3] = s3;
        workgroupBarrier();
        for (var other = local + ACROSS; other < 64u; other += ACROSS) {
            s0 += partial[other][0];
            s1 += partial[other][1];
            s2 += partial[other][2];
            s3 += partial[other][3];
        }
    }
    if (local < ACROSS && column < params.columns) {
        let at = params.output_skip / LANES + (slice * params.batch + n) * params.columns + column;
        output[at] = s0;
        if (n + 1u <= last) {
            output[at + params.columns] = s1;
        }
        if (n + 2u <= last) {
            output[at + 2u * params.columns] = s2;
        }
        if (n + 3u <= last) {
            output[at + 3u * params.columns] = s3;
        }
    }
}
