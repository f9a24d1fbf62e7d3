// What conv_transpose2d/tile and conv_transpose2d/lanes are told of a class of phases (phases.rs).

struct Params {
    finish: array<vec4<u32>, 4>, // numbers of the header's `finish`
    rows: u32,               // in a group
    places: u32,
    row_tiles: u32,
    place_tiles: u32,
    groups: u32,             // of channels
    slices: u32,             // parts of the sum, each to its own copy of the output
    slice_products: u32,     // a multiple of 16
    products: u32,
    input_h: u32,
    input_w: u32,
    input_channels: u32,     // between images
    input_skip: u32,
    group_channels: u32,     // input channels of a group
    weight_channel: u32,     // elements of the weight for one input channel
    weight_plane: u32,       // KH KW
    weight_row: u32,         // KW
    weight_first: u32,       // where the first row's first tap lies
    phases_h: u32,           // phases of this class
    phases_w: u32,
    taps_h: u32,
    taps_w: u32,
    tap_step_h: u32,         // in the weight, in elements
    tap_step_w: u32,
    lag_h: u32,              // inputs from a place back to its first tap
    lag_w: u32,
    input_step_h: u32,       // inputs from a tap back to the next
    input_step_w: u32,
    places_h: u32,
    places_w: u32,
    place_first_h: u32,
    place_first_w: u32,
    stride_h: u32,
    stride_w: u32,
    origin_h: u32,           // output of place 0 and the first phase, modulo 2^32
    origin_w: u32,
    output_h: u32,
    output_w: u32,
    output_channels: u32,    // between images
    group_outputs: u32,      // output channels of a group
    output_skip: u32,
    slice_elements: u32,     // from a slice to the next
    bias_first: u32,
    has_bias: u32,           // 0 reads the first of the zeros that stand in for it
}
