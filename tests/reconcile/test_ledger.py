"""What is remembered, across kills, other processes, and damage."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import pytest

from agent.errors import LedgerError
from agent.model import Ownership, ResourceId, Stale
from agent.reconcile.ledger import Ledger, Memory, Owned

Open: TypeAlias = Callable[[], Memory]

MOTD = ResourceId("file", "/etc/motd")
ODD = ResourceId("file", "/srv/a:b c\u00e4'\"")
OWNED = Owned(digest="d1", ownership=Ownership.CREATED, keep=True, needs=(MOTD, ODD))


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.db"


@pytest.fixture(name="opened")
def _opened(path: Path) -> Iterator[Open]:
    """What opens the ledger as one more process would; all are closed in the end."""
    with ExitStack() as stack:

        def opened() -> Memory:
            memory = Memory(path)
            stack.callback(memory.close)
            return memory

        yield opened


def test_where_nothing_was_written_nothing_is_remembered_or_made(path: Path, opened: Open) -> None:
    assert Ledger() == opened().load()
    assert not path.parent.exists()


def test_what_was_written_is_read_back(path: Path, opened: Open) -> None:
    opened().begin("c1", touched={ODD: OWNED}, true={MOTD: OWNED}, gone=())
    memory = opened()

    assert Ledger(held="c1", owned={MOTD: OWNED, ODD: OWNED}, unfinished={ODD: Stale.NO}) == memory.load()
    memory.finish({ODD: OWNED})
    memory.finish({MOTD: None})
    memory.judge("c1")
    assert Ledger(held="c1", good="c1", owned={ODD: OWNED}) == opened().load()


def test_the_same_ledger_is_read_once(path: Path, opened: Open) -> None:
    memory = opened()
    memory.begin("c1", touched={}, true={MOTD: OWNED}, gone=())

    assert memory.load() is memory.load()


def test_what_another_process_writes_is_seen(path: Path, opened: Open) -> None:
    memory, other = opened(), opened()
    memory.begin("c1", touched={}, true={MOTD: OWNED}, gone=())
    memory.load()
    other.judge("c1")

    assert "c1" == memory.load().good


def test_nobody_else_may_read_it(path: Path, opened: Open) -> None:
    opened().judge("c1")

    assert {0o600} == {file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert 0o700 == path.parent.stat().st_mode & 0o777


@pytest.mark.parametrize("damage", [b"", b"garbage" * 100, None])
def test_a_damaged_ledger_is_an_error_with_a_way_out_and_never_empty(
    path: Path, opened: Open, damage: bytes | None
) -> None:
    memory = opened()
    memory.begin("c1", touched={}, true={MOTD: OWNED}, gone=())
    memory.close()
    if damage is None:
        data = bytearray(path.read_bytes())
        data[100:4096] = os.urandom(3996)
        path.write_bytes(data)
    else:
        path.write_bytes(damage)
    with pytest.raises(LedgerError) as caught:
        opened().load()

    assert str(path) in str(caught.value)
    assert "move it away" in caught.value.hint


def test_a_ledger_of_a_newer_version_is_refused(path: Path, opened: Open) -> None:
    opened().judge("c1")
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()

    with pytest.raises(LedgerError, match="version 99"):
        opened().load()


def test_what_was_begun_and_finished_survives_a_kill(path: Path, opened: Open) -> None:
    """A kill -9 loses nothing that a method has returned from."""
    program = f"""
import os, signal
from collections.abc import Callable
from pathlib import Path
from agent.model import *
from agent.reconcile.ledger import *
memory = Memory(Path({str(path)!r}))
things = {{ResourceId("file", f"/t{{n}}"): Owned(digest="", ownership=Ownership.CREATED) for n in range(100)}}
memory.begin("c1", touched=things, true={{}}, gone=())
for rid in list(things)[:50]:
    memory.finish({{rid: things[rid]}})
os.kill(os.getpid(), signal.SIGKILL)
"""
    child = subprocess.run([sys.executable, "-c", program], check=False)
    assert -signal.SIGKILL == child.returncode

    ledger = opened().load()
    assert 100 == len(ledger.owned)
    assert 50 == len(ledger.unfinished)


def test_a_new_ledger_has_nothing_of_one_that_was_moved_away(path: Path, opened: Open) -> None:
    """As the way out of damage says. A kill leaves the log of the old one, which SQLite finds by its name."""
    program = f"""
import os, signal
from pathlib import Path
from agent.model import *
from agent.reconcile.ledger import *
things = {{ResourceId("file", f"/t{{n}}"): Owned(digest="", ownership=Ownership.CREATED) for n in range(300)}}
Memory(Path({str(path)!r})).begin("c1", touched=things, true={{}}, gone=())
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", program], check=False)
    assert path.with_name("ledger.db-wal").stat().st_size
    path.rename(path.with_name("ledger.old"))
    path.with_name("ledger.new-journal").write_bytes(b"left, too")

    memory = opened()
    assert Ledger() == memory.load()
    memory.begin("c2", touched={}, true={MOTD: OWNED}, gone=())

    assert Ledger(held="c2", owned={MOTD: OWNED}) == opened().load()
    assert {"ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.old"} == set(os.listdir(path.parent))


def test_a_link_to_what_is_not_there_is_not_a_new_ledger(path: Path, opened: Open, tmp_path: Path) -> None:
    """Its disk is not mounted. Begun anew, nothing that trued made would be its own."""
    (tmp_path / "data").mkdir()
    path.parent.mkdir()
    path.symlink_to(tmp_path / "data" / "ledger.db")

    for use in (Memory.load, lambda memory: memory.judge("c1")):
        with pytest.raises(
            LedgerError, match=f"{path}: the ledger cannot be used: it is a link to what is not"
        ) as caught:
            use(opened())
        assert "mount the disk" in caught.value.hint
    assert path.is_symlink()
    assert [] == os.listdir(tmp_path / "data")


def test_a_ledger_may_be_a_link(path: Path, opened: Open, tmp_path: Path) -> None:
    memory = opened()
    memory.judge("c1")
    memory.close()
    (tmp_path / "data").mkdir()
    path.rename(tmp_path / "data" / "ledger.db")
    path.symlink_to(tmp_path / "data" / "ledger.db")

    assert "c1" == opened().load().good


def test_a_full_disk_is_an_error_that_leaves_the_ledger_as_it_was(path: Path, opened: Open) -> None:
    memory = opened()
    memory.begin("c1", touched={}, true={MOTD: OWNED}, gone=())
    memory.close()
    program = f"""
import resource, signal
from collections.abc import Callable
from pathlib import Path
from agent.errors import LedgerError
from agent.model import *
from agent.reconcile.ledger import *
memory = Memory(Path({str(path)!r}))
memory.load()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (40000, 40000))
many = {{ResourceId("file", f"/t{{n}}" * 50): Owned(digest="", ownership=Ownership.CREATED) for n in range(2000)}}
try:
    memory.begin("c2", touched=many, true={{}}, gone=())
except LedgerError as error:
    print(error)
"""
    child = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert "the ledger cannot be used" in child.stdout

    assert Ledger(held="c1", owned={MOTD: OWNED}) == opened().load()


def test_what_is_known_is_what_anybody_else_would_read(path: Path, opened: Open) -> None:
    """Two that write in turn both know all of it after each write, though neither reads its own words again."""
    memory, other = opened(), opened()
    later = Owned(digest="d2", ownership=Ownership.ADOPTED)
    writes: list[Callable[[Memory], None]] = [
        lambda one: one.begin("c1", touched={ODD: OWNED, MOTD: later}, true={}, gone=()),
        lambda one: one.finish({ODD: later}),
        lambda one: one.finish({MOTD: None}),
        lambda one: one.begin("c2", touched={MOTD: OWNED}, true={}, gone=(ODD,)),
        lambda one: one.finish({MOTD: OWNED}),
        lambda one: one.judge("c2"),
        lambda one: one.begin("c3", touched={ODD: OWNED}, true={MOTD: later}, gone=()),
    ]
    for turn, write in enumerate(writes * 2):
        write(other if turn % 3 == 1 else memory)
        if turn % 2:
            assert opened().load() == memory.load() == other.load()


def test_a_ledger_in_hand_stays_as_it_is(path: Path, opened: Open) -> None:
    memory = opened()
    memory.begin("c1", touched={ODD: OWNED}, true={}, gone=())
    before = memory.load()
    memory.finish({ODD: None})
    memory.begin("c2", touched={}, true={MOTD: OWNED}, gone=())

    assert Ledger(held="c1", owned={ODD: OWNED}, unfinished={ODD: Stale.NO}) == before
    assert Ledger(held="c2", owned={MOTD: OWNED}) == memory.load()
