# Sourced: makes sure that there is `npm`, for packages that carry data.
if ! command -v npm >/dev/null; then
    echo "== installing npm"
    as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
    as_root apt-get update -q
    as_root apt-get install -y -q --no-install-recommends npm
fi
