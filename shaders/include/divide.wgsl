// n / d and n % d in one go, exact for all n < 2^31 and 0 < d < 2^30. Through f32: shaders on a CPU divide integers one lane
// at a time, which costs more there than all else that a light kernel does; GPUs divide much like this themselves.
//
// The first quotient is off by at most 2^-21 of itself (three roundings, one of them a division's) and one, so |rest| is at most
// 2^-21 n + d < 2^31. The second is taken from that rest and below 2^11: it is off by one at most, which the last rest shows.
fn divide(n: u32, d: u32) -> vec2<u32> {
    let inverse = 1.0 / f32(d);
    let first = u32(f32(n) * inverse);
    let rest = bitcast<i32>(n - first * d);
    let second = i32(floor(f32(rest) * inverse));
    let last = rest - second * i32(d);
    let step = select(0, 1, last >= i32(d)) - select(0, 1, last < 0);
    return vec2<u32>(first + bitcast<u32>(second + step), bitcast<u32>(last - step * i32(d)));
}
