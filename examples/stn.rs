//! What each transform of a spatial transformer does to a photo: before with the grid that is read, and after.
//!
//!     cargo run --release --example stn -- me.jpg

use foveate::array::picture::{Picture, write_png};
use foveate::array::{Array, Hw};
use foveate::gpu::Gpu;
use foveate::graph::Graph;
use foveate::models::stn::{Transform, before_and_after};
use foveate::ops::Resize;
use foveate::plan::Plan;

fn main() -> foveate::Result<()> {
    let path = std::env::args().nth(1).unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/assets/astronaut.png").to_owned());
    let photo = Picture::open(path)?;
    let (sine, cosine) = 0.5f32.sin_cos();
    // A wave for the spline: every second control point goes up, the others down.
    let mut wave = Transform::ThinPlateSpline.identity();
    for (k, point) in wave.chunks_exact_mut(2).enumerate() {
        point[1] += if k % 2 == 0 { 0.15 } else { -0.15 };
    }
    let transforms = [
        ("attention", Transform::Attention, vec![0.5, -0.1, -0.5]),
        ("affine", Transform::Affine, vec![cosine, -sine, 0.1, sine, cosine, 0.0]),
        ("projective", Transform::Projective, vec![1.0, 0.1, 0.0, 0.0, 1.0, 0.1, 0.3, 0.2]),
        ("thin_plate_spline", Transform::ThinPlateSpline, wave),
    ];

    let graph = Graph::new();
    let input = graph.input("photo", photo.rgb.ty())?;
    let size = Hw::square(256);
    let small = input.resize(Resize::smooth(size))?;
    let mut outputs = vec![small.clone()];
    for (_, transform, theta) in &transforms {
        let theta = graph.constant(Array::new([1, theta.len()], theta.clone())?)?;
        outputs.extend([transform.grid(&theta, size)?, transform.warp(&small, &theta, size)?]);
    }
    let mut plan = Plan::compile(&Gpu::new()?, &outputs.iter().collect::<Vec<_>>())?;
    let computed = plan.run(&[("photo", &photo.rgb)])?;
    for ((name, _, _), pair) in transforms.iter().zip(computed[1..].chunks_exact(2)) {
        let path = format!("stn_{name}.png");
        write_png(&path, &before_and_after(&computed[0], &pair[0], &pair[1])?)?;
        println!("{path}");
    }
    Ok(())
}
