"""This host's own disk is full."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import SourceError
from agent.git.address import Access
from agent.git.source import Source
from tests.disk import limited_file_size
from tests.git.places import fleet, read, source
from tests.servers.repo import Fleet

FILES = {"fleet.yaml": "hosts: [a]\n", "base/a": "a\n" * 100}


@pytest.fixture
def work(tmp_path: Path) -> Fleet:
    return fleet(tmp_path / "work", FILES)


@pytest.fixture
def there(work: Fleet, tmp_path: Path) -> Iterator[Source]:
    made = source(Access(url=str(work.path)), tmp_path / "state")
    yield made
    made.close()


@pytest.fixture
def held(work: Fleet, there: Source) -> str:
    """The commit that is kept on this host."""
    read(there.newest(None).tree)
    there.keep([work.head()])
    return work.head()


def test_what_could_not_be_kept_leaves_the_disk_as_it_was(
    work: Fleet, there: Source, held: str, tmp_path: Path
) -> None:
    """Half of a large commit must not fill a disk for good: the ledger is on it."""
    work.write({"base/large": os.urandom(2 << 20)}).commit()
    read(there.newest(held).tree)

    with limited_file_size(1 << 20), pytest.raises(SourceError, match="cannot keep the commit"):
        there.keep([work.head()])

    assert {f"{held}.snap"} == {path.name for path in (tmp_path / "state/git").iterdir()}
