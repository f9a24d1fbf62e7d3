//! The convolutional layers of VGG-16 (Simonyan, Zisserman, ICLR 2015, table 1, D): 14,714,688 parameters.

use super::caffe::{Layer, Net};
use crate::error::Result;
use crate::nn::Weights;

/// Convolutions and channels of the five stages; a pooling that halves follows each.
pub(super) const STAGES: [(usize, usize); 5] = [(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)];

/// pool1 to pool5 over `data`, with channels divided by `divisor`, which divides 64.
///
/// `conv` adds a convolution of 3 x 3 by its name, what it reads and its channels, `pool` a pooling that halves.
pub(super) fn trunk<'a>(
    net: &mut Net<'a>,
    data: &Layer,
    divisor: usize,
    conv: impl Fn(&mut Net<'a>, &str, &Layer, usize) -> Result<Layer>,
    pool: impl Fn(&mut Net<'a>, &str, &Layer) -> Result<Layer>,
) -> Result<[Layer; 5]> {
    stages(net, data, STAGES, divisor, conv, pool)
}

/// The same of other convolutions and channels.
pub(super) fn stages<'a>(
    net: &mut Net<'a>,
    data: &Layer,
    stages: [(usize, usize); 5],
    divisor: usize,
    conv: impl Fn(&mut Net<'a>, &str, &Layer, usize) -> Result<Layer>,
    pool: impl Fn(&mut Net<'a>, &str, &Layer) -> Result<Layer>,
) -> Result<[Layer; 5]> {
    let mut x = data.clone();
    let mut stage = |i: usize| -> Result<Layer> {
        let (convolutions, channels) = stages[i];
        for j in 1..=convolutions {
            x = conv(net, &format!("conv{}_{j}", i + 1), &x, channels / divisor)?;
        }
        x = pool(net, &format!("pool{}", i + 1), &x)?;
        Ok(x.clone())
    };
    Ok([stage(0)?, stage(1)?, stage(2)?, stage(3)?, stage(4)?])
}

/// The convolutions and channels of the stages that `weights` have.
pub(super) fn stages_of(weights: &Weights) -> Result<[(usize, usize); 5]> {
    let mut stages = [(0, 0); 5];
    for (stage, (convolutions, channels)) in (1..).zip(&mut stages) {
        *channels = weights.sizes::<4>(&format!("conv{stage}_1.weight"))?[0];
        *convolutions = (1..).take_while(|j| weights.contains(&format!("conv{stage}_{j}.weight"))).count();
    }
    Ok(stages)
}
