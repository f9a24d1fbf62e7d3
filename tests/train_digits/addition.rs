//! Two transformers are better than one, and one is better than none: MNIST addition (appendix A.1) as `examples/addition.rs` has it, two
//! digits, each turned, scaled and moved in a channel of its own, whose sum is asked for. One transformer can bring one of the digits
//! back, two can both; each sees and warps both channels. What is learnt has to be that, too: each look follows a digit of its own.
//!
//! Networks have 60,000 parameters to within 1 %; data, steps and rates are the same.

#[path = "../../examples/addition.rs"]
#[expect(dead_code, reason = "its main")]
mod example;

use super::common::gpu;
use super::mnist;
use example::{tested, trained};

const SEED: u64 = 1;
const STEPS: usize = 700;

#[test]
fn two_transformers_are_better_than_one_and_one_than_none() {
    let results = [0, 1, 2].map(|transformers| {
        let weights = trained(gpu(), &mnist(), transformers, SEED, STEPS).unwrap();
        let parameters = weights.parameters();
        assert!(parameters.abs_diff(60_000) <= 600, "{parameters} parameters with {transformers} transformers");
        let result = tested(gpu(), &mnist(), transformers, &weights).unwrap();
        println!("{transformers} transformers, {parameters} parameters: {result:?}");
        result
    });
    let [none, one, two] = [0, 1, 2].map(|transformers| results[transformers].error);
    assert!(one < none - 0.05 && two < one - 0.08, "errors of {none}, {one} and {two}");
    // Looks that stay at the centre are 2.5 pixels off each digit.
    let [[a, b], [c, d]] = [results[2].misses[0], results[2].misses[1]];
    let (own, other) = if a + d < b + c { ([a, d], [b, c]) } else { ([b, c], [a, d]) };
    assert!(own.iter().all(|&miss| miss < 1.2) && other.iter().all(|&miss| miss > 2.2), "looks are off by {:?}", results[2].misses);
}
