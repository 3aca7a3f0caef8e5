# Sourced by install, after places.sh: one version of trued in a folder of its own, and the switch to it.

# build FOLDER: a virtual environment from $wheels, in which nothing but trued and what it runs on is installed.
build() {
    rm -rf "$1"
    "$python" -I -m venv --without-pip "$1"
    # pip is run from its wheel, and stays out of what it fills.
    pip=$(echo "$wheels"/pip-*.whl)
    "$1/bin/python" "$pip/pip" --isolated install --quiet --disable-pip-version-check --root-user-action ignore \
        --no-cache-dir --no-index --find-links "$wheels" --no-deps --require-hashes -r "$work/all.lock"
    share=$1/share/trued
    mkdir -p "$share/lib"
    cp "$top/units/trued.service" "$share/trued.service"
    cp "$top/config/tmpfiles.d/trued.conf" "$share/tmpfiles.conf"
    cp "$top/config/agent.yaml" "$top/LICENSE" "$top/scripts/uninstall" "$share"
    cp "$top/scripts/lib/places.sh" "$share/lib"
    ln -s share/trued/uninstall "$1/uninstall"
    "$1/bin/python" -B "$top/scripts/lib/manual.py" "$share"
    chmod -R u=rwX,go=rX "$1"
}

# prove FOLDER: it starts, finds all its libraries, and does something of use.
prove() {
    said=$("$1/bin/trued" --version) && [ "$said" = "trued $version" ] || return 1
    "$1/bin/python" -I -c 'import agent.cli.run, agent.git.publish, agent.git.source' || return 1
    "$1/bin/trued" init "$work/fleet" >/dev/null && "$1/bin/trued" validate "$work/fleet" >/dev/null
}

# activate NAME: from now on this version is the one in use. Each step is whole or not there, and does no harm twice.
activate() {
    share=$home/$1/share/trued
    put "$share/trued.service" "$unit"
    put "$share/tmpfiles.conf" "$tmpfiles"
    switch "$1" "$home/current"
    links | while read -r link inside; do
        [ -e "$home/current/$inside" ] || continue
        make_folder "$(dirname "$link")"
        switch "$home/current/$inside" "$link"
    done
}

# put FILE PLACE: a copy, whole or not at all.
put() {
    make_folder "$(dirname "$2")"
    cp "$1" "$2.new"
    chmod 644 "$2.new"
    mv -f "$2.new" "$2"
}

# switch TARGET LINK
switch() {
    ln -sfn "$1" "$2.new"
    mv -fT "$2.new" "$2"
}

# Makes a folder and its parents, and notes which of them were not there.
make_folder() {
    [ ! -d "$1" ] || return 0
    make_folder "$(dirname "$1")"
    printf '%s\n' "$1" >>"$folders"
    mkdir "$1"
}

# Takes away all versions but those that are named.
prune() {
    for folder in "$home"/*/; do
        folder=${folder%/}
        [ ! -L "$folder" ] || continue
        for kept in "$@"; do [ "$folder" != "$home/$kept" ] || continue 2; done
        rm -rf "$folder"
    done
}
