"""
Drifts of files of a tree of its own, counted from before the call that harms to the first look at which the file is as declared.

There is a look each half millisecond. Not by inotify, which would say what is done and not when it is right.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from drifts import CALM, Drift, schedule
from fleet import Fleet
from idle import daemon, log_of
from repairs import Repair, until, watch

MODE = 0o640
LOOK = 0.0005  # seconds between two looks
FOLDERS = 10


def content(path: Path, _spare: Path) -> None:
    """Other bytes in place, of the same length."""
    with path.open("r+b") as file:
        file.write(b"DRIFTED!")


def mode(path: Path, _spare: Path) -> None:
    path.chmod(0o666)


def owner(path: Path, _spare: Path) -> None:
    os.chown(path, 1, 1)


def deletion(path: Path, _spare: Path) -> None:
    path.unlink()


def rename_over(path: Path, spare: Path) -> None:
    """As an editor saves it."""
    spare.replace(path)


SORTS: Mapping[str, Callable[[Path, Path], None]] = {
    "content": content,
    "mode": mode,
    "deletion": deletion,
    "rename over": rename_over,
    **({"owner": owner} if os.geteuid() == 0 else {}),
}


class Tree:
    """A host with nothing but files, below a scratch folder, and its fleet repository."""

    def __init__(self, top: Path, count: int) -> None:
        self.root, self.spare = top / "root", top / "spare"
        self.root.mkdir(parents=True)
        self.spare.mkdir()
        self.names = [f"srv/d{number % FOLDERS}/f{number:04}.conf" for number in range(count)]
        self.fleet = Fleet(
            top=top, remote=top / "fleet.git", more={"root": str(self.root), "interval": "10m"}
        )
        self.fleet.start()
        entry = {"mode": f"{MODE:04o}", "owner": str(os.geteuid()), "group": str(os.getegid())}
        files = {f"/{name}": {"content": self.wanted(name), **entry} for name in self.names}
        self.fleet.declare({"files": files})
        self.fleet.push("Declare files")

    def wanted(self, name: str) -> str:
        return f"# {name}\n" + "key = value\n" * 80

    def is_right(self, drift: Drift) -> bool:
        name = self.names[drift.number]
        path = self.root / name
        try:
            found = path.lstat()
            return (
                found.st_mode == stat.S_IFREG | MODE
                and found.st_uid == os.geteuid()
                and path.read_text() == self.wanted(name)
            )
        except OSError:
            return False

    def harm(self, drift: Drift) -> float:
        spare = self.spare / str(drift.number)
        spare.write_text("other")
        since = time.monotonic()
        SORTS[drift.sort](self.root / self.names[drift.number], spare)
        return since


def run(count: int, seed: int, scratch: Path) -> list[Repair]:
    """Measure; raises RuntimeError if the daemon does not make the files to begin with."""
    tree = Tree(scratch / "files", count)
    log = log_of(tree.fleet)
    with daemon(tree.fleet):
        until(lambda: "converged at" in log.read_text(), 120, "the daemon did not make its files")
        time.sleep(CALM)
        (todo,) = schedule(count, seed, list(SORTS), things=count)
        return [seen.repair for seen in watch(tree, todo, LOOK)]
