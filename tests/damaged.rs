//! Files with damaged bytes: read or refused, never a panic.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use foveate::array::picture::{Picture, write_png};
use foveate::array::{Array, npy};
use foveate::nn::Weights;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Overwrites, cuts and repeats bytes of a sound file, most often those in front, where headers are.
fn damaged(sound: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let length = sound.len();
    let place = prop_oneof![3 => 0..length.min(160), 1 => 0..length];
    // Digits, brackets and quotes keep a text header readable, and so reach what lies behind it.
    let byte = prop_oneof![any::<u8>(), prop::sample::select(b"0123456789-,()[]{}'\"<>|=fiub8 ".to_vec()), Just(0u8), Just(255u8)];
    let edits = prop::collection::vec((place, byte), 0..4);
    (edits, prop::option::weighted(0.2, 0..length), any::<bool>()).prop_map(move |(edits, end, twice)| {
        let mut bytes = sound.clone();
        edits.into_iter().for_each(|(at, byte)| bytes[at] = byte);
        bytes.truncate(end.unwrap_or(length));
        if twice && end.is_some() { [&bytes[..], &sound[..]].concat() } else { bytes }
    })
}

/// Reads many damaged copies of a sound file. Some must be refused and some read, or the damage proves nothing.
#[track_caller]
fn endure(sound: Vec<u8>, read: impl Fn(&[u8]) -> foveate::Result<()>) {
    let (refused, done) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let config = ProptestConfig { cases: 2000, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() };
    proptest!(config, |(bytes in damaged(sound))| {
        match read(&bytes) {
            Ok(()) => done.set(done.get() + 1),
            Err(error) => {
                prop_assert!(!error.to_string().is_empty());
                refused.set(refused.get() + 1);
            }
        }
    });
    assert!(refused.get() > 50 && done.get() > 50, "{} were refused, {} read", refused.get(), done.get());
}

/// [`endure`] for what is read from a path.
#[track_caller]
fn endure_file(sound: Vec<u8>, read: impl Fn(&std::path::Path) -> foveate::Result<()>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged");
    endure(sound, |bytes| {
        std::fs::write(&path, bytes).unwrap();
        read(&path)
    });
}

/// What `write` puts into a file.
fn written(write: impl Fn(&std::path::Path) -> foveate::Result<()>) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sound.png");
    write(&path).unwrap();
    std::fs::read(&path).unwrap()
}

fn numbers() -> Array {
    Array::from_fn([2, 3, 5], |i| i as f32)
}

#[test]
fn npy_endures() {
    endure_file(written(|path| npy::write_npy(path, &numbers())), |path| npy::read_npy(path).map(drop));
}

#[test]
fn npz_endures() {
    let flags = Array::new([3], vec![true, false, true]).unwrap();
    endure_file(written(|path| npy::write_npz(path, [("a", &numbers()), ("b", &flags)])), |path| npy::read_npz(path).map(drop));
}

#[test]
fn png_endures() {
    let picture = Array::from_fn([1, 3, 9, 7], |i| i as f32 / 189.0);
    endure_file(written(|path| write_png(path, &picture)), |path| Picture::open(path).map(drop));
}

#[test]
fn safetensors_endure() {
    let header = br#"{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"F16","shape":[3],"data_offsets":[24,30]}}"#;
    let sound = [&(header.len() as u64).to_le_bytes()[..], &header[..], &[7; 30]].concat();
    assert!(Weights::from_bytes(&sound, "sound").is_ok());
    endure(sound, |bytes| Weights::from_bytes(bytes, "damaged").map(drop));
}
