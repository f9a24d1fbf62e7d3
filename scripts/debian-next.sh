#!/usr/bin/env bash
# Unpacks packages of Debian's next release under a folder, with all that they need; nothing is installed.
#
#   scripts/debian-next.sh target/mesa-next/root mesa-vulkan-drivers libvulkan1
#
# Their scripts are not run, so what only those need is left out.
set -euo pipefail
case "${1:--h}" in
-h | --help) sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; exit ;;
esac
root=$1
shift
echo "== Unpacking Debian's next $* under $root" >&2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists/partial,cache/archives/partial,sources,packages}
uri=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources | grep -v security | head -n 1)
keys=$(sed -n 's/^Signed-By: *//p' /etc/apt/sources.list.d/*.sources | head -n 1)
printf 'Types: deb\nURIs: %s\nSuites: sid\nComponents: main\nSigned-By: %s\n' "$uri" "$keys" >"$work/sources/next.sources"
options=(-o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/sources" -o Dir::State::lists="$work/lists"
    -o Dir::Cache="$work/cache" -o Dir::State::status=/dev/null -o APT::Sandbox::User=root)
apt-get "${options[@]}" update -qq >&2
needed=$(apt-cache "${options[@]}" depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
    --no-enhances "$@" | grep '^[a-z]' | sort -u)
needed=$(grep -v -E '^(debconf|perl|dpkg|python|adduser|passwd|systemd|udev|init)' <<<"$needed")
# shellcheck disable=SC2086
(cd "$work/packages" && apt-get "${options[@]}" download -qq $needed >&2)
mkdir -p "$root"
for package in "$work"/packages/*.deb; do dpkg -x "$package" "$root"; done
