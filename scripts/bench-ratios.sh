#!/usr/bin/env bash
# Has anything become slower? Times the rows of benches/small.json as they are here and as they were at an earlier commit, on the same
# adapter, one after the other, three times, since a machine's speed drifts; the best time of each row counts.
#
#   scripts/bench-ratios.sh              against the commit before HEAD
#   scripts/bench-ratios.sh v0.1.0       against any commit
#   TURNS=6 scripts/bench-ratios.sh      on a machine that others use too
#
# Writes benches/ratios.txt: then over now for each row, above 1 is faster.
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1:-}" in
-h | --help) sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; exit ;;
esac
commit=$(git rev-parse --verify --quiet "${1:-HEAD~1}^{commit}") || { echo "there is no commit '${1:-HEAD~1}'" >&2; exit 1; }
source scripts/vulkan.sh

work=$(mktemp -d)
trap 'git worktree remove --force "$work/before" 2>/dev/null; rm -rf "$work"' EXIT
git worktree add --quiet --detach "$work/before" "$commit"

echo "== Building $(git describe --always --dirty) and $(git describe --always "$commit")"
cargo build --release --locked --quiet
cp target/release/foveate "$work/now"
# The same target folder: what both have in common is built once.
CARGO_TARGET_DIR=$PWD/target cargo build --release --locked --quiet --manifest-path "$work/before/Cargo.toml"
mv target/release/foveate "$work/then"
cp "$work/now" target/release/foveate

turns=${TURNS:-3}
for turn in $(seq "$turns"); do
    for side in then now; do
        echo "== Run $turn of $turns, $side"
        "$work/$side" bench --cases benches/small.json --budget 2 --json "$work/$side-$turn.json" >/dev/null
    done
done

# The best of a side's runs.
best() {
    jq -s '.[0] * {rows: [.[].rows[]] | group_by(.name) | map(min_by(.us))}' "$work/$1"-*.json
}
command -v jq >/dev/null || install jq
best then >"$work/best-then.json"
best now >"$work/best-now.json"
{
    echo "$(git describe --always --dirty) against $(git describe --always "$commit") on $(jq -r .device "$work/best-now.json"), $(date +%F)"
    echo "microseconds then and now, and their ratio: above 1 is faster"
    jq -rs '(.[0].rows | INDEX(.name)) as $before | .[1].rows[] | select($before[.name]) |
        [.name, $before[.name].us, .us, $before[.name].us / .us] | @tsv' "$work/best-then.json" "$work/best-now.json" |
        awk -F '\t' '{ printf "%-32s %12.1f %12.1f %7.2f%s\n", $1, $2, $3, $4, $4 < 0.9 ? "  slower" : ""; sum += log($4) }
            END { if (NR) printf "%d rows, geometric mean %.2f\n", NR, exp(sum / NR) }'
} | tee benches/ratios.txt
