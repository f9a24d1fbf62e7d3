#!/usr/bin/env bash
# The main job on a fresh machine: cut the person out of a photo on a GPU adapter.
#
#   scripts/demo.sh                        the built-in photo
#   scripts/demo.sh me.jpg --background blur
#
# Arguments go to `foveate segment`. Pictures land in ./segmented unless --output says otherwise.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
source "$here/scripts/vulkan.sh"

echo "== Building foveate (release; the first time takes some minutes)"
cargo build --release --locked --manifest-path "$here/Cargo.toml"
foveate="${CARGO_TARGET_DIR:-$here/target}/release/foveate"

echo "== Adapters"
"$foveate" devices

echo "== foveate segment $*"
"$foveate" segment "$@"
