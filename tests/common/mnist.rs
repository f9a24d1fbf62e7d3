//! MNIST, which `scripts/mnist.sh` fetches.

use std::path::{Path, PathBuf};

/// The folder with its four files.
#[track_caller]
pub fn mnist() -> PathBuf {
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), Into::into);
    let folder = folder.join("mnist");
    assert!(folder.join("train-images-idx3-ubyte").exists(), "{} is missing; run scripts/mnist.sh", folder.display());
    folder
}
