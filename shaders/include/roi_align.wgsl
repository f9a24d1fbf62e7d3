// The walk through the samples of a bin. What imports this declares `params: Params`, `input`, `rois` and `batch_indices`, and what it sees
// of a sample: `see(pixels, weights, places)`, the four pixels around it, their weights, and where they lie in their plane. TEAM invocations
// share a bin, each with some neighbouring rows of its samples, the first with the first.
#import pick
#import roi_samples

override TEAM: u32 = 1u;  // divides WORKGROUP

struct Params {
    input_size: vec2<u32>,    // w, h, as are all pairs
    output_size: vec2<u32>,
    most: vec2<u32>,          // samples along one side of a bin that can meet the image
    images: u32,
    channels: u32,
    first: u32,               // part
    count: u32,
    output_skip: u32,
    samples: u32,             // along each side of a bin; 0: one to a pixel
    aligned: u32,
    spatial_scale: f32,
}

// How many samples a bin has, and how many of this invocation's met the image.
struct Walked {
    all: f32,
    met: f32,
}

fn walk(index: u32, member: u32) -> Walked {
    let row = index / params.output_size.x;
    let plane = row / params.output_size.y;
    let bin = vec2<f32>(vec2(index - row * params.output_size.x, row - plane * params.output_size.y));
    let k = plane / params.channels;
    let channel = plane - k * params.channels;
    let aligned = params.aligned != 0u;
    let corners = rois[params.first + k] * params.spatial_scale - select(0.0, 0.5, aligned);
    if (is_far(corners)) {
        return Walked(0.0, 0.0);
    }
    let image = pick(batch_indices[params.first + k], i32(params.images));
    let base = (image * params.channels + channel) * params.input_size.x * params.input_size.y;
    let across = samples(corners.x, corners.z, params.output_size.x, bin.x, params.samples, aligned);
    let down = samples(corners.y, corners.w, params.output_size.y, bin.y, params.samples, aligned);

    var met = 0.0;
    let most = min(vec2<u32>(vec2(across.count - across.skipped, down.count - down.skipped)), params.most);
    let each = (most.y + TEAM - 1u) / TEAM;
    for (var i = member * each; i < min((member + 1u) * each, most.y); i++) {
        let y = down.start + (down.skipped + f32(i)) * down.step;
        if (y < -1.0 || y > f32(params.input_size.y)) {
            continue;
        }
        let v = tap(y, params.input_size.y);
        let rows = vec4(v.low, v.low, v.high, v.high) * params.input_size.x;
        let down_weights = vec4(1.0 - v.part, 1.0 - v.part, v.part, v.part);
        for (var j = 0u; j < most.x; j++) {
            let x = across.start + (across.skipped + f32(j)) * across.step;
            if (x < -1.0 || x > f32(params.input_size.x)) {
                continue;
            }
            let u = tap(x, params.input_size.x);
            let places = rows + vec4(u.low, u.high, u.low, u.high);
            let at = base + places;
            let pixels = vec4(input[at.x], input[at.y], input[at.z], input[at.w]);
            see(pixels, down_weights * vec4(1.0 - u.part, u.part, 1.0 - u.part, u.part), places);
            met += 1.0;
        }
    }
    return Walked(across.count * down.count, met);
}
