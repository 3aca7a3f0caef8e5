"""What the API server says of its objects, and of those that it would have. Only looks: what is sent are dry runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import field
from typing import Any, Final, TypeVar

from agent.errors import HostError
from agent.host.kubernetes.client import APPLY_PATCH, JSON, METADATA, NO_QUERY, Client, Query
from agent.host.kubernetes.discovery import Discovery
from agent.host.kubernetes.objects import (
    APPLYING,
    collection,
    group_of,
    is_object,
    is_secret,
    mapping,
    marked,
    no_object,
    not_served,
    place,
    renamed,
)
from agent.host.kubernetes.trouble import HOOK, NOT_THERE, TooLargeError
from agent.host.servers import ApiKind, ClusterError
from agent.model import MANAGER, OWNER, Json
from agent.values import dataclass

T = TypeVar("T")

PAGE: Final = 500  # objects
FEWER: Final = 4  # times fewer, where a page is too large: a CustomResourceDefinition may have a megabyte
MOST: Final = 200_000  # of them; no cluster of one host has as many
GONE: Final = 410  # a list took so long that the rest of it is of another time
SLOW: Final = 2.0  # seconds that a webhook may cost once
TRIES: Final = 2  # namespaces in which a webhook is waited for
TAKEN: Final = "already allocated"  # an address or a port that an object like this one has


@dataclass(slots=True)
class Memory:
    """What was worked out from objects, for as long as they stay as they were."""

    pages: dict[str, int] = field(
        default_factory=dict
    )  # objects of a page, by what is listed, where they are large
    _known: dict[Hashable, tuple[Hashable, Any]] = field(default_factory=dict)
    _asked: set[Hashable] = field(default_factory=set)

    def begin(self) -> None:
        """Begin a look. After one at nearly everything, what it did not ask for is forgotten: looks at single objects tell nothing."""
        if 2 * len(self._asked) >= len(self._known):
            for key in self._known.keys() - self._asked:
                del self._known[key]
        self._asked.clear()

    def answer(self, key: Hashable, at: Hashable, read: Callable[[], T]) -> T:
        self._asked.add(key)
        known = self._known.get(key)
        if known is None or known[0] != at:
            known = self._known[key] = (at, read())
        result: T = known[1]
        return result

    def recalls(self, key: Hashable) -> bool:
        return key in self._known


@dataclass(slots=True)
class ClusterView:
    """One pair of eyes. See `agent.host.servers.Cluster`. A server that hangs, and a webhook that does, is waited for once."""

    _client: Client
    _discovery: Discovery
    _memory: Memory
    _owner: str
    _beat: Callable[[], None]
    _heed: Callable[[ApiKind], None] = lambda _: None
    _began: float = field(default_factory=time.time)
    _silent: HostError | None = None
    _hung: dict[tuple[str, str], dict[str, ClusterError]] = field(default_factory=dict)
    _homeless: dict[str, ClusterError] = field(default_factory=dict)  # by namespaces that there are not

    @property
    def owner(self) -> str:
        return self._owner

    @property
    def now(self) -> float:
        return self._began

    def served(self, group: str, kind: str, version: str = "") -> ApiKind | None:
        return self._answered(lambda: self._discovery.served(group, kind, version))

    def every_kind(self) -> Iterable[ApiKind]:
        return self._answered(lambda: tuple(self._discovery.every_kind()))

    def heed(self, kind: ApiKind) -> None:
        self._heed(kind)

    def find(self, kind: ApiKind, namespace: str, name: str) -> Json | None:
        path = place(kind, namespace, name)
        try:
            return _filled(self._ask(kind, "GET", path), kind)
        except ClusterError as error:
            if error.code == NOT_THERE:
                return None
            raise

    def owned(self, kind: ApiKind, *, whole: bool) -> Iterable[Json]:
        return self.listed(kind, selector=f"{OWNER}={self._owner}", whole=whole)

    def listed(
        self, kind: ApiKind, namespace: str = "", *, selector: str = "", whole: bool = False
    ) -> Iterable[Json]:
        try:
            return self._pages(kind, namespace, selector, whole=whole)
        except ClusterError as error:
            if error.code == NOT_THERE:
                return ()  # the kind has gone since it was discovered, and its objects with it
            if error.code != GONE:
                raise
            return self._pages(kind, namespace, selector, whole=whole)

    def tried(self, object_: Json, *, adopted: bool) -> Json:
        kind = self._kind_of(object_)
        metadata = object_["metadata"]
        path = place(kind, metadata.get("namespace") or "", metadata["name"])
        body = marked(object_, self._owner, adopted=adopted)
        query: Query = {**APPLYING, "dryRun": "All"}
        return _filled(self._send(kind, "PATCH", path, body, query, content=APPLY_PATCH), kind)

    def tried_whole(self, object_: Json) -> Json:
        kind = self._kind_of(object_)
        metadata = object_["metadata"]
        path = place(kind, metadata.get("namespace") or "", metadata["name"])
        query: Query = {"fieldManager": MANAGER, "dryRun": "All"}
        return _filled(self._send(kind, "PUT", path, object_, query), kind)

    def tried_anew(self, object_: Json) -> None:
        kind = self._kind_of(object_)
        path = collection(kind, object_["metadata"].get("namespace") or "")
        body = marked(renamed(object_), self._owner, adopted=False)
        query: Query = {"fieldManager": MANAGER, "dryRun": "All", "fieldValidation": "Strict"}
        try:
            self._send(kind, "POST", path, body, query)
        except ClusterError as error:
            if not _only_taken(error):
                raise

    def remembered(self, key: Hashable, at: Hashable, read: Callable[[], T]) -> T:
        return self._memory.answer(key, at, read)

    def recalls(self, key: Hashable) -> bool:
        return self._memory.recalls(key)

    def _pages(self, kind: ApiKind, namespace: str, selector: str, *, whole: bool) -> list[Json]:
        found: list[Json] = []
        rest, path = "", collection(kind, namespace)
        while True:
            limit = self._memory.pages.get(path, PAGE) if whole else PAGE
            query: Query = {"labelSelector": selector, "limit": limit, "continue": rest}
            try:
                page = self._ask(kind, "GET", path, query, accept=JSON if whole else METADATA)
            except TooLargeError:
                if not whole or limit == 1:
                    raise
                self._memory.pages[path] = max(1, limit // FEWER)
                continue
            items = page.get("items") or []
            if not isinstance(items, list):
                raise no_object(kind)
            found += [_filled(one, kind, whole=whole) for one in items]
            rest = mapping(page, "metadata").get("continue") or ""
            if not rest:
                return found
            if len(found) > MOST:
                raise HostError(f"there are more than {MOST} objects of the kind {kind.kind}")

    def _kind_of(self, object_: Json) -> ApiKind:
        version = str(object_["apiVersion"])
        group, name = group_of(version), str(object_["kind"])
        found = self.served(group, name, version.rpartition("/")[2])
        if found is None:
            raise not_served(group, name, version.rpartition("/")[2])
        return found

    def _send(
        self, kind: ApiKind, method: str, path: str, body: Json, query: Query, *, content: str = JSON
    ) -> Any:
        """
        Send an object for a dry run, unless its namespace is missing, or a webhook has been waited for in vain.

        The server itself waits 50 ms for a namespace to appear (its admission plugin NamespaceLifecycle), for each object in it.
        """
        namespace = str(body["metadata"].get("namespace") or "")
        hung = self._hung.setdefault((kind.api_version, kind.kind), {})
        before = self._homeless.get(namespace) or hung.get(namespace)
        if len(hung) >= TRIES:
            before = before or next(iter(hung.values()))
        if before is not None:
            raise ClusterError(
                str(before), code=before.code, status=before.status, hint=before.hint
            ) from before
        began = time.monotonic()
        try:
            return self._ask(kind, method, path, query, body, content=content, secret=is_secret(body))
        except ClusterError as error:
            if HOOK in str(error) and time.monotonic() - began > SLOW:
                hung[namespace] = error
            if error.code == NOT_THERE and _details(error).get("kind") == "namespaces":
                self._homeless[namespace] = error
            raise

    def _ask(
        self,
        kind: ApiKind,
        method: str,
        path: str,
        query: Query = NO_QUERY,
        body: Json | None = None,
        *,
        content: str = JSON,
        accept: str = JSON,
        secret: bool = False,
    ) -> Any:
        try:
            return self._answered(
                lambda: self._client.ask(
                    method, path, query, body, content=content, accept=accept, secret=secret
                )
            )
        except ClusterError as error:
            if error.code == NOT_THERE and "reason" not in error.status:  # no object is missing: the kind is
                self._discovery.forget(kind.api_version)
            raise

    def _answered(self, ask: Callable[[], T]) -> T:
        if self._silent is not None:
            raise HostError(str(self._silent), hint=self._silent.hint) from self._silent
        try:
            return ask()
        except (ClusterError, TooLargeError):
            raise
        except HostError as error:
            self._silent = error
            raise
        finally:
            self._beat()


def _filled(found: Any, kind: ApiKind, *, whole: bool = True) -> Json:
    """Return an object, or its metadata, with what the items of a list lack; raises HostError where it is none."""
    if not is_object(found):
        raise no_object(kind)
    content = found if whole else {"metadata": found["metadata"]}
    return {**content, "apiVersion": kind.api_version, "kind": kind.kind}


def _details(error: ClusterError) -> Json:
    details = error.status.get("details")
    return details if isinstance(details, Mapping) else {}


def _only_taken(error: ClusterError) -> bool:
    """Return whether all that is wrong is that an address or a port is taken: by the object that this one is like."""
    causes = _details(error).get("causes") or ()
    return bool(causes) and all(TAKEN in str(cause.get("message")) for cause in causes)
