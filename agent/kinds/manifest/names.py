"""Names of entries, and what objects stand on. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from agent.kinds.manifest.scopes import DEFINITION, is_builtin
from agent.model import Named, ResourceId, quoted

# What serves the API on hosts that trued is for: k3s, RKE2, kubeadm, k0s; and what k3s reads when it starts.
GROUND: Final = (
    *(ResourceId("unit", f"{name}.service") for name in ("k3s", "rke2-server", "kubelet", "k0scontroller")),
    *(ResourceId("file", f"/etc/rancher/k3s/{name}.yaml") for name in ("config", "registries")),
)

_ENTRY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
_DEFINITIONS: Final = "/".join(DEFINITION) + "/"


def checked_name(written: str) -> str:
    """Return the name of an entry as it is; raises ValueError."""
    if not _ENTRY.fullmatch(written):
        raise ValueError(
            "expected a name of at most 253 letters, digits, '-', '_' and '.', that begins with a letter or digit,"
            f" got {quoted(written)}"
        )
    return written


def stands_on(name: str, declared: Collection[ResourceId]) -> Iterator[ResourceId]:
    """Yield those of `declared` that an object cannot be without: its API, its namespace, and what defines its kind."""
    named = Named.parse(name)
    yield from (rid for rid in GROUND if rid in declared)
    namespace = ResourceId("manifest", f"Namespace/{named.namespace}")
    if named.namespace and namespace in declared:
        yield namespace
    if named.group and not is_builtin(named.group):
        yield from _definitions(named, declared)


def _definitions(named: Named, declared: Collection[ResourceId]) -> list[ResourceId]:
    """Return the definition that is called as kinds usually are, or else all of the group: which plural it has is its secret."""
    usual = (
        ResourceId("manifest", f"{_DEFINITIONS}{plural}.{named.group}") for plural in _plurals(named.kind)
    )
    if found := [rid for rid in usual if rid in declared]:
        return found
    return [rid for rid in declared if rid.kind == "manifest" and _defines(rid.name, named.group)]


def _plurals(kind: str) -> tuple[str, ...]:
    word = kind.lower()
    return (f"{word}s", f"{word}es", f"{word[:-1]}ies", word)


def _defines(name: str, group: str) -> bool:
    """Return whether this is the definition of a kind of a group: it is named plural.group."""
    if not (name.endswith(group) and name.startswith(_DEFINITIONS)):
        return False
    return name.removeprefix(_DEFINITIONS).partition(".")[2] == group
