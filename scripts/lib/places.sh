# Sourced by install and uninstall: where trued stands on a host. docs/install.md tells it to people.
# shellcheck disable=SC2034 # used where this is sourced

home=/opt/trued
conf=/etc/trued
state=/var/lib/trued
unit=/usr/local/lib/systemd/system/trued.service
tmpfiles=/usr/local/lib/tmpfiles.d/trued.conf
# The folders that installing made, one a line: uninstalling takes away those that are empty again.
folders=$home/folders

# What leads into the version in use, one a line: the link, and where in $home/current it leads.
links() {
    cat <<END
/usr/local/bin/trued bin/trued
/usr/local/share/man/man1/trued.1 share/trued/trued.1
/usr/local/share/bash-completion/completions/trued share/trued/trued.bash
/usr/local/share/zsh/site-functions/_trued share/trued/trued.zsh
/usr/local/share/fish/vendor_completions.d/trued.fish share/trued/trued.fish
END
}

# Whether a link is one of ours: it leads into $home.
is_ours() {
    case $(readlink "$1") in "$home"/*) return 0 ;; *) return 1 ;; esac
}

say() { printf '%s\n' "$*"; }

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# systemd is not only there but running, so that services can be started.
has_systemd() { [ -d /run/systemd/system ]; }

# One at a time; the kernel lets go of the lock, whatever ends the holder.
alone() {
    exec 9>"$home/.lock"
    flock -n 9 || die "another installation is at work here ($home/.lock is held)"
}
