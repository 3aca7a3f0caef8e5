"""One call makes many files durable where that is sure, and nowhere else; an error is then asked of each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.host import Job, durable
from agent.host.durable import FEW, OTHERS, Durable
from agent.host.local import Local
from tests.host.test_writing import write

QUIET = "MemTotal: 8 kB\nDirty:    40 kB\nWriteback:   0 kB\n"


@dataclass
class Kernel:
    """What it was asked to sync, whole file systems (by any file) and single files; `trouble` strikes a whole one."""

    whole: list[int] = field(default_factory=list)
    single: list[str] = field(default_factory=list)
    trouble: bool = False


@pytest.fixture(name="kernel")
def _kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """A kernel of today, below a file system that brings all, with its calls counted."""
    kernel, fsync = Kernel(), os.fsync

    def whole(file: int) -> bool:
        kernel.whole.append(file)
        return not kernel.trouble

    def single(file: int) -> None:
        kernel.single.append(os.readlink(f"/proc/self/fd/{file}"))
        fsync(file)

    monkeypatch.setattr(durable, "_synced", whole)
    monkeypatch.setattr(durable, "_brings_all", lambda _: True)
    monkeypatch.setattr(durable, "_tells_all", lambda _: True)
    monkeypatch.setattr(durable, "_waiting", lambda _: 0)
    monkeypatch.setattr(os, "fsync", single)
    return kernel


@pytest.fixture(name="opened")
def _opened(tmp_path: Path) -> Iterator[Callable[[int], dict[int, int]]]:
    """Makes files, open, each with its folder."""
    folder = os.open(tmp_path, os.O_RDONLY)
    files: list[int] = []

    def make(count: int) -> dict[int, int]:
        files.extend(os.open(str(n), os.O_CREAT | os.O_WRONLY, dir_fd=folder) for n in range(count))
        return dict.fromkeys(files, folder)

    yield make
    for file in (*files, folder):
        with suppress(OSError):
            os.close(file)


def test_many_files_of_one_file_system_take_one_call(
    kernel: Kernel, opened: Callable[[int], dict[int, int]]
) -> None:
    files = opened(FEW + 1)

    assert set(files) == set(Durable().together(files, size=0))
    assert 1 == len(kernel.whole)


def test_a_few_files_are_left_to_be_synced_one_by_one(
    kernel: Kernel, opened: Callable[[int], dict[int, int]]
) -> None:
    assert () == Durable().together(opened(FEW), size=0)
    assert [] == kernel.whole


@pytest.mark.parametrize(("door", "answer"), [("_brings_all", False), ("_tells_all", False)])
def test_where_one_call_does_not_do_or_does_not_tell_nothing_counts_as_durable(
    monkeypatch: pytest.MonkeyPatch,
    kernel: Kernel,
    opened: Callable[[int], dict[int, int]],
    door: str,
    answer: bool,
) -> None:
    monkeypatch.setattr(durable, door, lambda _: answer)

    assert () == tuple(Durable().together(opened(FEW + 1), size=0))
    assert [] == kernel.whole


@pytest.mark.parametrize(("others", "calls"), [(OTHERS, 1), (OTHERS + 1, 0)])
def test_nobody_waits_for_much_that_others_have_to_write(
    monkeypatch: pytest.MonkeyPatch,
    kernel: Kernel,
    opened: Callable[[int], dict[int, int]],
    others: int,
    calls: int,
) -> None:
    monkeypatch.setattr(durable, "_waiting", lambda _: 5000 + others)

    Durable().together(opened(FEW + 1), size=5000)
    assert calls == len(kernel.whole)


def test_an_error_of_the_whole_leaves_each_file_to_be_asked(
    kernel: Kernel, opened: Callable[[int], dict[int, int]]
) -> None:
    kernel.trouble = True

    assert [] == Durable().together(opened(FEW + 1), size=0)


def test_a_batch_asks_each_file_after_an_error_of_the_whole(
    kernel: Kernel, local: Local, root: Path
) -> None:
    kernel.trouble = True
    jobs = [Job(steps=(write(f"/etc/f{n}", b"new"),)) for n in range(2 * FEW)]

    assert dict.fromkeys(range(2 * FEW)) == local.perform_all(jobs)
    assert 2 * FEW == sum("/.trued-" in name for name in kernel.single)
    assert 2 * FEW == len(list((root / "etc").glob("f*")))


def test_a_batch_syncs_its_folder_when_it_has_synced_its_files_in_one_go(
    kernel: Kernel, local: Local, root: Path
) -> None:
    local.perform_all([Job(steps=(write(f"/etc/f{n}", b"new"),)) for n in range(2 * FEW)])

    assert 1 == len(kernel.whole)
    assert [str(root / "etc")] == kernel.single


@pytest.mark.parametrize(
    ("text", "waiting"),
    [
        (QUIET, 40 << 10),
        ("Dirty: 1024 kB\nWriteback: 1 kB\nWritebackTmp: 999 kB\n", (1025) << 10),
        ("", float("inf")),
        ("Dirty: 1 kB\n", float("inf")),
        (None, float("inf")),
    ],
)
def test_what_waits_to_be_written_is_read_from_the_kernel(
    tmp_path: Path, text: str | None, waiting: float
) -> None:
    if text is not None:
        (tmp_path / "meminfo").write_text(text)

    assert waiting == durable._waiting(tmp_path / "meminfo")


@pytest.mark.parametrize(
    ("release", "tells"),
    [
        ("5.10.0-28-amd64", False),
        ("5.16.20", False),
        ("5.17.0", True),
        ("6.1.0-18-amd64", True),
        ("10.0", True),
        ("odd", False),
    ],
)
def test_only_a_kernel_that_tells_of_every_error_is_trusted(release: str, tells: bool) -> None:
    assert tells == durable._tells_all(release)


def test_a_file_system_in_memory_is_not_one_of_those_that_bring_all() -> None:
    """What proc(5) is on has a type of its own; that of the disk is for the machine's tests to say."""
    folder = os.open("/proc", os.O_RDONLY)
    try:
        assert not durable._brings_all(folder)
    finally:
        os.close(folder)


def test_a_real_file_system_is_brought_to_the_disk(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as file:
        assert durable._synced(file.fileno())
    assert not durable._synced(-1)
