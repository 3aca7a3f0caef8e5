"""
Steps that the API server of Kubernetes is asked for. Doing a step twice does no harm.

`name` is that of the resource: group/Kind/namespace/name, without a group where it is the core group's, without a namespace
where there is none. `object` is as declared; the marks of the host that keeps it are put on it where it is applied.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any, ClassVar, Final, NamedTuple, Self, TypeAlias

from agent.model.words import quoted
from agent.values import dataclass

MANAGER: Final = "trued"  # field manager, for ever: under another name, its fields would be nobody's
OWNER: Final = "trued.dev/owner"  # label: the host whose trued keeps the object
ADOPTED: Final = "trued.dev/adopted"  # annotation: it was there before trued, and is never removed by it


class _Named(NamedTuple):
    group: str  # "" is the core group
    kind: str
    namespace: str  # "": it is in none
    name: str


class Named(_Named):
    """What a resource's name says: `apps/Deployment/default/web`, `ConfigMap/default/web`, `Namespace/web`. `str()` and `parse()` are inverse."""

    __slots__ = ()
    KIND: ClassVar[str] = "[A-Z][A-Za-z0-9]*"  # by its capital it is told from a group

    def __str__(self) -> str:
        return "/".join(part for part in (self.group, self.kind, self.namespace, self.name) if part)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raise ValueError for what is no name of an object."""
        parts = text.split("/")
        whole = all(parts)
        group = "" if re.fullmatch(cls.KIND, parts[0]) else parts.pop(0)
        if not whole or not 2 <= len(parts) <= 3 or not re.fullmatch(cls.KIND, parts[0]):
            raise ValueError(f"expected group/Kind/namespace/name, as in {_LIKE}, got {quoted(text)}")
        return cls(group, parts[0], parts[1] if len(parts) == 3 else "", parts[-1])

    @classmethod
    def of(cls, object_: Mapping[str, Any]) -> Self:
        """Return the name of an object."""
        metadata, group = object_["metadata"], str(object_["apiVersion"]).rpartition("/")[0]
        return cls(group, object_["kind"], metadata.get("namespace") or "", metadata["name"])


_LIKE: Final = "apps/Deployment/default/web, ConfigMap/default/web or Namespace/web"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An object before and after, to show a person; None where there is none. Without what is secret or only the server's."""

    before: Mapping[str, Any] | None = field(repr=False)
    after: Mapping[str, Any] | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyObject:
    """
    Make an object, or what is declared of one, so: a server-side apply, in which Git wins.

    `taking`: first take over the fields that kubectl and the like have left, so that what is not declared of them goes.
    """

    name: str
    object: Mapping[str, Any] = field(repr=False)
    adopted: bool = False  # it was there before trued
    taking: bool = False
    seen: Seen | None = field(default=None, compare=False)
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceObject:
    """Delete an object, wait until it is gone, and make it anew."""

    name: str
    object: Mapping[str, Any] = field(repr=False)
    uid: str  # another one than this is left alone
    adopted: bool = False
    seen: Seen | None = field(default=None, compare=False)
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteObject:
    """Ask for an object to go; its finalizers may take their time. What it owns goes in the background."""

    name: str
    uid: str  # another one than this is left alone
    seen: Seen | None = field(default=None, compare=False)
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitCluster:
    """Wait until the API server is ready (GET /readyz)."""

    name: str = "kubernetes"
    patience: float = 120.0  # seconds
    why: str


ClusterStep: TypeAlias = ApplyObject | ReplaceObject | DeleteObject | AwaitCluster
