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
    rm -rf "$dir"
    scripts/debian-next.sh "$dir/root" mesa-vulkan-drivers libvulkan1
    icd=$dir/root/usr/share/vulkan/icd.d/lvp_icd.json
    sed "s#\"libvulkan_lvp.so\"#\"$libraries/libvulkan_lvp.so\"#" "$icd" >"$dir/lvp_icd.json.part"
    mv "$dir/lvp_icd.json.part" "$dir/lvp_icd.json"
fi

export VK_DRIVER_FILES=$dir/lvp_icd.json VK_ICD_FILENAMES=$dir/lvp_icd.json
exec "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries:/usr/lib/x86_64-linux-gnu" "$@"
