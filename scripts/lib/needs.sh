# Sourced by install: what this host has to have. All that is missing is said at once, with the command that mends it.

lacking=
packages=

# lacks WHAT [DEBIAN-PACKAGE]
lacks() {
    lacking="$lacking  $1
"
    [ -z "${2-}" ] || packages="$packages $2"
}

# Ends with 1 unless everything is there.
check_needs() {
    [ "$(id -u)" = 0 ] || lacks "root's rights: run it with sudo"
    need_python
    need_systemd
    need_room
    need_free_places
    [ -z "$repo" ] || [ -e "$conf/agent.yaml" ] || need_way_to "$repo"
    [ -z "$lacking" ] && return
    printf 'install: nothing was changed. This host lacks:\n%s' "$lacking" >&2
    [ -z "$packages" ] || printf 'On Debian and Ubuntu: apt-get install -y%s\n' "$packages" >&2
    exit 1
}

need_python() {
    if ! command -v "$python" >/dev/null; then
        lacks "Python 3.11 or newer: there is no $python (--python FILE names another)" python3
    elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        lacks "Python 3.11 or newer: $python is $("$python" -V 2>&1) (--python FILE names another)"
    elif ! "$python" -c 'import ssl, sqlite3, venv' 2>/dev/null; then
        lacks "Python's modules ssl, sqlite3 and venv" libpython3-stdlib
    elif [ -d "$top/wheels" ]; then
        need_matching_archive
    elif ! "$python" -c 'import ensurepip' 2>/dev/null; then
        lacks "Python's module ensurepip, to make virtual environments" python3-venv
    fi
}

# An archive holds compiled libraries, for one architecture and for some versions of Python.
need_matching_archive() {
    arch=$(sed -n 's/^arch=//p' "$top/RELEASE")
    [ "$arch" = "$(uname -m)" ] || lacks "an archive for $(uname -m): this one is for $arch"
    tag=$("$python" -c 'import sys; print("cp%d%d" % sys.version_info[:2])')
    ls "$top"/wheels/*-"$tag"-*.whl >/dev/null 2>&1 ||
        lacks "an archive for $("$python" -V): this one is for Python $(sed -n 's/^pythons=//p' "$top/RELEASE")"
}

need_systemd() {
    command -v systemctl >/dev/null || lacks "systemd" systemd
    command -v flock >/dev/null || lacks "flock(1)" util-linux
}

need_room() {
    free=$(df -Pk "$(nearest "$home")" | awk 'NR == 2 { print int($4 / 1024) }')
    [ "$free" -ge 200 ] || lacks "room: $home takes 200 MB while installing, and $free MB are free"
}

# The nearest folder that is there.
nearest() {
    folder=$1
    while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
    echo "$folder"
}

# Nothing of somebody else's is replaced.
need_free_places() {
    taken=$(links | while read -r link _; do
        if { [ -e "$link" ] || [ -L "$link" ]; } && ! is_ours "$link"; then printf ' %s' "$link"; fi
    done)
    [ -z "$taken" ] || lacks "free places: move away what somebody else has put there:$taken"
    if [ -e "$home" ] && { [ ! -d "$home" ] || [ -e "$home/pyvenv.cfg" ]; }; then
        lacks "a free place: $home is not one that this script has made; move it away"
    fi
}

need_way_to() {
    case $1 in
        http:* | https:*)
            [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -e /etc/pki/tls/certs/ca-bundle.crt ] ||
                lacks "the certificates that https is checked with" ca-certificates ;;
        file:* | /*) ;;
        *:*) if ! command -v ssh >/dev/null || ! command -v ssh-keygen >/dev/null; then
            lacks "the ssh client, for $1" openssh-client
        fi ;;
    esac
}
