//! Whether examples are moved and coloured as they should be.

use super::super::{Arrays, Fit, Frame, ImageFolder, MaskFolder, Part, Pictures, VOID};
use super::*;
use crate::array::picture::{write_indexed_png, write_png};

const SIZE: Hw = Hw { h: 3, w: 4 };

/// One example: each pixel's place in red as k/16, and as its label; green and blue are others.
fn data() -> Arc<dyn Dataset> {
    let image = Array::from_fn([1, 3, SIZE.h, SIZE.w], |i| [1.0, 0.5, 0.25][i / SIZE.area()] * (1 + i % SIZE.area()) as f32 / 16.0);
    let label = Array::from_fn([1, SIZE.h, SIZE.w], |i| 1 + i as i32);
    Arc::new(Arrays::new(vec![("label".into(), label), ("image".into(), image)]).unwrap())
}

fn augmented(list: &[Augmentation], visit: u64) -> (Vec<f32>, Vec<i32>) {
    let example = Augmented::new(data(), list.to_vec(), 3).unwrap().example(0, visit).unwrap();
    (example[1].values().unwrap().to_vec(), example[0].values().unwrap().to_vec())
}

/// What a sample of one channel looks like after something.
fn sample(change: impl Fn(&mut Sample)) -> (Vec<i32>, Vec<i32>) {
    let labels: Vec<i32> = (1..=12).collect();
    let mut sample = Sample { image: labels.iter().map(|v| *v as f32).collect(), label: Some(labels), channels: 1, size: SIZE };
    change(&mut sample);
    (sample.image.iter().map(|v| v.round() as i32).collect(), sample.label.unwrap())
}

#[test]
fn flips_and_turns_move_image_and_mask() {
    let both = |moved: (Vec<i32>, Vec<i32>), expected: [i32; 12]| {
        assert_eq!(moved.0, expected.map(|v| if v == 255 { 0 } else { v }));
        assert_eq!(moved.1, expected);
    };
    both(sample(|s| s.flip([true, false])), [4, 3, 2, 1, 8, 7, 6, 5, 12, 11, 10, 9]);
    both(sample(|s| s.flip([false, true])), [9, 10, 11, 12, 5, 6, 7, 8, 1, 2, 3, 4]);
    both(sample(|s| s.rotate(std::f64::consts::PI)), [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    // A quarter against the clock of the middle 3 x 3, as numpy.rot90 has it, if the image is square.
    let square: Vec<i32> = (1..=9).collect();
    let mut turned = Sample { image: vec![0.0; 9], label: Some(square), channels: 1, size: Hw::square(3) };
    turned.rotate(std::f64::consts::FRAC_PI_2);
    assert_eq!(turned.label.unwrap(), [3, 6, 9, 2, 5, 8, 1, 4, 7]);
    // The corners of a square that is turned by 45 degrees come from outside.
    let mut turned = Sample { image: vec![1.0; 25], label: Some(vec![1; 25]), channels: 1, size: Hw::square(5) };
    turned.rotate(std::f64::consts::FRAC_PI_4);
    let (image, label) = (turned.image, turned.label.unwrap());
    for (corner, middle) in [(0, 12), (4, 7), (24, 17)] {
        assert_eq!((label[corner], label[middle]), (i32::from(VOID), 1));
        assert!(image[corner] < 0.3 && (image[middle] - 1.0).abs() < 1e-6, "{image:?}");
    }
}

#[test]
fn crops_move_image_and_mask() {
    let mut seen = std::collections::BTreeSet::new();
    for visit in 0..60 {
        let (image, label) = augmented(&[Augmentation::Crop { padding: 1 }], visit);
        for (value, label) in image[..12].iter().zip(&label) {
            let expected = if *label == i32::from(VOID) { 0.0 } else { *label as f32 / 16.0 };
            assert_eq!(*value, expected);
        }
        let shift = label[5] - 6;
        assert!([-5, -4, -3, -1, 0, 1, 3, 4, 5].contains(&shift), "{shift}");
        seen.insert(shift);
    }
    assert_eq!(seen.len(), 9, "every place of the padded image");

    let whole = Augmentation::ResizedCrop { scale: [1.0; 2], ratio: [4.0 / 3.0; 2] };
    assert_eq!(augmented(&[whole], 0), augmented(&[], 0), "all of the image is the image");
    let mut parts = std::collections::BTreeSet::new();
    for visit in 0..40 {
        let (_, label) = augmented(&[Augmentation::ResizedCrop { scale: [0.3, 0.4], ratio: [0.7, 1.4] }], visit);
        assert!(label.iter().all(|l| (1..=12).contains(l)), "nothing comes from outside");
        let distinct: std::collections::BTreeSet<i32> = label.iter().copied().collect();
        assert!((2..=6).contains(&distinct.len()), "{label:?}");
        parts.insert(distinct.into_iter().collect::<Vec<_>>());
    }
    assert!(parts.len() > 3, "{parts:?}");
    // No part has these proportions: the middle of full height is taken.
    let (_, label) = augmented(&[Augmentation::ResizedCrop { scale: [1.0; 2], ratio: [1.0; 2] }], 0);
    assert!(label[0] % 4 != label[3] % 4 && label.iter().all(|l| (1..=12).contains(l)));
}

/// Of a photo of 40 x 60 what is in column x, row y: its place in red and green, a chequered blue; and the class there.
fn fine(x: usize, y: usize) -> ([usize; 3], usize) {
    ([4 * x, 6 * y, 255 * ((x + y) % 2)], (x + 2 * y) % 5)
}

#[test]
fn a_resized_crop_that_comes_first_has_the_detail_of_the_photo() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    ["photos", "masks"].iter().for_each(|name| std::fs::create_dir(at(name)).unwrap());
    let (photo, class) = (|i: usize| fine(i % 60, i / 60 % 40).0[i / 2400], |i: usize| fine(i % 60, i / 60).1 as i32);
    write_png(at("photos/a.png"), &Array::from_fn([1, 3, 40, 60], |i| photo(i) as f32 / 255.0)).unwrap();
    write_indexed_png(at("masks/a.png"), &Array::from_fn([1, 1, 40, 60], class), |class| [class; 3]).unwrap();
    let frame = Frame::new(Hw::square(8), 3, Fit::Crop).unwrap();
    let masks = MaskFolder::open(at("photos"), at("masks"), frame, 5).unwrap();
    let arrays = [Array::from_fn([1, 3, 40, 60], |i| photo(i) as i32), Array::from_fn([1, 40, 60], class)];
    let pictures = Pictures::new("arrays", &arrays[0], &arrays[1]).unwrap().framed(frame);
    let outside = masks.cropped(0, 0, &|_| Part { top: 33, left: 0, size: Hw::square(8) }).unwrap_err().to_string();
    assert!(outside.contains("no part of a picture of 40 x 60"), "{outside}");

    // Of 2400 pixels 64, in a square: as many as an example has, so none is mixed with its neighbours.
    let crop = Augmentation::ResizedCrop { scale: [64.0 / 2400.0; 2], ratio: [1.0; 2] };
    let seen =
        |data: Arc<dyn Dataset>, list: Vec<Augmentation>, visit: u64| Augmented::new(data, list, 3).unwrap().example(0, visit).unwrap();
    let (masks, pictures, folders): (Arc<dyn Dataset>, Arc<dyn Dataset>, Arc<dyn Dataset>) =
        (Arc::new(masks), Arc::new(pictures), Arc::new(ImageFolder::open(folder.path(), frame).unwrap()));
    let mut firsts = Vec::new();
    for visit in 0..24 {
        let example = seen(Arc::clone(&masks), vec![crop], visit);
        let bytes: Vec<usize> = example[0].to_f64().iter().map(|v| (v * 255.0).round() as usize).collect();
        let (left, top) = (bytes[0] / 4, bytes[64] / 6);
        for (i, label) in example[1].to_f64().into_iter().enumerate() {
            let (rgb, class) = fine(left + i % 8, top + i / 8);
            assert_eq!(([bytes[i], bytes[64 + i], bytes[128 + i]], label), (rgb, class as f64), "{i} of {left}, {top}");
        }
        assert_eq!(seen(Arc::clone(&pictures), vec![crop], visit), example);
        firsts.push(left);
        // Behind anything else it sees no more than the example, where five pixels each way have become one.
        let later = seen(Arc::clone(&masks), vec![Augmentation::VerticalFlip { p: 0.0 }, crop], visit)[0].to_f64();
        assert!(later[128..].iter().all(|blue| (0.4..0.6).contains(blue)), "{later:?}");
    }
    assert!(firsts.iter().any(|left| *left < 10) && firsts.iter().any(|left| *left > 42), "beyond the middle too: {firsts:?}");
    // The folder of masks comes first by name.
    assert_eq!(folders.len(), 2);
    let photo = Augmented::new(folders, vec![crop], 3).unwrap().example(1, 5).unwrap();
    let blue = &photo[0].to_f64()[128..];
    assert!(blue.iter().all(|blue| [0.0, 1.0].contains(blue)) && photo[1].to_f64() == [1.0], "{blue:?}");
}

#[test]
fn colours_change_by_their_formulas() {
    let mut random = Numbers::new(1, "colours");
    let base = [0.2f32, 0.6, 0.4, 0.4, 0.8, 0.0];
    let grey = [0.299 * 0.2 + 0.587 * 0.4 + 0.114 * 0.8, 0.299 * 0.6 + 0.587 * 0.4];
    let mean = (grey[0] + grey[1]) / 2.0;
    for kind in 0..3 {
        let mut most = [0.0; 3];
        most[kind] = 0.5;
        let mut image = base;
        jittered(&mut image, 3, most, &mut random);
        // The factor, from a value that is neither at its fixed point nor clipped, holds for all.
        let fixed = |i: usize| [0.0, mean, grey[i % 2]][kind];
        let factor = (image[0] - fixed(0)) / (base[0] - fixed(0));
        assert!((0.5..=1.5).contains(&factor) && (factor - 1.0).abs() > 1e-3, "{kind}: {factor}");
        for (i, (after, before)) in image.iter().zip(base).enumerate() {
            let expected = (fixed(i) + factor * (before - fixed(i))).clamp(0.0, 1.0);
            assert!((after - expected).abs() < 1e-5, "{kind}: {image:?}");
        }
    }
    let mut image = vec![0.5f32; 4000];
    noisy(&mut image, 0.1, 0.05, true, &mut random);
    let mean = image.iter().sum::<f32>() / 4000.0;
    let deviation = (image.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / 4000.0).sqrt();
    // Five standard errors: 0.05 / sqrt(4000), and that over sqrt(2).
    assert!((mean - 0.6).abs() < 4e-3 && (deviation - 0.05).abs() < 2.8e-3, "{mean} {deviation}");
}

#[test]
fn seed_example_and_visit_decide() {
    let all = [
        Augmentation::HorizontalFlip { p: 0.5 },
        Augmentation::VerticalFlip { p: 0.5 },
        Augmentation::Rotation { degrees: 20.0 },
        Augmentation::ColorJitter { brightness: 0.2, contrast: 0.2, saturation: 0.2 },
        Augmentation::GaussianNoise { mean: 0.0, sigma: 0.02, clip: true },
    ];
    assert_eq!(augmented(&all, 5), augmented(&all, 5));
    assert_ne!(augmented(&all, 5), augmented(&all, 6));
    let other = Augmented::new(data(), all.to_vec(), 4).unwrap();
    assert_ne!(other.example(0, 5).unwrap()[1].values::<f32>().unwrap(), augmented(&all, 5).0);
    let flipped = (0..200).filter(|visit| augmented(&all[..1], *visit).1[0] == 4).count();
    assert!((65..=135).contains(&flipped), "{flipped} of 200");
}

#[test]
fn what_means_nothing_is_refused() {
    for (augmentation, reason) in [
        (Augmentation::HorizontalFlip { p: 1.5 }, "1.5"),
        (Augmentation::ResizedCrop { scale: [0.5, 2.0], ratio: [1.0, 1.0] }, "no scale is above 1"),
        (Augmentation::ResizedCrop { scale: [0.5, 1.0], ratio: [2.0, 1.0] }, "the least first"),
        (Augmentation::Rotation { degrees: f64::NAN }, "degrees"),
        (Augmentation::GaussianNoise { mean: 0.0, sigma: -1.0, clip: false }, "deviation"),
    ] {
        let error = Augmented::new(data(), vec![augmentation], 0).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    let numbers: Arc<dyn Dataset> = Arc::new(Arrays::new(vec![("x".into(), Array::full([2, 3], 0.0f32))]).unwrap());
    let error = Augmented::new(numbers, vec![], 0).unwrap_err().to_string();
    assert!(error.contains("the data have x f32[3]"), "{error}");
}
