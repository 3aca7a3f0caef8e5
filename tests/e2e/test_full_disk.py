"""A full disk below `state_dir` costs neither repair, nor reports, nor the commit that frees it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from agent.spare import SIZE, keep_spare
from tests.e2e.sandbox import Sandbox
from tests.host.machine.mounts import unmount
from tests.host.machine.tools import call
from tests.waiting import until

pytestmark = pytest.mark.root


@pytest.fixture(name="state")
def _state(host: Sandbox) -> Iterator[Path]:
    """A small disk of its own."""
    state = host.path / "state"
    state.mkdir(exist_ok=True)
    call("mount", "-t", "tmpfs", "-o", "size=48m,mode=0700", "tmpfs", state)
    yield state
    unmount(state)


def fill(state: Path) -> Path:
    """Leave no room at all."""
    path = state / "filler"
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    assert not os.statvfs(state).f_bfree
    return path


def test_a_host_with_a_full_disk_is_repaired_and_tells_and_follows(
    host: Sandbox, remote: Path, state: Path
) -> None:
    motd = host.root / "etc/motd"
    host.trued("apply", code=0)
    fill(state)
    motd.write_text("hacked")

    with host.daemon() as daemon:
        until(lambda: motd.read_text() == "Welcome to berlin\n")
        until(lambda: len(host.status_log(remote)) == 2)
        host.push({"base/base.yaml": "files:\n  /etc/motd: {content: new}\n"})
        until(lambda: motd.read_text() == "new")
        until(lambda: len(host.status_log(remote)) == 3)
        assert daemon.poll() is None

    assert f"{state}: the disk is full: gave up the 4 MiB put by for that" in host.daemon_log()
    assert not (state / "spare").exists()


def test_room_is_put_by_again_when_there_is_plenty(state: Path) -> None:
    keep_spare(state)
    assert SIZE == (state / "spare").stat().st_blocks * 512
    filler = fill(state)
    keep_spare(state)
    assert not (state / "spare").exists()

    os.truncate(filler, filler.stat().st_size - (8 << 20))
    keep_spare(state)
    assert not (state / "spare").exists()

    filler.unlink()
    keep_spare(state)
    assert (0o600, SIZE) == ((state / "spare").stat().st_mode & 0o777, (state / "spare").stat().st_size)


def test_a_state_dir_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    keep_spare(tmp_path / "nowhere")

    assert [] == list(tmp_path.iterdir())
