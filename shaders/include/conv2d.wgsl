// What every conv2d kernel is told. Pairs are along y and x; indices are those of the whole tensors.

struct Params {
    finish: array<vec4<u32>, 4>, // numbers of the header's `finish`
    input_size: vec2<u32>, output_size: vec2<u32>,
    kernel: vec2<u32>, stride: vec2<u32>, dilation: vec2<u32>,
    padding: vec2<u32>, // above and to the left; the rest of it is in output_size
    input_channels: u32, output_channels: u32,
    group_inputs: u32, group_outputs: u32, // channels of one group
    first_channel: u32, channels: u32, // output channels of this launch: inside one group, or whole groups
    first_image: u32, images: u32,
    input_skip: u32, weight_skip: u32, bias_skip: u32, output_skip: u32, // added to every index, modulo 2^32
    groups: u32, // workgroups
    segment: u32, // output rows per thread, for depthwise
    slice_depth: u32, slice_elements: u32, // products of a slice of the sums, and from its output to the next one's
}
