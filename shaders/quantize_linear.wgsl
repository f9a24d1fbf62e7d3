// quantize_linear: one invocation per four neighbours of a row, or one number. The header declares Element, Input and Output, one
// of each or four, what X, Scale and Zero are arrays of (one number where it is repeated along the row), and apply.
#import index

override WORKGROUP: u32 = 64u;
override LOOPS: u32 = 1u;

struct Params {
    sizes: array<vec4<u32>, 2>,          // of the loops, innermost first
    x_strides: array<vec4<u32>, 2>,
    scale_strides: array<vec4<u32>, 2>,  // 0 where it is repeated
    zero_strides: array<vec4<u32>, 2>,
    count: u32,                          // Elements of the output
    output_start: u32,
    x_start: u32,
    scale_start: u32,
    zero_start: u32,
    low: i32,                            // the least and the greatest integer
    high: i32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read> scale: array<Scale>;
@group(0) @binding(3) var<storage, read> zero: array<Zero>;
@group(0) @binding(4) var<storage, read_write> output: array<Output>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    var ix = params.x_start;
    var is = params.scale_start;
    var iz = params.zero_start;
    var rest = index;
    for (var d = 0u; d < LOOPS; d++) {
        var at = rest;
        if (d + 1u < LOOPS) {
            rest /= params.sizes[d / 4u][d % 4u];
            at -= rest * params.sizes[d / 4u][d % 4u];
        }
        ix += at * params.x_strides[d / 4u][d % 4u];
        is += at * params.scale_strides[d / 4u][d % 4u];
        iz += at * params.zero_strides[d / 4u][d % 4u];
    }
    output[params.output_start + index] = apply(Input(x[ix]), Element(scale[is]), Int(zero[iz]));
}

// The nearest integer, the even one of two, above the zero point, within the range; NaN is the zero point.
fn saturated(value: Element, zero_point: Int) -> Int {
    let is_nan = (bitcast<Word>(value) & Word(0x7fffffffu)) > Word(0x7f800000u);
    // Beyond 2^24 on either side the range of 16 bits is left whatever the zero point.
    let whole = Int(round(clamp(value, Element(-16777216.0), Element(16777216.0))));
    let low = Int(params.low);
    let high = Int(params.high);
    return clamp(select(whole, Int(0), is_nan) + clamp(zero_point, low, high), low, high);
}
