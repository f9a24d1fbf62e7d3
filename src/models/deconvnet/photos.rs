//! `DeconvNet` over a whole photo: region after region, the largest score of each pixel staying on the device.
//!
//! ```text
//! photo (1, 3, h, w) -- rows, columns --> crop 224 x 224 --> DeconvNet --> scores -- rows, columns --> (1, classes, h, w)
//!                                                                                                          |
//!                                                             largest (1, classes, h, w), 0 at first  <-- max
//! ```
//!
//! One plan serves all regions of all photos of a size: photo and scores are its states, a region is four matrices. What a region
//! takes beside the network grows with the photo, 224 h (224 + w) multiply-adds for each class: a 25th of the network's for the
//! 500 x 375 of PASCAL VOC, whose objects the network knows at that size. Larger photos are best scaled down to it.

use super::{DeconvNet, Region, classes, resampled};
use crate::array::{Array, Hw, TensorType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::models::caffe::{Normalisation, data};
use crate::nn::Weights;
use crate::plan::{Device, Plan};

const NAME: &str = "deconvnet photos";

/// Scores of photos of one size.
///
/// ```no_run
/// use foveate::models::deconvnet::{DeconvNet, Photos, windows};
/// use foveate::{array::picture::Picture, gpu::Gpu, nn::Weights, plan::Device};
///
/// # fn main() -> foveate::Result<()> {
/// let photo = Picture::open("street.jpg")?;
/// let weights = Weights::open("deconvnet.safetensors")?;
/// let net = DeconvNet::of(&weights)?;
/// let mut photos = Photos::new(&Device::Gpu(Gpu::new()?), net, &weights, photo.size)?;
/// photos.begin(&photo.rgb)?;
/// for region in windows(photo.size, net.least_side()) {
///     photos.add(region)?;
/// }
/// let classes = photos.classes()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Photos {
    crops: Plan,
    labels: Plan,
    size: Hw,
    /// Of a crop.
    seen: Hw,
    none: Array,
    begun: bool,
}

impl Photos {
    /// For photos of `size`, by a network with `weights` for inference: [`Statistics::folded`](super::Statistics::folded)'s, or a
    /// checkpoint that has been made ready.
    ///
    /// # Errors
    /// As [`DeconvNet::forward`], and if the device cannot hold the network.
    pub fn new(device: &Device, net: DeconvNet, weights: &Weights, size: Hw) -> Result<Self> {
        let seen = net.size();
        let none = Array::full([1, net.classes, size.h, size.w], 0.0f32);
        let graph = Graph::new();
        let photo = graph.state("photo", Array::full([1, 3, size.h, size.w], 0.0f32))?;
        let largest = graph.state("scores", none.clone())?;
        let matrix = |name: &str, h: usize, w: usize| graph.input(name, TensorType::f32([h, w]));
        let [rows, columns] = [matrix("read rows", seen.h, size.h)?, matrix("read columns", size.w, seen.w)?];
        let network = net.forward(weights, &data(&resampled(&photo, &rows, &columns)?)?, Normalisation::Inference)?;
        let [rows, columns] = [matrix("write rows", size.h, seen.h)?, matrix("write columns", seen.w, size.w)?];
        let next = largest.maximum(&resampled(&DeconvNet::score(&network)?, &rows, &columns)?)?;
        graph.update(&largest, &next)?;
        // The scores stay where they are: a run reads one of them back.
        let crops = Plan::compile(device, &[&next.crop(0, 0, Hw::square(1))?])?;
        let scores = Graph::new().input("scores", none.ty())?;
        let labels = Plan::compile(device, &[&classes(&scores)?])?;
        Ok(Self { crops, labels, size, seen, none, begun: false })
    }

    /// Begins with a photo (1, 3, h, w), RGB of 0..1: no region has been looked at.
    ///
    /// # Errors
    /// If it is of another size or the device fails.
    pub fn begin(&mut self, photo: &Array) -> Result<()> {
        self.begun = false;
        self.crops.set_state("photo", photo)?;
        self.crops.set_state("scores", &self.none)?;
        self.begun = true;
        Ok(())
    }

    /// Looks at a region of the photo: each of its pixels keeps the larger of the score that it has, of each class, and that of this
    /// crop. The order of regions makes no difference.
    ///
    /// # Errors
    /// As [`Region::reading`]; if no photo has begun, or the device fails.
    pub fn add(&mut self, region: Region) -> Result<()> {
        self.check()?;
        let [read_rows, read_columns] = region.reading(self.size, self.seen)?;
        let [write_rows, write_columns] = region.writing(self.size, self.seen)?;
        let inputs =
            [("read rows", &read_rows), ("read columns", &read_columns), ("write rows", &write_rows), ("write columns", &write_columns)];
        self.crops.run(&inputs).map(drop)
    }

    /// The largest score of each class at each pixel, (1, classes, h, w), 0 at least.
    ///
    /// # Errors
    /// If no photo has begun, or the device fails.
    pub fn scores(&mut self) -> Result<Array> {
        self.check()?;
        self.crops.state("scores")
    }

    /// The class of the largest score at each pixel, i32 (1, 1, h, w); of equals the first, so the background where no region was.
    ///
    /// # Errors
    /// As [`Photos::scores`].
    pub fn classes(&mut self) -> Result<Array> {
        let scores = self.scores()?;
        let mut outputs = self.labels.run(&[("scores", &scores)])?;
        outputs.pop().ok_or_else(|| Error::shape(NAME, "the plan gave no classes"))
    }

    /// Bytes of GPU memory that the plans hold.
    pub fn device_bytes(&self) -> u64 {
        self.crops.device_bytes() + self.labels.device_bytes()
    }

    fn check(&self) -> Result<()> {
        if self.begun { Ok(()) } else { Err(Error::shape(NAME, "no photo has begun")) }
    }
}

/// What [`Photos::scores`] are of a photo (1, 3, h, w), RGB of 0..1, in a graph: the crops of all regions are one batch.
///
/// # Errors
/// As [`Region::reading`] and [`DeconvNet::forward`]; if `photo` has another shape or there is no region.
pub fn scores_by_regions(net: DeconvNet, weights: &Weights, photo: &Var, regions: &[Region]) -> Result<Var> {
    let &[1, 3, h, w] = photo.shape() else {
        return Err(Error::shape(NAME, format!("a photo is (1, 3, h, w), not {}", photo.ty())));
    };
    let size = Hw::new(h, w);
    let all = |of: &dyn Fn(&Region) -> Result<[Array; 2]>| -> Result<[Var; 2]> {
        let pairs = regions.iter().map(of).collect::<Result<Vec<_>>>()?;
        let [rows, columns] = [0, 1].map(|which| stacked(pairs.iter().map(|pair| &pair[which])));
        Ok([photo.graph().constant(rows?)?, photo.graph().constant(columns?)?])
    };
    let [rows, columns] = all(&|region| region.reading(size, net.size()))?;
    let network = net.forward(weights, &data(&resampled(photo, &rows, &columns)?)?, Normalisation::Inference)?;
    let [rows, columns] = all(&|region| region.writing(size, net.size()))?;
    resampled(&DeconvNet::score(&network)?, &rows, &columns)?.reduce_max(&[0], true)?.relu()
}

/// Matrices of one shape (a, b) as (n, 1, a, b).
fn stacked<'a>(matrices: impl Iterator<Item = &'a Array> + Clone) -> Result<Array> {
    let shape = matrices.clone().next().map(Array::shape).unwrap_or_default();
    let &[a, b] = shape else { return Err(Error::shape(NAME, "there are no regions")) };
    let values = matrices.clone().map(|matrix| matrix.values::<f32>()).collect::<Result<Vec<_>>>()?.concat();
    Array::new([matrices.count(), 1, a, b], values)
}
