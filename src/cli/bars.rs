//! Progress bars on long work.

use indicatif::{ProgressBar, ProgressStyle};

/// Of `count` things, each with a message.
pub(super) fn counted(count: u64) -> ProgressBar {
    styled(count, "{prefix}{bar:30} {pos}/{len} {msg} ({eta} left)")
}

/// Of `count` things that are many a second.
pub(super) fn rated(count: u64) -> ProgressBar {
    styled(count, "{bar:30} {pos}/{len} {per_sec}, {eta} left; {msg}")
}

/// Of points that nobody knows the number of.
pub(super) fn points() -> ProgressBar {
    styled(0, "{spinner} {pos} points, {per_sec}")
}

fn styled(count: u64, template: &str) -> ProgressBar {
    ProgressBar::new(count).with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}
