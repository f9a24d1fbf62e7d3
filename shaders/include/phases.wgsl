// Which taps of a transposed convolution meet an input, along one axis. An axis is told as
// stride, gcd(stride, dilation), inverse, stride/gcd; dilation, dilation/gcd, kernel, input.

override DILATED: bool = true;  // without dilation a phase is its own first tap, and its inputs are neighbours

// The taps that meet an input, along one axis.
struct Taps {
    kernel: u32,  // the first
    input: u32,   // what it meets
    count: u32,
}

// See conv_transpose2d/phases.rs for the arithmetic. `position` is the output before the crop.
fn taps(position: u32, axis: array<vec4<u32>, 2>) -> Taps {
    let q = position / axis[0].x;
    let phase = position - q * axis[0].x;
    var tap = phase;
    var lag = 0u;
    var step = 1u;
    if (DILATED) {
        tap = phase / axis[0].y * axis[0].z % axis[0].w;
        if (phase % axis[0].y != 0u || tap >= axis[1].z) {
            return Taps();
        }
        lag = (axis[1].x * tap - phase) / axis[0].x;
        step = axis[1].y;
    }
    if (tap >= axis[1].z || q < lag) {
        return Taps();
    }
    // Tap t meets input `reach - t * step`, which lies inside for low <= t < high.
    let reach = q - lag;
    var last = reach;
    var low = reach - min(reach, axis[1].w - 1u);
    if (DILATED) {
        last = reach / step;
        low = (low + step - 1u) / step;
    }
    let high = min((axis[1].z - tap - 1u) / axis[0].w, last) + 1u;
    if (low >= high) {
        return Taps();
    }
    return Taps(tap + low * axis[0].w, reach - low * step, high - low);
}
