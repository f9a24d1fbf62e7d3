// What all attention kernels are told, and the numbers that masks are made of.

const LOWEST = -3.4028234e38;
const FORBIDDEN = -1e30;

struct Params {
    mask_strides: vec4<u32>,  // batch, head, query, key; 0 where broadcast
    heads: u32,
    sharing: u32,      // query heads that share a key head
    queries: u32,
    keys: u32,
    head_size: u32,
    value_size: u32,
    pieces: u32,       // workgroups of a query, or tiles of a head
    groups: u32,       // workgroups here
    first_batch: u32,  // the image that the buffers begin with
    query_skip: u32,   // items in front of it
    key_skip: u32,
    value_skip: u32,
    output_skip: u32,
    scale: f32,
    slice_keys: u32,   // keys that a workgroup of attention/query looks at
}
