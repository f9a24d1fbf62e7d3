//! clip: case table.

use crate::common::{Bound, Case, check, fixture, random_below};
use foveate::ops::Clip;

#[test]
fn cases() {
    let numbers = fixture("unary");
    let case = |name: &str, min, max| {
        let [input, output] = ["input", "output"].map(|part| numbers[&format!("{name}/{part}")].clone());
        Case::new(name, Clip { min, max }, vec![input], Bound::Exact).outputs(vec![output])
    };
    check(vec![
        case("clip", Some(-1.25), Some(2.0)),
        case("clip_below", Some(0.5), None),
        case("clip_crossed", Some(2.0), Some(1.0)),
        Case::refused("NaN", Clip { min: Some(f32::NAN), max: None }, vec![numbers["clip/input"].clone()], "bounds are"),
        Case::refused("i32", Clip::default(), vec![random_below(&[3], 1, 5)], "cast it first"),
    ]);
}
