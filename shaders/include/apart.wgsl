// conv_transpose2d/tile: rows of a tile that are not neighbours in weight and output. Element is f32.

fn load_rows(at: vec4<u32>) -> vec4<f32> {
    return vec4(weight[at.x], weight[at.y], weight[at.z], weight[at.w]);
}

fn store_row(place: Place, r: u32, rows_left: u32, value: f32) {
    let row = rows[r];
    let y = row.y + place.y * params.stride_h;
    let x = row.x + place.x * params.stride_w;
    if (r < rows_left && y < params.output_h && x < params.output_w) {
        let at = row.output + place.output;
        let done = finish(value + row.bias, at, row.channel);
        note(done, 1u);
        output[at] = done;
    }
}

fn store_rows(place: Place, r: u32, rows_left: u32, values: vec4<f32>) {
    store_row(place, r, rows_left, values.x);
    store_row(place, r + 1u, rows_left, values.y);
    store_row(place, r + 2u, rows_left, values.z);
    store_row(place, r + 3u, rows_left, values.w);
}
