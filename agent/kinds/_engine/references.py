"""References to images, by the grammar of github.com/distribution/reference. Pure."""

from __future__ import annotations

import re
from typing import Final

from agent.model import quoted

REST: Final = "unused"  # in `images`, the name of the entry that says what becomes of the others
_HUB: Final = "docker.io"

_HOST: Final = (
    r"(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])(?:\.(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9]))*"
    r"|\[[0-9a-fA-F:]+\]"
)
_PART: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE: Final = re.compile(
    rf"(?:(?P<host>(?:{_HOST})(?::[0-9]+)?)/)?(?P<path>{_PART}(?:/{_PART})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}))?"
)
_ID: Final = re.compile(r"(?:sha256:)?[a-f0-9]{64}")
LONGEST: Final = 255  # characters of a repository's name
MOST: Final = 1024  # and of a whole reference


def checked_reference(written: str) -> str:
    """Return a reference as it is written, if it is one by which an image can be pulled; raises ValueError."""
    if len(written) > MOST or not _REFERENCE.fullmatch(written) or _ID.fullmatch(written):
        raise ValueError(
            f"expected an image, as in registry.example.com/web:1.2 or nginx@sha256:…, got {quoted(written)}"
        )
    if len(repository(written)) > LONGEST:
        raise ValueError(f"expected a name of at most {LONGEST} characters, got {quoted(written)}")
    if written == REST:
        raise ValueError(
            f"expected the whole name, docker.io/library/{REST}: {REST} means other images here"
        )
    return written


def repository(reference: str) -> str:
    """Return where an image is, with its registry: docker.io/library/nginx for nginx:1.25."""
    name = reference.partition("@")[0]
    last = name.rpartition("/")[2]
    name = name.removesuffix(f":{last.partition(':')[2]}") if ":" in last else name
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        return _within_hub(_HUB if first == f"index.{_HUB}" else first, rest)
    return _within_hub(_HUB, name)


def registry(reference: str) -> str:
    """Return the host, with its port, that has an image."""
    return repository(reference).partition("/")[0]


def pinned(reference: str) -> str:
    """Return the digest that a reference names: whatever is here by it is what it means, for ever. Or nothing."""
    return reference.partition("@")[2]


def normal(reference: str) -> str:
    """Return the one way to write a reference: docker.io/library/nginx:latest for nginx; with a digest, no tag counts."""
    if digest := pinned(reference):
        return f"{repository(reference)}@{digest}"
    tag = reference.rpartition("/")[2].partition(":")[2]
    return f"{repository(reference)}:{tag or 'latest'}"


def beginning(digest: str) -> str:
    """Return the beginning of a digest or id, as `docker images` shows it."""
    scheme, colon, number = digest.rpartition(":")
    return f"{scheme}{colon}{number[:12]}"


def short(digest: str) -> str:
    """Return a digest as messages show it, with a sign that there is more."""
    return f"{beginning(digest)}…"


def _within_hub(host: str, path: str) -> str:
    return f"{host}/library/{path}" if host == _HUB and "/" not in path else f"{host}/{path}"
