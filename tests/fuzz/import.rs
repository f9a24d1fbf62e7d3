//! What a hostile file goes through: the same for the fuzzer and for the tests.

use foveate::onnx::{Bindings, Dim, Kind, Model};

/// Reads and imports, every open dimension 2 and every sequence empty. What comes out does not matter, that something does.
pub fn import(bytes: &[u8]) {
    let Ok(model) = Model::from_bytes(bytes, "hostile.onnx") else { return };
    let mut bindings = Bindings::default();
    for port in model.inputs() {
        if port.kind != Kind::Tensor {
            bindings.dims.insert(port.name.clone(), 0);
        }
        for (axis, dim) in port.dims.iter().flatten().enumerate() {
            match dim {
                Dim::Symbol(name) => bindings.dims.insert(name.clone(), 2),
                Dim::Unknown => bindings.dims.insert(format!("{}.{axis}", port.name), 2),
                Dim::Size(_) => None,
            };
        }
    }
    let _ = (model.operators(), model.parameters());
    if let Ok(import) = model.import(&bindings) {
        let _ = import.session();
    }
}
