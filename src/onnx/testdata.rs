//! The files of ONNX's test data: `TensorProto`, `SequenceProto`, `OptionalProto`.

use super::model::{Kind, Port};
use super::proto;
use super::tensor::Tensor;
use crate::error::{Error, Result};
use prost::Message;

impl Port {
    /// Reads the format of ONNX's `.pb` test data: the tensors of this input or output, with the names that
    /// [`Session::run`](super::Session::run) takes and gives. There are none in an empty sequence or optional.
    ///
    /// # Errors
    /// If the bytes are something else, or the data lies in another file.
    pub fn read(&self, bytes: &[u8]) -> Result<Vec<(String, Tensor)>> {
        let wrong = |e: prost::DecodeError| Error::model(&self.name, format!("not the data of '{self}': {e}"));
        let messages = match self.kind {
            Kind::Tensor => return Ok(vec![(self.name.clone(), Tensor::from_proto_bytes(bytes)?)]),
            Kind::Sequence => proto::Sequence::decode(bytes).map_err(wrong)?.tensor_values,
            Kind::Optional => proto::Optional::decode(bytes).map_err(wrong)?.tensor_value.into_iter().collect(),
            Kind::OptionalSequence => {
                proto::Optional::decode(bytes).map_err(wrong)?.sequence_value.map_or_else(Vec::new, |s| s.tensor_values)
            }
        };
        let read = |message| Tensor::from_proto(message, |_| Err("its data lies in another file".to_owned()));
        let named = |(i, message)| Ok((self.element(i), read(message).map_err(|reason| Error::model(&self.name, reason))?));
        messages.iter().enumerate().map(named).collect()
    }
}
