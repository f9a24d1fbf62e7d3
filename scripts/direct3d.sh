#!/usr/bin/env bash
# Runs a program built for Windows on Direct3D 12, without Windows and without a GPU: Wine, whose Direct3D 12 is vkd3d on Vulkan, and Mesa's
# software adapter. Shaders are compiled by FXC, Microsoft's own compiler, which every Windows has.
#
#   rustup target add x86_64-pc-windows-gnu     # and apt-get install gcc-mingw-w64-x86-64
#   cargo build --release --target x86_64-pc-windows-gnu
#   scripts/direct3d.sh target/x86_64-pc-windows-gnu/release/foveate.exe segment assets/astronaut.png --output segmented
#   cargo test --target x86_64-pc-windows-gnu --test ops --no-run
#   scripts/direct3d.sh target/x86_64-pc-windows-gnu/debug/deps/ops-*.exe conv2d::
#
# All of it is unpacked under target/direct3d, some 2 GB, from Debian's next release, and FXC from a package of Qt for Python; nothing is
# installed. The program sees this folder, its own and /tmp, at the places where they are.
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1:--h}" in
-h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | sed '$d'; exit ;;
esac
program=$(realpath "$1")
shift
dir=$PWD/target/direct3d
root=$dir/root
wine=/usr/lib/x86_64-linux-gnu/wine

# Runs the program where nothing but these processes sees what is mounted; it is gone with the last of them.
run() {
    local root=$1 wine=$2 here=$3 fxc=$4 program=$5 code=0
    shift 5
    inside() { /usr/sbin/chroot "$root" "$@"; }
    for folder in /dev /sys /tmp "$here" "$(dirname "$program")"; do
        mkdir -p "$root$folder"
        mount --rbind "$folder" "$root$folder"
    done
    mkdir -p "$root/proc"
    mount -t proc proc "$root/proc"
    rm -f /tmp/.X97-lock /tmp/.X11-unix/X97
    inside Xvfb "$DISPLAY" -screen 0 64x64x24 >/dev/null 2>&1 &
    timeout 20 bash -c 'until [ -e /tmp/.X11-unix/X97 ]; do sleep 0.1; done'
    local system=$root$WINEPREFIX/drive_c/windows/system32
    if [ ! -e "$system/zlib1.dll" ]; then
        inside "$wine/wine" wineboot -i >/dev/null 2>&1 || true
        cp "$root$wine/x86_64-windows/zlib1.dll" "$system/"
        inside "$wine/wine" wineboot -u >/dev/null 2>&1
    fi
    cp "$fxc/d3dcompiler_47.dll" "$system/"
    inside /bin/bash -c 'cd "$1" && shift && exec "$@"' bash "$here" "$wine/wine" "$program" "$@" || code=$?
    inside "$wine/wineserver" --kill || true
    return "$code"
}

# One at a time: they share a display and Wine's folder.
mkdir -p "$dir"
exec 9>"$dir/lock"
flock 9
if [ ! -e "$dir/fxc/d3dcompiler_47.dll" ]; then
    . scripts/pip.sh
    echo "== Fetching FXC" >&2
    mkdir -p "$dir/fxc"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    python3 -m pip download -q --no-deps --only-binary=:all: --platform win_amd64 --python-version 3.9 -d "$work" PySide2==5.15.2.1 >&2
    python3 - "$work"/*.whl "$dir/fxc" <<'PYTHON'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel, open(sys.argv[2] + "/part", "wb") as part:
    part.write(wheel.read("PySide2/d3dcompiler_47.dll"))
PYTHON
    mv "$dir/fxc/part" "$dir/fxc/d3dcompiler_47.dll"
fi
if [ ! -e "$root/ready" ]; then
    rm -rf "$root"
    scripts/debian-next.sh "$root" wine64 libwine mesa-vulkan-drivers libvulkan1 xvfb bash coreutils
    cp "$root/usr/x86_64-w64-mingw32/lib/zlib1.dll" "$root$wine/x86_64-windows/"
    ln -s bash "$root/usr/bin/sh"
    touch "$root/ready"
fi

export DISPLAY=:97 WINEPREFIX=/wine WINEDEBUG="${WINEDEBUG:--all}" WINE_D3D_CONFIG=renderer=vulkan HOME=/tmp XDG_RUNTIME_DIR=/tmp LANG=C.UTF-8
export WINEDLLOVERRIDES="d3dcompiler_47=n;mscoree=d;mshtml=d" FOVEATE_ADAPTER="${FOVEATE_ADAPTER:-dx12}"
alone=(unshare --mount --pid --fork --kill-child)
[ "$(id -u)" = 0 ] || alone+=(--user --map-root-user)
exec "${alone[@]}" bash -euo pipefail -c "$(declare -f run); run \"\$@\"" run "$root" "$wine" "$PWD" "$dir/fxc" "$program" "$@"
