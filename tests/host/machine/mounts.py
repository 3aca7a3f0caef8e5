"""Mounts of the outer machine: what a machine's root is made of."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from tests.host.machine.tools import call


def mounted(where: Path) -> bool:
    """Not os.path.ismount(): to that, a file system that has been shut down is none."""
    return str(where) in _places()


def mount_overlay(lower: Sequence[Path], store: Path, root: Path) -> None:
    """Lay a writable layer in `store` above the others, topmost first."""
    for folder in (store / "upper", store / "work", root):
        folder.mkdir(exist_ok=True)
    layers = ":".join(map(str, lower))
    # redirect_dir: else rename(2) of a folder of a lower layer is EXDEV, as on no real disk.
    options = f"lowerdir={layers},upperdir={store}/upper,workdir={store}/work,redirect_dir=on"
    call("mount", "-t", "overlay", "overlay", "-o", options, root)


def mount_disk(image: Path, where: Path, *, size: str, kind: str) -> None:
    """Mount a file system in a file; it is made when the file is missing."""
    where.mkdir(exist_ok=True)
    _wait_until_free(image)
    if not image.exists():
        call("truncate", "-s", size, image)
        call(f"mkfs.{kind}", "-q", image)
    # ext4 would write early what was renamed over something, and every five seconds all the rest (ext4(5)): a
    # power cut would lose too little to show anything.
    options = "loop,noauto_da_alloc,commit=300" if kind == "ext4" else "loop"
    call("mount", "-t", kind, "-o", options, image, where)


def share(folder: Path) -> None:
    """Let what is unmounted below the folder be unmounted in every copy that a mount namespace made of it, too."""
    call("mount", "--bind", folder, folder)
    call("mount", "--make-shared", folder)


def _wait_until_free(image: Path) -> None:
    """Whoever is just making a mount namespace may hold a copy of a mount, and with it the dead file system."""
    deadline = time.monotonic() + 10
    while image.exists() and call("losetup", "--associated", image):
        assert time.monotonic() < deadline, f"{image} is still mounted somewhere"
        time.sleep(0.01)


def unmount(where: Path) -> None:
    """Unmount, not lazily: a shut-down file system would stay what it is. The dead may hold it for a moment."""
    deadline = time.monotonic() + 10
    while mounted(where):
        try:
            call("umount", where)
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def unmount_below(folder: Path) -> None:
    for where in reversed(_places()):
        if Path(where).is_relative_to(folder):
            unmount(Path(where))


def _places() -> list[str]:
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return [line.split()[1].encode().decode("unicode_escape") for line in lines]
