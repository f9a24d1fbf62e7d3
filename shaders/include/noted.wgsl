// For kernels that can finish what they store: the largest finite magnitude of that, where a launch asks for it. `Element` is what they
// hold at a time.
//
// Of numbers without their signs the bits are in the numbers' order, infinity above all and NaN above that. An invocation keeps the most of
// its own and brings it to the others' in the end. Nearly all find that there is more by then, and are done with a look.
#set NOTES 0

var<private> most: u32;

// What is stored of `values`: as many as are `inside`, the first ones.
fn note(values: Element, inside: u32) {
#for n NOTES
    let magnitude = bitcast<vec4<u32>>(vec4(values)) & vec4(0x7fffffffu);
    let counts = (vec4(0u, 1u, 2u, 3u) < vec4(inside)) & (magnitude < vec4(0x7f800000u));
    let found = select(vec4(0u), magnitude, counts);
    most = max(most, max(max(found.x, found.y), max(found.z, found.w)));
#end
}

// Ends an invocation that has stored something.
fn noted() {
#for n NOTES
    if (most > atomicLoad(&largest_stored)) {
        atomicMax(&largest_stored, most);
    }
#end
}
