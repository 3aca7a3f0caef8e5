"""
The tree that machines start from: Debian 12 as mmdebstrap(1) makes it.

apt's sources, keys and settings are those of the machine that makes the tree, and stay outside of it: the tree
itself names no server, and has no network but what its test gives it.
"""

from __future__ import annotations

import platform
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.host.machine.cache import cached, key
from tests.host.machine.tools import call, lines

SUITE = "bookworm"
KEYRING = "debian-archive-keyring"  # what Debian's own sources are signed by
PACKAGES = (
    "apt", "ca-certificates", "dbus", "iproute2", "libpam-systemd", "openssh-client", "openssh-server",
    "procps", "python3", "python3-venv", "systemd", "systemd-sysv", "tzdata", "udev",
)  # fmt: skip
# Without them it boots in a third of the time, and nothing starts apt behind a test's back.
MASKED = (
    "apt-daily-upgrade.timer", "apt-daily.timer", "console-getty.service", "dpkg-db-backup.timer",
    "e2scrub_all.timer", "fstrim.timer", "getty@.service", "serial-getty@.service",
    "systemd-networkd-wait-online.service", "systemd-resolved.service", "systemd-timesyncd.service",
)  # fmt: skip
UNWANTED = (
    "path-exclude=/usr/share/doc/*",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/locale/*",
)
# `systemctl show` gives the CPU time of every unit, also where the controllers are those of cgroup v1.
ACCOUNTING = "[Manager]\nDefaultCPUAccounting=yes\nDefaultMemoryAccounting=yes\nDefaultTasksAccounting=yes\n"


def tree() -> Path:
    """Return the folder of a bootable Debian; made once, in less than a minute."""
    return cached("debian", key(Path(__file__), platform.machine()), _make_tree) / "root"


def _make_tree(new: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        sources = Path(scratch, "debian.sources")
        sources.write_text(_sources())
        argv = [
            "mmdebstrap", "--mode=root", "--variant=minbase", "--quiet", f"--include={','.join(PACKAGES)}",
            *(f"--aptopt={line}" for line in _apt_settings()),
            *(f"--dpkgopt={line}" for line in UNWANTED),
            # In a hook "$1" is the folder that is being made.
            f"--customize-hook=chroot \"$1\" systemctl --quiet mask {' '.join(MASKED)}",
            '--customize-hook=chroot "$1" systemctl --quiet disable systemd-networkd.service',
            '--customize-hook=chroot "$1" passwd --quiet --lock root',
            SUITE, str(new / "root"), str(sources),
        ]  # fmt: skip
        call(*argv)
    root = new / "root"
    for path in (
        "etc/apt/sources.list",
        "etc/apt/apt.conf.d/99mmdebstrap",
        "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
        "var/lib/dbus/machine-id",
    ):
        (root / path).unlink(missing_ok=True)
    shutil.rmtree(root / "etc/apt/sources.list.d")
    for path in ("etc/apt/sources.list.d", "var/log/journal", "etc/systemd/system.conf.d"):
        (root / path).mkdir(parents=True, exist_ok=True)
    (root / "etc/systemd/system.conf.d/accounting.conf").write_text(ACCOUNTING)
    (root / "etc/machine-id").write_text("")  # machine-id(5): each machine makes its own at the first boot
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "etc/resolv.conf").write_text("")


def _sources() -> str:
    """Return the outer machine's Debian sources, for our suite; those of anybody else are left out."""
    folder = Path("/etc/apt/sources.list.d")
    others = sorted(path for path in folder.glob("*.sources") if KEYRING in path.read_text())
    places = (folder / "debian.sources", Path("/etc/apt/sources.list"), *others)
    texts = [path.read_text() for path in places if path.exists()]
    release = Path("/etc/os-release").read_text()
    found = re.search(r"^VERSION_CODENAME=(\w+)$", release, re.MULTILINE)
    if not texts or not found:
        raise AssertionError(f"no Debian sources in {places[0]} or {places[1]}: the tree is made from them")
    return texts[0].replace(found[1], SUITE)


def _apt_settings() -> Sequence[str]:
    """Return how apt gets at its sources here (proxies, certificates, dates), one setting a line."""
    skipped = ("Acquire::IndexTargets", "Acquire::CompressionTypes", "Acquire::Changelogs")
    return [
        line.rstrip(";")
        for line in lines("apt-config", "dump")
        if line.startswith("Acquire::") and not line.startswith(skipped) and '""' not in line
    ]
