//! `im2col`: blocks of images, each as a column.
//!
//! ```text
//! output[n, c * K + k, l] = input[n, c, l * stride + k * dilation - before], 0 outside of the image
//! ```
//!
//! with the coordinates, attributes and number of blocks of [`Col2im`], which is its gradient and whose gradient it is.
//!
//! | tensor | shape |
//! |---|---|
//! | input | (N, C, image...) |
//! | output | (N, C * K, L), K the block's elements |
//!
//! PyTorch: `unfold`.

use super::col2im::{Params, coordinates};
use super::slices::nested;
use super::{Candidate, Col2im, Op, Site, WORKGROUP, check_dtype, check_inputs, check_rank, groups, launch_rows, the_gradient, u32_of};
use crate::array::{Array, DType, TensorType, elements};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel};
use crate::graph::Var;

static IM2COL: Kernel = kernel!("im2col", Params);
pub(super) const KERNELS: &[&Kernel] = &[&IM2COL];

/// Images to the blocks that [`Col2im`] makes images of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Im2col(pub Col2im);

impl Var {
    /// The blocks of these images (N, C, image...) as columns (N, C * K, L): see [`Im2col`].
    ///
    /// # Errors
    /// If the images are of another size than the attributes say.
    pub fn im2col(&self, blocks: Col2im) -> Result<Self> {
        self.apply1(Im2col(blocks), &[])
    }
}

impl Op for Im2col {
    fn name(&self) -> &'static str {
        "im2col"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        let Col2im { image, block, .. } = &self.0;
        let blocks = elements(&self.0.counts(self.name())?);
        check_rank(self.name(), "input", inputs[0], 2 + image.len(), "(N, C, image...)")?;
        check_dtype(self.name(), "input", inputs[0], DType::F32)?;
        let [n, channels] = [0, 1].map(|i| inputs[0].shape[i]);
        if inputs[0].shape[2..] != image[..] {
            return Err(Error::shape(self.name(), format!("input {} has images of another size than {image:?}", inputs[0])));
        }
        let rows = channels.checked_mul(elements(block)).ok_or_else(|| Error::shape(self.name(), "the block has too many elements"))?;
        let output = TensorType::f32([n, rows, blocks]);
        output.checked_elements()?;
        Ok(vec![output])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let counts = self.0.counts(self.name())?;
        let Col2im { image, block, stride, dilation, before, .. } = &self.0;
        let input = inputs[0].values::<f32>()?;
        let (taps, blocks, area) = (elements(block), elements(&counts), elements(image));
        let (n, channels) = (inputs[0].shape()[0], inputs[0].shape()[1]);
        let mut output = Vec::with_capacity(n * channels * taps * blocks);
        for row in 0..n * channels * taps {
            let (plane, tap) = (row / taps, coordinates(row % taps, block));
            for l in 0..blocks {
                let at = coordinates(l, &counts);
                let place = (0..counts.len()).try_fold(0, |flat, d| {
                    let p = (at[d] * stride[d] + tap[d] * dilation[d]).checked_sub(before[d])?;
                    (p < image[d]).then_some(flat * image[d] + p)
                });
                output.push(place.map_or(0.0, |place| input[plane * area + place]));
            }
        }
        Ok(vec![Array::new([n, channels * taps, blocks], output)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let counts = self.0.counts(self.name())?;
        let across = counts.last().map_or(1, |&count| count.div_ceil(4));
        let area = elements(&self.0.image);
        let columns = elements(&self.0.block) * elements(&counts);
        let threads = columns / counts.last().unwrap_or(&1) * across;
        // A plane of the input and the columns made of it are contiguous.
        let planes = site.inputs[0].elements() / area;
        let row = [area, columns].map(|r| r as u64);
        let launches = launch_rows(self.name(), site.device, planes, &row.map(|r| r * 4), |part| {
            let [from, to] = row.map(|r| site.device.window(part.start as u64 * r..part.end as u64 * r, 4));
            let count = part.len() * threads;
            let params = Params { count: u32_of(count), input_skip: from.skip, output_skip: to.skip, ..self.0.params(&counts) };
            Launch::new(&IM2COL, &params, groups(count, WORKGROUP)).turns(nested(&[4])).input_window(0, &from).output_window(0, &to)
        })?;
        Ok(vec![Candidate::of(launches)])
    }

    fn gradient(&self, _: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        Ok(vec![Some(the_gradient(self.name(), output_grads)?.col2im(self.0.clone())?)])
    }
}
