// The gradient of a convolution's weight (NCHW) for software adapters whose subgroup is one vector of 8 lanes; a workgroup is a subgroup.
// One thread computes TAPS neighbouring taps of each of OWN rows of a kernel, for ROWS output channels. All threads of a workgroup go
// over the same pixels, 4 * VECTORS in one step: each loads the output's gradient of every eighth channel, and gets the others' by
// shuffles, which cost a hundredth of a load; and each loads what its own taps see of the input.
#import index
#import conv2d_weight
#import conv2d_weight_lanes

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<vec2<u64>>; // [images, input_channels, height, width], four f32 each: half the loads
@group(0) @binding(2) var<storage, read> grad: array<vec2<u64>>; // [images, output_channels, grad_size]
@group(0) @binding(3) var<storage, read> none: array<f32>; // as in conv2d_weight_product
@group(0) @binding(4) var<storage, read_write> output: array<f32>; // [output_channels, kernel rows, TAPS]

override ROWS: u32 = 16; // 8 or 16
override OWN: u32 = 1; // at most 4; ROWS * OWN * TAPS are at most 64

// `sums` are [output channel][row][tap], `grads` those of this lane's channel and of the one 8 further.

// Adds the step's pixels to the taps of one row for one channel, whose gradient lane `lane` has.
fn cell(row: u32, lane: u32, half: u32, own: u32) {
    var g: array<vec4<f32>, 4>;
    for (var v = 0u; v < VECTORS; v++) { g[v] = subgroupShuffle(grads[half * (VECTORS + 1) + v], lane); }
    all_taps((row * OWN + own) * TAPS, own, &g);
}

fn row_of(row: u32, lane: u32, half: u32) {
    cell(row, lane, half, 0);
    if OWN > 1 { cell(row, lane, half, 1); }
    if OWN > 2 { cell(row, lane, half, 2); cell(row, lane, half, 3); }
}

fn rows_of(lane: u32) {
    row_of(lane, lane, 0);
    if ROWS > LANES { row_of(lane + LANES, lane, 1); }
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) num_groups: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let group = group_index(group_id, num_groups);
    if group >= params.groups { return; }
    let columns = params.kernel.y / TAPS; // rows as this kernel counts them, of TAPS taps
    let rows = params.group_inputs * params.kernel.x * columns;
    let each = group_channels();
    let across = (rows + LANES * OWN - 1) / (LANES * OWN);
    let down = (each + ROWS - 1) / ROWS;
    let slice = group / (across * down * convolution_groups());
    let number = group / (across * down) % convolution_groups();
    let channel = params.first_channel + number * each + group / across % down * ROWS;
    let last = params.first_channel + (number + 1) * each - 1;

    // Channels and rows past the last read the last again.
    let channels = min(vec2(channel) + lane + vec2(0, LANES % ROWS), vec2(last));
    let own = vec4(group % across * LANES * OWN + lane) + LANES * vec4(0u, 1, 2, 3);
    let row = min(own, vec4(rows - 1));
    let plane_size = params.input_size.x * params.input_size.y;
    let planes = params.input_skip + (number * params.group_inputs + row / (columns * params.kernel.x)) * plane_size;
    let above = row / columns % params.kernel.x * params.dilation.x - params.padding.x; // modulo 2^32, and so are the indices below
    let before = row % columns * (TAPS * params.dilation.y) - params.padding.y - SHIFT % 4;

    let height = params.grad_size.x;
    let width = params.grad_size.y;
    for (var line = slice * params.slice_depth; line < min((slice + 1) * params.slice_depth, params.images * height); line++) {
        let image = line / height;
        let y = above + line % height * params.stride.x;
        let first = planes + image * params.input_channels * plane_size + y * params.input_size.y;
        let grad_row = params.grad_skip + ((image * params.output_channels + channels) * height + line % height) * width;
        for (var x = 0u; x < width; x += 4 * VECTORS) {
            left = width - x;
            load_grad(0, grad_row.x + x);
            if ROWS > LANES { load_grad(1, grad_row.y + x); }
            let column = before + x * STRIDE;
            load(0, first.x + column.x, y.x, column.x);
            if OWN > 1 { load(1, first.y + column.y, y.y, column.y); }
            if OWN > 2 { load(2, first.z + column.z, y.z, column.z); load(3, first.w + column.w, y.w, column.w); }
            rows_of(0); rows_of(1); rows_of(2); rows_of(3); rows_of(4); rows_of(5); rows_of(6); rows_of(7);
        }
    }
    // One channel at a time: the first is stored, then the others move up, so that no index into sums depends on c.
    let size = rows * TAPS;
    var at = params.output_skip + slice * params.slice_elements + channel * size;
    for (var c = channel; c <= min(channel + ROWS - 1, last); c++) {
        for (var o = 0u; o < OWN; o++) {
            for (var t = 0u; t < TAPS; t++) {
                if own[o] < rows { output[at + own[o] * TAPS + t] = sums[o * TAPS + t]; }
            }
        }
        for (var s = 0u; s < ROWS - 1; s++) {
            for (var t = 0u; t < OWN * TAPS; t++) { sums[s * OWN * TAPS + t] = sums[(s + 1) * OWN * TAPS + t]; }
        }
        at += size;
    }
}
