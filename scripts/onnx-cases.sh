#!/usr/bin/env bash
# Unpacks ONNX's own test cases to target/onnx-cases: the last release of the `onnx` package that carries them has them as data.
set -euo pipefail
cd "$(dirname "$0")/.."
version=1.16.2
folder=${CARGO_TARGET_DIR:-target}/onnx-cases
[ -f "$folder/$version" ] && exit 0
echo "== ONNX's test cases: fetching onnx $version"
source scripts/pip.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip download -q --no-deps --only-binary=:all: --python-version 3.11 --implementation cp --platform manylinux2014_x86_64 -d "$work" "onnx==$version"
rm -rf "$folder" && mkdir -p "$folder"
python3 - "$work" "$folder" <<'PY'
import sys, zipfile, pathlib
work, folder = map(pathlib.Path, sys.argv[1:])
prefix = "onnx/backend/test/data/"
with zipfile.ZipFile(next(work.glob("onnx-*.whl"))) as wheel:
    for name in wheel.namelist():
        if name.startswith(prefix) and not name.endswith("/"):
            path = folder / name[len(prefix):]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wheel.read(name))
PY
touch "$folder/$version"
