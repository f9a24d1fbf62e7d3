//! How an import holds double: as f32, with a warning, unless numbers of the model do not fit it; then as f64 throughout.

use super::context::Context;
use super::elem::Elem;
use super::proto;
use super::tensor::Tensor;
use crate::array::{Array, DType};
use crate::error::Result;

impl Context<'_> {
    /// What holds elements of a type in this import: [`Elem::held`], but for double in a model whose numbers do not fit float.
    pub(super) fn held(&self, elem: Elem) -> Option<DType> {
        if elem == Elem::Double && self.wide { Some(DType::F64) } else { elem.held() }
    }

    /// A tensor as this import holds it.
    pub(super) fn array(&self, tensor: &Tensor) -> Result<Array> {
        if self.wide {
            return tensor.to_array_of(DType::F64);
        }
        if tensor.elem() == Elem::Double {
            self.warn_of_double();
        }
        tensor.to_array()
    }

    pub(super) fn warn_of_double(&self) {
        if !self.wide {
            self.warn("double is narrowed to float: the model is computed in 32 bits");
        }
    }

    /// Whether the file holds a double that does not fit float: in an initialiser or an attribute, of any body or function.
    pub(super) fn file_exceeds_float(&self, model: &proto::Model, top: &proto::Graph) -> bool {
        let (mut graphs, mut tensors) = (vec![top], Vec::new());
        let mut nodes: Vec<&proto::Node> = model.functions.iter().flat_map(|f| &f.node).collect();
        loop {
            for attribute in nodes.drain(..).flat_map(|n| &n.attribute) {
                tensors.extend(&attribute.t);
                graphs.extend(attribute.g.as_deref());
            }
            let Some(graph) = graphs.pop() else { break };
            tensors.extend(&graph.initializer);
            nodes.extend(&graph.node);
        }
        // What cannot be read is refused where it is needed.
        let exceeds = |t: &proto::Tensor| self.tensor(t).is_ok_and(|t| t.exceeds_float());
        tensors.into_iter().filter(|t| Elem::of_code(t.data_type) == Some(Elem::Double)).any(exceeds)
    }
}

#[cfg(test)]
mod tests {
    use crate::onnx::{Bindings, Elem, Model, Session, Tensor, proto};
    use crate::plan::{Device, Options};
    use prost::Message;

    fn double(values: &[f64]) -> Tensor {
        Tensor::new(Elem::Double, [values.len()], values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>()).unwrap()
    }

    /// `y = op(c)` or `y = op(c, c)`, where c is a double of the file.
    fn of_constant(op: &str, operands: usize, value: f64) -> Model {
        let initializer = proto::Tensor { name: "c".into(), dims: vec![1], data_type: 11, double_data: vec![value], ..Default::default() };
        let node = proto::Node { op_type: op.into(), input: vec!["c".into(); operands], output: vec!["y".into()], ..Default::default() };
        let output = proto::ValueInfo { name: "y".into(), r#type: Some(double_type()) };
        let graph = proto::Graph { node: vec![node], initializer: vec![initializer], output: vec![output], ..Default::default() };
        let opset = proto::OpsetId { version: 17, ..Default::default() };
        let model = proto::Model { ir_version: 8, opset_import: vec![opset], graph: Some(graph), ..Default::default() };
        Model::from_bytes(model.encode_to_vec(), "test").unwrap()
    }

    fn double_type() -> proto::Type {
        let kind = proto::TensorKind { elem_type: 11, ..Default::default() };
        proto::Type { value: Some(proto::TypeValue::Tensor(kind)) }
    }

    fn run(mut session: Session, given: &[(&str, &Tensor)]) -> Tensor {
        session.compile(Device::Cpu, Options::default()).unwrap();
        session.run(given).unwrap().pop().unwrap().1
    }

    #[test]
    fn large_constants_widen_the_import() {
        for (value, sum, warnings) in [(1e196, 2e196, 0), (f64::INFINITY, f64::INFINITY, 1), (0.1, f64::from(0.2f32), 1)] {
            let import = of_constant("Add", 2, value).import(&Bindings::default()).unwrap();
            assert_eq!(import.warnings().count(), warnings, "{value}");
            assert_eq!(run(import.session().unwrap(), &[]), double(&[sum]));
        }
    }

    #[test]
    fn operators_without_f64_refuse_it() {
        let import = of_constant("Exp", 1, 1e196).import(&Bindings::default()).unwrap();
        assert!(import.refusals()[0].to_string().contains("input must be f32, it is f64[1]"), "{:?}", import.refusals());
        assert!(of_constant("Exp", 1, 1.0).import(&Bindings::default()).unwrap().refusals().is_empty());
    }
}
