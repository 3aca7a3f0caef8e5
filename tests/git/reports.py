"""What the tests of publishing share: a publisher, reports to put, and what real git shows of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.git.address import Access
from agent.git.publish import Publisher
from tests.servers.git import Bare

BRANCH = "status/edge-01"
START = datetime(2026, 11, 23, 1, 2, 3, 456789, UTC)
MESSAGE = "edge-01: converged at 1a2b3c4\n\nTrued-Host: edge-01\nTrued-Result: converged\n"


@contextmanager
def publishing(access: Access, state: Path, branch: str = BRANCH) -> Iterator[Publisher]:
    publisher = Publisher(access, branch, state)
    try:
        yield publisher
    finally:
        publisher.close()


def put(publisher: Publisher, *numbers: int) -> None:
    for number in numbers:
        files = {"status.json": b'{"n": %d}\n' % number, "README.md": b"# edge-01\n"}
        publisher.put(files, f"report {number}\n\n{MESSAGE}", START + timedelta(minutes=number))


def subjects(bare: Bare, branch: str = BRANCH) -> list[str]:
    """Return what `git log` shows, oldest first, after holding the whole repository against fsck."""
    bare.git("fsck", "--strict", "--full")
    return bare.git("log", "--reverse", "--format=%s", branch).splitlines()
