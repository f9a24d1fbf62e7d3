#!/usr/bin/env bash
# Writes Hershey's fonts as single strokes of a pen, which a package of npm carries as SVG fonts, to target/pen-fonts, and words.txt: the words of
# Carnegie Mellon University's pronouncing dictionary that are letters alone.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
folder=$target/pen-fonts
package=hersheytext@2.0.0
[ "$(cat "$folder/package" 2>/dev/null)" = "$package" ] && exit 0
scripts/cmudict.sh
source scripts/npm.sh
echo "== Hershey's fonts: fetching $package"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && npm pack --silent "$package" >/dev/null && tar xzf ./*.tgz)
mkdir -p "$folder"
install -m 644 "$work"/package/svg_fonts/*.svg "$folder/"
cut -f1 "$target"/cmudict/train.tsv "$target"/cmudict/test.tsv | grep -E '^[a-z]+$' | sort -u > "$folder/words.txt"
echo "$package" > "$folder/package"
