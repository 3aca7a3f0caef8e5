"""The steps that an API server is asked for, one function each. Acts."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from agent.errors import HostError
from agent.host.kubernetes.client import APPLY_PATCH, JSON_PATCH, Client
from agent.host.kubernetes.discovery import Discovery
from agent.host.kubernetes.objects import (
    APPLYING,
    group_of,
    is_object,
    is_secret,
    mapping,
    marked,
    not_served,
    place,
)
from agent.host.kubernetes.trouble import NOT_THERE
from agent.host.servers import ApiKind, ClusterError
from agent.model import MANAGER, ApplyObject, DeleteObject, Json, Named, ReplaceObject, few
from agent.model.fields import removed, without
from agent.model.managed import left_behind, merged
from agent.values import dataclass

CONFLICT: Final = 409
MOVED: Final = frozenset({409, 422})  # what a JSON patch with a test answers if somebody was faster
GOING: Final = 60.0  # seconds that an object that is replaced may take to go
PAUSE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Acts:
    """One server that is asked, and for whom."""

    client: Client
    discovery: Discovery
    owner: str

    def act(self, step: ApplyObject | ReplaceObject | DeleteObject, beat: Callable[[], None]) -> None:
        """Do one step; raises HostError."""
        match step:
            case ApplyObject():
                if step.taking:
                    self._take(step)
                self._apply(step.name, step.object, adopted=step.adopted)
            case ReplaceObject():
                kind, named = self._kind_of(step.object), Named.parse(step.name)
                self._delete(kind, named, step.uid)
                beat()
                self._await_gone(kind, named, step.uid, beat)
                self._apply(step.name, step.object, adopted=step.adopted)
            case DeleteObject():
                named = Named.parse(step.name)
                kind_there = self.discovery.served(named.group, named.kind, "")
                if kind_there is not None:  # else it has gone with its kind
                    self._delete(kind_there, named, step.uid)

    def _apply(self, name: str, declared: Json, *, adopted: bool) -> None:
        body = marked(declared, self.owner, adopted=adopted)
        path, secret = self._path_of(declared), is_secret(declared)
        there = self.client.ask("PATCH", path, APPLYING, body, content=APPLY_PATCH, secret=secret)
        if mapping(there, "metadata").get("deletionTimestamp"):
            raise HostError(
                f"{name} is being deleted{_held_by(there)}", hint="it is made anew once it is gone"
            )

    def _take(self, step: ApplyObject) -> None:
        """Make the fields that kubectl and the like have left ours; if somebody is faster, once more."""
        path = self._path_of(step.object)
        for again in (True, False):
            there = self._find(path)
            entries = (there["metadata"].get("managedFields") or ()) if there else ()
            if there is None or not left_behind(entries):
                return
            try:
                self._take_from(there, entries, step, path)
            except ClusterError as error:
                if error.code not in MOVED or not again:
                    raise
            else:
                return

    def _take_from(self, there: Json, entries: Sequence[Json], step: ApplyObject, path: str) -> None:
        """
        Make them ours, and take away what is not declared of them.

        An apply alone would do that, if API servers before 1.21 did not refuse to remove a whole structure by it
        (https://github.com/kubernetes-sigs/structured-merge-diff/pull/184).
        """
        body, secret = marked(step.object, self.owner, adopted=step.adopted), is_secret(step.object)
        query = {**APPLYING, "dryRun": "All"}
        tried = self.client.ask("PATCH", path, query, body, content=APPLY_PATCH, secret=secret)
        gone = removed(tried["metadata"].get("managedFields") or ())
        if gone:
            left = without(tried, gone)
            version = there["metadata"]["resourceVersion"]  # if somebody was faster, it is refused
            left["metadata"] = {
                **left["metadata"],
                "managedFields": merged(entries),
                "resourceVersion": version,
            }
            self.client.ask("PUT", path, {"fieldManager": MANAGER}, left, secret=secret)
        else:
            self._take_entries(there, entries, path, secret=secret)

    def _take_entries(self, there: Json, entries: Sequence[Json], path: str, *, secret: bool) -> None:
        version = {
            "op": "test",
            "path": "/metadata/resourceVersion",
            "value": there["metadata"]["resourceVersion"],
        }
        fields = {"op": "replace", "path": "/metadata/managedFields", "value": merged(entries)}
        query = {"fieldManager": MANAGER}
        self.client.ask("PATCH", path, query, (version, fields), content=JSON_PATCH, secret=secret)

    def _delete(self, kind: ApiKind, named: Named, uid: str) -> None:
        path = place(kind, named.namespace, named.name)
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
            "propagationPolicy": "Background",
        }
        try:
            self.client.ask("DELETE", path, body=options)
        except ClusterError as error:
            if error.code == NOT_THERE:
                return
            there = self._find(path) if error.code == CONFLICT else None
            if there is not None and there["metadata"]["uid"] != uid:
                raise HostError(f"{named} is another one now, and is left alone") from error
            raise

    def _await_gone(self, kind: ApiKind, named: Named, uid: str, beat: Callable[[], None]) -> None:
        path, end = place(kind, named.namespace, named.name), time.monotonic() + GOING
        while (there := self._find(path)) is not None and there["metadata"]["uid"] == uid:
            if time.monotonic() > end:
                raise HostError(
                    f"{named} is not gone within {GOING:.0f} s{_held_by(there)}",
                    hint="it is made anew once it is gone",
                )
            time.sleep(PAUSE)
            beat()

    def _find(self, path: str) -> Any:
        try:
            found = self.client.ask("GET", path)
        except ClusterError as error:
            if error.code == NOT_THERE:
                return None
            raise
        if not is_object(found):
            raise HostError("the API server answers with something else than an object")
        return found

    def _path_of(self, declared: Json) -> str:
        metadata = declared["metadata"]
        return place(self._kind_of(declared), metadata.get("namespace") or "", metadata["name"])

    def _kind_of(self, declared: Json) -> ApiKind:
        group, version = group_of(declared["apiVersion"]), declared["apiVersion"].rpartition("/")[2]
        found = self.discovery.served(group, declared["kind"], version)
        if found is None:
            raise not_served(group, declared["kind"], version)
        return found


def _held_by(there: Json) -> str:
    """Return what an object that is being deleted waits for, as a part of a message."""
    finalizers = there["metadata"].get("finalizers") or ()
    return f": it waits for {few(finalizers)} (finalizers)" if finalizers else ""
