//! quotient: against the host's own division, which is IEEE 754's.

use crate::common::{Bound, Case, check, random, random_below};
use foveate::array::Array;
use foveate::ops::Quotient;

#[test]
fn cases() {
    let special = vec![0.0, -0.0, 1.0, -1.0, 3.0, 255.0, 0.1, 1e-30, -3e38, 1.17e-38, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 7e-3];
    let rows = Array::new([14, 1], special.clone()).unwrap();
    let columns = Array::new([14], special).unwrap();
    // All exponents of divisors that leave the quotient normal.
    let spread = |seed| {
        let (x, e) = (random(&[20_001], seed), random(&[20_001], seed + 1));
        let (x, e) = (x.values::<f32>().unwrap().to_vec(), e.values::<f32>().unwrap().to_vec());
        Array::from_fn([20_001], |i| x[i] * (e[i] * 60.0).exp2())
    };
    let ties = Array::from_fn([601, 1], |i| (i as f32 - 300.0) / 2.0 * 0.1);
    check(vec![
        Case::new("special", Quotient, vec![rows, columns], Bound::Exact),
        Case::new("spread", Quotient, vec![spread(1), spread(3)], Bound::Exact),
        Case::new("beside ties", Quotient, vec![ties, Array::new([3], vec![0.1f32, 0.3, 255.0]).unwrap()], Bound::Exact),
        Case::refused("integers", Quotient, vec![random_below(&[2], 1, 3), random_below(&[2], 1, 3)], "cast them first"),
    ]);
}
