"""
What goes over the wire, both versions of it: requests as bytes, answers read from a stream of packet lines.

gitprotocol-common(5), gitprotocol-v2(5), gitprotocol-pack(5). Opens no connection; a pack goes to a file.
Version 0 serves servers that do not know or do not let through the wish for version 2 (sshd without
AcceptEnv GIT_PROTOCOL), and every push.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import field
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

from agent.errors import SourceError
from agent.git.limits import FAST, Deadline, Limits
from agent.values import dataclass

if TYPE_CHECKING:
    from agent.git.objects import Item

FLUSH, DELIM = b"0000", b"0001"
ZERO = "0" * 40
AGENT = b"agent=git/trued"  # some forges answer only what begins with git/
OTHER_NAMES = "the repository uses SHA-256 object names, which trued does not know"


class PushRejectedError(SourceError):
    """The server did not move the ref: somebody else was first, or a hook said no."""


class ProtocolError(SourceError):
    """The answer is none that a Git server gives."""


class RemoteError(SourceError):
    """The server says in words why it will not."""


def line(text: bytes) -> bytes:
    """Return a packet line."""
    return b"%04x%s" % (len(text) + 4, text)


class Lines:
    """The packet lines of an answer. `more()` returns what has come, at least a byte, none at the end."""

    def __init__(self, more: Callable[[], bytes]) -> None:
        self._more = more
        self._data, self._place = b"", 0

    def next(self) -> bytes | None:
        """Return the next line, without its end of line; None for a flush or a delimiter."""
        try:
            size = int(self._exactly(4), 16)
        except ValueError:
            raise ProtocolError("the answer is not Git's: is this the URL of a repository?") from None
        if size in {0, 1, 2}:
            return None
        if size < 4 or size > 65520:
            raise ProtocolError("the answer is not Git's: a line of an impossible length")
        data = self._exactly(size - 4)
        if data.startswith(b"ERR "):
            raise RemoteError(f"the server says: {plain(data[4:])}")
        return data

    def section(self) -> Iterator[bytes]:
        """Yield the lines up to the next flush or delimiter."""
        while (data := self.next()) is not None:
            yield data

    def _exactly(self, size: int) -> bytes:
        while len(self._data) - self._place < size:
            if not (more := self._more()):
                raise ProtocolError("the server hung up in the middle of its answer")
            self._data, self._place = self._data[self._place :] + more, 0
        self._place += size
        return self._data[self._place - size : self._place]


def plain(data: bytes) -> str:
    """Return what a server says as one line that is safe to show."""
    text = " ".join(data[:500].decode("utf-8", "replace").split())
    return "".join(char if char.isprintable() else "?" for char in text)


@dataclass(frozen=True, slots=True)
class Advertisement:
    """What a server says of itself when first asked: in version 0, its refs."""

    version: int
    capabilities: frozenset[bytes]
    refs: dict[str, str] = field(default_factory=dict)

    @property
    def can_filter(self) -> bool:
        if self.version == 2:
            return any(
                item.startswith(b"fetch=") and b"filter" in item[6:].split() for item in self.capabilities
            )
        # Version 0 serves objects that no ref points at only when told to.
        return {b"filter", b"allow-reachable-sha1-in-want"} <= self.capabilities


def read_advertisement(lines: Lines, limit: int) -> Advertisement:
    """Read the first answer of a server. Only version 2 over HTTP may leave out the line that names the service."""
    first = lines.next()
    if first is not None and first.startswith(b"# service="):
        if lines.next() is not None:
            raise ProtocolError("the answer is not Git's: its first section has no end")
        first = lines.next()
    if first is not None and first.strip() == b"version 2":
        found = Advertisement(2, frozenset(item.strip() for item in lines.section()))
        if any(
            item.startswith(b"object-format=") and item != b"object-format=sha1"
            for item in found.capabilities
        ):
            raise ProtocolError(OTHER_NAMES)
        return found
    return _version0(first, lines, limit)


def _version0(first: bytes | None, lines: Lines, limit: int) -> Advertisement:
    if first is None:
        return Advertisement(0, frozenset())
    if first.startswith(b"version 1"):
        first = lines.next() or b""
    head, _, capabilities = first.partition(b"\0")
    refs, taken = {}, 0
    for item in (head, *lines.section()):
        taken += len(item)
        _bounded(taken, limit)
        sha, name = _ref(item)
        if sha != ZERO and not name.endswith("^{}"):
            refs[name] = sha
    return Advertisement(0, frozenset(capabilities.split()), refs)


def _bounded(taken: int, limit: int) -> None:
    if taken > limit:
        raise ProtocolError(f"the list of refs is longer than {limit} bytes")


def _ref(item: bytes) -> tuple[str, str]:
    sha, _, rest = item.strip().partition(b" ")
    name = rest.decode("utf-8", "replace")
    if len(sha) != 40 or any(char not in b"0123456789abcdef" for char in sha) or not name:
        raise ProtocolError("the answer is not Git's: a line that names no ref")
    return sha.decode(), name


def list_refs(prefix: str) -> bytes:
    """Return the request (version 2) for all refs that begin so."""
    return b"".join(
        (line(b"command=ls-refs\n"), line(AGENT), DELIM, line(b"ref-prefix %s\n" % prefix.encode()), FLUSH)
    )


def read_refs(lines: Lines, prefix: str, limit: int) -> dict[str, str]:
    """Read the answer to `list_refs`. An unborn or broken ref points at nothing and is left out."""
    refs, taken = {}, 0
    for item in lines.section():
        taken += len(item)
        _bounded(taken, limit)
        if item.startswith(b"unborn "):
            continue
        sha, name = _ref(item)
        refs[name.partition(" ")[0]] = sha
    return {name: sha for name, sha in refs.items() if name.startswith(prefix)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a fetch asks for. `shallow`: commits whose parents we do not have."""

    wants: Collection[str]
    haves: Collection[str] = ()
    shallow: Collection[str] = ()
    depth: int = 0
    bare: bool = True  # commits without their trees, trees without what is in them: filter tree:0


def fetch(wish: Wish) -> bytes:
    """Return the request in version 2. Thin packs are never asked for: their bases would have to be at hand."""
    return b"".join((line(b"command=fetch\n"), line(AGENT), DELIM, *_arguments(wish), FLUSH))


def _arguments(wish: Wish) -> Iterator[bytes]:
    yield line(b"ofs-delta\n")
    yield line(b"no-progress\n")
    yield from (line(b"want %s\n" % sha.encode()) for sha in wish.wants)
    yield from (line(b"shallow %s\n" % sha.encode()) for sha in wish.shallow)
    if wish.depth:
        yield line(b"deepen %d\n" % wish.depth)
    if wish.bare:
        yield line(b"filter tree:0\n")
    yield from (line(b"have %s\n" % sha.encode()) for sha in wish.haves)
    yield line(b"done\n")


def fetch_version0(wish: Wish, capabilities: frozenset[bytes]) -> bytes:
    """Return the request in version 0, with all rounds of it in one: a single `done`."""
    asked = [b"ofs-delta", b"side-band-64k", b"no-progress", b"shallow"]
    chosen = [item for item in asked if item in capabilities]
    if b"side-band-64k" not in chosen:
        raise ProtocolError("the server is too old: it does not know side-band-64k")
    first, *rest = [sha.encode() for sha in wish.wants]
    filtered = wish.bare and b"filter" in capabilities
    words = b" ".join([*chosen, *([b"filter"] if filtered else []), AGENT])
    return b"".join((
        line(b"want %s %s\n" % (first, words)),
        *(line(b"want %s\n" % sha) for sha in rest),
        *(line(b"shallow %s\n" % sha.encode()) for sha in wish.shallow),
        *([line(b"deepen %d\n" % wish.depth)] if wish.depth else []),
        *([line(b"filter tree:0\n")] if filtered else []),
        FLUSH,
        *(line(b"have %s\n" % sha.encode()) for sha in wish.haves),
        line(b"done\n"),
    ))  # fmt: skip


def read_fetch(lines: Lines, into: BinaryIO, limits: Limits, deadline: Deadline) -> None:
    """Read the answer in version 2 and write the pack to a file. Sections that were not asked for are refused."""
    while (head := lines.next()) is not None:
        match head.strip():
            case b"packfile":
                return _read_pack(lines, into, limits, deadline)
            case b"shallow-info":
                for _ in lines.section():
                    deadline.left()
            case _:
                raise ProtocolError(f"the server sends a section that was not asked for: {plain(head)}")
    raise ProtocolError("the server sends no pack")


def read_fetch_version0(
    lines: Lines, into: BinaryIO, limits: Limits, deadline: Deadline, *, deepened: bool
) -> None:
    """Read the answer in version 0: shallow lines where they were asked for, one ACK or NAK, the pack."""
    if deepened:
        for _ in lines.section():
            deadline.left()
    head = (lines.next() or b"").strip()
    if head != b"NAK" and not head.startswith(b"ACK "):
        raise ProtocolError("the answer is not Git's: neither ACK nor NAK")
    _read_pack(lines, into, limits, deadline)


def _read_pack(lines: Lines, into: BinaryIO, limits: Limits, deadline: Deadline) -> None:
    taken = 0
    for data in _band(lines):
        deadline.left()
        taken += len(data)
        if taken > limits.pack:
            raise ProtocolError(f"the server sends a pack of more than {limits.pack} bytes")
        into.write(data)
    into.flush()


def _band(lines: Lines) -> Iterator[bytes]:
    """Yield what comes on the first band; the second is talk, the third the server's last word."""
    for data in lines.section():
        match data[:1]:
            case b"\x01":
                yield data[1:]
            case b"\x02":
                pass
            case b"\x03":
                raise RemoteError(f"the server says: {plain(data[1:])}")
            case _:
                raise ProtocolError("the answer is not Git's: an unknown band")


def push(ref: str, old: str | None, new: str, objects: Sequence[Item]) -> Iterator[bytes]:
    """Yield the request that moves a ref from old to new and brings these objects."""
    words = b" report-status side-band-64k object-format=sha1 " + AGENT
    yield line(f"{old or ZERO} {new} {ref}\0".encode() + words) + FLUSH
    yield from _pack(objects)


def _pack(objects: Sequence[Item]) -> Iterator[bytes]:
    """Yield a pack of whole objects (gitformat-pack(5))."""
    sum_ = hashlib.sha1(usedforsecurity=False)
    head = struct.pack(">4sLL", b"PACK", 2, len(objects))
    for piece in chain((head,), (_entry(item) for item in objects)):
        sum_.update(piece)
        yield piece
    yield sum_.digest()


def _entry(item: Item) -> bytes:
    left, head = len(item.data) >> 4, bytearray((item.kind << 4 | len(item.data) & 15,))
    while left:
        head[-1] |= 0x80
        head.append(left & 0x7F)
        left >>= 7
    return bytes(head) + zlib.compress(item.data, FAST)


def read_report(lines: Lines, ref: str) -> None:
    """Read what became of a push; raises PushRejectedError unless the ref has moved."""
    data = b"".join(_band(lines))
    inner = iter((data,))
    report = [item.strip() for item in Lines(lambda: next(inner, b"")).section()] if data else []
    if report[:1] == [b"unpack ok"] and b"ok " + ref.encode() in report:
        return
    said = [plain(item) for item in report if item != b"unpack ok"]
    raise PushRejectedError(f"{ref}: the server did not move it: {'; '.join(said) or 'it does not say why'}")
