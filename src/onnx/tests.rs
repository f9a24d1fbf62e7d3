//! Files that are well-formed and wrong: each is refused by name.

use super::{Bindings, Model, proto};
use prost::Message;

fn node(op: &str, inputs: &[&str], outputs: &[&str]) -> proto::Node {
    let names = |list: &[&str]| list.iter().map(ToString::to_string).collect();
    proto::Node { op_type: op.into(), input: names(inputs), output: names(outputs), ..Default::default() }
}

fn value(name: &str, dims: &[i64]) -> proto::ValueInfo {
    let dim = |&size: &i64| proto::Dimension { value: Some(proto::Size::Value(size)) };
    let shape = proto::Shape { dim: dims.iter().map(dim).collect() };
    let kind = proto::TensorKind { elem_type: 1, shape: Some(shape) };
    proto::ValueInfo { name: name.into(), r#type: Some(proto::Type { value: Some(proto::TypeValue::Tensor(kind)) }) }
}

fn tensor(name: &str, dims: &[i64], values: &[f32]) -> proto::Tensor {
    proto::Tensor { name: name.into(), dims: dims.to_vec(), data_type: 1, float_data: values.to_vec(), ..Default::default() }
}

/// x and y of two floats, `nodes` between them.
fn graph(nodes: Vec<proto::Node>) -> proto::Graph {
    proto::Graph { node: nodes, input: vec![value("x", &[2])], output: vec![value("y", &[2])], ..Default::default() }
}

fn model(graph: proto::Graph) -> proto::Model {
    let opset = proto::OpsetId { version: 17, ..Default::default() };
    proto::Model { ir_version: 8, opset_import: vec![opset], graph: Some(graph), ..Default::default() }
}

/// Why a model is refused, all of it.
fn refusal(model: &proto::Model) -> String {
    let import = Model::from_bytes(model.encode_to_vec(), "test.onnx").and_then(|m| m.import(&Bindings::default()));
    import.and_then(super::Import::session).unwrap_err().to_string()
}

#[test]
fn nodes_that_wait_for_each_other_are_refused() {
    let text = refusal(&model(graph(vec![node("Add", &["x", "b"], &["a"]), node("Neg", &["a"], &["b"]), node("Neg", &["b"], &["y"])])));
    assert!(text.contains("Add '#0': reads 'b', which no node before it makes"), "{text}");
    // What depends on it is not complained about again.
    assert_eq!(text.matches("#").count(), 1, "{text}");
}

#[test]
fn everything_is_named_at_once() {
    let mut relu = node("Relu", &["x"], &["a"]);
    relu.attribute.push(proto::Attribute { name: "slope".into(), f: 1.0, kind: 1, ..Default::default() });
    let nodes = vec![relu, node("Hologram", &["x"], &["b"]), node("MatMul", &["x", "c"], &["d"]), node("Add", &["a", "b"], &["y"])];
    let text = refusal(&model(proto::Graph { initializer: vec![tensor("c", &[3], &[1.0; 3])], ..graph(nodes) }));
    for part in ["Relu '#0': 'slope'", "Hologram '#1': there is no function for Hologram", "MatMul '#2'"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn a_name_is_made_once() {
    let text = refusal(&model(graph(vec![node("Neg", &["x"], &["y"]), node("Abs", &["x"], &["y"])])));
    assert!(text.contains("Abs '#1': makes 'y', which is there already"), "{text}");
}

#[test]
fn sizes_are_those_of_the_data() {
    let add = || vec![node("Add", &["x", "c"], &["y"])];
    for (dims, part) in [
        (vec![i64::MAX, i64::MAX], "more than 2^32 - 1 elements"),
        (vec![-2], "not all 0 or more"),
        (vec![3], "takes 12 bytes, there are 8"),
    ] {
        let text = refusal(&model(proto::Graph { initializer: vec![tensor("c", &dims, &[1.0, 2.0])], ..graph(add()) }));
        assert!(text.contains(part), "{part} in {text}");
    }
    let text = refusal(&model(proto::Graph { input: vec![value("x", &[1 << 40])], ..graph(vec![node("Neg", &["x"], &["y"])]) }));
    assert!(text.contains("2^32"), "{text}");
}

#[test]
fn functions_without_end_are_refused() {
    let function = |name: &str, calls: &str| proto::Function {
        name: name.into(),
        domain: "own".into(),
        input: vec!["p".into()],
        output: vec!["q".into()],
        node: vec![proto::Node { domain: "own".into(), ..node(calls, &["p"], &["q"]) }],
        ..Default::default()
    };
    let mut model = model(graph(vec![proto::Node { domain: "own".into(), ..node("F", &["x"], &["y"]) }]));
    model.functions = vec![function("F", "G"), function("G", "F")];
    assert!(refusal(&model).contains("more than 32 deep"), "{}", refusal(&model));
}

#[test]
fn data_outside_the_models_folder_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("model");
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(folder.path().join("secret.bin"), [0u8; 8]).unwrap();
    std::fs::write(inside.join("short.bin"), [0u8; 4]).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("../secret.bin", inside.join("link.bin")).unwrap();
    let absolute = folder.path().join("secret.bin").display().to_string();
    for (location, part) in [
        ("../secret.bin", "outside the model's folder"),
        (absolute.as_str(), "outside the model's folder"),
        #[cfg(unix)]
        ("link.bin", "outside the model's folder"),
        ("short.bin", "takes 8 bytes, there are 4"),
        ("absent.bin", "external data 'absent.bin'"),
        (".", "is not a file"),
    ] {
        let entry = proto::Entry { key: "location".into(), value: location.into() };
        let c = proto::Tensor { external_data: vec![entry], data_location: 1, ..tensor("c", &[2], &[]) };
        let model = model(proto::Graph { initializer: vec![c], ..graph(vec![node("Add", &["x", "c"], &["y"])]) });
        let path = inside.join("model.onnx");
        std::fs::write(&path, model.encode_to_vec()).unwrap();
        let text = Model::open(&path).unwrap().import(&Bindings::default()).unwrap().session().unwrap_err().to_string();
        assert!(text.contains(part), "{location}: {text}");
    }
}

#[test]
fn open_sizes_are_given_by_symbol_or_place() {
    let mut graph = graph(vec![node("Neg", &["x"], &["y"])]);
    let names = ["N", "?", "?", "None"];
    let dim = |name: &str| proto::Dimension { value: Some(proto::Size::Param(name.into())) };
    let kind = proto::TensorKind { elem_type: 1, shape: Some(proto::Shape { dim: names.map(dim).to_vec() }) };
    graph.input[0].r#type = Some(proto::Type { value: Some(proto::TypeValue::Tensor(kind)) });
    let model = Model::from_bytes(model(graph).encode_to_vec(), "test.onnx").unwrap();
    assert_eq!(model.open_dims(), ["N", "x.1", "x.2", "x.3"], "a question mark is no name");
    let sizes = |dims: &[(&str, usize)]| {
        let dims = dims.iter().map(|&(name, size)| (name.to_owned(), size)).collect();
        model.sizes(&Bindings { dims, ..Bindings::default() })
    };
    let found = sizes(&[("x.0", 2), ("x.1", 3), ("x.2", 4), ("x.3", 5)]).unwrap();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [("N", 2), ("x.1", 3), ("x.2", 4), ("x.3", 5)].map(|(n, s)| (n.to_owned(), s)));
    assert!(sizes(&[("N", 2), ("x.0", 2)]).is_ok());
    let text = sizes(&[("N", 1), ("x.0", 2)]).unwrap_err().to_string();
    assert!(text.contains("N is given as 1 and as 2"), "{text}");
    assert!(sizes(&[("x.4", 2)]).unwrap_err().to_string().contains("there is no open dimension 'x.4', it has N, x.1"));
}
