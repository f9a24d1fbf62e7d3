//! The formulas: what is computed once for a recording, what for each phone of it, and what scores phones.

use super::{Arsg, Manner};
use crate::array::{Array, DType, Pads};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::models::gru::GruLayer;
use crate::models::layers::{Affine, Fill, Layers};
use crate::ops::{Conv2d, Direction, concat, number, scaled};

/// What stands behind the end of a recording, in place of features.
pub const NOTHING: f32 = -1e30;

/// The names of what features are normalised by, which is measured, not learnt.
pub const MEASURED: [&str; 2] = ["features.mean", "features.deviation"];

/// What first states begin with.
const STATE: Fill<'_> = Fill::Normal(0.001);

/// A recogniser with its weights in a graph.
#[derive(Clone, Debug)]
pub struct Network {
    sizes: Arsg,
    mean: Var,
    deviation: Var,
    encoder: Vec<(GruLayer, Var)>,
    state: Var,
    annotation: Affine,
    score: Var,
    location: Option<Location>,
    smooth: Option<Var>,
    embedding: Var,
    decoder: GruLayer,
    initial: Var,
    readout: Affine,
    output: Affine,
}

/// What makes scores depend on where the network looked before.
#[derive(Clone, Debug)]
struct Location {
    filters: Var,
    weight: Var,
}

/// What is computed once for a recording.
#[derive(Clone, Debug)]
pub struct Heard {
    /// h, (B, L, 2n).
    pub annotations: Var,
    /// V h + b, (B, L, n').
    pub projected: Var,
    /// What is added to the score of a frame, (B, L): 0, and what forbids it behind the end.
    pub mask: Var,
}

/// Where the network looks for a phone, and what it hears there.
#[derive(Clone, Debug)]
pub struct Look {
    /// g, (B, 2n).
    pub context: Var,
    /// alpha, (B, L).
    pub alpha: Var,
}

impl Network {
    /// The network of these sizes, whose weights are `features.mean` and `.deviation`, `encoder.<layer>.weight`, `.recurrent`, `.bias` and
    /// `.initial`, `align.state`, `align.annotation`, `align.filters`, `align.location`, `align.score` and its bias, `decoder` as `encoder`,
    /// `decoder.embedding`, `readout` and `output`.
    ///
    /// # Errors
    /// If a size is 0, or a weight is missing or of another shape, by name.
    pub fn new(layers: &mut Layers<'_>, sizes: Arsg) -> Result<Self> {
        Self::begun(layers, sizes, |_| Fill::Normal(0.01))
    }

    /// The same, whose matrices begin with what `fill` says of a unit's inputs.
    pub(super) fn begun(layers: &mut Layers<'_>, sizes: Arsg, fill: fn(usize) -> Fill<'static>) -> Result<Self> {
        sizes.check()?;
        let Arsg { features, hidden, decoder: n, alignment, filters, width, smoothed, maxout, phones, .. } = sizes;
        let d = hidden.saturating_mul(2);
        let [mean, deviation] = MEASURED;
        let encoder = |layer: usize| {
            let (name, inputs) = (format!("encoder.{layer}"), if layer == 0 { features } else { d });
            let gru = GruLayer::new(layers, &name, Direction::Bidirectional, [inputs, hidden], fill(inputs))?;
            Ok((gru, layers.tensor(&format!("{name}.initial"), &[2, hidden], STATE)?))
        };
        let encoder = (0..sizes.layers).map(encoder).collect::<Result<_>>()?;
        let location = |layers: &mut Layers<'_>| {
            Ok::<_, Error>(Location {
                filters: layers.tensor("align.filters", &[filters, 1, 1, width], fill(width))?,
                weight: layers.tensor("align.location.weight", &[alignment, filters], fill(filters))?,
            })
        };
        let (seen, written) = (n.saturating_add(d), maxout.saturating_mul(2));
        Ok(Self {
            sizes,
            mean: layers.tensor(mean, &[features], Fill::Zeros)?,
            deviation: layers.tensor(deviation, &[features], Fill::Given(&vec![1.0; features]))?,
            encoder,
            state: layers.tensor("align.state.weight", &[alignment, n], fill(n))?,
            annotation: layers.affine("align.annotation", [d, alignment], [fill(d), Fill::Zeros])?,
            score: layers.tensor("align.score", &[alignment], fill(alignment))?,
            location: (filters > 0).then(|| location(layers)).transpose()?,
            smooth: smoothed.then(|| layers.tensor("align.score.bias", &[1], Fill::Zeros)).transpose()?,
            embedding: layers.tensor("decoder.embedding", &[phones, n], fill(n))?,
            decoder: GruLayer::new(layers, "decoder", Direction::Forward, [seen, n], fill(seen))?,
            initial: layers.tensor("decoder.initial", &[n], STATE)?,
            readout: layers.affine("readout", [seen, written], [fill(seen), Fill::Zeros])?,
            output: layers.affine("output", [maxout, phones], [fill(maxout), Fill::Zeros])?,
        })
    }

    /// How large it is.
    pub fn sizes(&self) -> Arsg {
        self.sizes
    }

    /// What is to be heard in recordings (B, L, features), behind whose end stands [`NOTHING`].
    ///
    /// # Errors
    /// If they are of another shape.
    pub fn hear(&self, sound: &Var) -> Result<Heard> {
        let &[batch, frames, features] = sound.shape() else {
            return Err(Error::shape("arsg", format!("recordings are (B, frames, features), not {}", sound.ty())));
        };
        if features != self.sizes.features {
            return Err(Error::shape(
                "arsg",
                format!("recordings {} of {features} features; it hears {}", sound.ty(), self.sizes.features),
            ));
        }
        let is_frame = sound.narrow(2, 0, 1)?.greater(&number(sound, NOTHING / 2.0)?)?;
        let lens = is_frame.cast(DType::I32)?.reduce_sum(&[1, 2], false)?;
        let mut x = is_frame.where_(&sound.sub(&self.mean)?.div(&self.deviation)?, &number(sound, 0.0)?)?;
        for (layer, initial) in &self.encoder {
            let initial = initial.expand([batch, 2, self.sizes.hidden])?;
            x = layer.of(&x, Some(&lens), Some(&initial))?.0.reshape([batch, frames, 2 * self.sizes.hidden])?;
        }
        let mask = is_frame.where_(&number(sound, 0.0)?, &number(sound, f32::NEG_INFINITY)?)?.squeeze(2)?;
        Ok(Heard { projected: self.annotation.of(&x)?, annotations: x, mask })
    }

    /// The state before the first phone, (B, n), and where the network looks from then: at the first frame, (B, L).
    ///
    /// # Errors
    /// None that [`Network::hear`] has not had.
    pub fn begin(&self, heard: &Heard) -> Result<(Var, Var)> {
        let &[batch, frames] = heard.mask.shape() else {
            return Err(Error::shape("arsg", format!("a mask of {}; it is (B, frames)", heard.mask.ty())));
        };
        let first = heard.mask.graph().constant(Array::from_fn([1, frames], |frame| f32::from(u8::from(frame == 0))))?;
        Ok((self.initial.expand([batch, self.sizes.decoder])?, first.expand([batch, frames])?))
    }

    /// Where the network looks from `state` (B, n), having looked at `before` (B, L).
    ///
    /// # Errors
    /// If the shapes do not belong together.
    pub fn look(&self, heard: &Heard, state: &Var, before: &Var, manner: Manner) -> Result<Look> {
        let query = state.linear(&self.state, None)?;
        let projected = match &self.location {
            Some(Location { filters, weight }) => {
                let reach = self.sizes.width / 2;
                let attributes = Conv2d { padding: Pads { left: reach, right: reach, ..Pads::default() }, ..Conv2d::default() };
                let seen = before.unsqueeze(1)?.unsqueeze(1)?.conv2d(filters, None, attributes)?;
                heard.projected.add(&seen.squeeze(2)?.swap_axes(1, 2)?.linear(weight, None)?)?
            }
            None => heard.projected.clone(),
        };
        let mask = match manner.window {
            Some(window) => within(before, window, &heard.mask)?,
            None => heard.mask.clone(),
        };
        let score = scaled(&self.score, manner.sharpness)?;
        let Some(bias) = &self.smooth else {
            let (context, alpha) = heard.annotations.additive_attention(&projected, &query, &score, Some(&mask))?;
            return Ok(Look { context, alpha });
        };
        let energy = projected.add(&query.unsqueeze(1)?)?.tanh()?.mul(&score)?.reduce_sum(&[2], false)?.add(bias)?;
        let each = energy.add(&mask)?.sigmoid()?;
        // Where a window has no frame, nothing is heard.
        let all = each.reduce_sum(&[1], true)?.maximum(&number(&each, f32::MIN_POSITIVE)?)?;
        let alpha = each.div(&all)?;
        let context = alpha.unsqueeze(1)?.matmul(&heard.annotations)?.squeeze(1)?;
        Ok(Look { context, alpha })
    }

    /// What phones score, (rows, phones), by the state before them (rows, n) and what is heard (rows, 2n).
    ///
    /// # Errors
    /// If the shapes do not belong together.
    pub fn scores(&self, state: &Var, context: &Var) -> Result<Var> {
        let readout = self.readout.of(&concat(&[state, context], 1)?)?;
        let pairs = [readout.shape()[0], self.sizes.maxout, 2];
        self.output.of(&readout.reshape(pairs)?.reduce_max(&[-1], false)?)
    }

    /// The state behind `phones`, i32 (B), that were written after a look.
    ///
    /// # Errors
    /// If the shapes do not belong together.
    pub fn next(&self, state: &Var, context: &Var, phones: &Var) -> Result<Var> {
        let x = concat(&[&self.embedding.gather(0, phones)?, context], 1)?.unsqueeze(1)?;
        self.decoder.of(&x, None, Some(&state.unsqueeze(1)?))?.1.squeeze(1)
    }
}

/// `mask` (B, L) where frames lie within `window` of the median of where the network looked before, what forbids elsewhere.
fn within(before: &Var, window: usize, mask: &Var) -> Result<Var> {
    let short = before.cumsum(1, false, false)?.less(&number(before, 0.5)?)?;
    let median = short.cast(DType::F32)?.reduce_sum(&[1], true)?;
    let places = before.graph().constant(Array::from_fn([1, before.shape()[1]], |frame| frame as f32))?;
    let near = places.sub(&median)?.abs()?.less_or_equal(&number(before, window as f32)?)?;
    near.where_(mask, &number(mask, f32::NEG_INFINITY)?)
}
