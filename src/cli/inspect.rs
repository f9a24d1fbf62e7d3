//! `foveate inspect`

use super::inputs::{DimArgs, ModelArg};
use super::precision::PrecisionArgs;
use clap::Args;
use foveate::Result;
use foveate::gpu::Capabilities;
use foveate::onnx::{Bindings, Dim, Model, Port};
use foveate::plan::{Cost, Options};
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(after_help = "\
Needs no GPU. Multiply-adds are those of convolutions and products of matrices, taps on
padding included. Memory is what a plan holds on a GPU of common limits at once: weights,
inputs, intermediate values in shared buffers, and outputs on their way back. Open dimensions
that --dim does not set count as 1.

Examples:
  foveate inspect model.onnx
  foveate inspect detector.onnx --dim H=640 --dim W=640 --precision f16
  foveate inspect model.onnx --json | jq .unsupported")]
pub(super) struct Inspect {
    #[command(flatten)]
    model: ModelArg,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    dims: DimArgs,
    #[command(flatten)]
    precision: PrecisionArgs,
}

/// What importing the model for certain sizes shows.
#[derive(Debug, Default)]
struct Found {
    /// Open dimensions that nobody gave a size.
    open: Vec<String>,
    refusals: Vec<Value>,
    /// Why the model could not be imported at all, or its cost not be counted.
    reason: Option<String>,
    warnings: Vec<String>,
    cost: Option<Cost>,
}

impl Inspect {
    pub(super) fn run(self) -> Result<ExitCode> {
        let model = self.model.open()?;
        let options = Options { precision: self.precision.precision(), ..Options::default() };
        let found = Found::of(&model, Bindings { dims: self.dims.sizes()?, ..Bindings::default() }, options)?;
        if self.json {
            println!("{:#}", found.json(&model));
        } else {
            print!("{}", found.text(&model));
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Found {
    fn of(model: &Model, mut bindings: Bindings, options: Options) -> Result<Self> {
        let sizes = model.sizes(&bindings)?;
        let open: Vec<String> = model.open_dims().into_iter().filter(|name| !sizes.contains_key(name)).collect();
        bindings.dims.extend(open.iter().map(|name| (name.clone(), 1)));
        let mut found = Self { open, ..Self::default() };
        match model.import(&bindings) {
            Err(error) => found.reason = Some(error.to_string()),
            Ok(import) => {
                found.warnings = import.warnings().map(str::to_owned).collect();
                found.refusals =
                    import.refusals().iter().map(|r| json!({ "operator": r.op, "node": r.node, "reason": r.reason })).collect();
                if found.refusals.is_empty() {
                    let session = import.session()?;
                    let outputs = session.vars();
                    let cost = || Cost::with(&Capabilities::common(), &outputs, options);
                    let cost = if outputs.is_empty() { Ok(Cost::default()) } else { cost() };
                    found.reason = cost.as_ref().err().map(ToString::to_string);
                    found.cost = cost.ok();
                }
            }
        }
        Ok(found)
    }

    fn json(&self, model: &Model) -> Value {
        let dim = |dim: &Dim| match dim {
            Dim::Size(size) => json!(size),
            Dim::Symbol(name) => json!(name),
            Dim::Unknown => Value::Null,
        };
        let port = |p: &Port| json!({ "name": p.name, "type": p.elem.name(), "dims": p.dims.as_ref().map(|d| d.iter().map(dim).collect::<Vec<_>>()) });
        let ports = |ports: &[Port]| ports.iter().map(port).collect::<Vec<_>>();
        json!({
            "file": model.source(),
            "producer": model.producer(),
            "opset": model.opset(),
            "inputs": ports(model.inputs()),
            "outputs": ports(model.outputs()),
            "operators": model.operators(),
            "parameters": model.parameters(),
            "open_dimensions": self.open,
            "runs": self.refusals.is_empty() && self.reason.is_none(),
            "multiply_adds": self.cost.map(|c| c.multiply_adds),
            "memory": self.cost.map(|c| json!({
                "total": c.device_bytes(), "weights": c.weights, "inputs": c.inputs, "intermediate": c.working, "readback": c.readback,
            })),
            "unsupported": self.refusals,
            "error": self.reason,
            "warnings": self.warnings,
        })
    }

    fn text(&self, model: &Model) -> String {
        let producer = model.producer();
        let by = if producer.is_empty() { String::new() } else { format!(" by {producer}") };
        let mut lines = vec![format!("{}{by}, opset {}", model.source(), model.opset())];
        lines.extend(model.inputs().iter().map(|p| format!("  input  {p}")));
        lines.extend(model.outputs().iter().map(|p| format!("  output {p}")));
        let operators: Vec<String> = model.operators().into_iter().map(|(op, count)| format!("{op} {count}")).collect();
        lines.push(format!("operators      {}", operators.join(", ")));
        lines.push(format!("parameters     {}", grouped(model.parameters())));
        if !self.open.is_empty() {
            lines.push(format!("open           {}: taken as 1 below; --dim {}=V sets a size", self.open.join(", "), self.open[0]));
        }
        if let Some(cost) = &self.cost {
            lines.push(format!("multiply-adds  {}", grouped(cost.multiply_adds)));
            let [total, weights, inputs, working, readback] =
                [cost.device_bytes(), cost.weights, cost.inputs, cost.working, cost.readback].map(size);
            lines.push(format!("memory         {total}: weights {weights}, inputs {inputs}, intermediate {working}, readback {readback}"));
        } else {
            lines.push("multiply-adds  not counted: the model is not imported in full".to_owned());
        }
        lines.extend(self.warnings.iter().map(|w| format!("warning        {w}")));
        lines.extend(self.reason.iter().map(|r| format!("error          {r}")));
        if self.refusals.is_empty() {
            lines.push(format!("unsupported    {}", if self.reason.is_none() { "nothing" } else { "see the error" }));
        } else {
            let text = |r: &Value| {
                let [op, node, reason] = ["operator", "node", "reason"].map(|key| r[key].as_str().unwrap_or_default());
                if node.is_empty() { format!("  {op}: {reason}") } else { format!("  {op} '{node}': {reason}") }
            };
            lines.push(format!("unsupported    {}", self.refusals.len()));
            lines.extend(self.refusals.iter().map(text));
        }
        lines.join("\n") + "\n"
    }
}

/// A number with its thousands set apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|g| std::str::from_utf8(g).ok()).collect();
    groups.join(",")
}

/// Bytes as people read them.
fn size(bytes: u64) -> String {
    match bytes {
        b if b >= 1 << 20 => format!("{:.1} MiB", b as f64 / f64::from(1 << 20)),
        b if b >= 1 << 10 => format!("{:.1} KiB", b as f64 / f64::from(1 << 10)),
        b => format!("{b} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
