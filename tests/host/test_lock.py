"""Locks between real processes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.errors import BusyError, LedgerError
from agent.host.lock import Lock, cycle_lock, daemon_lock
from tests.disk import limited_file_size

TOP = Path(__file__).parents[2]
HOLD = """
import sys, time
from pathlib import Path
from agent.host.lock import daemon_lock
with daemon_lock(Path(sys.argv[1])).held():
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(state: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that has the daemon's lock, until its stdin is closed."""
    argv = [sys.executable, "-c", HOLD, str(state)]
    with subprocess.Popen(argv, cwd=TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        try:
            yield process
        finally:
            process.kill()


def test_another_holder_is_named(tmp_path: Path) -> None:
    """The message has the file, and the process to look at."""
    with holder(tmp_path) as process, pytest.raises(BusyError) as caught, daemon_lock(tmp_path).held():
        pass

    assert f"{tmp_path}/daemon.lock: another trued runs here (pid {process.pid})" == str(caught.value)
    assert "one is enough: for a cycle now, run trued apply" == caught.value.hint
    assert 1 == caught.value.exit_code


def test_kill_9_frees_the_lock(tmp_path: Path) -> None:
    """The kernel frees it: what a dead process left in the file does not matter."""
    with holder(tmp_path) as process:
        process.kill()
        process.wait()

        with daemon_lock(tmp_path).held():
            written = (tmp_path / "daemon.lock").read_text()

    assert f"{os.getpid()}\n" == written


def test_a_command_that_was_given_the_file_does_not_keep_it_locked(tmp_path: Path) -> None:
    """As one has it for a moment between vfork(2) and execve(2): letting go frees it for every copy."""
    argv = [sys.executable, "-c", "import time; time.sleep(30)"]
    with cycle_lock(tmp_path).held():
        child = subprocess.Popen(argv, pass_fds=_open_at(tmp_path / "cycle.lock"))
    try:
        with cycle_lock(tmp_path).held():
            pass
    finally:
        child.kill()
        child.wait()


def test_a_command_does_not_get_the_file(tmp_path: Path) -> None:
    """After kill -9 nobody could unlock it: it must close when a command is started, whoever starts it."""
    argv = [sys.executable, "-c", "import os; print(os.listdir('/proc/self/fd'))"]
    with cycle_lock(tmp_path).held():
        (number,) = _open_at(tmp_path / "cycle.lock")
        said = subprocess.run(argv, close_fds=False, capture_output=True, text=True, check=True).stdout

    assert f"'{number}'" not in said


def _open_at(path: Path) -> tuple[int, ...]:
    """Return the descriptors of this process that are open on a file."""
    return tuple(int(fd.name) for fd in Path("/proc/self/fd").iterdir() if fd.exists() and fd.samefile(path))


def test_the_lock_is_free_after_an_error_under_it(tmp_path: Path) -> None:
    """A cycle that ends in a bug does not keep the next one out."""
    with pytest.raises(ZeroDivisionError), cycle_lock(tmp_path).held():
        raise ZeroDivisionError

    with cycle_lock(tmp_path).held():
        pass


def test_waiting_ends_when_the_holder_lets_go(tmp_path: Path) -> None:
    """The other one ends after a third of a second, and the tick shows life meanwhile."""
    ticks: list[None] = []
    with holder(tmp_path) as process:
        threading.Timer(0.3, process.stdin.close).start()
        began = time.monotonic()
        with daemon_lock(tmp_path).held(wait=10, tick=lambda: ticks.append(None)):
            took = time.monotonic() - began

    assert 0.25 < took < 5
    assert 3 <= len(ticks) < 20


def test_waiting_ends_in_time(tmp_path: Path) -> None:
    """A holder that stays is reported when the wait is over."""
    began = time.monotonic()
    with holder(tmp_path), pytest.raises(BusyError), daemon_lock(tmp_path).held(wait=0.3):
        pass

    assert time.monotonic() - began < 5


def test_two_locks_of_one_folder_are_two(tmp_path: Path) -> None:
    """`trued apply` can run its cycle while the daemon sleeps."""
    with daemon_lock(tmp_path).held(), cycle_lock(tmp_path).held():
        names = sorted(path.name for path in tmp_path.iterdir())

    assert ["cycle.lock", "daemon.lock"] == names


def test_the_state_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    """What trued remembers is nobody else's business."""
    state = tmp_path / "new" / "state"
    with daemon_lock(state).held():
        paths = (state.parent, state, state / "daemon.lock")
        modes = [stat.S_IMODE(path.stat().st_mode) for path in paths]

    assert [0o700, 0o700, 0o600] == modes


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    """Nobody can have the daemon write its process id into a file of another."""
    (tmp_path / "other").write_text("precious")
    (tmp_path / "daemon.lock").symlink_to(tmp_path / "other")
    with pytest.raises(LedgerError), daemon_lock(tmp_path).held():
        pass

    assert "precious" == (tmp_path / "other").read_text()


def test_a_state_folder_that_cannot_be_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "state").write_text("")
    with pytest.raises(LedgerError) as caught, daemon_lock(tmp_path / "state").held():
        pass

    assert f"{tmp_path}/state/daemon.lock: cannot be locked: File exists" == str(caught.value)
    assert "see state_dir in agent.yaml" == caught.value.hint


@pytest.mark.parametrize("left", [b"", b"no number\n", b"\xff\xfe", b"9" * 5000])
def test_what_stands_in_the_file_is_only_for_the_message(tmp_path: Path, left: bytes) -> None:
    """Anything else than a process id is left out of it."""
    lock = Lock(tmp_path / "x.lock", holder="another trued")
    with lock.held():
        (tmp_path / "x.lock").write_bytes(left)
        with pytest.raises(BusyError, match=r"x\.lock: another trued runs here"), lock.held():
            pass


def test_a_lock_is_one_on_a_full_disk_too(tmp_path: Path) -> None:
    """The process id in it is for a message only."""
    with holder(tmp_path):
        pass
    with limited_file_size(0), daemon_lock(tmp_path).held():
        assert "" == (tmp_path / "daemon.lock").read_text()
        with pytest.raises(BusyError, match="another trued runs here$"), daemon_lock(tmp_path).held():
            pass
