// Positions (a x + b) / d of output pixels x on a side of the input, as a whole number and a part in 0..1.

struct Place {
    whole: vec4<i32>,
    part: vec4<f32>,
}

// `line` holds a, b, d and what was added to keep all of it above zero; `real` 1/d, b/d and a/d.
// n / d goes through f32 and is then off by one at most (ops/resize/line.rs says why): the remainder shows it.
fn place(x: vec4<u32>, line: vec4<u32>, real: vec4<f32>) -> Place {
    if (line.z == 0u) {
        // No such whole numbers: f32, kept where it converts.
        let position = clamp(real.y + vec4<f32>(x) * real.z, vec4<f32>(-16777216.0), vec4<f32>(16777216.0));
        return Place(vec4<i32>(floor(position)), position - floor(position));
    }
    let n = line.x * x + line.y;
    let d = i32(line.z);
    let estimate = vec4<u32>(vec4<f32>(n) * real.x);
    let remainder = bitcast<vec4<i32>>(n - estimate * line.z);
    let step = select(vec4<i32>(0), vec4<i32>(1), remainder >= vec4<i32>(d)) - select(vec4<i32>(0), vec4<i32>(1), remainder < vec4<i32>(0));
    let rest = remainder - step * d;
    // One half is exact: rounding to the nearest pixel depends on it.
    let part = select(vec4<f32>(rest) * real.x, vec4<f32>(0.5), 2 * rest == vec4<i32>(d));
    return Place(bitcast<vec4<i32>>(estimate) + step - i32(line.w), part);
}
