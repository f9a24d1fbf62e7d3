# Sourced by demo.sh and test.sh: makes sure that there is a Vulkan adapter, if need be Mesa's software one.

have_driver() {
    compgen -G '/usr/share/vulkan/icd.d/*.json' >/dev/null || compgen -G '/etc/vulkan/icd.d/*.json' >/dev/null ||
        [ -n "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ]
}

have_loader() {
    # Not `grep -q`: it would close the pipe early, which pipefail takes for a failure.
    ldconfig -p 2>/dev/null | grep libvulkan.so.1 >/dev/null
}

install() {
    local apt=(apt-get)
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || { echo "Please install as root: $*" >&2; exit 1; }
        apt=(sudo apt-get)
    fi
    command -v apt-get >/dev/null || { echo "Please install a Vulkan driver; Mesa's lavapipe will do." >&2; exit 1; }
    "${apt[@]}" update -qq
    DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y -qq --no-install-recommends "$@" >/dev/null
}

if [ "$(uname)" = Linux ]; then
    if have_driver && have_loader; then
        echo "== Vulkan: a driver is installed"
    else
        echo "== Vulkan: installing Mesa's drivers (mesa-vulkan-drivers)"
        install mesa-vulkan-drivers libvulkan1
    fi
fi

command -v cargo >/dev/null || { echo "Please install Rust first: https://rustup.rs" >&2; exit 1; }

# Mesa's device-selection layer looks for a Wayland server and complains where there is none.
[ -n "${XDG_RUNTIME_DIR:-}" ] || export NODEVICE_SELECT=1
