//! Batches, made ahead of time on other threads.

use super::dataset::{Dataset, rows, stacked};
use crate::array::Array;
use crate::error::{Error, Result};
use crate::nn::init::Draws;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

/// Some examples.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Their tensors by name, a dimension for the examples before their own.
    pub tensors: Vec<(String, Array)>,
    /// How many of them count: fewer than there are in the last batch of an evaluation, which is filled up with its last example.
    pub count: usize,
    /// Which pass over the data they are of, from 0.
    pub epoch: u64,
}

impl Batch {
    /// The tensors as a plan is given them.
    pub fn inputs(&self) -> Vec<(&str, &Array)> {
        self.tensors.iter().map(|(name, array)| (name.as_str(), array)).collect()
    }

    /// The rows of `array`, which has one for each example, that count.
    ///
    /// # Errors
    /// If it has fewer.
    pub fn counted(&self, array: &Array) -> Result<Array> {
        rows(array, 0..self.count)
    }

    /// The tensor called `name`.
    ///
    /// # Errors
    /// If there is none.
    pub fn get(&self, name: &str) -> Result<&Array> {
        let found = self.tensors.iter().find(|(n, _)| n == name);
        found.map(|(_, array)| array).ok_or_else(|| Error::shape("batch", format!("there is no tensor '{name}'")))
    }
}

/// Gives batches one after the other; threads make the next ones meanwhile.
///
/// Batch `b` depends on the data, the seed and b alone: not on the number of threads, nor on the batch that was the first.
#[derive(Debug)]
pub struct Loader {
    workers: Vec<Receiver<Result<Batch>>>,
    next: usize,
}

impl Loader {
    /// Batches of `size` for training, from batch `first` on, without end: in each epoch every example once, in an order that `seed` and the
    /// epoch decide. What is left over at the end of an epoch, less than a batch, is left out.
    ///
    /// # Errors
    /// If there are fewer examples than a batch has.
    pub fn shuffled(data: Arc<dyn Dataset>, size: usize, seed: u64, first: u64) -> Result<Self> {
        let len = data.len();
        if size == 0 || size > len {
            return Err(Error::shape("loader", format!("batches of {size} of {len} examples")));
        }
        let each = (len / size) as u64;
        Ok(Self::spawn(move |worker, workers| {
            let data = Arc::clone(&data);
            let mut current = None;
            Box::new((first + worker..).step_by(workers).map(move |batch| {
                let epoch = batch / each;
                if current.as_ref().is_none_or(|(e, _)| *e != epoch) {
                    current = Some((epoch, order(len, seed, epoch)));
                }
                let start = (batch % each) as usize * size;
                let indices = current.as_ref().map(|(_, order)| &order[start..start + size]).unwrap_or_default();
                examples(&*data, indices, size, epoch)
            }))
        }))
    }

    /// All examples once, in their own order, as they are on their first visit.
    ///
    /// # Errors
    /// If there are none, or a batch has none.
    pub fn in_order(data: Arc<dyn Dataset>, size: usize) -> Result<Self> {
        let len = data.len();
        if size == 0 || len == 0 {
            return Err(Error::shape("loader", format!("batches of {size} of {len} examples")));
        }
        Ok(Self::spawn(move |worker, workers| {
            let data = Arc::clone(&data);
            Box::new((worker as usize..len.div_ceil(size)).step_by(workers).map(move |batch| {
                let indices: Vec<usize> = (batch * size..len.min((batch + 1) * size)).collect();
                examples(&*data, &indices, size, 0)
            }))
        }))
    }

    /// Worker w of n makes the batches w, w + n, ..; so they come in order, whatever thread is faster.
    fn spawn(batches: impl Fn(u64, usize) -> Box<dyn Iterator<Item = Result<Batch>> + Send>) -> Self {
        let workers = std::thread::available_parallelism().map_or(1, |n| n.get().div_ceil(2)).min(8);
        let worker = |w: usize| {
            let (sender, receiver) = sync_channel(2);
            let batches = batches(w as u64, workers);
            // Ends when nobody is left to receive.
            let work = move || batches.map(|b| sender.send(b)).take_while(std::result::Result::is_ok).for_each(drop);
            let Err(error) = std::thread::Builder::new().spawn(work) else { return receiver };
            let (sender, receiver) = sync_channel(1);
            let _ = sender.send(Err(Error::Device(format!("no thread could be started that loads examples: {error}"))));
            receiver
        };
        Self { workers: (0..workers).map(worker).collect(), next: 0 }
    }
}

impl Iterator for Loader {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        let worker = self.next % self.workers.len();
        self.next += 1;
        self.workers[worker].recv().ok()
    }
}

/// The numbers 0 to `len` in the order of an epoch (Fisher, Yates).
fn order(len: usize, seed: u64, epoch: u64) -> Vec<usize> {
    let draws = Draws::new(seed, &format!("epoch {epoch}"));
    let mut order: Vec<usize> = (0..len).collect();
    for i in (1..len).rev() {
        // The bias of a remainder is below len / 2^64.
        order.swap(i, (draws.bits(i) % (i as u64 + 1)) as usize);
    }
    order
}

fn examples(data: &dyn Dataset, indices: &[usize], size: usize, epoch: u64) -> Result<Batch> {
    let each = indices.iter().map(|&i| data.example(i, epoch)).collect::<Result<Vec<_>>>()?;
    let filled = || each.iter().chain(each.last().into_iter().cycle()).take(size);
    let tensors = data.tensors().into_iter().enumerate().map(|(t, (name, _))| {
        let arrays: Option<Vec<&Array>> = filled().map(|example| example.get(t)).collect();
        Ok((name, stacked(&arrays.ok_or_else(|| Error::shape("loader", "an example lacks a tensor"))?)?))
    });
    Ok(Batch { tensors: tensors.collect::<Result<_>>()?, count: indices.len(), epoch })
}

#[cfg(test)]
mod tests {
    use super::super::Arrays;
    use super::*;

    fn data(len: usize) -> Arc<dyn Dataset> {
        Arc::new(Arrays::new(vec![("x".into(), Array::from_fn([len], |i| i as i32))]).unwrap())
    }

    fn values(batch: Result<Batch>) -> Vec<f64> {
        batch.unwrap().get("x").unwrap().to_f64()
    }

    #[test]
    fn an_epoch_has_each_example_once() {
        let all: Vec<Vec<f64>> = Loader::shuffled(data(10), 3, 1, 0).unwrap().take(6).map(values).collect();
        for epoch in all.chunks(3) {
            let mut seen = epoch.concat();
            seen.sort_by(f64::total_cmp);
            seen.dedup();
            assert_eq!(seen.len(), 9, "{epoch:?}");
        }
        assert_ne!(all[..3], all[3..], "another order");
        let later: Vec<Vec<f64>> = Loader::shuffled(data(10), 3, 1, 4).unwrap().take(2).map(values).collect();
        assert_eq!(later, all[4..], "the same from the middle on");
        assert!(Loader::shuffled(data(2), 3, 1, 0).unwrap_err().to_string().contains("batches of 3 of 2 examples"));
    }

    #[test]
    fn evaluation_fills_up_its_last_batch() {
        let all: Vec<Batch> = Loader::in_order(data(7), 3).unwrap().collect::<Result<_>>().unwrap();
        assert_eq!(all.iter().map(|b| b.count).collect::<Vec<_>>(), [3, 3, 1]);
        assert_eq!(all[2].get("x").unwrap().to_f64(), [6.0, 6.0, 6.0]);
    }
}
