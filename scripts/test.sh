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

checks() {
    # `cargo test` has the build to itself until the first test runs.
    sleep 10
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
}

# A software adapter computes one dispatch after the other, so that tests keep one core busy; the others check the rest meanwhile.
step "Tests; lints, a browser's build and documentation beside them, shown below"
beside=$(mktemp)
checks >"$beside" 2>&1 &
trap 'kill %1 2>/dev/null || true; rm -f "$beside"' EXIT
cargo test --locked

wait %1 || failed=$?
cat "$beside"
if [ "${failed:-0}" -ne 0 ]; then
    exit "$failed"
fi

step "Done"
