"""
Decides which commits this host may follow, and makes VerifiedCommit, alone. Runs ssh-keygen.

A commit must descend from the one this host holds, and bear a signature where one is asked for. Signatures are
checked as git does it (ssh-keygen(1), -Y find-principals and -Y verify, namespace "git"), at the present time:
the date in a commit is its author's to choose.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from agent.errors import RefusedError, SourceError
from agent.git.objects import Head, Kind, parse_commit
from agent.git.stock import Stock
from agent.git.tree import GitTree
from agent.model import VerifiedCommit

TIMEOUT = 10  # seconds for one run of ssh-keygen
ANCESTORS = 500_000


class UntrustedError(RefusedError):
    """A signature that does not count, by what is known at this time of day: a key may be valid from some day on."""


def verified(sha: str, stock: Stock, signer: str) -> VerifiedCommit:
    """Return a commit as the rest of trued sees it; raises SourceError if it is not to be had."""
    head = _parsed(sha, stock.content(sha, Kind.COMMIT))
    return VerifiedCommit(sha=sha, signer=signer, committed=head.committed, tree=GitTree(head.tree, stock))


def ancestor(stock: Stock, sha: str) -> Head | None:
    """Return a commit that proves descent, and is not kept; None if it is not at hand."""
    return _parsed(sha, stock.peek(sha, Kind.COMMIT)) if stock.holds(sha) else None


def _parsed(sha: str, data: bytes) -> Head:
    try:
        return parse_commit(data)
    except ValueError as error:
        raise SourceError(f"{sha}: {error}") from None


def check_descent(tip: str, held: str, head: Callable[[str], Head | None]) -> None:
    """Raise RefusedError unless `held` is `tip` or one of its ancestors. `head` is None for what is not there."""
    seen, level = {tip}, [tip]
    while level and held not in seen:
        heads = [found for sha in level if (found := head(sha)) is not None]
        level = [
            sha for sha in dict.fromkeys(sha for found in heads for sha in found.parents) if sha not in seen
        ]
        seen.update(level)
        if len(seen) > ANCESTORS:
            break
    if held not in seen:
        raise RefusedError(
            f"commit {tip[:12]} does not descend from {held[:12]}, which this host holds (rewritten history?)",
            hint="if that was meant: trued apply --allow-rewrite",
        )


def check_signature(signed: tuple[bytes, ...], what: str, allowed_signers: Path) -> str:
    """
    Return the principal who signed the first of these objects that bears a good signature.

    Raises UntrustedError if none does, SourceError if this host cannot tell.
    """
    if not allowed_signers.is_file():
        raise SourceError(
            f"{allowed_signers}: there is no such file of allowed signers", hint="correct allowed_signers"
        )
    errors = []
    for data in signed:
        try:
            return _signer(data, allowed_signers)
        except RefusedError as error:
            errors.append(error)
    raise UntrustedError(f"commit {what[:12]} is refused: {errors[0]}", hint=errors[0].hint) from errors[0]


def digest_of(allowed_signers: Path | None) -> str:
    """Return what changes when the list of signers does; empty without one."""
    if allowed_signers is None:
        return ""
    try:
        return hashlib.sha256(allowed_signers.read_bytes()).hexdigest()
    except OSError as error:
        raise SourceError(
            f"{allowed_signers}: cannot read the allowed signers: {error.strerror}",
            hint="correct allowed_signers",
        ) from error


_GPGSIG = re.compile(rb"^gpgsig (.*\n(?: .*\n)*)", re.MULTILINE)
_OTHER_SIGNATURE = re.compile(rb"^gpgsig-sha256 .*\n(?: .*\n)*", re.MULTILINE)
_BEGIN = b"-----BEGIN "


def split_signature(data: bytes) -> tuple[bytes, bytes]:
    """Return what was signed and the signature, empty if there is none (gitformat-signature(5))."""
    head, blank, message = data.partition(b"\n\n")
    head += b"\n"
    if found := _GPGSIG.search(head):
        signature = b"\n".join(text.removeprefix(b" ") for text in found[1].splitlines()) + b"\n"
        payload = _OTHER_SIGNATURE.sub(b"", head[: found.start()] + head[found.end() :])
        return payload + blank[1:] + message, signature
    if (
        data.startswith(b"object ") and (start := data.rfind(b"\n" + _BEGIN)) >= 0
    ):  # a tag ends with its signature
        return data[: start + 1], data[start + 1 :]
    return data, b""


def _signer(data: bytes, allowed_signers: Path) -> str:
    payload, signature = split_signature(data)
    if not signature:
        raise RefusedError("it is not signed", hint="sign commits: git config commit.gpgSign true")
    if not signature.startswith(b"-----BEGIN SSH SIGNATURE-----"):
        raise RefusedError("its signature is not one of an SSH key", hint="git config gpg.format ssh")
    at = time.strftime("-Overify-time=%Y%m%d%H%M%SZ", time.gmtime())
    descriptor = os.memfd_create("signature")
    try:
        os.write(descriptor, signature)
        files = ("-f", str(allowed_signers), "-s", f"/proc/self/fd/{descriptor}", at)
        return _principal(files, payload, descriptor)
    finally:
        os.close(descriptor)


def _principal(files: tuple[str, ...], payload: bytes, descriptor: int) -> str:
    found = _keygen(("find-principals", *files), b"", descriptor)
    if found.returncode != 0:
        raise RefusedError(
            f"the key that signed it is not one in {files[1]}", hint="add the key, or have it re-signed"
        )
    lines = found.stdout.decode("utf-8", "replace").splitlines()
    for principal in (name for text in lines for name in (text, *text.split(","))):
        if _keygen(("verify", "-n", "git", "-I", principal, *files), payload, descriptor).returncode == 0:
            return principal
    raise RefusedError("its signature does not match what it signs, or was not made for git")


def _keygen(argv: tuple[str, ...], data: bytes, descriptor: int) -> subprocess.CompletedProcess[bytes]:
    os.lseek(descriptor, 0, os.SEEK_SET)
    environment = {"PATH": os.defpath, "LC_ALL": "C", "HOME": "/nonexistent"}
    try:
        return subprocess.run(
            ("ssh-keygen", "-Y", *argv),
            input=data, capture_output=True, env=environment, timeout=TIMEOUT, pass_fds=(descriptor,), check=False,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise SourceError("there is no ssh-keygen on this host", hint="install openssh-client") from error
    except subprocess.TimeoutExpired as error:
        raise SourceError(f"ssh-keygen did not end within {TIMEOUT} s") from error
