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
use super::{
    Candidate, Cut, Nest, Op, Part, Site, WORKGROUP, check_dtype, check_inputs, groups, number, the_gradient, u32_of, unbroadcast, vector,
};
use crate::array::{Array, DType, Data, Literal, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::graph::Var;

params! {
    struct Params {
        sizes: [[u32; 4]; 2],
        condition_strides: [[u32; 4]; 2],
        a_strides: [[u32; 4]; 2],
        b_strides: [[u32; 4]; 2],
        count: u32,
        output_start: u32,
        condition_start: u32,
        a_start: u32,
        b_start: u32,
    }
}

static WHERE: Kernel =
    kernel!("where_", Params, header: "alias Element = vec4<u32>;\nalias C = u32;\nalias A = vec4<u32>;\nalias B = vec4<u32>;\n");
pub(super) const KERNELS: &[&Kernel] = &[&WHERE];

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

fn nest(condition: &[usize], a: &[usize], b: &[usize], output: &[usize]) -> Result<Nest<4>> {
    broadcast_nest("where", [output, condition, a, b], output)
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
        nest(&condition.shape, &a.shape, &b.shape, &output.shape)?;
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
        let (condition, a, b, output) = (site.inputs[0], site.inputs[1], site.inputs[2], site.outputs[0]);
        let nest = nest(&condition.shape, &a.shape, &b.shape, &output.shape)?;
        let bytes = [output, condition, a, b].map(TensorType::device_bytes);
        let launch = |part: &Part<4>| {
            let nest = &part.nest;
            let width = nest.width(true);
            let count = nest.count(width);
            let params = Params {
                sizes: nest.packed_sizes(width),
                condition_strides: nest.packed_strides(1, width),
                a_strides: nest.packed_strides(2, width),
                b_strides: nest.packed_strides(3, width),
                count: u32_of(count),
                output_start: nest.packed_start(0, width),
                condition_start: nest.packed_start(1, width),
                a_start: nest.packed_start(2, width),
                b_start: nest.packed_start(3, width),
            };
            let alias = |(k, name): (usize, &str)| format!("alias {name} = {};\n", vector("u32", if nest.repeats(k) { 1 } else { width }));
            let [output, condition, a, b] = &part.windows;
            Launch::new(&WHERE, &params, groups(count, WORKGROUP))
                .header(format!("alias Element = {};\n", vector("u32", width)) + &[(1, "C"), (2, "A"), (3, "B")].map(alias).concat())
                .constant("LOOPS", u32_of(nest.sizes.len()))
                .input_window(0, condition)
                .input_window(1, a)
                .input_window(2, b)
                .output_window(0, output)
        };
        Ok(vec![Candidate::of(nest.parts(self.name(), site.device, bytes, Cut::Outermost)?.iter().map(launch).collect())])
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
