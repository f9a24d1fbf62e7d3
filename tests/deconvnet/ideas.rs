//! The ideas of the network on small data: unpooling undoes pooling, deconvolution convolution, folding normalisation.

use super::{Normalisation, SHAPE, batch, drawn, first, narrow, output, run, weights};
use crate::common::{Bound, check_composed, compare, gpu, on_the_host, random};
use foveate::array::{Array, Hw, Pads};
use foveate::graph::Var;
use foveate::models::deconvnet::Statistics;
use foveate::nn::Weights;
use foveate::ops::{Conv2d, ConvTranspose2d, MaxPool2d, MaxUnpool2d};
use foveate::plan::Device;

/// Sizes of which pooling loses nothing, half a row, half a column, both.
const SIZES: [(usize, usize); 4] = [(8, 6), (7, 6), (8, 5), (9, 7)];

fn pooled(x: &Var) -> foveate::Result<(Var, Var)> {
    x.max_pool2d_with_indices(MaxPool2d { ceil_mode: true, ..Default::default() })
}

fn unpooled(y: &Var, switches: &Var, size: (usize, usize)) -> foveate::Result<Var> {
    y.max_unpool2d(switches, MaxUnpool2d { output_size: Some(Hw::new(size.0, size.1)), ..Default::default() })
}

fn dot(a: &Array, b: &Array) -> f64 {
    assert_eq!(a.shape(), b.shape());
    a.to_f64().iter().zip(b.to_f64()).map(|(a, b)| a * b).sum()
}

#[test]
fn unpooling_what_was_pooled_keeps_the_largest_of_each_window() {
    for (h, w) in SIZES {
        let x = random(&[2, 3, h, w], 5);
        let values = x.values::<f32>().unwrap();
        let windows = |i: usize| {
            let (plane, y, x) = (i / w / h, i / w % h, i % w);
            let pixels = (y / 2 * 2..(y / 2 * 2 + 2).min(h)).flat_map(move |y| (x / 2 * 2..(x / 2 * 2 + 2).min(w)).map(move |x| (y, x)));
            pixels.map(move |(y, x)| values[(plane * h + y) * w + x]).fold(f32::MIN, f32::max)
        };
        let expected = Array::from_fn(x.shape(), |i| if values[i] == windows(i) { values[i] } else { 0.0 });
        let again = |v: &[Var]| {
            let (y, switches) = pooled(&v[0])?;
            Ok(vec![unpooled(&y, &switches, (h, w))?])
        };
        check_composed(&format!("{h} x {w}"), std::slice::from_ref(&x), again, &[&expected], Bound::Exact);
    }
}

#[test]
fn of_equal_values_the_first_is_where_unpooling_puts_it() {
    let x = Array::full([1, 1, 3, 4], 2.0f32);
    let expected = Array::new([1, 1, 3, 4], vec![2.0f32, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 2.0, 0.0]).unwrap();
    let again = |v: &[Var]| {
        let (y, switches) = pooled(&v[0])?;
        Ok(vec![unpooled(&y, &switches, (3, 4))?])
    };
    check_composed("equal", &[x], again, &[&expected], Bound::Exact);
}

#[test]
fn pooling_what_was_unpooled_gives_it_back_and_nothing_is_lost() {
    for (h, w) in SIZES {
        let (size, channels) = ([2, 3, h.div_ceil(2), w.div_ceil(2)], 3);
        let positive = random(&size, 6);
        let positive = Array::from_fn(size, |i| positive.values::<f32>().unwrap()[i].abs());
        let [other, dual] = [random(&[2, channels, h, w], 7), random(&[2, channels, h, w], 8)];
        let again = |v: &[Var]| {
            let (_, switches) = pooled(&v[1])?;
            let up = unpooled(&v[0], &switches, (h, w))?;
            // What an output's gradient comes back as: out of its switch's place.
            let rows = v[2].reshape([2, channels, h * w])?;
            let places = switches.reshape([2, channels, size[2] * size[3]])?;
            let back = rows.gather_elements(2, &places)?.reshape(size)?;
            Ok(vec![pooled(&up)?.0, up.clone(), back])
        };
        let inputs = [positive.clone(), other, dual.clone()];
        let outputs = on_the_host(&inputs, again);
        assert_eq!(outputs[0], positive, "{h} x {w}");
        let expected = outputs.iter().collect::<Vec<_>>();
        check_composed(&format!("{h} x {w}"), &inputs, again, &expected, Bound::Exact);
        let sum = |a: &Array| a.to_f64().iter().sum::<f64>();
        assert!((sum(&outputs[1]) - sum(&positive)).abs() < 1e-12);
        let (forward, backward) = (dot(&outputs[1], &dual), dot(&positive, &outputs[2]));
        assert!((forward - backward).abs() < 1e-12, "{h} x {w}: {forward} and {backward}");
    }
}

#[test]
fn deconvolution_is_the_adjoint_of_convolution() {
    for (kernel, padding, size) in [(3, 1, 6), (7, 0, 7), (3, 0, 5)] {
        let out = size + 2 * padding + 1 - kernel;
        let (x, y) = (random(&[2, 4, size, size], 9), random(&[2, 5, out, out], 10));
        let weight = random(&[5, 4, kernel, kernel], 11);
        let padding = Pads::all(padding);
        let outputs = on_the_host(&[x.clone(), y.clone(), weight], |v| {
            let conv = v[0].conv2d(&v[2], None, Conv2d { padding, ..Default::default() })?;
            let deconv = v[1].conv_transpose2d(&v[2], None, ConvTranspose2d { padding, ..Default::default() })?;
            Ok(vec![conv, deconv])
        });
        let (forward, backward) = (dot(&outputs[0], &y), dot(&x, &outputs[1]));
        // Outputs are rounded to f32 once: eps / 2 of each of at most 490 terms that are about 5.
        assert!((forward - backward).abs() < 490.0 * 5.0 * 6e-8, "{kernel}: {forward} and {backward}");
    }
}

#[test]
fn deconvolution_by_one_is_convolution_with_the_kernels_turned() {
    let (x, weight, bias) = (random(&[2, 4, 6, 5], 12), random(&[4, 3, 3, 3], 13), random(&[3], 14));
    let padding = Pads::all(1);
    let inputs = [x, weight, bias];
    let turned = |v: &[Var]| {
        // From (inputs, outputs, k, k) to (outputs, inputs, k, k), each kernel turned by half.
        let weight = v[1].transpose([1, 0, 2, 3])?.flip(&[2, 3])?;
        Ok(vec![v[0].conv2d(&weight, Some(&v[2]), Conv2d { padding, ..Default::default() })?])
    };
    let expected = on_the_host(&inputs, turned).remove(0);
    let deconv = |v: &[Var]| Ok(vec![v[0].conv_transpose2d(&v[1], Some(&v[2]), ConvTranspose2d { padding, ..Default::default() })?]);
    // 36 products of at most 1, and a bias.
    check_composed("turned", &inputs, deconv, &[&expected], Bound::Near { absolute: 2.0 * 37.0 * 37.0 * 1.2e-7, relative: 0.0 });
}

#[test]
fn folding_keeps_what_a_layer_computes() {
    let (device, data) = (Device::from(gpu()), batch("data"));
    let mut statistics = Statistics::new(&device, narrow(), &weights(), SHAPE).unwrap();
    statistics.add(&data).unwrap();
    let folded = statistics.folded().unwrap();
    let layer = |weights: &Weights, by| run(gpu(), weights, &data, by, |network| vec![output(network, "conv1_1")]).remove(0);
    let [learned, inferred] = [layer(&weights(), Normalisation::Learn), layer(&folded, Normalisation::Inference)];
    // The variance of a batch of m has been scaled by m / (m - 1): that is 1 / 2m of a deviation, less than the roundings.
    assert!(SHAPE[0] * SHAPE[2] * SHAPE[3] > 70_000);
    let largest = learned.to_f64().into_iter().fold(0.0, f64::max);
    compare(&inferred, &learned, None, Bound::Near { absolute: 2e-5 * largest, relative: 0.0 }).unwrap();
    // Of two values a layer, fc6, the factor is 2.
    let moments = run(gpu(), &weights(), &data, Normalisation::Learn, |network| {
        let fc6 = network.moments.iter().find(|m| m.name == "bnfc6").unwrap();
        assert_eq!(fc6.values, 2);
        vec![fc6.mean.clone(), fc6.variance.clone()]
    });
    let [mean, variance] = [0, 1].map(|i: usize| moments[i].to_f64());
    let old = |field: &str| drawn().into_iter().find(|(n, _)| n == &format!("bnfc6.{field}")).unwrap().1.to_f64();
    let (scale, shift) = (old("weight"), old("bias"));
    let factor = |c: usize| scale[c] / (2.0 * variance[c] + 1e-9).sqrt();
    let new = |field: &str| Array::clone(folded.get(&format!("bnfc6.{field}")).unwrap());
    for (field, expected) in [
        ("weight", Array::from_fn([128], |c| factor(c) as f32)),
        ("bias", Array::from_fn([128], |c| (shift[c] - mean[c] * factor(c)) as f32)),
    ] {
        // Both are of the same statistics, in f64 but for the last rounding; a shift may be a small difference.
        compare(&new(field), &expected, None, Bound::Near { absolute: 1e-6, relative: 2e-7 }).unwrap();
    }
    // What is not normalisation is the same memory.
    let before = weights();
    assert!(before.names().filter(|n| !n.contains("bn")).all(|n| before.get(n).unwrap() == folded.get(n).unwrap()));
}

#[test]
fn a_batch_is_normalised_by_itself_and_a_constant_channel_to_its_shift() {
    // Another second image changes the first one's scores when learning, and does not afterwards.
    let data = batch("data");
    let mut other = data.clone();
    let half = other.len() / 2;
    other.values_mut::<f32>().unwrap()[half..].iter_mut().for_each(|v| *v *= -0.5);
    let conv =
        |data: &Array, by| first_of(&run(Device::from(gpu()), &weights(), data, by, |network| vec![output(network, "conv1_1")]).remove(0));
    assert_ne!(conv(&data, Normalisation::Learn), conv(&other, Normalisation::Learn));
    assert_eq!(conv(&data, Normalisation::Inference), conv(&other, Normalisation::Inference));
    assert_eq!(first(&data), first(&other));
    // Without kernels, conv1_1 is its bias everywhere: mean that, variance 0, and what is left is the shift.
    let arrays = drawn().into_iter().map(|(n, a)| {
        let zero = n == "conv1_1.weight";
        let shape = a.shape().to_vec();
        (n, if zero { Array::full(shape, 0.0f32) } else { a })
    });
    let constant = run(gpu(), &Weights::from_arrays("constant", arrays), &data, Normalisation::Learn, |network| {
        vec![output(network, "conv1_1"), network.moments[0].variance.clone()]
    });
    let shift = drawn().into_iter().find(|(n, _)| n == "bn1_1.bias").unwrap().1.to_f64();
    let variance = constant[1].to_f64();
    let plane = SHAPE[2] * SHAPE[3];
    // A mean of so many equal numbers is off by some eps of them, here of 0.125 by at most 32; over sqrt(1e-9) that is 31,623 times as
    // much. E[x^2] - E[x]^2 might come out below -1e-9, and its root as NaN.
    let values = constant[0].to_f64();
    let worst = values.iter().enumerate().map(|(i, v)| (v - shift[i / plane % 2].max(0.0)).abs()).fold(0.0, f64::max);
    assert!(variance.iter().all(|v| (0.0..1e-11).contains(v)), "{variance:?}");
    assert!(worst < 31_623.0 * 32.0 * 0.125 * f64::from(f32::EPSILON), "{worst} {shift:?}");
}

fn first_of(array: &Array) -> Array {
    let [_, c, h, w] = *array.shape() else { panic!("{}", array.ty()) };
    Array::new([1, c, h, w], array.values::<f32>().unwrap()[..c * h * w].to_vec()).unwrap()
}
