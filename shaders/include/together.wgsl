// conv_transpose2d/tile: four phases along x at a time, neighbours in weight and output, all inside or all outside.
// Element is vec4<f32>.

fn load_rows(at: vec4<u32>) -> vec4<f32> {
    return weight[at.x / 4u];
}

fn store_rows(place: Place, r: u32, rows_left: u32, values: vec4<f32>) {
    let row = rows[r];
    let y = row.y + place.y * params.stride_h;
    let x = row.x + place.x * params.stride_w;
    if (r < rows_left && y < params.output_h && x < params.output_w) {
        let at = row.output + place.output;
        let done = finish(values + row.bias, at, row.channel);
        note(done, 4u);
        output[at / 4u] = done;
    }
}
