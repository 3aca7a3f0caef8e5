"""
What trued remembers between cycles: ids, digests and commits, never contents.

`Ledger` is the value that plans are made from; `Memory` keeps it in one SQLite file and is all that writes it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from agent.errors import LedgerError
from agent.files import sync_directory
from agent.model import Ownership, ResourceId

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What is remembered. `unfinished` are ids that were begun and not seen to be done."""

    held: str | None = None  # the commit that the host follows
    good: str | None = None  # the last commit under which all was as declared
    owned: Mapping[ResourceId, Owned] = field(default_factory=dict)
    unfinished: frozenset[ResourceId] = frozenset()


class Memory:
    """
    The ledger on disk. Every method raises LedgerError when it cannot be read or written.

    `begin` and `judge` have reached the disk when they return. `finish` survives a kill, and may be lost in a
    power cut: the id then counts as unfinished, and is looked at again. (SQLite, WAL mode: sqlite.org/wal.html)
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._seen: tuple[int, Ledger] | None = None

    def load(self) -> Ledger:
        """Return what is remembered; an empty ledger where none was ever written."""
        if self._connection is None and not self._path.exists():
            return Ledger()
        return self._guard(self._load)

    def begin(
        self,
        held: str,
        *,
        touched: Mapping[ResourceId, Owned],
        true: Mapping[ResourceId, Owned],
        gone: Collection[ResourceId],
    ) -> None:
        """Write down what is about to be touched, what was found true, and what is no longer ours."""

        def write(db: sqlite3.Connection) -> None:
            with _transaction(db, durable=True):
                db.execute("INSERT OR REPLACE INTO commits VALUES ('held', ?)", (held,))
                db.executemany("DELETE FROM owned WHERE id = ?", ((str(rid),) for rid in gone))
                db.executemany(_UPSERT, (_row(rid, owned, unfinished=False) for rid, owned in true.items()))
                db.executemany(
                    _UPSERT, (_row(rid, owned, unfinished=True) for rid, owned in touched.items())
                )

        self._guard(write)

    def finish(self, rid: ResourceId, owned: Owned | None) -> None:
        """Record that one thing is now as declared; None: it is gone."""

        def write(db: sqlite3.Connection) -> None:
            with _transaction(db, durable=False):
                if owned is None:
                    db.execute("DELETE FROM owned WHERE id = ?", (str(rid),))
                else:
                    db.execute(_UPSERT, _row(rid, owned, unfinished=False))

        self._guard(write)

    def judge(self, good: str) -> None:
        """Record a commit under which all was as declared."""

        def write(db: sqlite3.Connection) -> None:
            with _transaction(db, durable=True):
                db.execute("INSERT OR REPLACE INTO commits VALUES ('good', ?)", (good,))

        self._guard(write)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _load(self, db: sqlite3.Connection) -> Ledger:
        # data_version moves when another process writes, total_changes when we do.
        stamp = hash((db.execute("PRAGMA data_version").fetchone()[0], db.total_changes))
        if self._seen is None or self._seen[0] != stamp:
            self._seen = (stamp, _read(db))
        return self._seen[1]

    def _guard(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if self._connection is None:
                self._connection = _open(self._path)
            return work(self._connection)
        except (sqlite3.Error, OSError, ValueError) as error:
            raise LedgerError(
                f"{self._path}: the ledger cannot be used: {error}",
                hint="free the disk or restore the file; if it is lost, move it away: what trued finds is then"
                " adopted anew, and nothing is removed",
            ) from error


_UPSERT = "INSERT OR REPLACE INTO owned VALUES (?, ?, ?, ?, ?, ?)"


def _row(rid: ResourceId, owned: Owned, *, unfinished: bool) -> tuple[str, str, str, bool, str, bool]:
    needs = "\n".join(map(str, owned.needs))
    return str(rid), owned.digest, str(owned.ownership), owned.keep, needs, unfinished


def _read(db: sqlite3.Connection) -> Ledger:
    rows = db.execute("SELECT id, digest, ownership, keep, needs, unfinished FROM owned").fetchall()
    commits = dict(db.execute("SELECT role, sha FROM commits").fetchall())
    return Ledger(
        held=commits.get("held"),
        good=commits.get("good"),
        owned={
            ResourceId.parse(rid): Owned(
                digest=digest,
                ownership=Ownership(ownership),
                keep=bool(keep),
                needs=tuple(map(ResourceId.parse, needs.split("\n"))) if needs else (),
            )
            for rid, digest, ownership, keep, needs, _ in rows
        },
        unfinished=frozenset(ResourceId.parse(row[0]) for row in rows if row[5]),
    )


def _open(path: Path) -> sqlite3.Connection:
    if not path.exists():
        _create(path)
    db = sqlite3.connect(path, isolation_level=None, timeout=30)
    try:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version != VERSION:
            raise sqlite3.DatabaseError(f"it has version {version}, this trued reads version {VERSION}")
        db.execute("PRAGMA journal_mode=WAL")
    except BaseException:
        db.close()
        raise
    return db


def _create(path: Path) -> None:
    """Make it whole under another name first: an empty file at `path` is then always damage, never a beginning."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)  # before SQLite makes it with the umask's mode; its -wal and -shm take it over
    with closing(sqlite3.connect(new, isolation_level=None)) as db, _transaction(db, durable=True):
        for statement in SCHEMA.strip().split(";\n"):
            db.execute(statement.rstrip(";"))
        db.execute(f"PRAGMA user_version = {VERSION}")
    new.rename(path)
    sync_directory(path.parent)


@contextmanager
def _transaction(db: sqlite3.Connection, *, durable: bool) -> Iterator[None]:
    db.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
