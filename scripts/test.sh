#!/usr/bin/env bash
# Everything that must hold: formatting, lints, tests on a GPU adapter, examples, benches, documentation.
# Arguments go to `cargo test`, which is then all that runs: scripts/test.sh --test ops conv2d
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/vulkan.sh
scripts/onnx-cases.sh
scripts/models.sh
scripts/mnist.sh

step() { printf '\n== %s (%s s so far)\n' "$1" "$SECONDS"; }

if [ $# -gt 0 ]; then
    exec cargo test --locked "$@"
fi

if rustfmt --version >/dev/null 2>&1; then
    step "Formatting"
    # `cargo fmt` does not see the modules that a macro declares.
    find src tests benches examples -name '*.rs' -print0 | xargs -0 rustfmt --edition 2024 --check
fi

step "Tests, examples and benches build"
cargo test --locked --no-run
cargo build --locked --bench ops

step "Tests"
cargo test --locked

if cargo clippy --version >/dev/null 2>&1; then
    step "Lints"
    cargo clippy --locked --all-targets -- -D warnings
fi

# What a browser runs is built of the same sources; `scripts/browser-check.sh` runs it.
if command -v rustup >/dev/null && rustup target add wasm32-unknown-unknown; then
    step "The library alone, for a browser"
    cargo check --locked --lib --example browser --no-default-features --target wasm32-unknown-unknown
fi

step "Documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

step "Done"
