// How kernels of attention and of its gradient go for software adapters whose subgroup is one vector of 8 lanes. Each lane has ROWS rows,
// queries or keys, INVOCATIONS apart. STEPS rows of the other side at a time are loaded by all lanes of a subgroup, every eighth vec4 by
// each, and come by shuffles, which cost a hundredth of a load. Rows are whole vec4s: HEAD of a query or key, VALUE of a value; the header
// gives these and HEAD_LOADS and VALUE_LOADS, how many of them a lane loads. They are spelt out, since drivers keep arrays in memory, and
// what a loop carries is blended under the mask of active lanes in every turn: so several steps in each.

const LANES_OF_SUBGROUP = 8u;
const INVOCATIONS = 32u;
const ROWS = 2u;
#set TWO 2

// Four f32 that lie in two numbers of 64 bits: half the loads.
fn floats(four: vec2<u64>) -> vec4<f32> {
    return bitcast<vec4<f32>>(vec4(u32(four.x), u32(four.x >> 32u), u32(four.y), u32(four.y >> 32u)));
}
