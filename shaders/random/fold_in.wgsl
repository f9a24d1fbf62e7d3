// random/fold_in: one invocation.
#import threefry

struct Params {
    unused: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> key: array<vec2<u32>>;           // (2)
@group(0) @binding(2) var<storage, read> data: array<u32>;                // one number
@group(0) @binding(3) var<storage, read_write> output: array<vec2<u32>>;  // (2)

@compute @workgroup_size(1)
fn main() {
    output[0] = threefry(key[0], vec2(params.unused, data[0]));
}
