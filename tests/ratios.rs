//! Speed as ratios, never as times. These tests have a binary of their own and take turns, so that nothing else keeps the device
//! busy meanwhile; each compares the fastest of several interleaved runs.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail where it stands")]

mod common;

use common::{Elsewhere, gpu, random};
use foveate::array::{Array, Hw, Pads};
use foveate::graph::Graph;
use foveate::ops::{Conv2d, ConvTranspose2d, Op};
use foveate::plan::Plan;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

static TURN: Mutex<()> = Mutex::new(());

/// A plan of one operator, run once.
fn plan(op: impl Op + 'static, inputs: &[Array]) -> Plan {
    let graph = Graph::new();
    let names: Vec<String> = (0..inputs.len()).map(|i| i.to_string()).collect();
    let vars: Vec<_> = names.iter().zip(inputs).map(|(name, array)| graph.input(name, array.ty()).unwrap()).collect();
    let outputs = graph.apply(op, &vars.iter().collect::<Vec<_>>()).unwrap();
    let mut plan = Plan::compile(gpu(), &outputs.iter().collect::<Vec<_>>()).unwrap();
    plan.run(&names.iter().map(String::as_str).zip(inputs).collect::<Vec<_>>()).unwrap();
    plan
}

/// Microseconds of each plan's fastest run.
fn fastest<const N: usize>(mut plans: [Plan; N], replays: u32) -> [f64; N] {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut fastest = [f64::MAX; N];
    for _ in 0..15 {
        for (plan, fastest) in plans.iter_mut().zip(&mut fastest) {
            *fastest = fastest.min(plan.time(replays, 1, Duration::ZERO).unwrap()[0]);
        }
    }
    fastest
}

/// FCN-8s' upsampler by 8 and FCN-32s' by 32, with fewer channels: a stride of 32 costs as much per product that counts as one
/// of 8, for no zero is visited.
#[test]
fn the_stride_of_a_transposed_convolution_is_free() {
    let upsampler = |stride: usize, size: usize| {
        let inputs = [random(&[1, 6, size, size], 1), random(&[6, 6, 2 * stride, 2 * stride], 2)];
        let products = inputs[0].len() * 6 * 4 * stride * stride;
        (plan(ConvTranspose2d { stride: Hw::square(stride), ..Default::default() }, &inputs), products as f64)
    };
    let [(by_8, products_8), (by_32, products_32)] = [upsampler(8, 70), upsampler(32, 16)];
    let [us_8, us_32] = fastest([by_8, by_32], 3);
    let ratio = (us_32 / products_32) / (us_8 / products_8);
    assert!((0.5..2.0).contains(&ratio), "by 8: {us_8} us for {products_8} products, by 32: {us_32} us for {products_32}");
}

/// A software adapter needs the kernel that is made for it: a thread's registers hold what the direct one reads again.
#[test]
fn registers_pay_on_software_adapters() {
    if !gpu().capabilities().software {
        return; // a real GPU finishes so little before its clock ticks
    }
    let inputs = [random(&[1, 64, 24, 24], 1), random(&[64, 64, 3, 3], 2)];
    let plans = ["conv2d/register", "conv2d/direct"].map(|kernel| {
        let op = Conv2d { padding: Pads::all(1), ..Default::default() };
        plan(Elsewhere::new(op, |_| {}).only(kernel), &inputs)
    });
    let [register, direct] = fastest(plans, 1);
    assert!(register * 2.0 < direct, "register took {register} us, direct {direct}");
}

/// A product of matrices and a dense convolution do as much a second, within a factor: the convolution gathers as it goes.
#[test]
fn a_convolution_is_a_product_of_matrices() {
    let dense = Conv2d { padding: Pads::all(1), ..Default::default() };
    let convolution = plan(dense, &[random(&[1, 64, 32, 32], 1), random(&[64, 64, 3, 3], 2)]);
    let product = plan(foveate::ops::Matmul::default(), &[random(&[64, 576], 1), random(&[576, 1024], 2)]);
    let [convolution, product] = fastest([convolution, product], 2);
    assert!(convolution < product * 4.0, "the convolution took {convolution} us, the product of its size {product}");
}
