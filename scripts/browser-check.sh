#!/usr/bin/env bash
# Compiles every shader with Dawn, the WebGPU implementation of Chromium, which is stricter than naga about uniform control
# flow, literals and precedence. Needs Node.js, and a Vulkan adapter that Dawn accepts (Mesa 25 or newer, or a real GPU).
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/wgsl"
FOVEATE_WGSL_DIR="$work/wgsl" cargo test --quiet --test shaders texts_can_be_written_out
cp scripts/browser-check.mjs "$work/"
cd "$work"
npm install --silent webgpu >/dev/null
# Dawn may not let Node.js exit; its verdict is what counts.
timeout --signal KILL 60 node browser-check.mjs wgsl | tee report || true
grep -q ' shaders, 0 errors$' report
