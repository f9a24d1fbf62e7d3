//! `foveate check`

use super::AdapterArgs;
use super::bars;
use super::inputs::{InputArgs, ModelArg};
use super::run::warn;
use clap::Args;
use foveate::array::{Array, file, npy};
use foveate::gpu::Gpu;
use foveate::onnx::Tensor;
use foveate::plan::{Checked, Device, Options};
use foveate::{Error, Result};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(after_help = "\
Runs the model's plan on the GPU node by node. Each node's reference, its definition in plain
loops on the host, is given the very inputs that the GPU gave the kernel, so errors do not add
up. Integers and truth values must be equal; of a pixel's two classes that roundings decide
between either is right. A float may be off by 2^-12 of the largest finite magnitude in the
reference's tensor, plus 2e-5 of itself; NaN must meet NaN, an infinity the same infinity.

The first node that is off further is shown with its coordinates and both values; the exit
code is then 1. --dump writes inputs.npz, outputs.npz (the GPU's output0, output1, .. and the
reference's expected0, ..) and node.txt with the operator's attributes.

Examples:
  foveate check model.onnx --seed 1 --dim N=1
  foveate check model.onnx -i photo.jpg --size 224x224 --dump report
  foveate check model.onnx -i inputs.npz --adapter nvidia")]
pub(super) struct Check {
    #[command(flatten)]
    model: ModelArg,
    #[command(flatten)]
    inputs: InputArgs,
    /// Write the first wrong node's inputs, outputs and attributes to this folder
    #[arg(long, value_name = "DIR")]
    dump: Option<PathBuf>,
    #[command(flatten)]
    adapter: AdapterArgs,
}

impl Check {
    pub(super) fn run(self) -> Result<ExitCode> {
        let model = self.model.open()?;
        let gpu = self.adapter.open()?;
        let device = Device::from(&gpu);
        let given = self.inputs.read(&model, &device)?;
        let import = model.import(&given)?;
        warn(&import);
        let mut session = import.session()?;
        session.compile(&device, Options::default())?;
        let inputs: Vec<(&str, &Tensor)> = given.values.iter().map(|(name, tensor)| (name.as_str(), &**tensor)).collect();
        let arrays = session.arrays(&inputs)?;
        let Some(plan) = session.plan() else {
            println!("{}: nothing to check, all outputs are known before anything runs", model.source());
            return Ok(ExitCode::SUCCESS);
        };
        let named: Vec<(&str, &Array)> = arrays.iter().map(|(name, array)| (name.as_str(), array)).collect();
        let bar = bars::counted(0);
        let mut failed = None;
        let mut wrong = 0;
        let summary = plan.check(&named, |node| {
            bar.set_length(node.of as u64);
            bar.set_position(node.number as u64 + 1);
            bar.set_message(node.node.to_owned());
            if node.difference.is_some() {
                if wrong == 0 {
                    bar.suspend(|| print!("{}", report(node, &gpu)));
                    failed = self.dump.as_deref().and_then(|folder| dump(folder, node, &gpu).err());
                }
                wrong += 1;
            }
            ControlFlow::Continue(())
        })?;
        bar.finish_and_clear();
        if let Some(error) = failed {
            return Err(error);
        }
        if let Some(folder) = self.dump.as_ref().filter(|_| wrong > 0) {
            println!("  written to {}", folder.display());
        }
        let worst = match summary.worst {
            Some((ratio, node)) if ratio > 0.0 => format!("worst {node} at {ratio:.2e} of its bound"),
            _ => "all are equal to their references".to_owned(),
        };
        println!("{} on {}: {wrong} of {} nodes left their bounds; {worst}", model.source(), device.name(), summary.nodes);
        Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// What is wrong with a node, in words; also the text for a bug report.
fn report(node: &Checked<'_>, gpu: &Gpu) -> String {
    let types = |arrays: &mut dyn Iterator<Item = &Array>| arrays.map(|a| a.ty().to_string()).collect::<Vec<_>>().join(" ");
    let origin = node.origin.map_or(String::new(), |o| format!(", of {o}"));
    let difference = node.difference.map_or(String::new(), ToString::to_string);
    let (inputs, outputs) = (types(&mut node.inputs.iter().copied()), types(&mut node.outputs.iter()));
    let about = gpu.capabilities();
    format!(
        "node {} of {}, {}{origin}, is wrong\n  {difference}\n  {:?}\n  {inputs} -> {outputs}\n  {}, {}, {:?}; foveate {}\n",
        node.number + 1,
        node.of,
        node.node,
        node.op,
        about.name,
        about.driver,
        about.backend,
        env!("CARGO_PKG_VERSION"),
    )
}

/// Writes what a bug report needs.
fn dump(folder: &Path, node: &Checked<'_>, gpu: &Gpu) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
    let names = |what: &str, count: usize| (0..count).map(|i| format!("{what}{i}")).collect::<Vec<_>>();
    let inputs = names("input", node.inputs.len());
    npy::write_npz(folder.join("inputs.npz"), inputs.iter().map(String::as_str).zip(node.inputs.iter().copied()))?;
    let outputs = [names("output", node.outputs.len()), names("expected", node.expected.len())].concat();
    npy::write_npz(folder.join("outputs.npz"), outputs.iter().map(String::as_str).zip(node.outputs.iter().chain(node.expected)))?;
    file::write(folder.join("node.txt"), report(node, gpu).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use foveate::ops::Binary;
    use foveate::plan::{Difference, Element};

    #[test]
    fn a_wrong_node_is_reported_and_dumped() {
        let (a, b) = (Array::full([2, 2], 1.0f32), Array::full([2, 2], 2.0f32));
        let element = Element { at: vec![0, 1], found: 2.0, expected: 1.0, allowed: 0.001 };
        let difference = Difference { output: 0, ty: a.ty(), count: 4, first: element.clone(), worst: element };
        let node = Checked {
            number: 2,
            of: 7,
            node: "add#2",
            origin: Some("Add 'sum'"),
            op: &Binary::Add,
            inputs: &[&a, &a],
            outputs: std::slice::from_ref(&b),
            expected: std::slice::from_ref(&a),
            worst: 1000.0,
            difference: Some(&difference),
        };
        let gpu = Gpu::new().unwrap();
        let text = report(&node, &gpu);
        for part in
            ["node 3 of 7, add#2, of Add 'sum', is wrong", "first [0, 1] is 2, the reference has 1", "f32[2, 2] f32[2, 2] -> f32[2, 2]"]
        {
            assert!(text.contains(part), "{text}");
        }
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("new/folder");
        dump(&folder, &node, &gpu).unwrap();
        assert_eq!(npy::read_npz(folder.join("inputs.npz")).unwrap(), [("input0".to_owned(), a.clone()), ("input1".to_owned(), a.clone())]);
        assert_eq!(npy::read_npz(folder.join("outputs.npz")).unwrap(), [("output0".to_owned(), b), ("expected0".to_owned(), a.clone())]);
        assert_eq!(std::fs::read_to_string(folder.join("node.txt")).unwrap(), text);
    }
}
