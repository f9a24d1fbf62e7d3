//! Branches, loops, sequences and signals of ONNX, with inputs whose values are not known at import, and what versions of an operator say
//! differently, against ONNX Runtime.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use foveate::array::{Array, npy::read_npz};
use foveate::gpu::Gpu;
use foveate::onnx::{Bindings, Model, Session, Tensor};
use foveate::plan::Options;
use std::collections::BTreeMap;
use std::path::Path;

/// What `tests/fixtures/onnx_control.py` and `onnx_versions.py` saved, by case.
fn cases() -> BTreeMap<String, Vec<(String, Array)>> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut cases: BTreeMap<String, Vec<(String, Array)>> = BTreeMap::new();
    let files = ["onnx_control.npz", "onnx_versions.npz"].map(|name| read_npz(fixtures.join(name)).unwrap());
    for (key, array) in files.into_iter().flatten() {
        let (case, rest) = key.split_once('.').unwrap();
        cases.entry(case.to_owned()).or_default().push((rest.to_owned(), array));
    }
    cases
}

fn session(case: &str, entries: &[(String, Array)]) -> Result<Session, String> {
    let (_, bytes) = entries.iter().find(|(key, _)| key == "model").unwrap();
    let bytes: Vec<u8> = bytes.values::<u32>().unwrap().iter().map(|&b| u8::try_from(b).unwrap()).collect();
    let model = Model::from_bytes(bytes, case).map_err(|e| e.to_string())?;
    model.import(&Bindings::default()).and_then(foveate::onnx::Import::session).map_err(|e| e.to_string())
}

#[test]
fn results_are_onnx_runtimes() {
    let gpu = Gpu::new().unwrap();
    for (case, entries) in cases().iter().filter(|(case, _)| !case.starts_with("refused")) {
        let mut session = session(case, entries).unwrap_or_else(|e| panic!("{case}: {e}"));
        session.compile(&gpu, Options::default()).unwrap();
        for run in 0.. {
            let of = |kind: &str, name: &str| {
                let key = format!("{run}.{kind}.{name}");
                entries.iter().find(|(k, _)| *k == key).map(|(_, array)| array)
            };
            if of("out", "0").is_none() {
                assert!(run > 0, "{case} has no runs");
                break;
            }
            let inputs: Vec<(String, Tensor)> =
                session.inputs().map(|(p, _)| (p.name.clone(), Tensor::from_array(p.elem, of("in", &p.name).unwrap()).unwrap())).collect();
            let inputs: Vec<(&str, &Tensor)> = inputs.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
            let outputs = if run % 2 == 0 { session.run(&inputs) } else { pollster::block_on(session.run_async(&inputs)) };
            for (i, (name, found)) in outputs.unwrap().into_iter().enumerate() {
                let expected = of("out", &i.to_string()).unwrap_or_else(|| panic!("{case} has no output {i}"));
                assert_eq!(found.shape(), expected.shape(), "{case}: {name}");
                // A transform adds up to 1,000 numbers around 1, in any order: sqrt(1000) roundings of 2^-24 make 2e-6 of the largest.
                let scale = expected.to_f64().iter().fold(1.0, |m: f64, v| m.max(v.abs()));
                for (at, (a, b)) in found.floats().unwrap().into_iter().zip(expected.to_f64()).enumerate() {
                    assert!((a - b).abs() <= 1e-5 * scale, "{case}: element {at} of {name} is {a}, not {b}");
                }
            }
        }
    }
}

#[test]
fn what_has_no_fixed_shape_or_end_is_refused() {
    let parts = [
        ("refused_if_shapes", "its branches give float[3] and float[6]"),
        ("refused_loop_open", "its condition depends on what the model is run on"),
        ("refused_loop_endless", "without trip count and condition"),
        ("refused_loop_long", "more than 200000 nodes"),
        ("refused_loop_of_nothing", "more than 200000 nodes"),
        ("refused_loop_growth", "more than 2^32 - 1 elements"),
        ("refused_places_open", "depends on what the model is run on"),
        ("refused_range_long", "more than 4194304 elements"),
    ];
    let cases = cases();
    assert_eq!(cases.keys().filter(|case| case.starts_with("refused")).count(), parts.len());
    for (case, part) in parts {
        let error = session(case, &cases[case]).map(|_| ()).unwrap_err();
        assert!(error.contains(part), "{case}: {error}");
    }
}
