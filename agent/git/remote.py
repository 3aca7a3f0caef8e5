"""What is asked of a repository elsewhere, by whichever road it is reached. Nothing here talks to it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from agent.git.address import Access, Transport
from agent.git.limits import DEFAULT_LIMITS, Limits
from agent.git.snapshot import Shelf
from agent.git.wire import PushRejectedError as PushRejectedError  # noqa: PLC0414  what push raises

if TYPE_CHECKING:
    from agent.git.objects import Item


class Remote(Protocol):
    """
    A repository elsewhere. Ids are 40 hexadecimal digits, refs full names.

    Every method raises SourceError, with the URL (never its credentials) and the cause in words.
    """

    @property
    def can_filter(self) -> bool:
        """Whether single objects can be had; else a commit comes with all that is below it."""

    def poll(self, ref: str) -> str | None:
        """Return what a ref points at, None if there is no such ref: one request."""

    def refs(self, prefix: str) -> Mapping[str, str]:
        """Return all refs whose full name begins so."""

    def objects(
        self, wants: Collection[str], into: Shelf, *, haves: Collection[str] = (), depth: int = 0
    ) -> frozenset[str]:
        """
        Put these objects on a shelf and return the ids of all that came; every id is computed from the content.

        A commit comes with its ancestors, up to `depth` generations (0: all) and down to `haves`, without
        trees where `can_filter`. Where not, everything below comes too, and what is below `haves` is not sent.
        """

    def push(self, ref: str, old: str | None, new: str, objects: Sequence[Item]) -> None:
        """
        Move a ref from `old` (None: it must not exist) to `new`, sending exactly these objects.

        The comparison is the server's, under its lock. Raises PushRejectedError if it says no.
        """

    def rest(self) -> None:
        """Let go of what is not worth holding until the next poll, and would answer it with what was then."""

    def close(self) -> None:
        """Let go of connections; the next request opens a new one."""


def open_remote(
    access: Access, limits: Limits = DEFAULT_LIMITS, beat: Callable[[], object] = lambda: None
) -> Remote:
    """Return the repository at `access`; nothing is asked of it yet. `beat` is called after each exchange."""
    match access.place.transport:
        case Transport.HTTP:
            from agent.git.http import HttpRemote  # urllib3 is paid for only where it is used

            return HttpRemote(access, limits, beat)
        case Transport.SSH:
            from agent.git.ssh import SshRemote

            return SshRemote(access, limits, beat)
        case Transport.LOCAL:
            from agent.git.local import LocalRemote

            return LocalRemote(access, limits, beat)
