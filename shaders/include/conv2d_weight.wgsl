// What every conv2d_weight kernel is told. Pairs are along y and x; indices are those of the whole tensors.

struct Params {
    input_size: vec2<u32>, grad_size: vec2<u32>,
    kernel: vec2<u32>, stride: vec2<u32>, dilation: vec2<u32>,
    padding: vec2<u32>, // above and to the left
    input_channels: u32, output_channels: u32,
    group_inputs: u32, group_outputs: u32, // channels of a group
    first_channel: u32, channels: u32, // output channels of this launch
    images: u32, // of this launch
    input_skip: u32, grad_skip: u32, output_skip: u32, // added to every index, modulo 2^32
    groups: u32, // workgroups
    slice_depth: u32, // what the sums of a slice go over: rows of pixels for lanes, else pixels
    slice_elements: u32, // from its output to the next one's
}

// Output channels of this launch that see the same input channels: those of a group, of several groups all are in one launch.
fn group_channels() -> u32 {
    return min(params.group_outputs, params.channels);
}

// How many groups of them there are in this launch.
fn convolution_groups() -> u32 {
    return params.channels / group_channels();
}
