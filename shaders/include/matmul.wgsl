// What every matmul kernel is told. Matrices of a batch lie a fixed distance apart; 0 repeats the first.

struct Params {
    finish: array<vec4<u32>, 4>, // numbers of the header's `finish`
    rows: u32, columns: u32, depth: u32, batches: u32,
    a_stride: u32, b_stride: u32, output_stride: u32, // elements from one matrix to the next
    output_pitch: u32, // elements from one row of the output to the next
    a_skip: u32, b_skip: u32, bias_skip: u32, output_skip: u32, // elements before the first, of each binding
    groups: u32, // workgroups
    slice_depth: u32, slice_elements: u32, // steps of a slice of the sums, and from its output to the next one's
}
