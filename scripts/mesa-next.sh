#!/usr/bin/env bash
# Runs a program on the software adapter of Debian's next Mesa, which multiplies cooperative matrices where the installed one does not.
#
#   scripts/mesa-next.sh target/release/foveate devices
#   scripts/mesa-next.sh "$(cargo test --test matrices --no-run --message-format=json | jq -r 'select(.executable).executable')"
#
# Its packages are unpacked under target/mesa-next, some 330 MB, with the C library that they need; nothing is installed.
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1:--h}" in
-h | --help) sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; exit ;;
esac
dir=$PWD/target/mesa-next
libraries=$dir/root/usr/lib/x86_64-linux-gnu

if [ ! -e "$dir/lvp_icd.json" ]; then
    echo "== Unpacking Debian's next Mesa under $dir" >&2
    rm -rf "$dir"
    mkdir -p "$dir"/{lists/partial,cache/archives/partial,sources,packages,root}
    uri=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources | grep -v security | head -n 1)
    keys=$(sed -n 's/^Signed-By: *//p' /etc/apt/sources.list.d/*.sources | head -n 1)
    printf 'Types: deb\nURIs: %s\nSuites: sid\nComponents: main\nSigned-By: %s\n' "$uri" "$keys" >"$dir/sources/next.sources"
    options=(-o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$dir/sources" -o Dir::State::lists="$dir/lists"
        -o Dir::Cache="$dir/cache" -o Dir::State::status=/dev/null -o APT::Sandbox::User=root)
    apt-get "${options[@]}" update -qq >&2
    needed=$(apt-cache "${options[@]}" depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
        --no-enhances mesa-vulkan-drivers libvulkan1 | grep '^[a-z]' | sort -u)
    # Scripts of packages are not run, so what only they need is left out.
    needed=$(grep -v -E '^(debconf|perl|dpkg|python|adduser|passwd)' <<<"$needed")
    # shellcheck disable=SC2086
    (cd "$dir/packages" && apt-get "${options[@]}" download -qq $needed >&2)
    for package in "$dir"/packages/*.deb; do dpkg -x "$package" "$dir/root"; done
    rm -rf "$dir"/{lists,cache,packages}
    icd=$dir/root/usr/share/vulkan/icd.d/lvp_icd.json
    sed "s#\"libvulkan_lvp.so\"#\"$libraries/libvulkan_lvp.so\"#" "$icd" >"$dir/lvp_icd.json.part"
    mv "$dir/lvp_icd.json.part" "$dir/lvp_icd.json"
fi

export VK_DRIVER_FILES=$dir/lvp_icd.json VK_ICD_FILENAMES=$dir/lvp_icd.json
exec "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries:/usr/lib/x86_64-linux-gnu" "$@"
