// An index into a dimension of `size`: from the end if negative, clamped to what there is.

fn pick(index: i32, size: i32) -> u32 {
    return u32(clamp(select(index, index + size, index < 0), 0, size - 1));
}
