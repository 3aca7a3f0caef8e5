"""The key of a repository, from the document or from a file of the commit. Reads the commit."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Final

from agent.host import shown
from agent.kinds.repository.spec import KeyFile, RepositorySpec, armor_problem
from agent.model import Sources, Text, TreeLink

LARGEST: Final = 1 << 20  # bytes of a key; the keyring of a whole distribution has some 100,000
_PUBLIC_KEY: Final = 6  # the type of the packet that a binary keyring begins with: RFC 9580, 5


def with_key(spec: RepositorySpec, tree: Sources) -> RepositorySpec:
    """Return the entry with its key as content; raises ValueError for what is no public key."""
    if isinstance(spec.signed_by, KeyFile):
        return _with(spec, _read(spec.signed_by, tree))
    if spec.signed_by is None or spec.signed_by.startswith("/"):
        return spec
    lines = (line.strip() for line in spec.signed_by.strip().splitlines())
    return _with(spec, ("\n".join(lines) + "\n").encode())


def _with(spec: RepositorySpec, data: bytes) -> RepositorySpec:
    return replace(spec, signed_by=None, key=Text.of(data), armored=not _is_binary(data))


def _read(key: KeyFile, tree: Sources) -> bytes:
    where = f"signed_by.source: {shown(key.source)}"
    found = tree.entry(key.source)
    if found is None or isinstance(found, TreeLink):
        raise ValueError(f"{where}: there is no such file in the repository")
    pieces = list(islice(found.content.chunks(), 2))  # of at most 1 MiB each
    data = b"".join(pieces)
    if len(data) > LARGEST:
        raise ValueError(f"{where}: expected a key of at most {LARGEST >> 20} MiB")
    if not _is_binary(data) and (problem := armor_problem(data.decode("latin-1"))):
        raise ValueError(f"{where}: {problem}")
    return data


def _is_binary(data: bytes) -> bool:
    """Return whether it begins with the packet of a public key, in the old or the new format: RFC 9580, 4.2."""
    first = data[0] if data else 0
    kind = first & 0x3F if first & 0x40 else (first & 0x3F) >> 2
    return bool(first & 0x80) and kind == _PUBLIC_KEY
