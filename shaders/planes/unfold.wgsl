// Planes of volumes, side by side as the channels of images: one invocation makes one Element, one number or four neighbours, of all the
// planes of a channel. What an image sees in front of its volume or behind it is 0. The header declares Element.
#import index

override WORKGROUP: u32 = 64;

struct Params {
    count: u32,          // elements of a plane of each channel of the images
    area: u32,           // of a plane
    taps: u32,           // planes of a channel in an image
    channels: u32, first_channel: u32, part: u32, // in all, and from which on how many are made here
    images: u32, first_image: u32, // of a volume, made here, and from which on
    depth: u32,          // planes of a channel in a volume
    stride: u32, dilation: u32, before: u32, // from an image to the next, from a tap to the next, zeros in front
    input_skip: u32,     // modulo 2^32
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Element>;         // [volumes, channels, depth, area]
@group(0) @binding(2) var<storage, read_write> output: array<Element>;  // [volumes, images, channels, taps, area]

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if index >= params.count { return; }
    let channel_at = index / params.area;
    let image_at = channel_at / params.part;
    let volume = image_at / params.images;

    let place = index - channel_at * params.area;
    let image = params.first_image + image_at - volume * params.images;
    let channel = params.first_channel + channel_at - image_at * params.part;
    let first = (volume * params.channels + channel) * params.depth;
    let made = (image_at * params.channels + channel) * params.taps;
    // In front of the volume is modulo 2^32, and so behind it.
    var z = image * params.stride - params.before;
    for (var tap = 0u; tap < params.taps; tap++) {
        var value = Element();
        if z < params.depth {
            value = input[params.input_skip + (first + z) * params.area + place];
        }
        output[(made + tap) * params.area + place] = value;
        z += params.dilation;
    }
}
