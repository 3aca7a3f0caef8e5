# Sourced by install and build-release, which set $python: wheels of trued and of all that it runs on, from a checkout.
# The lock files say which, with their hashes.

# The version that a checkout would have.
version_of() { sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$1/agent/__init__.py"; }

# What runs: setuptools is in requirements.lock to build with, and no host needs it afterwards.
runtime_lock() { awk '/^[a-z]/ { keep = !/^setuptools==/ } keep' "$1"; }

build_lock() { awk '/^[a-z]/ { keep = /^setuptools==/ } keep' "$1"; }

# make_tool CHECKOUT FOLDER: a virtual environment to build with.
make_tool() {
    "$python" -I -m venv "$2" || return 1
    build_lock "$1/requirements.lock" >"$2/build.lock"
    "$2/bin/python" -I -m pip install --quiet --disable-pip-version-check --require-hashes -r "$2/build.lock"
}

# make_own_wheel CHECKOUT TOOL WHEELS. A copy is built: building leaves traces in the folder it builds.
make_own_wheel() {
    rm -rf "$2/source"
    mkdir -p "$2/source"
    (cd "$1" && cp -R agent pyproject.toml README.md LICENSE "$2/source") || return 1
    find "$2/source" -name __pycache__ -prune -exec rm -rf {} +
    chmod -R u=rwX,go=rX "$2/source"
    # Without what a person may have set for other builds, and without an index: setuptools is there.
    "$2/bin/python" -I -m pip --isolated wheel --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation \
        --wheel-dir "$3" "$2/source"
}

# make_wheels CHECKOUT TOOL WHEELS: for this machine; where nobody has built a library for it, pip builds it here.
make_wheels() {
    runtime_lock "$1/requirements.lock" >"$2/runtime.lock"
    for lock in "$2/runtime.lock" "$1/scripts/lib/pip.lock"; do
        "$2/bin/python" -I -m pip wheel --quiet --disable-pip-version-check --require-hashes --no-deps \
            --wheel-dir "$3" -r "$lock" || return 1
    done
}
