//! Which batches of matrices a product of tensors consists of.

use super::Sizes;
use crate::array::elements;
use crate::gpu::Slot;

/// A batch of products of matrices that lie at fixed distances: what one launch computes, unless bindings are too small.
#[derive(Clone, Debug)]
pub(crate) struct Product {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) depth: usize,
    pub(crate) batches: usize,
    /// Matrices of (rows, depth).
    pub(crate) a: Operand,
    /// Matrices of (depth, columns), or of (columns, depth) if `transposed`.
    pub(crate) b: Operand,
    pub(crate) transposed: bool,
    /// The operator's input that holds a number for each channel, to add.
    pub(crate) bias: Option<usize>,
    /// What is a channel, to a bias and to a finish.
    pub(crate) channels: Channels,
    /// The output's first element, and the elements from one matrix to the next.
    pub(crate) output: (usize, usize),
}

impl Product {
    /// The matrix of input 1, (outputs, inputs), by each image in `slot`, (inputs, pixels); a row's is a number of the bias.
    pub(crate) fn of_points(slot: Slot, [images, outputs, inputs, pixels]: [usize; 4], bias: Option<usize>) -> Self {
        Self {
            rows: outputs,
            columns: pixels,
            depth: inputs,
            batches: images,
            a: Operand { slot: Slot::Input(1), start: 0, stride: 0 },
            b: Operand { slot, start: 0, stride: inputs * pixels },
            transposed: false,
            bias,
            channels: Channels::Rows,
            output: (0, outputs * pixels),
        }
    }
}

/// What has a number of a bias for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channels {
    /// A row of the output, which the lanes kernel alone knows.
    Rows,
    /// A column of the output.
    Columns,
}

/// One factor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operand {
    /// An input of the operator, or scratch memory of the launch.
    pub(crate) slot: Slot,
    /// The element that the first matrix starts at.
    pub(crate) start: usize,
    /// Elements from one matrix to the next; 0 repeats the first.
    pub(crate) stride: usize,
}

/// A dimension of the batch, with the elements from one of its matrices to the next in a, b and the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Dimension {
    size: usize,
    a: usize,
    b: usize,
    output: usize,
}

/// The products that make up `sizes`, of a b that lies `transposed` or not: one, unless both operands are broadcast along different
/// dimensions.
///
/// The longest dimension of the batch becomes the launches' own. There is a product for each matrix of the others.
pub(super) fn of_batches(sizes: &Sizes, transposed: bool) -> Vec<Product> {
    let &Sizes { rows, columns, depth, .. } = sizes;
    let mut dimensions = dimensions(sizes);
    let mut product = Product {
        rows,
        columns,
        depth,
        batches: 1,
        a: Operand { slot: Slot::Input(0), start: 0, stride: 0 },
        b: Operand { slot: Slot::Input(1), start: 0, stride: 0 },
        transposed,
        bias: None,
        channels: Channels::Columns,
        output: (0, 0),
    };
    // Where b stays the same from matrix to matrix, the rows of all are rows of one.
    if let Some(last) = dimensions.pop_if(|last| last.b == 0) {
        product.rows *= last.size;
    }
    // A matrix by a column is a row by that matrix transposed: the few rows are then the vector's.
    let swapped = columns == 1 && product.rows > 1;
    if swapped {
        product = Product { rows: 1, columns: product.rows, a: product.b, b: product.a, transposed: true, ..product };
    }
    let longest = (0..dimensions.len()).max_by_key(|&i| dimensions[i].size);
    if let Some(own) = longest.map(|i| dimensions.remove(i)) {
        let (a, b) = if swapped { (own.b, own.a) } else { (own.a, own.b) };
        (product.batches, product.a.stride, product.b.stride, product.output.1) = (own.size, a, b, own.output);
    }
    let shape: Vec<usize> = dimensions.iter().map(|d| d.size).collect();
    let at = |index: usize| {
        let (mut rest, mut product) = (index, product.clone());
        for d in dimensions.iter().rev() {
            let place = rest % d.size;
            rest /= d.size;
            let (a, b) = if swapped { (d.b, d.a) } else { (d.a, d.b) };
            product.a.start += place * a;
            product.b.start += place * b;
            product.output.0 += place * d.output;
        }
        product
    };
    (0..elements(&shape)).map(at).collect()
}

/// The dimensions of the batch, outermost first, those of size 1 left out and neighbours merged where the strides allow it.
fn dimensions(sizes: &Sizes) -> Vec<Dimension> {
    let (mut a, mut b) = (sizes.rows * sizes.depth, sizes.depth * sizes.columns);
    let mut output = sizes.rows * sizes.columns;
    let mut found: Vec<Dimension> = Vec::new(); // innermost first
    for ((&size, &a_size), &b_size) in sizes.batch.iter().zip(&sizes.a_batch).zip(&sizes.b_batch).rev() {
        let next = Dimension { size, a: if a_size == 1 { 0 } else { a }, b: if b_size == 1 { 0 } else { b }, output };
        a *= a_size;
        b *= b_size;
        output *= size;
        match found.last_mut() {
            _ if size == 1 => {}
            Some(inner) if next.a == inner.a * inner.size && next.b == inner.b * inner.size => inner.size *= size,
            _ => found.push(next),
        }
    }
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::TensorType;

    fn products(a: &[usize], b: &[usize]) -> Vec<Product> {
        of_batches(&Sizes::of(&TensorType::f32(a), &TensorType::f32(b), false).unwrap(), false)
    }

    #[test]
    fn one_launch_where_strides_allow_it() {
        // (a, b, rows, columns, batches, launches)
        let rows = [
            (vec![7, 5, 3, 4], vec![7, 5, 4, 2], 3, 2, 35, 1),
            (vec![7, 5, 3, 4], vec![4, 2], 7 * 5 * 3, 2, 1, 1),
            (vec![7, 5, 3, 4], vec![7, 1, 4, 2], 5 * 3, 2, 7, 1),
            (vec![3, 4], vec![7, 5, 4, 2], 3, 2, 35, 1),
            (vec![7, 1, 3, 4], vec![5, 4, 2], 3, 2, 7, 5),
            (vec![2, 1, 3, 1, 3, 4], vec![1, 9, 1, 8, 4, 2], 3, 2, 9, 2 * 3 * 8),
            (vec![7, 3, 4], vec![4], 1, 7 * 3, 1, 1),
            (vec![7, 3, 4], vec![7, 4, 1], 1, 3, 7, 1),
            (vec![4], vec![7, 4, 2], 1, 2, 7, 1),
        ];
        for (a, b, rows, columns, batches, launches) in rows {
            let found = products(&a, &b);
            let first = &found[0];
            assert_eq!((first.rows, first.columns, first.batches, found.len()), (rows, columns, batches, launches), "{a:?} by {b:?}");
        }
    }
}
