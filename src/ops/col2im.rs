//! `col2im`: blocks that overlap, added up where they lie.
//!
//! ```text
//! output[n, c, p] = sum over taps k and blocks l with l * stride + k * dilation - before = p  of  input[n, c * K + k, l]
//! L = product of (image + before + after - dilation * (block - 1) - 1) / stride + 1, rounded down
//! ```
//!
//! where p, k and l have one coordinate for each of up to three spatial dimensions, k and l flattened in row-major order.
//!
//! | tensor | shape |
//! |---|---|
//! | input | (N, C * K, L), K the block's elements |
//! | output | (N, C, image...) |
//!
//! Each output gathers its own terms, so nothing is added atomically. The gradient is each block's elements: [`Im2col`](super::Im2col).
//!
//! ONNX: `Col2Im`. PyTorch: `fold`.

use super::slices::nested;
use super::{Candidate, Op, Site, WORKGROUP, check_dtype, check_inputs, check_rank, groups, launch_rows, rounded, the_gradient, u32_of};
use crate::array::{Array, DType, TensorType, elements};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::graph::Var;

params! {
    pub(super) struct Params {
        image: [u32; 4],
        block: [u32; 4],
        counts: [u32; 4],
        stride: [u32; 4],
        dilation: [u32; 4],
        before: [u32; 4],
        count: u32,
        input_skip: u32,
        output_skip: u32,
    }
}

static COL2IM: Kernel = kernel!("col2im", Params);
pub(super) const KERNELS: &[&Kernel] = &[&COL2IM];

/// The largest coordinate that shaders compute with.
const MOST: usize = i32::MAX as usize;

/// Blocks back to images; every list has one number for each spatial dimension.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Col2im {
    /// The output's spatial size.
    pub image: Vec<usize>,
    /// The block's size.
    pub block: Vec<usize>,
    /// From a block to the next.
    pub stride: Vec<usize>,
    /// From an element of a block to the next.
    pub dilation: Vec<usize>,
    /// Padding before the image, from where blocks start.
    pub before: Vec<usize>,
    /// Padding after the image.
    pub after: Vec<usize>,
}

impl Col2im {
    /// Blocks side by side at every element of an image without padding.
    pub fn new(image: impl Into<Vec<usize>>, block: impl Into<Vec<usize>>) -> Self {
        let (image, block) = (image.into(), block.into());
        let all = |value| vec![value; image.len()];
        Self { stride: all(1), dilation: all(1), before: all(0), after: all(0), image, block }
    }

    /// How many blocks there are along each dimension, for operator `op`.
    pub(super) fn counts(&self, op: &'static str) -> Result<Vec<usize>> {
        let wrong = |reason: String| Error::shape(op, reason);
        let rank = self.image.len();
        let lists = [&self.block, &self.stride, &self.dilation, &self.before, &self.after];
        if lists.iter().any(|list| list.len() != rank) {
            return Err(wrong(format!("{self:?} must have {rank} numbers in each list")));
        }
        if rank == 0 || rank > 3 {
            return Err(Error::unsupported(op, format!("{rank} spatial dimensions; there are 1, 2 or 3")));
        }
        let count = |d: usize| {
            let [image, block, stride, dilation, before, after] =
                [&self.image, &self.block, &self.stride, &self.dilation, &self.before, &self.after].map(|list| list[d]);
            let sizes =
                format!("dimension {d}: image {image}, block {block}, stride {stride}, dilation {dilation}, padding {before} + {after}");
            if [image, block, stride, dilation].contains(&0) {
                return Err(wrong(format!("{sizes}: sizes must be positive")));
            }
            let padded = image.checked_add(before).and_then(|s| s.checked_add(after)).filter(|&s| s <= MOST && stride <= MOST);
            let extent = dilation.checked_mul(block - 1).and_then(|e| e.checked_add(1));
            match padded.zip(extent).and_then(|(p, e)| p.checked_sub(e)) {
                Some(slack) => Ok(slack / stride + 1),
                None => Err(wrong(format!("{sizes}: no block fits, or they reach beyond 2^31"))),
            }
        };
        (0..rank).map(count).collect()
    }

    /// What kernels are told, but for how much there is to do and where.
    pub(super) fn params(&self, counts: &[usize]) -> Params {
        Params {
            image: spatial(&self.image, 1),
            block: spatial(&self.block, 1),
            counts: spatial(counts, 1),
            stride: spatial(&self.stride, 1),
            dilation: spatial(&self.dilation, 1),
            before: spatial(&self.before, 0),
            ..Params::default()
        }
    }
}

impl Var {
    /// These columns (N, C * K, L) of blocks as images (N, C, image...): see [`Col2im`].
    ///
    /// # Errors
    /// If there are not as many blocks or elements of them as the attributes say.
    pub fn col2im(&self, attributes: Col2im) -> Result<Self> {
        self.apply1(attributes, &[])
    }
}

impl Op for Col2im {
    fn name(&self) -> &'static str {
        "col2im"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        check_rank(self.name(), "input", inputs[0], 3, "(N, C * K, L)")?;
        check_dtype(self.name(), "input", inputs[0], DType::F32)?;
        let (blocks, block) = (elements(&self.counts(self.name())?), elements(&self.block));
        let [n, rows, columns] = [0, 1, 2].map(|i| inputs[0].shape[i]);
        if rows % block != 0 || columns != blocks {
            let reason = format!("input {} must have {block} rows for each channel and {blocks} columns, one for each block", inputs[0]);
            return Err(Error::shape(self.name(), reason));
        }
        let output = TensorType::f32([&[n, rows / block], &self.image[..]].concat());
        output.checked_elements()?;
        Ok(vec![output])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let counts = self.counts(self.name())?;
        let input = inputs[0].to_f64();
        let (block, blocks, area) = (elements(&self.block), elements(&counts), elements(&self.image));
        let planes = inputs[0].shape()[0] * (inputs[0].shape()[1] / block);
        let mut output = vec![0.0; planes * area];
        for k in 0..block {
            for l in 0..blocks {
                let (tap, at) = (coordinates(k, &self.block), coordinates(l, &counts));
                let place = (0..counts.len()).try_fold(0, |flat, d| {
                    let p = (at[d] * self.stride[d] + tap[d] * self.dilation[d]).checked_sub(self.before[d])?;
                    (p < self.image[d]).then_some(flat * self.image[d] + p)
                });
                let Some(place) = place else { continue };
                (0..planes).for_each(|plane| output[plane * area + place] += input[(plane * block + k) * blocks + l]);
            }
        }
        let shape = [&[inputs[0].shape()[0], inputs[0].shape()[1] / block], &self.image[..]].concat();
        Ok(vec![rounded(&shape, output)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let counts = self.counts(self.name())?;
        let area = elements(&self.image);
        let row = [elements(&self.block) * elements(&counts), area].map(|r| r as u64);
        // A plane of the output and the columns that make it are contiguous.
        let planes = site.outputs[0].elements() / area;
        let launches = launch_rows(self.name(), site.device, planes, &row.map(|r| r * 4), |part| {
            let [from, to] = row.map(|r| site.device.window(part.start as u64 * r..part.end as u64 * r, 4));
            let count = part.len() * area;
            let params = Params { count: u32_of(count), input_skip: from.skip, output_skip: to.skip, ..self.params(&counts) };
            let launch = Launch::new(&COL2IM, &params, groups(count, WORKGROUP)).turns(nested(&self.block));
            launch.input_window(0, &from).output_window(0, &to)
        })?;
        Ok(vec![Candidate::of(launches)])
    }

    fn gradient(&self, _: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        Ok(vec![Some(the_gradient(self.name(), output_grads)?.im2col(self.clone())?)])
    }
}

/// The row-major coordinates of element `flat`.
pub(super) fn coordinates(flat: usize, shape: &[usize]) -> Vec<usize> {
    crate::array::strides(shape).into_iter().zip(shape).map(|(row, size)| flat / row % size).collect()
}

/// Three numbers, the last dimension's last; `missing` for those before the first.
fn spatial(values: &[usize], missing: u32) -> [u32; 4] {
    let mut packed = [missing, missing, missing, 0];
    packed[3 - values.len()..3].iter_mut().zip(values).for_each(|(slot, &value)| *slot = u32_of(value));
    packed
}
