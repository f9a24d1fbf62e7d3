// The two sides of conv_transpose2d's matrix products, and the bindings they are read from. Rows are (channel, phase y, phase x), places
// are (image, qy, qx); the last of each runs fastest.

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<Element>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<Element>;

struct Row {
    weight: u32,  // index of its first tap for the group's first channel
    output: u32,  // index for place 0
    y: u32,       // output for place 0, modulo 2^32
    x: u32,
    bias: f32,
    channel: u32,
}

struct Place {
    input: u32,   // index of the image's first plane
    output: u32,
    y: u32,
    x: u32,
}

// Of the tile that a workgroup computes.
var<workgroup> rows: array<Row, ROWS>;
var<workgroup> places: array<Place, COLUMNS>;

fn row(index: u32, channel_group: u32, slice: u32) -> Row {
    let phase_x = index % params.phases_w;
    let phase_y = index / params.phases_w % params.phases_h;
    let channel = index / params.phases_w / params.phases_h;
    let y = params.origin_h + phase_y;
    let x = params.origin_w + phase_x;
    let weight_at = params.weight_first + channel_group * params.group_channels * params.weight_channel
        + channel * params.weight_plane + phase_y * params.weight_row + phase_x;
    let plane = channel_group * params.group_outputs + channel;
    let output_at = params.output_skip + slice * params.slice_elements + (plane * params.output_h + y) * params.output_w + x;
    let output_channel = params.bias_first + plane;
    return Row(weight_at, output_at, y, x, bias[output_channel * params.has_bias], output_channel);
}

fn place(index: u32, channel_group: u32) -> Place {
    let x = params.place_first_w + index % params.places_w;
    let y = params.place_first_h + index / params.places_w % params.places_h;
    let n = index / params.places_w / params.places_h;
    let plane = n * params.input_channels + channel_group * params.group_channels;
    let output_at = (n * params.output_channels * params.output_h + y * params.stride_h) * params.output_w + x * params.stride_w;
    return Place(params.input_skip + plane * params.input_h * params.input_w, output_at, y, x);
}

// The input that a tap meets; in front of the first one the difference wraps around and is out of range too.
fn load(place: Place, plane: u32, back_y: u32, back_x: u32) -> f32 {
    let y = place.y - back_y;
    let x = place.x - back_x;
    if (y >= params.input_h || x >= params.input_w) {
        return 0.0;
    }
    return input[place.input + plane + y * params.input_w + x];
}
