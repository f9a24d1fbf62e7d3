//! Writes a text by hand, as carefully as three biases have it, one below the other, and draws where the network looked for the first.
//!
//! ```sh
//! cargo run --release --example handwriting -- "your words"     # to handwriting.svg and window.png
//! ```

use foveate::array::{file, picture};
use foveate::gpu::Gpu;
use foveate::models::handwriting::{Paper, Style, Writer, weights, window_picture};
use foveate::plan::Device;

fn main() -> foveate::Result<()> {
    let text = std::env::args().nth(1).unwrap_or_else(|| "no two words are alike".to_owned());
    let writer = Writer::new(&Device::from(&Gpu::new()?), &weights()?)?;
    let mut lines = Vec::new();
    for bias in [0.0, 0.5, 2.0] {
        let style = Style { bias, seed: 1, ..Style::default() };
        let written = writer.write(&[&text], &style, |_| ())?.remove(0);
        println!("bias {bias}: {} points, to the text's end: {}", written.line.points().len(), written.ended);
        if let (true, Some(phi)) = (lines.is_empty(), &written.phi) {
            picture::write_png("window.png", &window_picture(&written.line, phi)?)?;
        }
        lines.push(written.line);
    }
    file::write("handwriting.svg", Paper::new(&lines)?.svg().as_bytes())
}
