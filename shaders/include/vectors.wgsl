// Kernels that store four neighbours of a row at a time, in an output of vectors whose rows may begin inside of one.
#import noted

override ALIGNED_OUTPUT: bool = false; // whether all rows of the output begin with a vector

// The first `count` of `values`, `first` elements from the output's begin.
fn put(values: vec4<f32>, first: u32, count: u32) {
    note(values, count);
    if ALIGNED_OUTPUT {
        if count > 0 { output[first / 4] = values; }
    } else {
        if count > 0 { output[first / 4][first % 4] = values.x; }
        if count > 1 { output[(first + 1) / 4][(first + 1) % 4] = values.y; }
        if count > 2 { output[(first + 2) / 4][(first + 2) % 4] = values.z; }
        if count > 3 { output[(first + 3) / 4][(first + 3) % 4] = values.w; }
    }
}
