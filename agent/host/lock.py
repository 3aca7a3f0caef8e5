"""One process at a time: advisory locks on files under the state folder, freed by the kernel when the holder ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agent.errors import BusyError, LedgerError
from agent.files import make_private

FIRST_NAP, LONGEST_NAP = 0.02, 1.0  # seconds between two tries


def _nothing() -> None:
    return


class Lock:
    """A lock file. It stays when it is let go: removing it would let two holders in, each on a file of its own."""

    def __init__(self, path: Path, *, holder: str, way_out: str = "wait for it to end") -> None:
        self._path = path
        self._holder = holder  # how the message calls whoever has it
        self._way_out = way_out

    @contextmanager
    def held(self, *, wait: float = 0.0, tick: Callable[[], object] = _nothing) -> Iterator[None]:
        """
        Hold the lock; its folder is made if it is missing.

        `wait`: seconds to wait for another holder, `tick` is called at least once a second meanwhile. Raises
        BusyError with the holder's process id when that is over, LedgerError when there can be no such file.
        """
        fd = self._open()
        try:
            self._take(fd, time.monotonic() + wait, tick)
            try:
                yield
            finally:
                # Frees it for every copy of the descriptor: a command that was just started may still have one, as
                # vfork(2) lets its parent go on before close-on-exec has been done.
                fcntl.flock(fd, fcntl.LOCK_UN)
        finally:
            os.close(fd)

    def _open(self) -> int:
        try:
            make_private(self._path.parent)
            # Close-on-exec: flock(2) belongs to the open file, and a command that inherits it would hold the lock on.
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise _unusable(self._path, error) from error

    def _take(self, fd: int, deadline: float, tick: Callable[[], object]) -> None:
        nap = FIRST_NAP
        while not self._try(fd):
            left = deadline - time.monotonic()
            if left <= 0:
                raise BusyError(f"{self._path}: {self._holder} runs here{_pid(fd)}", hint=self._way_out)
            tick()
            time.sleep(min(nap, left))
            nap = min(nap * 2, LONGEST_NAP)
        self._sign(fd)

    def _try(self, fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise _unusable(self._path, error) from error
        return True

    def _sign(self, fd: int) -> None:
        """
        Leave our process id, for the message of the next one. Only the kernel's lock decides, on a full disk, too.

        Written over the one before: to truncate first would give away the block, and a full disk has no other.
        """
        mine = b"%d\n" % os.getpid()
        with suppress(OSError):
            if os.pread(fd, len(mine) + 1, 0) == mine:  # a daemon signs each cycle, and that changes nothing
                return
            if os.pwrite(fd, mine, 0) == len(mine):
                os.ftruncate(fd, len(mine))
                return
        with suppress(OSError):
            os.ftruncate(fd, 0)


def daemon_lock(state_dir: Path) -> Lock:
    """Return what a daemon holds for as long as it runs."""
    way_out = "one is enough: for a cycle now, run trued apply"
    return Lock(state_dir / "daemon.lock", holder="another trued", way_out=way_out)


def cycle_lock(state_dir: Path) -> Lock:
    """Return what is held from the start of a cycle until its report is spooled."""
    return Lock(state_dir / "cycle.lock", holder="another cycle of trued")


def _pid(fd: int) -> str:
    try:
        written = os.pread(fd, 20, 0).strip()
    except OSError:
        return ""
    return f" (pid {int(written)})" if written.isdigit() else ""


def _unusable(path: Path, error: OSError) -> LedgerError:
    return LedgerError(f"{path}: cannot be locked: {error.strerror}", hint="see state_dir in agent.yaml")
