"""Keys: the host's own, made by ssh-keygen, and the server's, brought by ssh-keyscan. A private half is never read here."""

from __future__ import annotations

import base64
import binascii
import hashlib
import stat
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from agent.enroll import place
from agent.errors import HostError, SourceError, UsageError
from agent.git.address import Place
from agent.host import commands
from agent.values import dataclass

MAKING = 60.0  # seconds
SCANNING = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class HostKey:
    """One key that a server shows."""

    kind: str
    line: str  # as known_hosts has it (sshd(8))
    fingerprint: str  # as ssh shows it: SHA256:…


def deploy_key(path: Path, comment: str) -> str:
    """
    Return the public half of a key, which is made if there is none; raises UsageError, HostError.

    A key that is there is kept: it may be on the forge already.
    """
    if not path.is_symlink() and not path.exists():
        place.put(path, lambda new: _generate(new, comment), mode=0o600)
    public = _public(path)
    half = path.with_name(f"{path.name}.pub")
    if not half.exists():
        place.write(half, f"{public}\n".encode(), mode=0o644)
    return public


def _generate(path: Path, comment: str) -> None:
    commands.act(
        ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)), timeout=MAKING
    )


def _public(path: Path) -> str:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise UsageError(f"{path}: the key cannot be read: {error.strerror}", hint="move it away") from error
    if mode & 0o077:
        raise UsageError(
            f"{path}: others may read this key (mode {stat.S_IMODE(mode):04o})",
            hint=f"if nobody has: chmod 600 {path}; in doubt, move it away: a new one is made",
        )
    try:
        said = commands.ask(("ssh-keygen", "-y", "-P", "", "-f", str(path)), ok=(0,)).out.strip()
    except HostError as error:
        hint = "it is damaged, or has a passphrase: move it away, and a new one is made"
        raise HostError(f"{path}: cannot serve as a key: {error}", hint=error.hint or hint) from error
    return said


def known_as(server: Place) -> str:
    """Return how known_hosts calls a server (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""
    return server.host if server.port in {None, 22} else f"[{server.host}]:{server.port}"


def pinned(host: str, path: Path) -> tuple[str, ...]:
    """Return the types of the keys that a file has for a host; its name may be hashed there. Raises HostError."""
    said = commands.ask(("ssh-keygen", "-F", host, "-f", str(path)), ok=(0, 1), timeout=10).out
    lines = (line.split() for line in said.splitlines() if line and not line.startswith(("#", "@revoked")))
    return tuple(words[2] if words[0].startswith("@") else words[1] for words in lines if len(words) > 2)


def pin(
    path: Path, server: Place, agree: Callable[[Sequence[HostKey]], Sequence[HostKey]]
) -> tuple[str, ...]:
    """
    Return the types of the keys by which a server is known; where it is not yet, add those that `agree` lets through.

    Raises SourceError if it shows none, UsageError, HostError, and what `agree` raises.
    """
    host = known_as(server)
    if path.is_file() and (known := pinned(host, path)):
        return known
    keys = agree(scan(server.host, server.port))
    try:
        before = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise place.cannot(path, error) from error
    # What is there stays: another repository's server may be in it.
    gap = b"" if before.endswith(b"\n") or not before else b"\n"
    added = "".join(f"{key.line}\n" for key in keys).encode()
    place.write(path, before + gap + added, mode=0o644, over=True)
    return pinned(host, path)


def scan(host: str, port: int | None) -> tuple[HostKey, ...]:
    """Return the keys that a server shows now, proven by nobody; raises SourceError if it shows none."""
    number = ("-p", str(port)) if port else ()
    said = commands.ask(
        ("ssh-keyscan", "-T", str(SCANNING), *number, host), ok=range(256), timeout=4 * SCANNING
    )
    found = [_host_key(line) for line in said.out.splitlines() if line and not line.startswith("#")]
    keys = tuple(sorted((key for key in found if key is not None), key=lambda key: key.kind))
    if not keys:
        raise SourceError(
            f"{host}: shows no host key{commands.excerpt(said.err)}",
            hint="is the server up, and the port right? or bring its keys in a file: --known-hosts FILE",
        )
    return keys


def _host_key(line: str) -> HostKey | None:
    words = line.split()
    if len(words) != 3:
        return None
    try:
        blob = base64.b64decode(words[2], validate=True)
    except binascii.Error:
        return None
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return HostKey(kind=words[1], line=line, fingerprint=f"SHA256:{digest}")


def chosen(keys: Sequence[HostKey], fingerprint: str, host: str) -> tuple[HostKey, ...]:
    """Return the key that was told; raises SourceError if the server shows another."""
    found = tuple(key for key in keys if key.fingerprint == fingerprint.rstrip("="))
    if not found:
        raise SourceError(
            f"{host} shows none that is {fingerprint}, but: {listed(keys)}",
            hint="find out why before you trust it: another server may stand in between",
        )
    return found


def listed(keys: Collection[HostKey]) -> str:
    return ", ".join(f"{key.kind} {key.fingerprint}" for key in keys)
