//! ONNX models: read, imported into a graph of the engine, run.
//!
//! ```no_run
//! use foveate::onnx::{Bindings, Model};
//! use foveate::{gpu::Gpu, plan::Options};
//!
//! # fn main() -> foveate::Result<()> {
//! let model = Model::open("model.onnx")?;
//! let bindings = Bindings { dims: [("N".to_owned(), 1)].into(), ..Bindings::default() };
//! let mut session = model.import(&bindings)?.session()?;
//! session.compile(&Gpu::new()?, Options::default())?;
//! # Ok(())
//! # }
//! ```
//!
//! Shapes are static: open dimensions are bound at import, and what a model computes about shapes is folded then. Integers are held in
//! 32 bits and floats as f32 ([`Elem::held`]); a 64-bit integer that does not fit is refused, a double is narrowed with a warning,
//! or held as f64 throughout where numbers of the model do not fit float.

mod context;
mod double;
mod elem;
mod external;
mod float8;
mod import;
mod model;
mod node;
mod npy;
mod ops;
mod port;
mod proto;
mod random;
mod refusal;
mod scope;
mod session;
mod tensor;
mod testdata;
#[cfg(test)]
mod tests;
mod value;
mod window;

pub use elem::Elem;
pub use model::{Model, OPSETS};
pub use npy::{read_npy, read_npz, write_npz};
pub use ops::operators;
pub use port::{Bindings, Dim, Kind, Port};
pub use refusal::Refusal;
pub use session::{Import, Session};
pub use tensor::Tensor;
