//! Whole photos: regions, crops and scores as resizing has them, the largest score, the ensemble.

use super::{drawn, narrow};
use crate::common::{Bound, check_composed, compare, fixture, gpu, on_the_host, random};
use foveate::array::{Array, Hw, TensorType};
use foveate::graph::{Graph, Var};
use foveate::models::deconvnet::{
    DeconvNet, Ensemble, MOST_REGIONS, Photos, Region, SCORE, classes, parse, resampled, scores_by_regions, selected, windows,
};
use foveate::models::{Normalisation, data};
use foveate::nn::{Weights, init};
use foveate::ops::{PadMode, Resize};
use foveate::plan::{Device, Plan};

fn regions(text: &str) -> Vec<Region> {
    parse(text, "test").unwrap()
}

fn normal(name: &str, shape: [usize; 4]) -> Array {
    let draws = init::Draws::new(1, name);
    Array::from_fn(shape, |i| draws.normal(i))
}

/// The sums of no more than some hundred products of weights that sum to 1 with values below 4.
const SUM: Bound = Bound::Near { absolute: 4.0 * 1e-6, relative: 0.0 };

#[test]
fn crops_and_scores_are_imresizes() {
    let (expected, photo, crop) = (fixture("deconvnet"), Hw::new(30, 40), Hw::new(12, 16));
    for (i, corners) in expected["regions"].values::<i32>().unwrap().chunks_exact(4).enumerate() {
        let region = Region::new(corners[0], corners[1], corners[2], corners[3]);
        let read = region.reading(photo, crop).unwrap();
        let write = region.writing(photo, crop).unwrap();
        for ([rows, columns], image, name) in
            [(read, normal("photo", [1, 3, 30, 40]), format!("crop{i}")), (write, normal("scores", [1, 3, 12, 16]), format!("paste{i}"))]
        {
            let [c, h, w] = *expected[&name].shape() else { panic!("{name}") };
            let wanted = expected[&name].clone().reshaped([1, c, h, w]).unwrap();
            check_composed(&name, &[image, rows, columns], |v| Ok(vec![resampled(&v[0], &v[1], &v[2])?]), &[&wanted], SUM);
        }
    }
}

#[test]
fn a_crop_is_a_padded_cut_resized_and_scores_are_resized_to_the_region() {
    let (photo, size) = (Hw::new(50, 60), Hw::new(24, 20));
    // Smaller than the crop, larger by no more than 3, over every edge, all of it.
    for region in regions("10 12 24 30\n3 5 50 44\n-9 -20 15 40\n40 30 75 61\n0 0 59 49\n-10 20 49 30") {
        let Hw { h, w } = region.size();
        let (x, y) = (region.x1 + 50, region.y1 + 60);
        // Along a side that grows, averaging changes nothing.
        let resize = |v: &Var, to: Hw| v.resize(Resize { antialias: true, ..Resize::bilinear(to) });
        let inputs = [normal("photo", [1, 3, 50, 60]), normal("scores", [1, 3, 24, 20])];
        let expected = on_the_host(&inputs, |v| {
            let padded = v[0].pad([0, 0, 60, 50], [0, 0, 60, 50], PadMode::Constant(0.0))?;
            let crop = resize(&padded.crop(y as usize, x as usize, Hw::new(h, w))?, size)?;
            Ok(vec![crop, resize(&v[1], Hw::new(h, w))?])
        });
        let [read_rows, read_columns] = region.reading(photo, size).unwrap();
        let [write_rows, write_columns] = region.writing(photo, size).unwrap();
        let all = [inputs[0].clone(), inputs[1].clone(), read_rows, read_columns, write_rows, write_columns];
        let found = on_the_host(&all, |v| Ok(vec![resampled(&v[0], &v[2], &v[3])?, resampled(&v[1], &v[4], &v[5])?]));
        compare(&found[0], &expected[0], None, SUM).unwrap_or_else(|e| panic!("{region:?}: {e}"));
        // Inside the region the resized scores, outside 0.
        let scores = expected[1].values::<f32>().unwrap();
        let over = Array::from_fn([1, 3, 50, 60], |i| {
            let (at_x, at_y) = ((i % 60) as i32 - region.x1, (i / 60 % 50) as i32 - region.y1);
            let inside = (0..w as i32).contains(&at_x) && (0..h as i32).contains(&at_y);
            if inside { scores[(i / 3000 * h + at_y as usize) * w + at_x as usize] } else { 0.0 }
        });
        compare(&found[1], &over, None, SUM).unwrap_or_else(|e| panic!("{region:?}: {e}"));
    }
}

#[test]
fn the_largest_score_counts_whatever_the_order_of_regions() {
    let (size, weights) = (Hw::new(80, 96), Weights::from_arrays("drawn", drawn()));
    let photo = random(&[1, 3, 80, 96], 3);
    let photo = Array::from_fn(photo.shape(), |i| photo.values::<f32>().unwrap()[i].abs());
    let [a, b] = [Region::new(0, 0, 79, 79), Region::new(16, -8, 105, 70)];
    let mut photos = Photos::new(&Device::from(gpu()), narrow(), &weights, size).unwrap();
    assert!(photos.add(a).unwrap_err().to_string().contains("no photo has begun"));
    let mut scores = |regions: &[Region]| {
        photos.begin(&photo).unwrap();
        regions.iter().for_each(|&r| photos.add(r).unwrap());
        photos.scores().unwrap()
    };
    let [only_a, only_b, both, turned] = [scores(&[a]), scores(&[b]), scores(&[a, b]), scores(&[b, a])];
    let (first, second) = (only_a.values::<f32>().unwrap(), only_b.values::<f32>().unwrap());
    let larger = Array::from_fn(only_a.shape(), |i| first[i].max(second[i]));
    assert_eq!(both, larger);
    assert_eq!(turned, larger);
    assert!(first.iter().zip(second).any(|(a, b)| a > b) && first.iter().zip(second).any(|(a, b)| a < b), "both count somewhere");
    // The same by hand: the crop, whose pixels must be the same bits lest nearly equal ones change places in a pooling, scored, resized,
    // and nothing below 0.
    let graph = Graph::new();
    let [rows, columns] = a.reading(size, narrow().size()).unwrap().map(|matrix| graph.parameter(matrix).unwrap());
    let crop = resampled(&graph.input("photo", photo.ty()).unwrap(), &rows, &columns).unwrap();
    let network = narrow().forward(&weights, &data(&crop).unwrap(), Normalisation::Inference).unwrap();
    let score = network.layer(SCORE).unwrap().output.resize(Resize { antialias: true, ..Resize::bilinear(Hw::square(80)) }).unwrap();
    let score = score.relu().unwrap();
    let score = Plan::compile(gpu(), &[&score]).unwrap().run(&[("photo", &photo)]).unwrap().remove(0);
    let values = score.values::<f32>().unwrap();
    let expected = Array::from_fn([1, 3, 80, 96], |i| if i % 96 < 80 { values[i / 96 * 80 + i % 96] } else { 0.0 });
    let largest = values.iter().fold(0.0f32, |m, v| m.max(*v));
    assert!(largest > 0.0);
    // As in `near`: the crop's roundings go through all layers.
    compare(&only_a, &expected, None, Bound::Near { absolute: 200.0 * f64::from(f32::EPSILON * largest), relative: 0.0 }).unwrap();
    // And both at once.
    let graph = Graph::new();
    let at_once = scores_by_regions(narrow(), &weights, &graph.input("photo", photo.ty()).unwrap(), &[a, b]).unwrap();
    let found = Plan::compile(gpu(), &[&at_once]).unwrap().run(&[("photo", &photo)]).unwrap();
    compare(&found[0], &both, None, Bound::Near { absolute: 200.0 * f64::from(f32::EPSILON * largest), relative: 0.0 }).unwrap();
    for (photo, regions) in [([1, 3, 80, 96], &[][..]), ([2, 3, 80, 96], &[a])] {
        let photo = graph.input(&format!("{photo:?}"), TensorType::f32(photo)).unwrap();
        assert!(scores_by_regions(narrow(), &weights, &photo, regions).is_err());
    }
    photos.begin(&photo).unwrap();
    photos.add(a).unwrap();
    let labels = photos.classes().unwrap();
    let best = |pixel: usize| (0..3).rev().max_by(|&c, &d| first[c * 7680 + pixel].total_cmp(&first[d * 7680 + pixel])).unwrap();
    assert_eq!(labels, Array::from_fn([1, 1, 80, 96], |pixel| best(pixel) as i32));
    assert!(photos.device_bytes() > 0);
    let error = photos.add(Region::new(-81, 0, 3, 3)).unwrap_err().to_string();
    assert!(error.contains("-81 0 3 3") && error.contains("96 x 80"), "{error}");
    assert!(photos.add(Region::new(5, 5, 4, 9)).unwrap_err().to_string().contains("5 5 4 9"));
    assert!(photos.begin(&Array::full([1, 3, 96, 80], 0.0f32)).unwrap_err().to_string().contains("f32[1, 3, 96, 80]"));
    assert!(photos.scores().is_err(), "a photo of another size has not begun");
}

#[test]
fn proposals_are_those_with_large_sides_until_there_are_fifty() {
    let small = Region::new(0, 0, 500, 110);
    let large = |i: i32| Region::new(i, i, i + 111, i + 111);
    assert_eq!(large(0).size(), Hw::square(112));
    let proposals: Vec<Region> = (0..60).flat_map(|i| [small, large(i)]).collect();
    assert_eq!(selected(&proposals, 112), (0..50).map(large).collect::<Vec<_>>());
    assert!(selected(&[small], 112).is_empty());
}

#[test]
fn windows_cover_the_photo_and_stay_in_it() {
    for (h, w) in [(375, 500), (500, 375), (224, 224), (112, 112), (300, 2000), (100, 90), (5000, 64), (1, 1)] {
        let found = windows(Hw::new(h, w), DeconvNet::new().least_side());
        assert_eq!(found[0], Region::new(0, 0, w as i32 - 1, h as i32 - 1));
        assert!(found.len() <= MOST_REGIONS && found.iter().skip(1).all(|r| r.size().h == r.size().w && r.size().h >= 112), "{h} x {w}");
        assert!(found.iter().all(|r| r.x1 >= 0 && r.y1 >= 0 && (r.x2 as usize) < w && (r.y2 as usize) < h), "{h} x {w}: {found:?}");
        assert!((1..found.len()).all(|i| !found[..i].contains(&found[i])), "{h} x {w}: none twice");
        // Every size of squares reaches every pixel.
        let sides: std::collections::BTreeSet<usize> = found.iter().skip(1).map(|r| r.size().h).collect();
        for side in sides {
            let of = || found.iter().filter(|r| r.size() == Hw::square(side));
            let reached = |x: usize, y: usize| of().any(|r| (r.x1..=r.x2).contains(&(x as i32)) && (r.y1..=r.y2).contains(&(y as i32)));
            assert!((0..h).step_by(7).chain([h - 1]).all(|y| (0..w).step_by(7).chain([w - 1]).all(|x| reached(x, y))), "{h} x {w}: {side}");
        }
    }
    assert_eq!(windows(Hw::new(375, 500), 112).len(), 29);
}

#[test]
fn a_text_of_proposals_is_read_and_its_faults_are_named() {
    let text = "# of edge boxes\n10 20 300 400\n\n  -3\t0 5 7  # over the edge\n";
    assert_eq!(regions(text), [Region::new(10, 20, 300, 400), Region::new(-3, 0, 5, 7)]);
    for (text, faults) in [
        ("1 2 3 4\n1 2 3", ["boxes.txt", "line 2", "3 numbers"]),
        ("1 2 3 4 0.5\n", ["boxes.txt", "line 1", "'0.5' is no whole number"]),
        ("1 2 3 4 5\n", ["boxes.txt", "line 1", "5 numbers"]),
        ("\n\n5 2 4 9", ["boxes.txt", "line 3", "wrong way round"]),
        ("1 2 3 99999999999", ["boxes.txt", "line 1", "'99999999999'"]),
        ("# none\n", ["boxes.txt", "no regions", "x1 y1 x2 y2"]),
    ] {
        let error = parse(text, "boxes.txt").unwrap_err().to_string();
        assert!(faults.iter().all(|fault| error.contains(fault)), "{error}");
    }
    let error = foveate::models::deconvnet::read("nowhere/boxes.txt").unwrap_err().to_string();
    assert!(error.contains("nowhere/boxes.txt"), "{error}");
}

#[test]
fn both_forms_of_the_ensemble() {
    let (shape, plane) = ([2, 4, 3, 5], 15);
    let scaled = |seed: u64, by: f32| {
        let values = random(&shape, seed);
        Array::from_fn(shape, |i| by * values.values::<f32>().unwrap()[i])
    };
    let deconvnet = scaled(20, 3.0);
    let deconvnet = Array::from_fn(shape, |i| deconvnet.values::<f32>().unwrap()[i].max(0.0));
    let fcn = scaled(21, 4.0);
    let (d, f) = (deconvnet.to_f64(), fcn.to_f64());
    let softmax = |scores: &dyn Fn(usize) -> f64, i: usize| {
        let pixel = i / (4 * plane) * 4 * plane + i % plane;
        scores(i).exp() / (0..4).map(|c| scores(pixel + c * plane).exp()).sum::<f64>()
    };
    let product = |i: usize| d[i] * f[i].max(0.0);
    let expected = [
        (Ensemble::Product, Array::from_fn(shape, |i| softmax(&product, i) as f32)),
        (Ensemble::Mean, Array::from_fn(shape, |i| ((softmax(&|i| d[i], i) + softmax(&|i| f[i], i)) / 2.0) as f32)),
    ];
    for (form, probabilities) in expected {
        let values = probabilities.values::<f32>().unwrap();
        let best = |i: usize| {
            let pixel = i / plane * 4 * plane + i % plane;
            (0..4).rev().max_by(|&a, &b| values[pixel + a * plane].total_cmp(&values[pixel + b * plane])).unwrap() as i32
        };
        let labels = Array::from_fn([2, 1, 3, 5], best);
        let both = |v: &[Var]| {
            let probabilities = form.probabilities(&v[0], &v[1])?;
            Ok(vec![probabilities.clone(), classes(&probabilities)?])
        };
        // Exponentials and quotients: some eps of a probability.
        let bound = Bound::Near { absolute: 1e-7, relative: 1e-5 };
        check_composed(&format!("{form:?}"), &[deconvnet.clone(), fcn.clone()], both, &[&probabilities, &labels], bound);
    }
    let graph = Graph::new();
    let [a, b] = [[1, 4, 3, 5], [1, 4, 5, 3]].map(|s| graph.input(&format!("{s:?}"), TensorType::f32(s)).unwrap());
    let error = Ensemble::Mean.probabilities(&a, &b).unwrap_err().to_string();
    assert!(error.contains("f32[1, 4, 3, 5]") && error.contains("f32[1, 4, 5, 3]"), "{error}");
    assert_eq!(DeconvNet::default(), DeconvNet::new());
}

#[test]
fn a_region_of_a_scaled_photo_is_the_same_part_of_it() {
    let (own, seen) = (Hw::new(1000, 2000), Hw::new(250, 500));
    assert_eq!(Region::new(0, 0, 1999, 999).scaled(own, seen), Region::new(0, 0, 499, 249), "all stays all");
    assert_eq!(Region::new(400, 200, 799, 599).scaled(own, seen), Region::new(100, 50, 199, 149));
    assert_eq!(Region::new(-8, -3, 3, 4).scaled(own, seen), Region::new(-2, -1, 0, 0));
    let extreme = Region::new(i32::MIN, i32::MIN, i32::MAX, i32::MAX);
    assert_eq!(extreme.scaled(own, own), extreme);
    assert_eq!(extreme.scaled(Hw::square(1), Hw::square(500)), extreme, "what is beyond an i32 is its end");
    assert_eq!(Region::new(1, 2, 3, 4).scaled(own, own), Region::new(1, 2, 3, 4));
}
