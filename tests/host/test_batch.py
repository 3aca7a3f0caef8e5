"""Many changes in one go mean what they mean one after the other, each of them old or new after a kill at any call."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import pytest

from agent.host import Job, batch
from agent.host.local import Local
from agent.host.turns import in_turn
from agent.model import KeepFirst, MakeDirectory, MakeLink, Remove, SetAttributes, Step
from tests.host.test_writing import names, write
from tests.host.tracing import traced

P = PurePosixPath
FILES = 6  # of the batch that is killed


def job(*steps: Step, needs: Sequence[int] = ()) -> Job:
    return Job(steps=steps, needs=needs)


def folder(path: str, mode: int | None = None) -> MakeDirectory:
    return MakeDirectory(path=P(path), mode=mode, why="")


def link(path: str, target: str) -> MakeLink:
    return MakeLink(path=P(path), target=target, why="")


def tree_of(root: Path) -> Mapping[str, tuple[str, int, str]]:
    """Return all that stands below a folder: type, mode, and content or target."""

    def state(path: Path) -> tuple[str, int, str]:
        mode = stat.S_IMODE(path.lstat().st_mode)
        if path.is_symlink():
            return "link", mode, os.readlink(path)
        return ("folder", mode, "") if path.is_dir() else ("file", mode, path.read_text())

    return {str(path.relative_to(root)): state(path) for path in sorted(root.rglob("*"))}


def prepared(root: Path) -> None:
    """Put there what the mixed batch changes."""
    (root / "etc").mkdir(parents=True, exist_ok=True)
    for name, text in {"kept": "old", "theirs": "theirs", "mode": "m"}.items():
        (root / "etc" / name).write_text(text)
        (root / "etc" / name).chmod(0o640)
    (root / "etc/empty").mkdir()
    (root / "etc/full").mkdir()
    (root / "etc/full/inner").touch()
    (root / "etc/link").symlink_to("before")


def mixed() -> list[Job]:
    return [
        job(folder("/srv", 0o750)),
        job(folder("/srv/deep"), needs=(0,)),
        job(write("/srv/deep/file"), needs=(1,)),
        job(KeepFirst(path=P("/etc/theirs"), why=""), write("/etc/theirs", b"ours")),
        job(write("/etc/kept", b"new")),
        job(SetAttributes(path=P("/etc/mode"), mode=0o600, why="")),
        job(write("/etc/empty", b"was a folder")),
        job(write("/etc/full", b"cannot be")),  # there is something in it
        job(write("/etc/after", b"not tried"), needs=(7,)),
        job(link("/etc/link", "after"), needs=(4,)),
        job(link("/srv/deep/link", "file"), needs=(1,)),
        job(Remove(path=P("/etc/full/inner"), why=""), write("/etc/full", b"now it can")),
        job(write("/nowhere/file")),
        job(write("/srv/deep/checked", validate=("cat", "{}", "/no/such/file")), needs=(1,)),
        job(write("/srv/last", b"last", mode=0o4755), needs=(0,)),
    ]


@pytest.fixture(name="twin")
def _twin(tmp_path: Path) -> Path:
    prepared(tmp_path / "twin")
    return tmp_path / "twin"


def test_a_batch_does_what_its_jobs_do_one_after_the_other(
    local: Local, root: Path, twin: Path, tmp_path: Path
) -> None:
    prepared(root)
    one_by_one = in_turn(Local(twin, tmp_path / "twin-state").perform, mixed())
    met = local.perform_all(mixed())

    assert tree_of(twin) == tree_of(root)
    assert {at: str(error) for at, error in one_by_one.items()} == {
        at: str(error) for at, error in met.items()
    }
    assert {7, 12, 13} == {at for at, error in met.items() if error}
    assert 8 not in met
    assert "theirs" == (tmp_path / "state/first/etc/theirs").read_text()


def test_one_that_fails_in_the_middle_fails_alone(local: Local, root: Path) -> None:
    jobs = [job(write(f"/etc/{n}" if n != 5 else "/etc/no/5")) for n in range(10)]
    met = local.perform_all(jobs)

    assert {5: "/etc/no/5: cannot be written: there is no folder /etc/no"} == {
        at: str(error) for at, error in met.items() if error
    }
    assert [str(n) for n in range(10) if n != 5] == names(root / "etc")


def test_what_needs_a_file_begins_when_that_one_is_in_place(local: Local, root: Path) -> None:
    """Its check reads the other."""
    check = ("grep", "-q", "first", str(root / "etc/a"))
    met = local.perform_all(
        [
            job(write("/etc/a", b"first")),
            job(write("/etc/b", validate=check), needs=(0,)),
            job(write("/etc/c"), needs=(1,)),
        ]
    )
    assert {0: None, 1: None, 2: None} == met
    assert ["a", "b", "c"] == names(root / "etc")


def test_more_than_may_wait_at_once_comes_all_the_same(
    local: Local, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "FILES", 3)
    monkeypatch.setattr(batch, "BYTES", 40)
    waiting: list[int] = []
    real = os.rename

    def rename(*args: str, **fds: int) -> None:
        waiting.append(sum(name.startswith(".trued-") for name in os.listdir(root / "etc")))
        real(*args, **fds)

    monkeypatch.setattr(os, "rename", rename)
    jobs = [job(write(f"/etc/{n}", b"x" * (50 if n == 4 else 5))) for n in range(10)]
    assert {None} == set(local.perform_all(jobs).values())
    assert sorted(str(n) for n in range(10)) == names(root / "etc")
    assert 3 == max(waiting)


def test_what_cannot_be_made_durable_in_company_is_tried_alone(
    local: Local, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that has no room for all of them may have it once the first have taken the place of what was there."""
    real, failures = os.fsync, {"b": 1, "c": 2}

    def fsync(fd: int) -> None:
        content = (
            os.pread(os.open(f"/proc/self/fd/{fd}", os.O_RDONLY), 1, 0).decode() if _is_file(fd) else ""
        )
        if failures.get(content):
            failures[content] -= 1
            raise OSError(errno.ENOSPC, "no room")
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    met = local.perform_all([job(write(f"/etc/{name}", name.encode())) for name in "abcd"])
    assert {2: "/etc/c: cannot be written: no space left on device"} == {
        at: str(error) for at, error in met.items() if error
    }
    assert ["a", "b", "d"] == names(root / "etc")


def _is_file(fd: int) -> bool:
    return stat.S_ISREG(os.fstat(fd).st_mode)


@pytest.mark.root
def test_a_disk_without_room_for_two_of_each_takes_them_in_turn(local: Local, root: Path) -> None:
    """Old and new of all do not fit beside each other, old and new of one do."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "none", root / "etc"], check=True)
    try:
        for n in range(4):
            (root / f"etc/{n}").write_bytes(b"o" * 40_000)
        met = local.perform_all(
            [
                *(job(write(f"/etc/{n}", b"n" * 40_000)) for n in range(4)),
                job(write("/etc/more", b"x" * 90_000)),
            ]
        )
        assert {4: "/etc/more: cannot be written: no space left on device"} == {
            at: str(error) for at, error in met.items() if error
        }
        assert [b"n"] * 4 == [(root / f"etc/{n}").read_bytes()[:1] for n in range(4)]
        assert ["0", "1", "2", "3"] == names(root / "etc")
    finally:
        subprocess.run(["umount", root / "etc"], check=True)


@pytest.mark.root
def test_a_batch_may_be_of_two_file_systems(local: Local, root: Path) -> None:
    (root / "srv").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", root / "srv"], check=True)
    try:
        jobs = [job(write(f"/{'srv' if n % 2 else 'etc'}/{n}")) for n in range(6)]
        assert {None} == set(local.perform_all(jobs).values())
        assert (["0", "2", "4"], ["1", "3", "5"]) == (names(root / "etc"), names(root / "srv"))
    finally:
        subprocess.run(["umount", root / "srv"], check=True)


def test_a_folder_that_was_only_renamed_when_it_died_is_swept_with_what_is_in_it(
    local: Local, root: Path
) -> None:
    left = root / "etc/.trued-0123456789abcdef"
    left.mkdir()
    (left / ".trued-0123456789abcdee").touch()
    local.perform(write("/etc/x"))
    assert ["x"] == names(root / "etc")


def test_temporaries_that_somebody_has_nested_are_left_where_they_get_too_deep(
    local: Local, root: Path
) -> None:
    """There may be thousands, in any folder of a user."""
    at = os.open(root / "etc", os.O_RDONLY)
    for _ in range(400):
        os.mkdir(".trued-0123456789abcdef", dir_fd=at)
        below = os.open(".trued-0123456789abcdef", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    assert {0: None} == local.perform_all([job(write("/etc/x"))])
    assert [".trued-0123456789abcdef", "x"] == names(root / "etc")


# Killed, and let down by the disk.

CHILD = """
import ctypes, os, sys
from pathlib import Path
from tests.host.test_batch import jobs
from agent.host.local import Local
root = Path(sys.argv[1])
local = Local(root, root.parent / "state")
batch = jobs()
ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1))  # PR_SET_PTRACER: anyone may trace, where Yama asks
print("ready", flush=True)
sys.stdin.readline()
met = local.perform_all(batch)
(root.parent / "errors").write_text("\\n".join(map(str, filter(None, met.values()))))
os._exit(0)
"""
CALLS = ("openat", "write", "fchmod", "fadvise64", "fsync", "/^rename", "/^mkdir", "symlinkat", "close")


def jobs() -> list[Job]:
    """What the child does: files that are there, files in a folder that is new, and a link."""
    return [
        *(job(write(f"/etc/{n}", b"new", mode=0o640)) for n in range(FILES)),
        job(folder("/etc/d", 0o750)),
        job(write("/etc/d/file", b"new", mode=0o640), needs=(FILES,)),
        job(link("/etc/link", "new")),
    ]


OLD: Mapping[str, tuple[str, int, str]] = {
    **{str(n): ("file", 0o600, "old") for n in range(FILES)},
    "link": ("link", 0o777, "old"),
}
NEW: Mapping[str, tuple[str, int, str]] = {
    **{str(n): ("file", 0o640, "new") for n in range(FILES)},
    "d": ("folder", 0o750, ""),
    "d/file": ("file", 0o640, "new"),
    "link": ("link", 0o777, "new"),
}


@pytest.fixture(name="old")
def _old(root: Path) -> Path:
    if shutil.which("strace") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("missing: strace", pytrace=False)
        pytest.skip("missing: strace")
    put_old(root)
    return root


def put_old(root: Path) -> None:
    shutil.rmtree(root / "etc")
    (root / "etc").mkdir()
    for name, (_, mode, text) in OLD.items():
        if name == "link":
            (root / "etc/link").symlink_to(text)
        else:
            (root / "etc" / name).write_text(text)
            (root / "etc" / name).chmod(mode)


def test_all_are_on_the_disk_before_the_first_has_its_name_and_each_folder_once_afterwards(
    old: Path,
) -> None:
    _, calls = traced(CHILD, old, "-e", "trace=fsync,/^rename")
    order = [
        f"{found[1]} {'temporary' if '.trued-' in found[2] else 'folder'}"
        for found in re.finditer(r"^(fsync|rename)[a-z0-9]*\((.*/etc.*)$", calls, re.MULTILINE)
    ]
    made, *rest = order
    assert "rename temporary" == made  # the new folder: its files are written in there
    assert ["fsync temporary"] * (FILES + 1) == rest[: FILES + 1]
    assert ["fsync folder"] * 2 == rest[FILES + 1 : FILES + 3]
    assert ["rename temporary"] * (FILES + 2) == rest[FILES + 3 : -2]
    assert ["fsync folder"] * 2 == rest[-2:]


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
def test_killed_at_any_call_each_is_old_or_new_and_the_next_run_mends(old: Path, call: str) -> None:
    deaths = 0
    for n in range(1, 1000):
        put_old(old)
        killed, _ = traced(CHILD, old, "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={n}")
        if not killed:
            break
        deaths += 1
        found = {path: state for path, state in tree_of(old / "etc").items() if ".trued-" not in path}
        for path, state in found.items():
            assert state in (OLD.get(path), NEW[path]), path
        assert OLD.keys() <= found.keys()
        assert {None} == set(Local(old, old.parent / "state").perform_all(jobs()).values())
        assert tree_of(old / "etc") == NEW
    assert deaths > 1 or (call, deaths) in {("symlinkat", 1), ("/^mkdir", 1)}


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("write", "ENOSPC"),
        ("write", "EIO"),
        ("openat", "EMFILE"),
        ("fchmod", "EPERM"),
        ("fsync", "EIO"),
        ("fadvise64", "EINVAL"),
        ("/^rename", "EROFS"),
        ("symlinkat", "EDQUOT"),
    ],
)
def test_a_disk_that_fails_once_costs_one_at_most_and_leaves_no_temporary(
    old: Path, call: str, error: str
) -> None:
    traced(CHILD, old, "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when=3")
    found, errors = tree_of(old / "etc"), (old.parent / "errors").read_text().splitlines()
    assert not [path for path in found if ".trued-" in path]
    for path, state in found.items():
        assert state in (OLD.get(path), NEW[path]), path
    wrong = [path for path in NEW if found.get(path) != NEW[path]]
    assert len(wrong) == len(errors) <= 1
