"""
Steps that the API server of Kubernetes is asked for. Doing a step twice does no harm.

`name` is that of the resource: group/Kind/namespace/name, without a group where it is the core group's, without a namespace
where there is none. `object` is as declared; the marks of the host that keeps it are put on it where it is applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

MANAGER: Final = "trued"  # field manager, for ever: under another name, its fields would be nobody's
OWNER: Final = "trued.dev/owner"  # label: the host whose trued keeps the object
ADOPTED: Final = "trued.dev/adopted"  # annotation: it was there before trued, and is never removed by it


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
