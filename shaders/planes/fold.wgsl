// Volumes of images whose channels are planes: one invocation adds up one Element of a plane, one number or four neighbours, of all the
// planes that lie there, and the bias. The header declares Element, and what finishes it.
#import index
#import noted

override WORKGROUP: u32 = 64;
override STRIDE: u32 = 1;  // from an image to the next
override WIDTH: u32 = 4; // numbers of an Element

struct Params {
    finish: array<vec4<u32>, 4>, // numbers of the header's `finish`
    count: u32,          // elements of the volumes made here, as are all sizes
    area: u32,           // of a plane
    taps: u32,           // planes of a channel in an image
    channels: u32, first_channel: u32, part: u32, // in all, and from which on how many are made here
    images: u32, first_image: u32, // of a volume, that are here, and from which on
    planes: u32, first_plane: u32, depth: u32, // of a channel in a volume: made here, from which on, in all
    dilation: u32, before: u32, // from a tap to the next, planes cut off in front
    first_volume: u32,
    has_bias: u32,       // 0 reads the first of the zeros that stand in for it
    output_skip: u32,    // modulo 2^32
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Element>;         // [volumes, images, channels, taps, area]
@group(0) @binding(2) var<storage, read> bias: array<f32>;              // [channels]
@group(0) @binding(3) var<storage, read_write> output: array<Element>;  // [volumes, channels, depth, area]

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if index >= params.count { return; }
    let plane = index / params.area;
    let channel_at = plane / params.planes;
    let volume = channel_at / params.part;

    let place = index - plane * params.area;
    let z = params.first_plane + plane - channel_at * params.planes;
    let channel = params.first_channel + channel_at - volume * params.part;
    var sum = Element();
    for (var tap = 0u; tap < params.taps; tap++) {
        // The tap of which image lies here. What is in front of the first image, or behind the last, is modulo 2^32 behind those here.
        let start = z + params.before - tap * params.dilation;
        let image = start / STRIDE;
        let here = image - params.first_image;
        if here < params.images && image * STRIDE == start {
            sum += input[(((volume * params.images + here) * params.channels + channel) * params.taps + tap) * params.area + place];
        }
    }
    let made = ((params.first_volume + volume) * params.channels + channel) * params.depth + z;
    let at = made * params.area + place;
    let done = finish(sum + bias[channel * params.has_bias], at * WIDTH, channel);
    note(done, WIDTH);
    output[params.output_skip + at] = done;
    noted();
}
