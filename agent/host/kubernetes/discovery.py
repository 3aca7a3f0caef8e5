"""
What kinds of objects an API server has, and where they stand (kubernetes.io/docs/concepts/overview/kubernetes-api: Discovery API). Only looks.

One document for each version of a group that is used; never all of them, since a broken one (metrics.k8s.io without its pod)
would hold up the rest. What is not found is looked for again, once in each look: a new kind may have come.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, Final
from urllib.parse import quote

from agent.host.kubernetes.client import Client
from agent.host.kubernetes.trouble import NOT_THERE
from agent.host.servers import ApiKind, ClusterError
from agent.values import dataclass

CORE: Final = "v1"


@dataclass(slots=True)
class Discovery:
    """The documents of one server, kept as long as its connection is."""

    _client: Client
    _documents: dict[str, Any] = field(default_factory=dict)  # by path; None: there is none
    _fresh: set[str] = field(default_factory=set)  # paths that were read in this look
    _kinds: dict[str, Mapping[str, ApiKind]] = field(default_factory=dict)  # by path, then by kind
    _connection: tuple[int, int] = (0, 0)

    def begin(self) -> None:
        """Begin a look: what is missed is looked for again."""
        self._fresh.clear()
        if self._connection != self._client.connections:
            self._documents.clear()
            self._kinds.clear()
            self._connection = self._client.connections

    def served(self, group: str, kind: str, version: str) -> ApiKind | None:
        """Return how a kind is served, in one version or the preferred one; else in the first other that has it."""
        if version or not group:
            return self._in_version(group, version or CORE, kind)
        for anew in (False, True):
            for each in self._versions(group, anew=anew):
                if (found := self._in_version(group, each, kind)) is not None:
                    return found
        return None

    def every_kind(self) -> Iterator[ApiKind]:
        """Yield what can be listed and deleted, in the preferred version that has it; what does not answer is left out."""
        groups = _mappings((self._document("/apis", anew=True) or {}).get("groups"), "versions")
        for versions in ((CORE,), *(_preference(group) for group in groups)):
            seen: set[str] = set()
            for version in versions:
                try:
                    document = self._document(_path(version), anew=True)
                except ClusterError:
                    continue
                kinds = _kinds(document, version, verbs={"list", "delete"})
                yield from (kind for name, kind in kinds.items() if name not in seen)
                seen |= kinds.keys()

    def forget(self, api_version: str) -> None:
        """Forget a version of a group, since what it said does not hold any more."""
        for path in (_path(api_version), _group_path(api_version.partition("/")[0])):
            self._documents.pop(path, None)
            self._kinds.pop(path, None)

    def _in_version(self, group: str, version: str, kind: str) -> ApiKind | None:
        api_version = f"{group}/{version}" if group else version
        path = _path(api_version)
        for anew in (False, True):
            document = self._document(path, anew=anew)
            if path not in self._kinds:
                self._kinds[path] = _kinds(document, api_version)
            if (found := self._kinds[path].get(kind)) is not None:
                return found
        return None

    def _versions(self, group: str, *, anew: bool) -> list[str]:
        found = self._document(_group_path(group), anew=anew) or {}
        return [version.partition("/")[2] for version in _preference(found)]

    def _document(self, path: str, *, anew: bool) -> Any:
        """Return a document, None if there is none. `anew`: one that was read in an earlier look is read again."""
        if path not in self._documents or (anew and path not in self._fresh):
            self._documents[path] = self._read(path)
            self._kinds.pop(path, None)
            self._fresh.add(path)
        return self._documents[path]

    def _read(self, path: str) -> Any:
        try:
            return self._client.ask("GET", path)
        except ClusterError as error:
            if error.code == NOT_THERE:
                return None
            raise


def _path(api_version: str) -> str:
    return f"/{'apis' if '/' in api_version else 'api'}/{quote(api_version)}"


def _group_path(group: str) -> str:
    return f"/apis/{quote(group, safe='')}"


def _preference(group: Mapping[str, Any]) -> list[str]:
    """Return the versions of a group (APIGroup), as group/version, the preferred one first."""
    preferred = next(
        (one["groupVersion"] for one in _mappings([group.get("preferredVersion")], "groupVersion")), ""
    )
    every = [str(one["groupVersion"]) for one in _mappings(group.get("versions"), "groupVersion")]
    return sorted(every, key=lambda version: version != preferred)


def _kinds(
    document: Any, api_version: str, verbs: frozenset[str] | set[str] = frozenset()
) -> dict[str, ApiKind]:
    """Return the kinds of a document (APIResourceList); of two with one name, the first."""
    every = _mappings((document or {}).get("resources"), "name", "kind")
    with_status = {
        str(one["name"]).removesuffix("/status") for one in every if str(one["name"]).endswith("/status")
    }
    found: dict[str, ApiKind] = {}
    for one in every:
        if "/" not in one["name"] and verbs <= set(one.get("verbs") or ()):
            kind = ApiKind(
                api_version=api_version,
                kind=str(one["kind"]),
                plural=str(one["name"]),
                namespaced=bool(one.get("namespaced")),
                has_status=one["name"] in with_status,
            )
            found.setdefault(kind.kind, kind)
    return found


def _mappings(items: Any, *keys: str) -> list[Mapping[str, Any]]:
    """Return those items that say all of this; what else there may be is left out."""
    every = items if isinstance(items, list) else []
    return [one for one in every if isinstance(one, Mapping) and all(one.get(key) for key in keys)]
