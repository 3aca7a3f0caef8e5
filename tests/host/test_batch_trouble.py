"""Trouble in the middle of a batch: it costs what it strikes, and nothing else."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from agent.host import batch
from agent.host.local import Local
from agent.model import WriteFile
from tests.host.test_batch import folder, job
from tests.host.test_writing import names, write


def test_a_file_that_is_no_longer_there_when_it_is_to_get_its_name_is_written_again(
    local: Local, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody cleans up meanwhile; we do so ourselves where a folder has two names."""
    put, gone = batch.put_in_place, []

    def cleaned(folder: int, temporary: str, name: str) -> None:
        if not gone:
            gone.append(temporary)
            os.unlink(temporary, dir_fd=folder)
        put(folder, temporary, name)

    monkeypatch.setattr(batch, "put_in_place", cleaned)
    met = local.perform_all([job(write(f"/etc/{n}")) for n in range(4)])

    assert gone
    assert dict.fromkeys(range(4)) == met
    assert [str(n) for n in range(4)] == names(root / "etc")


def test_a_bug_at_one_file_costs_no_other(local: Local, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in company nor alone, and nothing is left beside its place."""
    fill = batch.fill

    def buggy(fd: int, temporary: str, step: WriteFile, *more: object) -> int:
        out = fill(fd, temporary, step, *more)
        if step.path.name == "1":
            raise KeyError("hunter2")
        return out

    monkeypatch.setattr(batch, "fill", buggy)
    needing = job(write("/etc/3"), needs=(1,))
    met = local.perform_all([*(job(write(f"/etc/{n}")) for n in range(3)), needing])

    assert ["0", "2"] == names(root / "etc")
    assert (None, None) == (met[0], met[2])
    assert "an unexpected error in trued: KeyError at agent/host/batch.py:" in str(met[1])
    assert 3 not in met


def test_a_close_that_fails_costs_nothing_else(
    local: Local, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server of a network file system that has gone says so once more when its files are closed: close(2)."""
    close, failed = os.close, []

    def failing(descriptor: int) -> None:
        ours = bool(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_WRONLY)
        close(descriptor)
        if ours and not failed:
            failed.append(descriptor)
            raise OSError(errno.ENOTCONN, "not connected")

    local.perform_all([job(write(f"/etc/{n}", b"old")) for n in range(20)])
    before = os.listdir("/proc/self/fd")
    monkeypatch.setattr(os, "close", failing)
    met = local.perform_all([job(write(f"/etc/{n}")) for n in range(20)])
    monkeypatch.undo()

    assert failed
    assert not any(met.values())
    assert before == os.listdir("/proc/self/fd")
    assert {str(n) for n in range(20)} == set(names(root / "etc"))


def test_nothing_begins_whose_folder_turns_out_not_to_be_durable(
    local: Local, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def failing(descriptor: int) -> None:
        if os.readlink(f"/proc/self/fd/{descriptor}") == str(root / "etc"):
            raise OSError(errno.EIO, "input/output error")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    checked = job(write("/etc/new/file", validate=("true", "{}")), needs=(0,))
    met = local.perform_all([job(folder("/etc/new")), checked])

    assert "/etc: cannot be written: input/output error" == str(met[0])
    assert 1 not in met
    assert not (root / "etc/new/file").exists()
