// How kernels of attention and of its gradient go for software adapters whose subgroup is one vector of 8 lanes. Each lane has ROWS rows,
// queries or keys, INVOCATIONS apart. STEPS rows of the other side at a time are loaded by all lanes of a subgroup, every eighth vec4 by
// each, and come by shuffles, which cost a hundredth of a load. Rows are whole vec4s: HEAD of a query or key, VALUE of a value; the header
// gives these and HEAD_LOADS and VALUE_LOADS, how many of them a lane loads. They are spelt out, since drivers keep arrays in memory, and
// what a loop carries is blended under the mask of active lanes in every turn: so several steps in each.
#import fours

const LANES_OF_SUBGROUP = 8u;
const INVOCATIONS = 32u;
const ROWS = 2u;
#set TWO 2
