//! ONNX files that are cut, twisted or made to harm: every one ends in an answer or an error, soon.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail where it stands")]

#[path = "fuzz/import.rs"]
mod import;

use import::import;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Real files of many kinds: one whole network, and of ONNX's own cases those that hold much structure.
fn seeds() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let cases = [
        "test_if",
        "test_loop11",
        "test_scan9_sum",
        "test_constant_pad",
        "test_resize_upsample_sizes_nearest",
        "test_lstm_defaults",
        "test_layer_normalization_4d_axis0_expanded_ver18",
        "test_range_int32_type_negative_delta_expanded",
        "test_slice",
        "test_einsum_batch_matmul",
        "test_dynamicquantizelinear_expanded",
        "test_sce_mean_weight_ii_4d_expanded",
        "test_constantofshape_float_ones",
        "test_split_variable_parts_2d_opset18",
        "test_loop16_seq_none",
        "test_sequence_map_add_1_sequence_1_tensor_expanded",
        "test_stft_with_window",
        "test_hannwindow_expanded",
    ];
    let mut seeds = vec![std::fs::read(root.join("tests/fixtures/selfie_segmentation.onnx")).unwrap()];
    for case in cases {
        let path = target.join("onnx-cases/node").join(case).join("model.onnx");
        seeds.push(std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}; run scripts/onnx-cases.sh", path.display())));
    }
    seeds
}

/// A change to a file.
#[derive(Clone, Debug)]
enum Twist {
    Set(prop::sample::Index, u8),
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
}

fn twist() -> impl Strategy<Value = Twist> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        4 => (at(), any::<u8>()).prop_map(|(i, v)| Twist::Set(i, v)),
        4 => (at(), 0..8u8).prop_map(|(i, bit)| Twist::Flip(i, bit)),
        1 => at().prop_map(Twist::Cut),
        1 => (at(), 1..40usize).prop_map(|(i, n)| Twist::Remove(i, n)),
        1 => (at(), 1..40usize).prop_map(|(i, n)| Twist::Repeat(i, n)),
    ]
}

fn twisted(mut bytes: Vec<u8>, twists: &[Twist]) -> Vec<u8> {
    for twist in twists {
        if bytes.is_empty() {
            break;
        }
        let len = bytes.len();
        match twist {
            Twist::Set(i, value) => bytes[i.index(len)] = *value,
            Twist::Flip(i, bit) => bytes[i.index(len)] ^= 1 << bit,
            Twist::Cut(i) => bytes.truncate(i.index(len)),
            Twist::Remove(i, n) => drop(bytes.drain(i.index(len)..(i.index(len) + n).min(len))),
            Twist::Repeat(i, n) => {
                let part = bytes[i.index(len)..(i.index(len) + n).min(len)].to_vec();
                let at = i.index(len);
                bytes.splice(at..at, part);
            }
        }
    }
    bytes
}

#[test]
fn twisted_files_end_in_an_answer() {
    let seeds = seeds();
    let mut runner = TestRunner::new(Config { cases: 4000, ..Config::default() });
    let strategy = (0..seeds.len(), prop::collection::vec(twist(), 1..6));
    runner
        .run(&strategy, |(seed, twists)| {
            let begin = Instant::now();
            import(&twisted(seeds[seed].clone(), &twists));
            prop_assert!(begin.elapsed() < Duration::from_secs(60), "it took {:?}", begin.elapsed());
            Ok(())
        })
        .unwrap();
}

#[test]
fn every_prefix_of_a_file_ends_in_an_answer() {
    for seed in &seeds()[1..] {
        for end in 0..seed.len() {
            import(&seed[..end]);
        }
    }
}
