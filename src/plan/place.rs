//! Where values lie before buffers exist.

/// Where a value lies.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// An input, constant or state: its own buffer.
    Own,
    /// The life of this index.
    Life(usize),
    /// Where another value lies.
    Alias(usize),
}

/// The value as which another one lies on the device: itself, if it is no alias.
pub(super) fn source(places: &[Place], mut value: usize) -> usize {
    while let Place::Alias(further) = places[value] {
        value = further;
    }
    value
}
