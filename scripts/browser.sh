#!/usr/bin/env bash
# foveate in a browser: builds examples/browser for WebAssembly into target/browser and serves its two pages.
#
#   scripts/browser.sh            builds, then serves on http://localhost:8000 until Ctrl-C
#   scripts/browser.sh --build    builds only
#
# Installs what is missing: Rust's wasm32 target, and the wasm-bindgen of the version in Cargo.lock (under target/wasm-bindgen).
# A browser gives its camera to pages of localhost or of HTTPS only.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
case "$*" in '' | --build) ;; *) echo "usage: scripts/browser.sh [--build]" >&2; exit 2 ;; esac

version=$(sed -n '/^name = "wasm-bindgen"$/{n;s/.*"\(.*\)"/\1/p}' Cargo.lock)
bindgen=$target/wasm-bindgen/bin/wasm-bindgen
if ! "$bindgen" --version 2>/dev/null | grep -qx "wasm-bindgen $version"; then
    echo "== wasm-bindgen $version (some minutes)"
    cargo install --quiet --root "$target/wasm-bindgen" --version "$version" wasm-bindgen-cli
fi

echo "== Building examples/browser for WebAssembly"
rustup target add wasm32-unknown-unknown
cargo build --release --locked --example browser --no-default-features --target wasm32-unknown-unknown
"$bindgen" --target web --out-name foveate --out-dir "$target/browser" "$target/wasm32-unknown-unknown/release/examples/browser.wasm"
cp examples/browser/*.html assets/astronaut.png "$target/browser/"
ls -l "$target/browser"

[ "${1:-}" = --build ] || python3 -m http.server --directory "$target/browser" 8000
