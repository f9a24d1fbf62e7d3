// Threefry-2x32 with 20 rounds (Salmon et al. 2011): 64 random bits for each key and counter.

fn four_rounds(start: vec2<u32>, turns: vec4<u32>) -> vec2<u32> {
    var x = start;
    for (var i = 0u; i < 4u; i++) {
        let sum = x.x + x.y;
        x = vec2(sum, ((x.y << turns[i]) | (x.y >> (32u - turns[i]))) ^ sum);
    }
    return x;
}

fn threefry(key: vec2<u32>, counter: vec2<u32>) -> vec2<u32> {
    const EVEN = vec4(13u, 15u, 26u, 6u);
    const ODD = vec4(17u, 29u, 16u, 24u);
    let third = key.x ^ key.y ^ 0x1BD11BDAu;
    var x = four_rounds(counter + key, EVEN) + vec2(key.y, third + 1u);
    x = four_rounds(x, ODD) + vec2(third, key.x + 2u);
    x = four_rounds(x, EVEN) + vec2(key.x, key.y + 3u);
    x = four_rounds(x, ODD) + vec2(key.y, third + 4u);
    return four_rounds(x, EVEN) + vec2(third, key.x + 5u);
}
