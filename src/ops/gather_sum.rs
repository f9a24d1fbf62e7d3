//! `gather_sum`: sums of a few weighted elements along a dimension, each picked by index.
//!
//! ```text
//! output[outer.., p, inner..] = sum over k of  weights[p, k] input[outer.., indices[p, k], inner..]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | `outer.., size, inner..`, f32 |
//! | indices | `places, most`, i32 |
//! | weights | the indices', f32 |
//! | output | the input's, with `places` in dimension `axis` |
//!
//! A product with a sparse matrix whose rows have `most` elements each. Gradients: the input's is that of the output, weighted and added up
//! where it was picked from (`scatter_nd`), the weights' a sum of products with what they weighted.
//!
//! Indices are those of [`gather`](super::Gather): negative ones count from the end, and one that is out of range picks the nearest element.

use super::copy::check_dimension;
use super::gather::picked_place;
use super::{Candidate, Op, ScatterReduction, Site, WORKGROUP, check_axis, check_dtype, check_inputs, groups, item_header, lanes};
use super::{launch_rows, the_gradient, u32_of, zeros};
use crate::array::{Array, DType, TensorType, elements};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::graph::Var;

params! {
    struct Params {
        count: u32,
        inner: u32,
        places: u32,
        most: u32,
        size: u32,
        input_start: u32,
        output_start: u32,
    }
}

static GATHER_SUM: Kernel = kernel!("gather_sum", Params, header: "alias Scalar = f32;\n#import vec4\nalias Element = Item;\n");
pub(super) const KERNELS: &[&Kernel] = &[&GATHER_SUM];

/// Adds up weighted elements of a dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GatherSum {
    /// The dimension.
    pub axis: usize,
}

impl Var {
    /// Along dimension `axis`, for each row of `indices` the sum of the elements that it names, times `weights`.
    ///
    /// # Errors
    /// If there is no such dimension, indices and weights are not a matrix each of one shape, or the dtypes are not f32, i32 and f32.
    pub fn gather_sum(&self, axis: isize, indices: &Self, weights: &Self) -> Result<Self> {
        self.apply1(GatherSum { axis: check_axis("gather_sum", axis, self.ty())? }, &[indices, weights])
    }
}

impl GatherSum {
    /// The input's dimensions before the axis, along it and behind it.
    fn around(self, input: &[usize]) -> [usize; 3] {
        [elements(&input[..self.axis]), input[self.axis], elements(&input[self.axis + 1..])]
    }
}

impl Op for GatherSum {
    fn name(&self) -> &'static str {
        "gather_sum"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 3..=3)?;
        let (input, indices, weights) = (inputs[0], inputs[1], inputs[2]);
        check_dimension(self.name(), input, self.axis)?;
        check_dtype(self.name(), "input", input, DType::F32)?;
        check_dtype(self.name(), "indices", indices, DType::I32)?;
        check_dtype(self.name(), "weights", weights, DType::F32)?;
        if indices.rank() != 2 || indices.shape != weights.shape {
            let reason = format!("indices {indices} and weights {weights} must be a matrix each: places, and elements of a sum");
            return Err(Error::shape(self.name(), reason));
        }
        let mut shape = input.shape.clone();
        shape[self.axis] = indices.shape[0];
        let output = TensorType::f32(shape);
        output.checked_elements()?;
        Ok(vec![output])
    }

    #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (input, indices, weights) = (inputs[0].values::<f32>()?, inputs[1].values::<i32>()?, inputs[2].values::<f32>()?);
        let [outer, size, inner] = self.around(inputs[0].shape());
        let (places, most) = (inputs[1].shape()[0], inputs[1].shape()[1]);
        let mut shape = inputs[0].shape().to_vec();
        shape[self.axis] = places;
        let output = (0..outer * places * inner).map(|at| {
            let (o, p, i) = (at / inner / places, at / inner % places, at % inner);
            let term = |k: usize| f64::from(weights[k]) * f64::from(input[(o * size + picked_place(indices[k], size)) * inner + i]);
            (p * most..(p + 1) * most).map(term).sum::<f64>() as f32
        });
        Ok(vec![Array::new(shape, output.collect::<Vec<_>>())?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let [outer, size, inner] = self.around(&site.inputs[0].shape);
        let (places, most) = (site.inputs[1].shape[0], site.inputs[1].shape[1]);
        let width = lanes(inner);
        let row_bytes = [size, places].map(|rows| 4 * (rows * inner) as u64);
        let launches = launch_rows(self.name(), site.device, outer, &row_bytes, |rows| {
            let window = |row: usize| site.device.window((rows.start * row * inner) as u64..(rows.end * row * inner) as u64, 4);
            let (input_window, output_window) = (window(size), window(places));
            let count = rows.len() * places * inner / width;
            let params = Params {
                count: u32_of(count),
                inner: u32_of(inner / width),
                places: u32_of(places),
                most: u32_of(most),
                size: u32_of(size),
                input_start: input_window.skip / width as u32,
                output_start: output_window.skip / width as u32,
            };
            Launch::new(&GATHER_SUM, &params, groups(count, WORKGROUP))
                .turns(most)
                .notes(true)
                .header(item_header(DType::F32, width) + "alias Element = Item;\n")
                .input_window(0, &input_window)
                .input(1)
                .input(2)
                .output_window(0, &output_window)
        })?;
        Ok(vec![Candidate::of(launches)])
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let (grad, (indices, weights)) = (the_gradient(self.name(), output_grads)?, (&inputs[1], &inputs[2]));
        let [outer, size, inner] = self.around(inputs[0].shape());
        let (places, most) = (indices.shape()[0], indices.shape()[1]);
        let grad = grad.reshape([outer, places, 1, inner])?;
        // (places, most) first: each picked element by itself, added up where it came from.
        let shares = grad.mul(&weights.reshape([places, most, 1])?)?.reshape([outer, places * most, inner])?.transpose([1, 0, 2])?;
        let picked = indices.reshape([places * most, 1])?;
        let rows = shares.reshape([places * most, outer * inner])?;
        let sums = zeros(&grad, &[size, outer * inner])?.scatter_nd(&picked, &rows, ScatterReduction::Add)?;
        let by_input = sums.reshape([size, outer, inner])?.transpose([1, 0, 2])?.reshape(inputs[0].shape())?;
        let elements = inputs[0].reshape([outer, size, inner])?.gather(1, indices)?;
        let by_weights = elements.mul(&grad)?.reduce_sum(&[0, 3], false)?;
        Ok(vec![Some(by_input), None, Some(by_weights)])
    }
}
