// where_: one invocation per Element of the output, which is one word or, in a vec4, four neighbours of a row. Words are
// taken as they are. The header declares Element, Flag and what C, A and B are arrays of (one word where it is repeated).
#import index

override WORKGROUP: u32 = 64u;
override LOOPS: u32 = 1u;

struct Params {
    sizes: array<vec4<u32>, 2>,              // of the loops, innermost first
    condition_strides: array<vec4<u32>, 2>,  // 0 where it is repeated
    a_strides: array<vec4<u32>, 2>,
    b_strides: array<vec4<u32>, 2>,
    count: u32,                              // Elements of the output
    output_start: u32,
    condition_start: u32,
    a_start: u32,
    b_start: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> condition: array<C>;
@group(0) @binding(2) var<storage, read> a: array<A>;
@group(0) @binding(3) var<storage, read> b: array<B>;
@group(0) @binding(4) var<storage, read_write> output: array<Element>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    var ic = params.condition_start;
    var ia = params.a_start;
    var ib = params.b_start;
    var rest = index;
    for (var d = 0u; d < LOOPS; d++) {
        var at = rest;
        if (d + 1u < LOOPS) {
            rest /= params.sizes[d / 4u][d % 4u];
            at -= rest * params.sizes[d / 4u][d % 4u];
        }
        ic += at * params.condition_strides[d / 4u][d % 4u];
        ia += at * params.a_strides[d / 4u][d % 4u];
        ib += at * params.b_strides[d / 4u][d % 4u];
    }
    output[params.output_start + index] = select(Element(b[ib]), Element(a[ia]), Element(condition[ic]) != Element());
}
