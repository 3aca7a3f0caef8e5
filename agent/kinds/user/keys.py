"""Lines of authorized_keys (sshd(8)): which are keys, which are the same key, and what a file becomes. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

TYPES = frozenset({
    "ssh-ed25519", "ssh-rsa", "ssh-dss", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
})  # fmt: skip

# Options stand before the type, with commas in between: AUTHORIZED_KEYS FILE FORMAT of sshd(8).
_OPTION = r'[A-Za-z0-9-]+(?:="(?:[^"\\]|\\.)*")?'
_OPTIONS = re.compile(rf"{_OPTION}(?:,{_OPTION})*[ \t]+(\S.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One public key: what tells it from another, and the whole line."""

    type: str
    blob: bytes
    line: str

    @property
    def identity(self) -> tuple[str, bytes]:
        return self.type, self.blob


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
    return Key(type=words[0], blob=_blob(words[0], words[1]), line=text)


def merged(content: bytes, declared: Iterable[str], *, exclusive: bool) -> bytes:
    """
    Return what authorized_keys is to be: the declared keys as they are declared, in the place where they are.

    A line with a declared key and other options is replaced, and a second one goes: sshd takes the first that fits.
    `exclusive`: nothing else stays.
    """
    ours = {key.identity: key.line for key in map(parse_key, declared)}
    if exclusive:
        return _joined(ours.values())
    left = dict(ours)
    return _joined((*_kept(content, ours, left), *left.values()))


def _kept(
    content: bytes, ours: dict[tuple[str, bytes], str], left: dict[tuple[str, bytes], str]
) -> Iterator[str]:
    """Yield the lines that stay, each of ours at its first place; what remains in `left` is not there yet."""
    text = content.decode("utf-8", "surrogateescape")
    for line in text.removesuffix("\n").split("\n") if text else ():
        identity = _identity(line)
        if identity is None or identity not in ours:
            yield line
        elif identity in left:
            yield left.pop(identity)


def _identity(line: str) -> tuple[str, bytes] | None:
    """Return which key a line has; None: a comment, an empty line, or something that sshd passes over."""
    if not line.strip() or line.lstrip().startswith("#"):
        return None
    try:
        return parse_key(line).identity
    except ValueError:
        return None


def _joined(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")


def _after_options(text: str) -> str:
    if text.split(None, 1)[:1] and text.split(None, 1)[0] in TYPES:
        return text
    found = _OPTIONS.fullmatch(text)
    return found[1] if found else ""


def _blob(kind: str, text: str) -> bytes:
    """Return the key itself; raises ValueError unless it says inside, too, of which type it is (RFC 4253, 6.6)."""
    try:
        blob = base64.b64decode(text.encode("ascii", "replace"), validate=True)
    except binascii.Error:
        raise ValueError(f"the key after {kind} is no base64: is it whole?") from None
    parts = tuple(_parts(blob))
    whole = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    if len(parts) < 2 or parts[0] != kind.encode() or whole != blob:
        raise ValueError(f"the key after {kind} is none of that type: is it whole?")
    return blob


def _parts(blob: bytes) -> Iterator[bytes]:
    """Yield the strings that a key is made of, each after its length in four bytes (RFC 4251, 5)."""
    while blob:
        length = int.from_bytes(blob[:4], "big")
        yield blob[4 : 4 + length]
        blob = blob[4 + length :]
