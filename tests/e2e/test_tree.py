"""A folder tree of 2,000 files with odd names, modes, owners, links and empty folders, against `rsync -a`."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.sandbox import Sandbox

ODD = (
    "plain", "with space", " leading", "trailing ", "-dash", "--help", "'single'", '"double"', "back\\slash", "$dollar",
    "${brace}", "star*", "q?", "[set]", "semi;colon", "amp&", "pipe|", "höhe", "日本語", "🙂", "e\u0301combined", ".hidden",
    "..dots", "...", "~tilde", "#hash", "%percent", "comma,", "colon:", "at@", "equals=", "caret^", "CON", "a" * 200,
)  # fmt: skip
FILES = 2000
AS_ROOT = os.geteuid() == 0


def grow(folder: Path, seed: int = 7) -> None:
    """Fill a folder: each odd name somewhere as a file and as a folder, links of all sorts, empty folders."""
    dice = random.Random(seed)
    folders = [folder]
    for name in ODD:
        new = dice.choice(folders) / f"{name}.d" if len(name) < 200 else folder / f"{name}.d"
        new.mkdir(parents=True, exist_ok=True)
        folders.append(new)
    for number in range(FILES):
        path = dice.choice(folders) / f"{dice.choice(ODD)}{number}"
        if number % 40 == 0:
            path.symlink_to(dice.choice(["nowhere", "../up", "/etc/passwd", ".", "with space"]))
            continue
        path.write_bytes(dice.randbytes(dice.randrange(0, 3000)))
        path.chmod(dice.choice([0o644, 0o644, 0o644, 0o755, 0o600, 0o640, 0o4755]))
        if AS_ROOT and number % 10 == 0:
            os.chown(path, dice.randrange(1000), dice.randrange(1000))
            path.chmod(0o640)  # chown clears setuid
    for number, parent in enumerate(dice.sample(folders, 20)):
        (parent / f"empty {number}").mkdir(mode=0o755)
    for path in (folder, *folder.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)


def entries(source: Path) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield what Git itself does not hold: empty folders, owners, and modes but for the executable bit."""
    for path in sorted(source.rglob("*")):
        name, status = str(path.relative_to(source)), path.lstat()
        if path.is_symlink():
            continue
        if path.is_dir():
            if not any(path.iterdir()):
                yield name, {"directory": True, "mode": "0755"}
            continue
        entry: dict[str, object] = {"source": f"tree/{name}", "mode": f"{status.st_mode & 0o7777:04o}"}
        if AS_ROOT:
            entry |= {"owner": str(status.st_uid), "group": str(status.st_gid)}
        if entry["mode"] not in {"0644", "0755"} or status.st_uid != os.geteuid():
            yield name, entry


def stats(folder: Path) -> list[tuple[str, int, int, int, int]]:
    """Return name, type and mode, owner, group and size of all below a folder."""
    return sorted(
        (
            str(path.relative_to(folder)),
            status.st_mode,
            status.st_uid,
            status.st_gid,
            0 if path.is_dir() and not path.is_symlink() else status.st_size,
        )
        for path in (folder, *folder.rglob("*"))
        for status in (path.lstat(),)
    )


@pytest.mark.slow
def test_a_tree_is_what_rsync_gives_and_a_second_cycle_does_nothing(host: Sandbox, tmp_path: Path) -> None:
    source = tmp_path / "tree"
    source.mkdir()
    grow(source)
    reference = tmp_path / "reference"
    subprocess.run(["rsync", "-a", f"{source}/", f"{reference}/"], check=True)
    shipped = host.fleet.path / "base/tree"
    shipped.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["rsync", "-rlp", f"{source}/", f"{shipped}/"], check=True)
    files = {"/srv/tree": {"source": "tree/"}}
    # A dollar in a document is a variable's; in a file's name it is written twice.
    files |= {f"/srv/tree/{name}".replace("$", "$$"): escaped(entry) for name, entry in entries(source)}
    host.push({"base/base.yaml": json.dumps({"files": files}, ensure_ascii=False)})
    host.trued("apply", code=0)

    applied = host.root / "srv/tree"
    subprocess.run(["diff", "-r", "--no-dereference", str(reference), str(applied)], check=True)
    assert stats(reference) == stats(applied)

    host.trued("apply", code=0)  # the report of a quiet cycle is another one than that of the first
    trace = tmp_path / "trace"
    calls = "write,pwrite64,rename,renameat,renameat2,chmod,fchmod,fchmodat,chown,fchown,lchown,fchownat,unlink,unlinkat,mkdir,mkdirat"
    subprocess.run(
        ["strace", "-f", "-y", "-qq", "-o", trace, "-e", f"trace={calls}", *host.argv("apply")],
        check=True,
        capture_output=True,
    )
    performed = [line for line in trace.read_text().splitlines() if not _talks(line)]
    assert [] == performed, "\n".join(performed)


def escaped(entry: dict[str, object]) -> dict[str, object]:
    return {
        key: value.replace("$", "$$") if isinstance(value, str) else value for key, value in entry.items()
    }


def _talks(line: str) -> bool:
    """Return whether a traced call only prints, failed, or is SQLite's way to read (its -shm is shared memory)."""
    return bool(re.search(r"write\((1|2)<|= -1 E|cycle\.lock>|ledger\.db-(wal|shm)|exited with", line))
