//! ONNX's own test cases: each passes, or is refused with a reason; none is wrong.
//!
//! `scripts/onnx-cases.sh` fetches them. `ONNX_CASES=conv cargo test --test conformance` runs those with `conv` in their names and
//! prints each verdict; `ONNX_TABLE=write` rewrites docs/onnx-support.md.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail where it stands")]

use foveate::gpu::Gpu;
use foveate::onnx::{Bindings, Elem, Kind, Model, Port, Tensor};
use foveate::plan::Options;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The suite's tolerances.
const RELATIVE: f64 = 1e-3;
const ABSOLUTE: f64 = 1e-7;

#[derive(Clone, Debug)]
enum Verdict {
    /// Right; `gpu` if kernels computed an output, rather than everything being known at import.
    Pass {
        gpu: bool,
    },
    Refused(String),
    /// Not what the case expects, which later releases of the suite's own reference contradict: see [`CONTESTED`].
    Contested(&'static str),
    Wrong(String),
}

/// Cases whose expected outputs were mistakes.
const CONTESTED: [(&str, &str); 9] = [
    (
        "test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True",
        "expects windows that run past the padding to be divided by the whole kernel; the reference of onnx 1.23, ONNX Runtime and \
         PyTorch count padded elements alone, as here",
    ),
    ("test_cast_FLOAT_to_BFLOAT16", TRUNCATED),
    ("test_castlike_FLOAT_to_BFLOAT16", TRUNCATED),
    ("test_castlike_FLOAT_to_BFLOAT16_expanded", TRUNCATED),
    (
        "test_maxunpool_export_with_output_shape",
        "expects indices to count in the shape without output_shape, so that what MaxPool gave does not find its way back; ONNX Runtime counts \
         in output_shape, as here",
    ),
    ("test_qlinearmatmul_2D_int8_float16", WRAPPED),
    ("test_qlinearmatmul_2D_int8_float32", WRAPPED),
    ("test_qlinearmatmul_3D_int8_float16", WRAPPED),
    ("test_qlinearmatmul_3D_int8_float32", WRAPPED),
];
const TRUNCATED: &str = "expects bfloat16 to be cut; the reference of onnx 1.23 rounds to nearest, as here";
const WRAPPED: &str =
    "expects sums beyond int8 to wrap; the operator's text, the reference of onnx 1.23 and ONNX Runtime saturate, as here";

#[derive(Debug)]
struct Case {
    suite: &'static str,
    name: String,
    folder: PathBuf,
}

fn cases() -> Vec<Case> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    let root = target.join("onnx-cases");
    let only = std::env::var("ONNX_CASES").unwrap_or_default();
    let mut cases = Vec::new();
    for suite in SUITES {
        let folder = std::fs::read_dir(root.join(suite)).unwrap_or_else(|e| panic!("{}: {e}; run scripts/onnx-cases.sh", root.display()));
        let mut names: Vec<PathBuf> = folder.map(|e| e.unwrap().path()).collect();
        names.sort();
        for folder in names {
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            if name.contains(&only) {
                cases.push(Case { suite, name, folder });
            }
        }
    }
    cases
}

fn judge(case: &Case, gpu: &Gpu) -> Verdict {
    catch_unwind(AssertUnwindSafe(|| run(case, gpu))).unwrap_or_else(|_| Verdict::Wrong("it panicked".to_owned()))
}

fn run(case: &Case, gpu: &Gpu) -> Verdict {
    let model = match Model::open(case.folder.join("model.onnx")) {
        Ok(model) => model,
        Err(error) => return Verdict::Refused(short(&error.to_string(), case)),
    };
    let mut used_gpu = false;
    let mut sets: Vec<PathBuf> = std::fs::read_dir(&case.folder).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()).collect();
    sets.sort();
    for set in sets {
        let read = |port: &Port, kind: &str, index: usize| port.read(&std::fs::read(set.join(format!("{kind}_{index}.pb"))).unwrap());
        let (mut values, mut dims) = (BTreeMap::new(), BTreeMap::new());
        for (index, port) in model.inputs().iter().enumerate() {
            match read(port, "input", index) {
                Ok(tensors) => {
                    if port.kind != Kind::Tensor {
                        dims.insert(port.name.clone(), tensors.len());
                    }
                    values.extend(tensors.into_iter().map(|(name, tensor)| (name, Arc::new(as_typed(tensor, port)))));
                }
                Err(error) => return Verdict::Refused(format!("its input: {error}")),
            }
        }
        let bindings = Bindings { values: values.clone(), dims };
        let mut session = match model.import(&bindings).and_then(foveate::onnx::Import::session) {
            Ok(session) => session,
            Err(error) => return Verdict::Refused(short(&error.to_string(), case)),
        };
        if let Err(error) = session.compile(gpu, Options::default()) {
            return Verdict::Refused(short(&error.to_string(), case));
        }
        used_gpu |= session.plan().is_some();
        let given: Vec<(&str, &Tensor)> = values.iter().map(|(name, t)| (name.as_str(), &**t)).collect();
        let outputs = match session.run(&given) {
            Ok(outputs) => outputs,
            Err(error) => return Verdict::Refused(short(&error.to_string(), case)),
        };
        let mut expected = Vec::new();
        for (index, port) in model.outputs().iter().enumerate() {
            match read(port, "output", index) {
                Ok(tensors) => expected.extend(tensors.into_iter().map(|(name, tensor)| (name, as_typed(tensor, port)))),
                Err(error) => return Verdict::Refused(format!("its output: {error}")),
            }
        }
        let names = |of: &[(String, Tensor)]| of.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        if names(&outputs) != names(&expected) {
            return Verdict::Wrong(format!("gives {:?}, not {:?}", names(&outputs), names(&expected)));
        }
        for ((name, found), (_, expected)) in outputs.iter().zip(&expected) {
            if let Some(reason) = difference(found, expected) {
                if let Some((_, why)) = CONTESTED.iter().find(|(contested, _)| *contested == case.name) {
                    return Verdict::Contested(why);
                }
                return Verdict::Wrong(format!("{name}: {reason}"));
            }
        }
    }
    Verdict::Pass { gpu: used_gpu }
}

/// The suite has no bfloat16 arrays, and stores their bits.
fn as_typed(tensor: Tensor, port: &Port) -> Tensor {
    match (tensor.elem(), port.elem) {
        (Elem::Uint16, Elem::Bfloat16) => Tensor::new(Elem::Bfloat16, tensor.shape(), tensor.bytes().to_vec()).unwrap(),
        _ => tensor,
    }
}

/// An error in one line, without the path of the model.
fn short(text: &str, case: &Case) -> String {
    let path = case.folder.join("model.onnx").display().to_string();
    text.replace("this model is not supported: ", "")
        .replace(&path, "")
        .split('\n')
        .filter(|l| !l.is_empty())
        .map(str::trim)
        .collect::<Vec<_>>()
        .join("; ")
}

/// Where and how two tensors differ by more than the suite allows.
fn difference(found: &Tensor, expected: &Tensor) -> Option<String> {
    if found.elem() != expected.elem() || found.shape() != expected.shape() {
        return Some(format!("is {}{:?}, not {}{:?}", found.elem(), found.shape(), expected.elem(), expected.shape()));
    }
    let (a, b) = (found.floats().unwrap(), expected.floats().unwrap());
    let close = |a: f64, b: f64| a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= ABSOLUTE + RELATIVE * b.abs();
    let exact = !expected.elem().is_float();
    let at = (0..a.len()).find(|&i| if exact { a[i] != b[i] } else { !close(a[i], b[i]) })?;
    let count = (0..a.len()).filter(|&i| !close(a[i], b[i])).count();
    Some(format!("element {at} of {:?} is {}, not {}; {count} differ", found.shape(), a[at], b[at]))
}

#[test]
fn no_case_is_wrong() {
    let cases = cases();
    let filtered = std::env::var_os("ONNX_CASES").is_some();
    let gpu = Gpu::new().unwrap();
    let verdicts: Mutex<Vec<Option<Verdict>>> = Mutex::new(vec![None; cases.len()]);
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((index, case)) = Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|i| Some((i, cases.get(i)?))) {
                    let verdict = judge(case, &gpu);
                    verdicts.lock().unwrap()[index] = Some(verdict);
                }
            });
        }
    });
    let verdicts: Vec<(&Case, Verdict)> = cases.iter().zip(verdicts.into_inner().unwrap()).map(|(c, v)| (c, v.unwrap())).collect();
    if filtered {
        for (case, verdict) in &verdicts {
            println!("{} {}: {verdict:?}", case.suite, case.name);
        }
    }
    for suite in SUITES {
        let count = |f: fn(&Verdict) -> bool| verdicts.iter().filter(|(c, v)| c.suite == suite && f(v)).count();
        let (pass, refused) = (count(|v| matches!(v, Verdict::Pass { .. })), count(|v| matches!(v, Verdict::Refused(_))));
        println!("{suite}: {pass} pass, {refused} refused, {} wrong", count(|v| matches!(v, Verdict::Wrong(_))));
    }
    if std::env::var_os("ONNX_TABLE").is_some() {
        std::fs::write(TABLE, table(&verdicts)).unwrap();
    }
    let wrong: Vec<String> = verdicts
        .iter()
        .filter_map(|(c, v)| if let Verdict::Wrong(why) = v { Some(format!("{} {}: {why}", c.suite, c.name)) } else { None })
        .collect();
    assert!(wrong.is_empty(), "{} cases are wrong:\n{}", wrong.len(), wrong.join("\n"));
    // Where an adapter has no 64-bit floats, cases of doubles that do not fit float are refused.
    if !filtered && gpu.capabilities().features.contains(wgpu::Features::SHADER_F64) {
        let written = std::fs::read_to_string(TABLE).unwrap_or_default();
        assert!(written == table(&verdicts), "docs/onnx-support.md is out of date; write it with ONNX_TABLE=write");
    }
}

const SUITES: [&str; 4] = ["node", "pytorch-converted", "pytorch-operator", "simple"];
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/onnx-support.md");

/// What a row of the table counts.
#[derive(Default)]
struct Row {
    kernels: usize,
    known: usize,
    refused: usize,
}

/// docs/onnx-support.md
fn table(verdicts: &[(&Case, Verdict)]) -> String {
    let mut text = String::from(HEAD);
    text.push_str("| suite | cases | pass | refused | contested | wrong |\n|---|---|---|---|---|---|\n");
    for suite in SUITES {
        let of = |f: fn(&Verdict) -> bool| verdicts.iter().filter(|(c, v)| c.suite == suite && f(v)).count();
        let (pass, refused, wrong) =
            (of(|v| matches!(v, Verdict::Pass { .. })), of(|v| matches!(v, Verdict::Refused(_))), of(|v| matches!(v, Verdict::Wrong(_))));
        let contested = of(|v| matches!(v, Verdict::Contested(_)));
        writeln!(text, "| {suite} | {} | {pass} | {refused} | {contested} | {wrong} |", of(|_| true)).unwrap();
    }
    let mut rows: BTreeMap<String, Row> = foveate::onnx::operators().map(|op| (op.to_owned(), Row::default())).collect();
    let mut reasons: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (case, verdict) in verdicts {
        let operators =
            Model::open(case.folder.join("model.onnx")).map(|m| m.operators().keys().map(ToString::to_string).collect::<Vec<_>>());
        // A case tells something of an operator if it is the only one: what comes before or after it would share the verdict.
        if let Ok([only]) = operators.as_deref() {
            let row = rows.entry(only.clone()).or_default();
            match verdict {
                Verdict::Pass { gpu: true } => row.kernels += 1,
                Verdict::Pass { gpu: false } => row.known += 1,
                _ => row.refused += 1,
            }
        }
        if let Verdict::Refused(reason) = verdict {
            reasons.entry(reason.clone()).or_default().push(&case.name);
        }
    }
    text.push_str(OPERATORS);
    let imported: Vec<&str> = foveate::onnx::operators().collect();
    for (op, row) in &rows {
        let yes = if imported.contains(&op.as_str()) { "yes" } else { "no" };
        writeln!(text, "| {op} | {yes} | {} | {} | {} |", row.kernels, row.known, row.refused).unwrap();
    }
    text.push_str("\n## Contested cases\n\n");
    for (case, verdict) in verdicts {
        if let Verdict::Contested(why) = verdict {
            writeln!(text, "- {}: {why}", case.name).unwrap();
        }
    }
    text.push_str("\n## Refused cases, by reason\n\n");
    for (reason, names) in reasons {
        writeln!(text, "- {}: {}", reason.replace('|', "/"), names.join(", ")).unwrap();
    }
    text
}

const HEAD: &str = "\
# ONNX operators

This page is written by `ONNX_TABLE=write cargo test --test conformance`, which runs the cases that the `onnx` package, version 1.16.2,
carries, and fails if one is wrong or this page is out of date. Tolerances are the suite's: 1e-3 of the expected value plus 1e-7 for
floats; integers and truth values are exact.

";
const OPERATORS: &str = "
## By operator

Cases whose model is this operator alone. *Kernels*: kernels computed the outputs on a GPU adapter. *Known*: everything the outputs
depend on is known when the model is imported - shapes, constants, values that decide shapes -, and nothing is left to compute.

| operator | imported | pass: kernels | pass: known | refused |
|---|---|---|---|---|
";
