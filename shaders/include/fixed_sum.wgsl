// Terms of fixed-point sums, added.
// Adds to `sums: array<atomic<u32>>`, which the shader that imports this declares.
#import fixed

// Adds a term to the two words from `at` on. Each time that the lower one runs over, one invocation sees it.
fn add(at: u32, words: vec2<u32>) {
    var high = words.y;
    if (words.x != 0u) {
        let before = atomicAdd(&sums[at], words.x);
        high += select(0u, 1u, before + words.x < before);
    }
    if (high != 0u) {
        atomicAdd(&sums[at + 1u], high);
    }
}
