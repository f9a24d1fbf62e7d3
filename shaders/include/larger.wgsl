// Comparison for maxima that NaN wins, as in PyTorch; by its bits, since compilers may assume that there are none.

fn is_nan_of_one(value: f32) -> bool {
    return (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u;
}

fn are_nan(values: vec4<f32>) -> vec4<bool> {
    return (bitcast<vec4<u32>>(values) & vec4(0x7fffffffu)) > vec4(0x7f800000u);
}

fn is_larger(value: f32, best: f32) -> bool {
    return (value > best && !is_nan_of_one(best)) || is_nan_of_one(value);
}

fn are_larger(values: vec4<f32>, best: vec4<f32>) -> vec4<bool> {
    return ((values > best) & !are_nan(best)) | are_nan(values);
}
