"""
One number for one run of the tests, and with it all names on the outer machine: namespaces, cgroups, folders.

Two runs, or two workers of one, hold different numbers. A number is held by a lock that ends with its process; whoever
gets it next first ends, unmounts and removes what a killed run left behind under it, and nothing else.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.host.machine import cache
from tests.host.machine.cgroups import Cgroups
from tests.host.machine.mounts import share, unmount_below
from tests.host.machine.tools import call, lines

RUNTIME = Path("/run/trued-machines")
MOST = 250  # the number is also a part of an address


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    number: int
    work: Path  # on a real file system: overlayfs writes there
    runtime: Path  # with a short name: a socket's is limited to 107 bytes (unix(7))

    @property
    def prefix(self) -> str:
        return f"trued{self.number}-"

    def make(self) -> None:
        self.work.mkdir(parents=True)
        share(self.work)
        self.runtime.mkdir()
        (self.runtime / "work").write_text(str(self.work))

    def clean(self) -> None:
        """End and remove all that has this number."""
        Cgroups.named(f"trued-machines/{self.number}").remove()
        for name in (line.split()[0] for line in lines("ip", "netns", "list")):
            if name.startswith(self.prefix):
                call("ip", "netns", "delete", name)
        with contextlib.suppress(OSError):
            _remove(Path((self.runtime / "work").read_text()))
        _remove(self.work)
        shutil.rmtree(self.runtime, ignore_errors=True)


@contextmanager
def take() -> Iterator[Slot]:
    """Hold the first free number, cleaned before and after; clean up after all that nobody holds any more."""
    RUNTIME.mkdir(mode=0o700, exist_ok=True)
    for left in RUNTIME.glob("*/"):
        with _held(int(left.name)) as slot:
            if slot:
                slot.clean()
    for number in range(1, MOST):
        with _held(number) as slot:
            if not slot:
                continue
            slot.clean()
            slot.make()
            try:
                yield slot
            finally:
                slot.clean()
            return
    raise AssertionError(f"all {MOST} numbers in {RUNTIME} are held: by whom says `lslocks`")


@contextmanager
def _held(number: int) -> Iterator[Slot | None]:
    """Hold a number as long as the block lasts; None when somebody else does."""
    with (RUNTIME / f"{number}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            work = cache.folder() / f"runs/{number}"
            yield Slot(number=number, work=work, runtime=RUNTIME / str(number))


def _remove(folder: Path) -> None:
    unmount_below(folder)
    if os.path.lexists(folder):
        shutil.rmtree(folder)
