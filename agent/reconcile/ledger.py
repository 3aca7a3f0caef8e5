"""
What trued remembers between cycles: ids, digests and commits, never contents.

`Ledger` is the value that plans are made from; `Memory` keeps it in one SQLite file and is all that writes it.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import field, replace
from pathlib import Path
from typing import TypeVar

from agent.errors import LedgerError
from agent.files import make_private, sync_directory
from agent.model import Ownership, ResourceId, Stale
from agent.values import dataclass

T = TypeVar("T")

VERSION = 1
SCHEMA = """
CREATE TABLE owned (
    id TEXT PRIMARY KEY, digest TEXT NOT NULL, ownership TEXT NOT NULL,
    keep INTEGER NOT NULL, needs TEXT NOT NULL, unfinished INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE commits (role TEXT PRIMARY KEY, sha TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """One thing that trued answers for. `digest` is that of the declaration last found true; empty: never."""

    digest: str
    ownership: Ownership
    keep: bool = False
    needs: tuple[ResourceId, ...] = ()

    @property
    def made(self) -> bool:
        """Whether trued made what is there. Where it was never seen to be as declared, somebody else may have."""
        return self.ownership is Ownership.CREATED and bool(self.digest)

    @property
    def goes(self) -> bool:
        """Whether it is to go without further ado when it is no longer declared."""
        return self.made and not self.keep


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What is remembered. `unfinished` are ids that were begun and not seen to be done, and what they have to do."""

    held: str | None = None  # the commit that the host follows
    good: str | None = None  # the last commit under which all was as declared
    owned: Mapping[ResourceId, Owned] = field(default_factory=dict)
    unfinished: Mapping[ResourceId, Stale] = field(default_factory=dict)


class Memory:
    """
    The ledger on disk. Every method raises LedgerError when it cannot be read or written.

    `begin` and `judge` have reached the disk when they return. `finish` survives a kill, and may be lost in a
    power cut: the id then counts as unfinished, and is looked at again. (SQLite, WAL mode: sqlite.org/wal.html)
    """

    def __init__(self, path: Path, *, root: str = "") -> None:
        """`root`: where the paths of the ids begin. What was remembered of another one is not used."""
        self._path = path
        self._root = root
        self._connection: sqlite3.Connection | None = None
        self._version = 0  # SQLite's data_version at the last look: it moves when another process writes
        self._known: Ledger | None = None  # what was read or written last
        self._finished: dict[ResourceId, Owned | None] = {}  # and what was finished since

    def load(self) -> Ledger:
        """Return what is remembered; an empty ledger where none was ever written."""
        if self._connection is None and not _is_there(self._path):
            return Ledger()
        return self._guard(self._load)

    def begin(
        self,
        held: str,
        *,
        touched: Mapping[ResourceId, Owned],
        pending: Mapping[ResourceId, Stale] | None = None,
        true: Mapping[ResourceId, Owned],
        gone: Collection[ResourceId],
    ) -> None:
        """
        Write down what is about to be touched, what was found true, and what is no longer ours.

        `pending`: of what is touched, what has to restart or reload, and would not be seen to have done so.
        """
        pending = pending or {}

        def write(db: sqlite3.Connection) -> None:
            self._load(
                db
            )  # of a new ledger this is nothing, and then what is written need not be read again
            with _durable(db):
                db.execute("INSERT OR REPLACE INTO commits VALUES ('held', ?)", (held,))
                db.execute("INSERT OR REPLACE INTO commits VALUES ('root', ?)", (self._root,))
                db.executemany(_DELETE, ((str(rid),) for rid in gone))
                db.executemany(_UPSERT, (_row(rid, owned) for rid, owned in true.items()))
                db.executemany(
                    _UPSERT, (_row(rid, owned, pending.get(rid, Stale.NO)) for rid, owned in touched.items())
                )

        self._guard(write)
        if before := self._settled():
            after = {rid: owned for rid, owned in before.owned.items() if rid not in gone}
            self._known = replace(
                before,
                held=held,
                owned={**after, **true, **touched},
                unfinished={
                    **_without(before.unfinished, {*gone, *true}),
                    **{rid: pending.get(rid, Stale.NO) for rid in touched},
                },
            )

    def finish(self, outcomes: Mapping[ResourceId, Owned | None]) -> None:
        """Record that things are now as declared, all or none of them; None: it is gone."""

        def write(db: sqlite3.Connection) -> None:
            with _transaction(db):
                db.executemany(_DELETE, ((str(rid),) for rid, owned in outcomes.items() if owned is None))
                db.executemany(_UPSERT, (_row(rid, owned) for rid, owned in outcomes.items() if owned))

        self._guard(write)
        self._finished |= outcomes

    def judge(self, good: str) -> None:
        """Record a commit under which all was as declared."""

        def write(db: sqlite3.Connection) -> None:
            with _durable(db):
                db.execute("INSERT OR REPLACE INTO commits VALUES ('good', ?)", (good,))

        self._guard(write)
        if before := self._settled():
            self._known = replace(before, good=good)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = self._known = None

    def _load(self, db: sqlite3.Connection) -> Ledger:
        version = db.execute("PRAGMA data_version").fetchone()[0]
        known = self._settled()
        if known is None or version != self._version:
            self._version, self._known = version, _read(db)
            return self._known
        return known

    def _settled(self) -> Ledger | None:
        """Return what is known with all that was finished since in it: one copy for many small writes."""
        if self._known is not None and self._finished:
            owned = {**self._known.owned, **self._finished}
            self._known = replace(
                self._known,
                owned={rid: thing for rid, thing in owned.items() if thing is not None},
                unfinished=_without(self._known.unfinished, self._finished),
            )
        self._finished = {}
        return self._known

    def _check_root(self, db: sqlite3.Connection) -> None:
        known = db.execute("SELECT sha FROM commits WHERE role = 'root'").fetchone()
        if known is not None and known[0] != self._root:
            raise LedgerError(
                f"{self._path}: the ledger is of the files below {known[0]}, and not of those below {self._root}",
                hint="each root takes a state_dir of its own in agent.yaml; or move this one away, if its files were moved",
            )

    def _guard(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if self._connection is None:
                self._connection = _open(self._path)
                self._check_root(self._connection)
            return work(self._connection)
        except (sqlite3.Error, OSError, ValueError) as error:
            self._known = None  # whether it was written is for the file to say
            raise _unusable(self._path, str(error)) from error


_DELETE = "DELETE FROM owned WHERE id = ?"
_UPSERT = "INSERT OR REPLACE INTO owned VALUES (?, ?, ?, ?, ?, ?)"


def _row(
    rid: ResourceId, owned: Owned, pending: Stale | None = None
) -> tuple[str, str, str, bool, str, int]:
    """Return what is kept of one thing. `unfinished` is 0 for what is done, and one more than its `Stale` otherwise."""
    needs = "\n".join(map(str, owned.needs)) if owned.needs else ""
    unfinished = 0 if pending is None else 1 + pending
    return str(rid), owned.digest, str(owned.ownership), owned.keep, needs, unfinished


def _without(
    unfinished: Mapping[ResourceId, Stale], done: Collection[ResourceId]
) -> Mapping[ResourceId, Stale]:
    return {rid: stale for rid, stale in unfinished.items() if rid not in done}


def _read(db: sqlite3.Connection) -> Ledger:
    ids: dict[str, ResourceId] = {}
    needed: dict[str, tuple[ResourceId, ...]] = {"": ()}  # ten thousand files need a few folders
    owned: dict[ResourceId, Owned] = {}
    unfinished: dict[ResourceId, Stale] = {}

    def id_of(text: str) -> ResourceId:
        return ids.get(text) or ids.setdefault(text, ResourceId.parse(text))

    rows = db.execute("SELECT id, digest, ownership, keep, needs, unfinished FROM owned")
    for text, digest, ownership, keep, needs, pending in rows.fetchall():
        if (known := needed.get(needs)) is None:
            known = needed[needs] = tuple(map(id_of, needs.split("\n")))
        rid = id_of(text)
        owned[rid] = Owned(
            digest=sys.intern(digest),  # as that of what is declared
            ownership=_OWNERSHIPS.get(ownership) or Ownership(ownership),
            keep=bool(keep),
            needs=known,
        )
        if pending:
            unfinished[rid] = Stale(pending - 1)
    commits = dict(db.execute("SELECT role, sha FROM commits").fetchall())
    return Ledger(held=commits.get("held"), good=commits.get("good"), owned=owned, unfinished=unfinished)


_OWNERSHIPS = {str(ownership): ownership for ownership in Ownership}


def _unusable(path: Path, why: str, way_out: str = "free the disk or restore the file") -> LedgerError:
    return LedgerError(
        f"{path}: the ledger cannot be used: {why}",
        hint=f"{way_out}; if it is lost, move it away: what trued finds is then"
        " adopted anew, and nothing is removed but what is marked as its own",
    )


def _is_there(path: Path) -> bool:
    """Return whether there is a ledger; raises LedgerError where that cannot be told: none would mean that nothing is owned."""
    try:
        path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            why = "it is a link to what is not there"
            raise _unusable(path, why, "mount the disk that it is on") from None
        return False
    except NotADirectoryError:
        return False
    except OSError as error:
        raise _unusable(path, str(error)) from error
    return True


def _open(path: Path) -> sqlite3.Connection:
    if not _is_there(path):
        _create(path)
    db = sqlite3.connect(path, isolation_level=None, timeout=30)
    try:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version != VERSION:
            raise sqlite3.DatabaseError(f"it has version {version}, this trued reads version {VERSION}")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
    except BaseException:
        db.close()
        raise
    return db


def _create(path: Path) -> None:
    """Make it whole under another name first: an empty file at `path` is then always damage, never a beginning."""
    make_private(path.parent)
    new = path.with_suffix(".new")
    # SQLite would take the log of a ledger that was moved away for that of the new one (sqlite.org/howtocorrupt.html, 1.4).
    for left in (new, *(Path(f"{one}{end}") for one in (path, new) for end in ("-wal", "-shm", "-journal"))):
        left.unlink(missing_ok=True)
    new.touch(mode=0o600)  # before SQLite makes it with the umask's mode; its -wal and -shm take it over
    with closing(sqlite3.connect(new, isolation_level=None)) as db, _durable(db):
        for statement in SCHEMA.strip().split(";\n"):
            db.execute(statement.rstrip(";"))
        db.execute(f"PRAGMA user_version = {VERSION}")
    new.rename(path)
    sync_directory(path.parent)


@contextmanager
def _durable(db: sqlite3.Connection) -> Iterator[None]:
    """Make one transaction of what is written, which has reached the disk at the end."""
    db.execute("PRAGMA synchronous=FULL")
    try:
        with _transaction(db):
            yield
    finally:
        db.execute("PRAGMA synchronous=NORMAL")


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
