//! where: elements of one tensor or of another, with NumPy's broadcasting.
//!
//! ```text
//! output[i] = a[i] if condition[i], else b[i]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | condition | any, bool |
//! | a | any that broadcasts with it; any dtype but f16 and f64 |
//! | b | any that broadcasts with both; a's dtype |
//! | output | the largest size of each dimension; a's dtype |
//!
//! Gradients: that of the output to the one that was taken, summed over what is broadcast.
//!
//! ONNX: Where. PyTorch: `where`.

use super::broadcast::{broadcast_index, broadcast_nest, broadcast_shape};
use super::{Candidate, Expression, Op, Site, check_dtype, check_inputs, launch_elements, number, the_gradient, unbroadcast};
use crate::array::{Array, DType, Data, Literal, TensorType};
use crate::error::{Error, Result};
use crate::gpu::Kernel;
use crate::graph::Var;

/// It is an expression for the kernel that [`Binary`](super::Binary) lists.
pub(super) const KERNELS: &[&Kernel] = &[];

/// Takes each element from one of two tensors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Where;

impl Var {
    /// `a` where this is true, `b` where it is false, broadcast.
    ///
    /// # Errors
    /// If this is not bool, the shapes do not broadcast, or the dtypes of `a` and `b` differ.
    pub fn where_(&self, a: &Self, b: &Self) -> Result<Self> {
        self.apply1(Where, &[a, b])
    }
}

impl Op for Where {
    fn name(&self) -> &'static str {
        "where"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 3..=3)?;
        let (condition, a, b) = (inputs[0], inputs[1], inputs[2]);
        check_dtype(self.name(), "condition", condition, DType::Bool)?;
        if a.dtype != b.dtype {
            return Err(Error::shape(self.name(), format!("{a} and {b} differ in dtype; cast one of them first")));
        }
        if !a.dtype.is_word() {
            return Err(Error::unsupported(self.name(), format!("of {a} and {b}; cast them first")));
        }
        let shape = broadcast_shape(self.name(), &[&condition.shape, &a.shape, &b.shape])?;
        let output = TensorType::new(a.dtype, shape);
        output.checked_elements()?;
        broadcast_nest(self.name(), [&output.shape, &condition.shape, &a.shape, &b.shape], &output.shape)?;
        Ok(vec![output])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        Ok(vec![match inputs[1].data() {
            Data::F32(_) => choose::<f32>(inputs)?,
            Data::I32(_) => choose::<i32>(inputs)?,
            Data::U32(_) => choose::<u32>(inputs)?,
            Data::Bool(_) => choose::<bool>(inputs)?,
            Data::F16(_) | Data::F64(_) => return Err(Error::unsupported(self.name(), format!("of {}", inputs[1].ty()))),
        }])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        launch_elements(self, site)
    }

    fn expression(&self, _: &[&TensorType]) -> Option<Expression> {
        Some(Expression::new("select(z, y, x != Word())"))
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        let zero = number(grad, 0.0)?;
        let a = inputs[0].where_(grad, &zero)?;
        let b = inputs[0].where_(&zero, grad)?;
        Ok(vec![None, Some(unbroadcast(&a, inputs[1].shape())?), Some(unbroadcast(&b, inputs[2].shape())?)])
    }
}

fn choose<T: Literal>(inputs: &[&Array]) -> Result<Array> {
    let (condition, a, b) = (inputs[0], inputs[1], inputs[2]);
    let shape = broadcast_shape("where", &[condition.shape(), a.shape(), b.shape()])?;
    let [at_condition, at_a, at_b] = [condition, a, b].map(|x| broadcast_index(x.shape(), &shape));
    let (condition, a, b) = (condition.values::<bool>()?, a.values::<T>()?, b.values::<T>()?);
    Ok(Array::from_fn(shape, |i| if condition[at_condition(i)] { a[at_a(i)] } else { b[at_b(i)] }))
}
