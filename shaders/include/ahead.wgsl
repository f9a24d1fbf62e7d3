// How many loads of a loop are under way before the first of them is waited for.
//
// A memory of 3 TB/s that answers after 0.7 us has 2 MB under way while it is busy (Little's law), 16 KB for each of an H100's 132
// multiprocessors: of 256 invocations that wait for a vec4 each it has 4 KB under way, of four vec4s each 16 KB.
#set AHEAD 4
const AHEAD = 4u;
