//! The one error of the crate, sorted by who must act.

use std::fmt;
use std::path::{Path, PathBuf};

/// What went wrong, and whose turn it is. Printed for debugging it is the same message, since that is what a `main` that returns it prints.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller asked for something that has no meaning: a shape, a type, an attribute.
    #[error("{op}: {reason}")]
    Shape {
        /// The operator or method that refused.
        op: &'static str,
        /// The offending values and what was expected.
        reason: String,
    },
    /// A legitimate request that foveate does not implement. Never approximated.
    #[error("{op} is not supported: {reason}")]
    Unsupported {
        /// The operator or feature.
        op: &'static str,
        /// What exactly is missing.
        reason: String,
    },
    /// A file's contents are not what its format promises.
    #[error("{file}: {reason}")]
    Model {
        /// The file, or what stands for it.
        file: String,
        /// What is wrong in it.
        reason: String,
    },
    /// The adapter, its driver or its limits are in the way.
    #[error("{0}")]
    Device(String),
    /// The operating system refused to read or write.
    #[error("{}: {source}", path.display())]
    Io {
        /// The path in question.
        path: PathBuf,
        /// The system's own words.
        source: std::io::Error,
    },
}

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error {
    /// A refusal of the caller's request by operator `op`.
    pub fn shape(op: &'static str, reason: impl Into<String>) -> Self {
        Self::Shape { op, reason: reason.into() }
    }

    /// Something `op` could mean but does not do yet.
    pub fn unsupported(op: &'static str, reason: impl Into<String>) -> Self {
        Self::Unsupported { op, reason: reason.into() }
    }

    /// A file with the wrong contents.
    pub fn model(file: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Model { file: file.into(), reason: reason.into() }
    }

    /// An input or output error at `path`.
    pub fn io(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Io { path: path.as_ref().to_path_buf(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_main_that_returns_it_prints_the_message() {
        let error = Error::shape("conv2d", "weight f32[8, 3, 3, 3] of an input of 4 channels");
        assert_eq!(format!("Error: {error:?}"), "Error: conv2d: weight f32[8, 3, 3, 3] of an input of 4 channels");
    }
}
