#!/usr/bin/env bash
# The fuzzer's first corpus: every model of ONNX's own cases under 4 KB, and this project's fixtures.
set -euo pipefail
cd "$(dirname "$0")/../.."
bash scripts/onnx-cases.sh
mkdir -p tests/fuzz/corpus/onnx
find "${CARGO_TARGET_DIR:-target}/onnx-cases" tests/fixtures -name '*.onnx' -size -4k | while read -r file; do
    cp "$file" "tests/fuzz/corpus/onnx/$(basename "$(dirname "$file")")-$(basename "$file")"
done
