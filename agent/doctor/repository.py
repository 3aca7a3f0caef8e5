"""Checks of access: the commit to follow, what it declares for this host, where reports go. Writes to a scratch folder alone."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

from agent.doctor import Found, failed, ok, skipped, warning
from agent.errors import DocumentError, RefusedError, SourceError
from agent.git.address import Access, Ref, Transport
from agent.git.limits import DEFAULT_LIMITS
from agent.git.remote import PushRejectedError, open_remote
from agent.git.source import Source
from agent.model import DesiredState, VerifiedCommit

LIMITS = replace(DEFAULT_LIMITS, stall=15.0, total=60.0)
# How forges and Git's own hooks say that a rule, and not the race of the moment, was in the way.
REFUSALS = re.compile(
    r"declined|denied|protected|not allowed|not permitted|read.only|permission|forbidden", re.IGNORECASE
)
HEADS = "refs/heads/"
IN_MEMORY = "/dev/shm"  # noqa: S108 - a new folder in it is ours alone


class Repository:
    """The fleet repository as one examination sees it. Use as a context manager: what was fetched goes at the end."""

    def __init__(self, access: Access, ref: Ref, allowed_signers: Path | None) -> None:
        self._access, self._ref, self._signers = access, ref, allowed_signers
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._source: Source | None = None
        self.commit: VerifiedCommit | None = None
        self.kinds: frozenset[str] = frozenset()  # of what is declared for this host, once that is known

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        # A check that was left behind may still be at it.
        with suppress(Exception):
            if self._source is not None:
                self._source.close()
        if self._scratch is not None:
            self._scratch.cleanup()

    def reach(self) -> Found:
        """Fetch the newest commit; raises SourceError, HostError. Without regard to signatures: see `signed`."""
        self.commit = self._newest(None)
        return ok(f"{self._access.url}: {self._ref} is at {self.commit.sha[:12]}")

    def signed(self) -> Found:
        """Hold the commit against the allowed signers; raises SourceError, RefusedError."""
        if self._signers is None:
            return ok("not asked for: whoever may push decides what this host is")
        return ok(f"signed by {self._newest(self._signers).signer}, as {self._signers} allows")

    def declared(self, load: Callable[[VerifiedCommit], DesiredState]) -> Found:
        """Load what the commit declares for this host."""
        if self.commit is None:
            raise SourceError("no commit was fetched")
        try:
            desired = load(self.commit)
        except RefusedError as error:
            return failed(str(error), error.hint)
        except DocumentError as error:
            first, *rest = str(error).splitlines()
            more = f" (and {len(rest)} more)" if rest else ""
            return failed(f"{first}{more}", "push a commit that mends it; before a push: trued validate DIR")
        self.kinds = frozenset(rid.kind for rid in desired.resources)
        return ok(f"fleet.yaml knows this host; {len(desired.resources)} resources are declared for it")

    def _newest(self, signers: Path | None) -> VerifiedCommit:
        if self._source is not None:
            self._source.close()
        self._scratch = self._scratch or _scratch()
        folder = Path(self._scratch.name)
        self._source = Source(self._access, self._ref, folder, allowed_signers=signers, limits=LIMITS)
        return self._source.newest(None)


def _scratch() -> tempfile.TemporaryDirectory[str]:
    """Make a folder for what is fetched: in memory where the disk is full or read-only."""

    def make(where: str | None) -> tempfile.TemporaryDirectory[str]:
        return tempfile.TemporaryDirectory(prefix="trued-doctor-", dir=where, ignore_cleanup_errors=True)

    try:
        return make(None)
    except OSError:
        return make(IN_MEMORY)


def status(access: Access, branch: str) -> Found:
    """Return whether this host may write to the branch of its reports; raises SourceError."""
    if access.place.transport is Transport.LOCAL and not _writable(Path(access.place.path)):
        return failed(
            f"{access.url}: cannot be written", "mount it for writing, or give status a url of its own"
        )
    if (refusal := _trial(access, branch)) is None:
        return warning(
            f"{access.url}: is reached; whether {branch} may be written could not be tried, it is too empty for that",
            "the first report will tell: trued apply",
        )
    if REFUSALS.search(refusal):
        return failed(
            f"{access.url}: {branch} may not be written: {refusal}",
            f"let this host's key or token write to {branch} on the server (allow write access, or a rule for the branch)",
        )
    return ok(f"{access.url}: {branch} may be written")


def _writable(repository: Path) -> bool:
    inner = repository / ".git"
    return os.access((inner if inner.is_dir() else repository) / "objects", os.W_OK)


def guarded(access: Access, branch: str) -> Found:
    """Return whether the branch that this host follows is safe from this host itself; raises SourceError."""
    if (refusal := _trial(access, branch)) is None:
        return skipped(
            f"cannot be tried while there is nothing in the repository but {branch}",
            "run it again after the first report: trued apply && trued doctor",
        )
    if REFUSALS.search(refusal):
        return ok(f"{branch} cannot be written with this host's key or token")
    return warning(
        f"whoever has this host's key or token can write to {branch}, and so to every host",
        f"protect {branch} on the server, so that only people may push to it; or give status a url of its own",
    )


def _trial(access: Access, branch: str) -> str | None:
    """
    Ask the server for a push that cannot change anything, and return how it says no; None where none can be made.

    It asks to move the branch from a commit where the branch is not to that same commit. Hooks and rules are asked
    first, then Git compares and finds the branch elsewhere (gitprotocol-pack(5), "the server MUST check"). If the
    branch were moved there meanwhile, it would stay where it is. So nothing is ever created, moved or sent.
    """
    remote, ref = open_remote(access, LIMITS), f"{HEADS}{branch}"
    try:
        refs = remote.refs(HEADS)
        other = next((sha for _, sha in sorted(refs.items()) if sha != refs.get(ref)), None)
        if other is None:
            return None
        remote.push(ref, other, other, ())
    except PushRejectedError as error:
        # Without the name of the branch, in which any word may stand.
        return " ".join(str(error).removeprefix(f"{access.url}: {ref}: ").replace(f"ng {ref}", "").split())
    finally:
        remote.close()
    return "it was already there"


def same_way(one: Access, other: Access) -> bool:
    """Return whether two accesses lead to one repository with one key or token."""
    return one.place.transport is not Transport.LOCAL and _identity(one) == _identity(other)


def _identity(access: Access) -> tuple[object, ...]:
    return access.url, access.token_file, access.username, access.ssh_key
