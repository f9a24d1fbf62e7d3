//! The geometry that convolutions and pools share: kernel, strides, dilations, pads, and what `auto_pad` makes of them.

use super::node::Node;
use crate::array::{Dhw, Hw, Pads, Pads3};
use crate::error::Result;
use crate::graph::Var;
use crate::ops::PadMode;

/// One number for each spatial dimension.
#[derive(Clone, Debug)]
pub(super) struct Window {
    pub(super) kernel: Vec<usize>,
    pub(super) stride: Vec<usize>,
    pub(super) dilation: Vec<usize>,
    /// Pads before and after; negative ones take away.
    pub(super) pads: Vec<(i64, i64)>,
    pub(super) auto_pad: &'static str,
}

impl Window {
    /// Reads the attributes. `kernel` is the weight's, where there is one.
    pub(super) fn of(node: &Node<'_>, kernel: Option<&[usize]>) -> Result<Self> {
        let sizes = |name| -> Result<Option<Vec<usize>>> {
            let list = node.int_list(name)?;
            list.map(|l| l.iter().map(|&v| node.size(name, v)).collect()).transpose()
        };
        let kernel = match (sizes("kernel_shape")?, kernel) {
            (Some(given), Some(weight)) if given != weight => {
                return Err(node.wrong(format!("kernel_shape {given:?} is not the weight's {weight:?}")));
            }
            (Some(given), _) => given,
            (None, Some(weight)) => weight.to_vec(),
            (None, None) => return Err(node.wrong("attribute 'kernel_shape' is missing")),
        };
        let rank = kernel.len();
        let ones = |found: Option<Vec<usize>>| found.unwrap_or_else(|| vec![1; rank]);
        let (stride, dilation) = (ones(sizes("strides")?), ones(sizes("dilations")?));
        let pads = node.int_list("pads")?.unwrap_or_else(|| vec![0; 2 * rank]);
        if stride.len() != rank || dilation.len() != rank || pads.len() != 2 * rank {
            return Err(
                node.wrong(format!("strides {stride:?}, dilations {dilation:?} and pads {pads:?} do not fit a kernel of {kernel:?}"))
            );
        }
        if stride.contains(&0) || dilation.contains(&0) || kernel.contains(&0) {
            return Err(node.wrong(format!("kernel {kernel:?}, strides {stride:?} and dilations {dilation:?} must be at least 1")));
        }
        let auto_pad = node.choice("auto_pad", &["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"])?;
        let pads = (0..rank).map(|i| if auto_pad == "NOTSET" { (pads[i], pads[rank + i]) } else { (0, 0) }).collect();
        Ok(Self { kernel, stride, dilation, pads, auto_pad })
    }

    /// How far the taps of a kernel reach.
    pub(super) fn reach(&self, i: usize) -> i64 {
        i64::try_from((self.kernel[i] - 1).saturating_mul(self.dilation[i])).unwrap_or(i64::MAX - 1) + 1
    }

    /// Splits a total, the odd one after or before as `auto_pad` says.
    pub(super) fn share(&self, total: i64) -> (i64, i64) {
        let half = total / 2;
        if self.auto_pad == "SAME_LOWER" { (total - half, half) } else { (half, total - half) }
    }

    /// Makes SAME pads of an input's sizes: outputs are inputs over strides, rounded up.
    pub(super) fn resolve(mut self, input: &[usize]) -> Self {
        if self.auto_pad.starts_with("SAME") {
            for (i, &size) in input.iter().enumerate().take(self.kernel.len()) {
                let outputs = i64::try_from(size.div_ceil(self.stride[i])).unwrap_or(i64::MAX);
                let covered = (outputs - 1).saturating_mul(i64::try_from(self.stride[i]).unwrap_or(i64::MAX)).saturating_add(self.reach(i));
                self.pads[i] = self.share((covered - i64::try_from(size).unwrap_or(i64::MAX)).max(0));
            }
        }
        self
    }

    /// Takes negative pads off the input, so that none are left.
    pub(super) fn cropped(&mut self, input: &Var) -> Result<Var> {
        if self.pads.iter().all(|&(a, b)| a >= 0 && b >= 0) {
            return Ok(input.clone());
        }
        let off = |v: i64| isize::try_from(v.min(0)).unwrap_or(isize::MIN);
        let kept = [0isize, 0];
        let before: Vec<isize> = kept.into_iter().chain(self.pads.iter().map(|p| off(p.0))).collect();
        let after: Vec<isize> = kept.into_iter().chain(self.pads.iter().map(|p| off(p.1))).collect();
        for pad in &mut self.pads {
            *pad = (pad.0.max(0), pad.1.max(0));
        }
        input.pad(before, after, PadMode::Constant(0.0))
    }

    /// With a first spatial dimension of size 1: what is 1-d becomes 2-d.
    pub(super) fn widened(mut self) -> Self {
        self.kernel.insert(0, 1);
        self.stride.insert(0, 1);
        self.dilation.insert(0, 1);
        self.pads.insert(0, (0, 0));
        self
    }

    pub(super) fn hw(values: &[usize]) -> Hw {
        Hw::new(values[0], values[1])
    }

    pub(super) fn dhw(values: &[usize]) -> Dhw {
        Dhw::new(values[0], values[1], values[2])
    }

    /// The pads of a 3-d window.
    pub(super) fn pads3(&self, node: &Node<'_>) -> Result<Pads3> {
        let size = |v| node.size("a pad", v);
        let [(front, back), (top, bottom), (left, right)] = [self.pads[0], self.pads[1], self.pads[2]];
        let (front, top, left) = (size(front)?, size(top)?, size(left)?);
        Ok(Pads3 { front, top, left, back: size(back)?, bottom: size(bottom)?, right: size(right)? })
    }

    /// The pads of a 2-d window.
    pub(super) fn pads2(&self, node: &Node<'_>) -> Result<Pads> {
        let size = |v| node.size("a pad", v);
        let [(top, bottom), (left, right)] = [self.pads[0], self.pads[1]];
        Ok(Pads { top: size(top)?, bottom: size(bottom)?, left: size(left)?, right: size(right)? })
    }
}

/// A tensor (N, C, W) as (N, C, 1, W).
pub(super) fn raised(var: &Var) -> Result<Var> {
    var.unsqueeze(2)
}

/// A tensor (N, C, 1, W) as (N, C, W).
pub(super) fn lowered(var: &Var) -> Result<Var> {
    var.squeeze(2)
}
