// Bilinear upsampling by tiles of 4 x 4 output pixels. Three steps are at most two input pixels, so that a tile comes from 4 x 4
// input pixels: one load for each value, where four would be the formula's.
// Reads `input: array<f32>`, which the shader that imports this declares.
#import line

// Which two of four values each of four pixels lies between, and where.
struct Between {
    second: vec4<bool>,   // the second and third
    third: vec4<bool>,    // the third and fourth; else the first and second
    part: vec4<f32>,
}

fn between(p: Place) -> Between {
    let offset = p.whole - p.whole.x;
    return Between(offset == vec4<i32>(1), offset == vec4<i32>(2), p.part);
}

// The four input pixels along a side of `size`; outside, the nearest one inside.
fn pixels(whole: i32, size: u32) -> vec4<u32> {
    return vec4<u32>(clamp(whole + vec4<i32>(0, 1, 2, 3), vec4<i32>(0), vec4<i32>(i32(size) - 1)));
}

// Four output pixels of an input row from its four pixels.
fn spread(at: vec4<u32>, x: Between) -> vec4<f32> {
    let row = vec4<f32>(input[at.x], input[at.y], input[at.z], input[at.w]);
    let low = select(select(row.xxxx, row.yyyy, x.second), row.zzzz, x.third);
    let high = select(select(row.yyyy, row.zzzz, x.second), row.wwww, x.third);
    return low * (1.0 - x.part) + high * x.part;
}

// An output row from four input rows.
fn blend(a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>, second: bool, third: bool, part: f32) -> vec4<f32> {
    let low = select(select(a, b, second), c, third);
    let high = select(select(b, c, second), d, third);
    return low * (1.0 - part) + high * part;
}
