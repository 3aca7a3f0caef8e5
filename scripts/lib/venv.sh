# Sourced, from the top of the checkout. Sets $venv to a virtual environment that holds what requirements-dev.lock
# says, and trued itself. It is made, or brought up to date, only when its stamp says otherwise.
#
# PYTHON: the interpreter it is made with. TRUED_VENV: where it stands; `.venv` by default.

venv=${TRUED_VENV:-$PWD/.venv}
python=${PYTHON:-/usr/bin/python3}
command -v "$python" >/dev/null || python=python3

stamp="$(cat requirements-dev.lock pyproject.toml | cksum) $PWD"
if [ "$(cat "$venv/.trued-lock" 2>/dev/null)" != "$stamp" ]; then
    echo "making $venv from requirements-dev.lock" >&2
    [ -x "$venv/bin/pip" ] || "$python" -m venv "$venv" || exit 1
    if ! "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock ||
        ! "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .; then
        echo "pip could not install what requirements-dev.lock names: is a package index within reach?" >&2
        echo "Behind a proxy or with an index of your own, set HTTPS_PROXY or PIP_INDEX_URL and try again." >&2
        exit 1
    fi
    echo "$stamp" >"$venv/.trued-lock"
fi
