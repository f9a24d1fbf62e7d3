//! The convolutional layers of VGG-16 (Simonyan, Zisserman, ICLR 2015, table 1, D): 14,714,688 parameters.

use super::caffe::{Layer, Net, Window};
use crate::error::Result;

/// Convolutions and channels of the five stages; a pooling that halves follows each.
const STAGES: [(usize, usize); 5] = [(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)];

/// pool1 to pool5 over `data`, with `padding` zeros around it and channels divided by `divisor`, which divides 64.
pub(super) fn trunk(net: &mut Net<'_>, data: &Layer, padding: usize, divisor: usize) -> Result<[Layer; 5]> {
    stages(net, data, STAGES, padding, divisor)
}

/// The same of other convolutions and channels.
pub(super) fn stages(net: &mut Net<'_>, data: &Layer, stages: [(usize, usize); 5], padding: usize, divisor: usize) -> Result<[Layer; 5]> {
    let mut x = data.clone();
    let mut stage = |i: usize| -> Result<Layer> {
        let (convolutions, channels) = stages[i];
        for j in 1..=convolutions {
            let padding = if (i, j) == (0, 1) { padding } else { 1 };
            x = net.conv_relu(&format!("conv{}_{j}", i + 1), &x, channels / divisor, Window::new(3, padding))?;
        }
        x = net.max_pool(&format!("pool{}", i + 1), &x, 2)?;
        Ok(x.clone())
    };
    Ok([stage(0)?, stage(1)?, stage(2)?, stage(3)?, stage(4)?])
}
