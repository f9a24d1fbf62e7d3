# Sourced: makes sure that `python3 -m pip` works, for packages that carry test data.
if ! python3 -m pip --version >/dev/null 2>&1; then
    echo "== Python: installing pip (python3-pip)"
    as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
    as_root apt-get update -q
    as_root apt-get install -y -q --no-install-recommends python3-pip
fi
