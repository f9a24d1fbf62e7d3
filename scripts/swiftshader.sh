#!/usr/bin/env bash
# Runs the tests of operators and of their gradients on SwiftShader, Chromium's software adapter, each in a process of its own: the second
# adapter that every kernel of a case table has to agree on.
#
#   scripts/swiftshader.sh                  # all of them: more than an hour, most of it the compilation of transposed convolutions
#   scripts/swiftshader.sh conv2d:: roi     # those whose names contain one of these
#
# Debian's chromium-common has the driver; it is unpacked under target/swiftshader, nothing is installed.
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1:-}" in
-h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | sed '$d'; exit ;;
esac
dir=$PWD/target/swiftshader
icd=$dir/root/usr/lib/chromium/vk_swiftshader_icd.json

if [ ! -e "$icd" ]; then
    echo "== Unpacking SwiftShader under $dir" >&2
    mkdir -p "$dir/packages"
    (cd "$dir/packages" && apt-get download -qq chromium-common >&2 && dpkg -x chromium-common_*.deb .)
    rm -rf "$dir/root" "$dir/packages"/*.deb
    mv "$dir/packages" "$dir/root"
fi
programs=$(cargo test --locked --test ops --test gradient --no-run --message-format=json | sed -n 's#.*"executable":"\([^"]*/deps/[^"]*\)".*#\1#p')
names=$(IFS='|'; echo "${*:-.}")
export VK_DRIVER_FILES=$icd VK_ICD_FILENAMES=$icd NODEVICE_SELECT=1
passed=0 failed=()
for program in $programs; do
    for name in $("$program" --list | sed -n 's/: test$//p' | grep -E -- "$names"); do
        begin=$SECONDS
        log=$dir/$(basename "$program" | sed 's/-[0-9a-f]*$//').${name//::/.}.log
        if "$program" --exact "$name" --test-threads 1 >"$log" 2>&1; then
            passed=$((passed + 1))
            rm "$log"
            echo "ok      $((SECONDS - begin)) s  $name"
        else
            failed+=("$log")
            echo "FAILED  $((SECONDS - begin)) s  $name: $log"
        fi
    done
done
echo "== $passed passed, ${#failed[@]} failed"
[ "${#failed[@]}" -eq 0 ] && [ "$passed" -gt 0 ]
