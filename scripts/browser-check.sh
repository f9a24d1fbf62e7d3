#!/usr/bin/env bash
# What a browser makes of foveate, by Dawn, the WebGPU implementation of Chromium, without a window: it compiles every shader (it is
# stricter than naga about uniform control flow, literals and precedence), then runs examples/browser on the built-in photo: the mask has to
# be the one that the program writes, and a U-Net has to learn it from some of its pixels. Needs Node.js, and a Vulkan adapter that Dawn
# accepts (Mesa 25 or newer, or a real GPU).
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(realpath "${CARGO_TARGET_DIR:-target}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp scripts/browser-*.mjs "$work/"
echo '{ "type": "module" }' >"$work/package.json"
(cd "$work" && npm install --silent webgpu@0.6 pngjs@7 >/dev/null)

# Dawn may not let Node.js exit; what it has said is what counts.
on_dawn() { (cd "$work" && timeout --signal KILL 600 node "$@") | tee "$work/report" || true; }

echo "== Every shader"
mkdir "$work/wgsl"
FOVEATE_WGSL_DIR="$work/wgsl" cargo test --quiet --test shaders texts_can_be_written_out
on_dawn browser-shaders.mjs wgsl
grep -q ' shaders, 0 errors$' "$work/report"

echo "== A photo, by the program and by the module for browsers (software adapters compile for half a minute)"
cargo build --quiet --release --locked
"$target/release/foveate" segment assets/astronaut.png --output "$work/native"
scripts/browser.sh --build
cp "$target"/browser/* "$work/"
on_dawn browser-segment.mjs "$PWD/assets/astronaut.png" native/mask.png
grep -q '^the same mask$' "$work/report"

echo "== A U-Net learns in the module (a minute or two on software adapters)"
on_dawn browser-learn.mjs "$PWD/assets/astronaut.png" native/mask.png
grep -q '^it has learnt$' "$work/report"
