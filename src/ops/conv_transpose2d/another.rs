//! Launches whose weight is another: turned or widened before them.

use crate::gpu::{Launch, Slot};

/// `launches` that read what `first` makes of the weight, in scratch memory 0, behind it: once and for all where the weight stays.
pub(super) fn of_another_weight(first: Launch, mut launches: Vec<Launch>) -> Vec<Launch> {
    for binding in launches.iter_mut().flat_map(|launch| &mut launch.bindings).filter(|binding| binding.slot == Slot::Input(1)) {
        binding.slot = Slot::Scratch(0);
    }
    launches.insert(0, first.once());
    launches
}
