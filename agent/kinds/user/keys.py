"""Lines of authorized_keys (sshd(8)): which are keys, which are the same key, and what a file becomes. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping

from agent.values import dataclass

TYPES = frozenset({
    "ssh-ed25519", "ssh-rsa", "ssh-dss", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
})  # fmt: skip

# Options stand before the type, with commas in between: AUTHORIZED_KEYS FILE FORMAT of sshd(8).
_OPTION = r'[A-Za-z0-9-]+(?:="(?:[^"\\]|\\.)*")?'
_OPTIONS = re.compile(rf"{_OPTION}(?:,{_OPTION})*[ \t]+(\S.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One public key: what tells it from another, with its type inside, and the whole line."""

    blob: bytes
    line: str


def parse_key(line: str) -> Key:
    """Return the key of a line; raises ValueError, without quoting it: it may be a private one."""
    text = line.strip()
    if "PRIVATE KEY" in text:
        raise ValueError(
            "this is a private key: take it out of Git, and out of use; the public one is in the file beside it, with .pub"
        )
    if any(ord(char) < 32 and char != "\t" for char in text) or "\x7f" in text:
        raise ValueError("expected one line without control characters, as in a .pub file")
    words = _after_options(text).split(None, 2)
    if len(words) < 2 or words[0] not in TYPES:
        raise ValueError(
            "expected a public key, as in a .pub file: perhaps options, a type such as ssh-ed25519, the key"
        )
    return Key(blob=_blob(words[0], words[1]), line=text)


def merged(content: bytes, declared: Iterable[str], *, exclusive: bool) -> bytes:
    """
    Return what authorized_keys is to be: the declared keys as they are declared, in the place where they are.

    A line with a declared key and other options is replaced, and a second one goes: sshd takes the first that fits.
    `exclusive`: nothing else stays.
    """
    ours = {key.blob: key.line for key in map(parse_key, declared)}
    if exclusive:
        return _joined(ours.values())
    left = dict(ours)
    before = _lines(content)
    after = (*_kept(before, ours, left), *left.values())
    return content if after == before else _joined(after)


def _lines(content: bytes) -> tuple[str, ...]:
    text = content.decode("utf-8", "surrogateescape")
    return tuple(text.removesuffix("\n").split("\n")) if text else ()


def _kept(lines: Iterable[str], ours: Mapping[bytes, str], left: dict[bytes, str]) -> Iterator[str]:
    """Yield the lines that stay, each of ours at its first place; what remains in `left` is not there yet."""
    for line in lines:
        blob = _one_of(ours, line)
        if blob is None:
            yield line
        elif blob in left:
            yield left.pop(blob)


def _one_of(ours: Mapping[bytes, str], line: str) -> bytes | None:
    """Return which of our keys a line has. sshd knows more names of a type than anybody writes: the key decides."""
    if line.lstrip().startswith("#"):
        return None
    return next((blob for word in line.split() if (blob := _decoded(word)) in ours), None)


def _joined(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")


def _after_options(text: str) -> str:
    if text.split(None, 1)[:1] and text.split(None, 1)[0] in TYPES:
        return text
    found = _OPTIONS.fullmatch(text)
    return found[1] if found else ""


def _blob(kind: str, text: str) -> bytes:
    """Return the key itself; raises ValueError unless it says inside, too, of which type it is (RFC 4253, 6.6)."""
    if not (blob := _decoded(text)):
        raise ValueError(f"the key after {kind} is no base64: is it whole?")
    parts = tuple(_parts(blob))
    whole = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    if len(parts) < 2 or parts[0] != kind.encode() or whole != blob:
        raise ValueError(f"the key after {kind} is none of that type: is it whole?")
    return blob


def _decoded(text: str) -> bytes:
    """Return what base64 says (RFC 4648), nothing where it is none."""
    try:
        return base64.b64decode(text.encode("ascii", "replace"), validate=True)
    except binascii.Error:
        return b""


def _parts(blob: bytes) -> Iterator[bytes]:
    """Yield the strings that a key is made of, each after its length in four bytes (RFC 4251, 5)."""
    while blob:
        length = int.from_bytes(blob[:4], "big")
        yield blob[4 : 4 + length]
        blob = blob[4 + length :]
