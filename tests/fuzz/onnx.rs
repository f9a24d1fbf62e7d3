//! Any bytes as an ONNX file: `cargo fuzz run --fuzz-dir tests/fuzz onnx tests/fuzz/corpus/onnx`, after `tests/fuzz/seeds.sh`.
#![no_main]

mod import;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| import::import(bytes));
