"""Finds out what applying a declared object would change, by a dry run, and what the refusal of one means."""

from __future__ import annotations

from typing import Final

from agent.errors import HostError
from agent.host.servers import Cluster, ClusterError
from agent.kinds import NotYetError
from agent.kinds.manifest.compare import differences, sentence
from agent.kinds.manifest.masks import shown
from agent.kinds.manifest.spec import ManifestSpec
from agent.kinds.manifest.state import Trial
from agent.model import ADOPTED, MANAGER, OWNER, Json
from agent.model.fields import removed, without
from agent.model.managed import left_behind

REPLACE: Final = "trued.dev/replace"  # annotation: `enabled` lets an object be deleted and made anew
ADDON: Final = "objectset.rio.cattle.io/"  # what k3s's own deploy controller marks its objects with
NOT_FOUND, FORBIDDEN, CONFLICT, INVALID, BROKEN = 404, 403, 409, 422, 500
# What the server says, with status 500, of a manifest that does not fit the schema (kubernetes/kubernetes#96351 and others).
MISFIT: Final = (
    "failed to create typed",
    "failed to create manager",
    "field not declared in schema",
    "failed to convert",
)
# What the server says of webhooks, and what to do about it.
HOOKS: Final = {
    "does not support dry run": "trued applies nothing that it has not tried; have the webhook say"
    " sideEffects: NoneOnDryRun, or leave this namespace out of it",
    "failed calling webhook": "is what serves it running? see kubectl get validatingwebhookconfigurations,"
    "mutatingwebhookconfigurations",
}
# Deleting one of these deletes data, or all objects of a kind.
IRREPLACEABLE: Final = frozenset(
    {"Namespace", "PersistentVolume", "PersistentVolumeClaim", "CustomResourceDefinition"}
)


class MovedError(HostError):
    """Somebody has changed an object between the look at it and the dry run: what differs may be theirs."""


def attempt(cluster: Cluster, want: ManifestSpec, live: Json | None) -> Trial:
    """Return what an apply would change in `live`; raises HostError, NotYetError, where it would be refused, and MovedError."""
    adopted = live is not None and is_adopted(cluster, live)
    if live is not None:
        _check_keeper(cluster, want, live)
    try:
        expected = cluster.tried(want.document, adopted=adopted)
    except ClusterError as error:
        return _refused(cluster, want, live, error)
    if live is None:
        return Trial(why="object is missing", seen=shown(None, expected))
    moved = _version(expected) != _version(live)
    entries = expected["metadata"].get("managedFields") or ()
    taken = left_behind(entries)
    if gone := removed(entries):
        expected = _less(cluster, without(expected, gone))
    found = differences(live, expected)
    if not found:
        return Trial()
    if moved:
        raise MovedError("it was changed while it was looked at")
    return Trial(why=f"differs: {sentence(found)}", seen=shown(live, expected), taking=bool(taken))


def _less(cluster: Cluster, left: Json) -> Json:
    """Return what is left of an object once what tools have set is gone: defaults may come back in its place."""
    try:
        return cluster.tried_whole(left)
    except ClusterError as error:
        if error.code == CONFLICT:
            raise MovedError("it was changed while it was looked at") from error
        return left  # without the right to update, or where some things can only be set: all but defaults is told right


def _version(object_: Json) -> object:
    return object_["metadata"].get("resourceVersion")


def is_adopted(cluster: Cluster, live: Json) -> bool:
    """Return whether an object was there before this host's trued."""
    metadata = live["metadata"]
    ours = (metadata.get("labels") or {}).get(OWNER) == cluster.owner
    return not ours or ADOPTED in (metadata.get("annotations") or {})


def is_applied(live: Json) -> bool:
    """Return whether trued has applied an object; a label alone may have been copied from another one."""
    entries = live["metadata"].get("managedFields") or ()
    return any((one.get("manager"), one.get("operation")) == (MANAGER, "Apply") for one in entries)


def _check_keeper(cluster: Cluster, want: ManifestSpec, live: Json) -> None:
    """Raise HostError where something else than this trued keeps an object: each would undo what the other does."""
    if want.adopt:
        return
    labels, annotations = (live["metadata"].get(key) or {} for key in ("labels", "annotations"))
    owner = labels.get(OWNER, cluster.owner)
    if owner != cluster.owner:
        raise HostError(
            f"the trued of host {owner} keeps it already",
            hint="take it away there first; or say `adopt: true` in the entry",
        )
    if any(key.startswith(ADDON) for key in (*labels, *annotations)):
        raise HostError(
            "k3s itself keeps it, as part of an AddOn, and would write it anew at its next start",
            hint="take its file away from server/manifests and delete the AddOn first (docs/kinds/manifest.md), then say"
            " `adopt: true` in the entry; what k3s brings along is customised by a HelmChartConfig",
        )


def _refused(cluster: Cluster, want: ManifestSpec, live: Json | None, error: ClusterError) -> Trial:
    """Return how it can be done after all; raises what the refusal means."""
    causes = (error.status.get("details") or {}).get("causes") or ()
    if error.code == NOT_FOUND:
        raise NotYetError(_missing(want, error), hint="declare it as well, or make it") from error
    if error.code == FORBIDDEN and any(cause.get("reason") == "NamespaceTerminating" for cause in causes):
        raise HostError(f"its namespace is being deleted: {error}") from error
    if way_out := next((hint for words, hint in HOOKS.items() if words in str(error)), ""):
        raise HostError(str(error), hint=way_out) from error
    if error.code == INVALID and live is not None and _could_be_made(cluster, want):
        return _replaced(want, live, error)
    if error.code == INVALID or (error.code == BROKEN and any(words in str(error) for words in MISFIT)):
        raise HostError(f"the API server refuses it: {error}", hint="mend the manifest") from error
    raise error


def _missing(want: ManifestSpec, error: ClusterError) -> str:
    details = error.status.get("details") or {}
    if details.get("kind") == "namespaces":
        return f"there is no namespace {details.get('name')}"
    return f"the cluster has no place for it ({want.api_version}): {error}"


def _could_be_made(cluster: Cluster, want: ManifestSpec) -> bool:
    """
    Return whether the object is sound, and refused only for what it is now.

    A field that cannot be changed is refused as one that makes no sense is; only a new object tells them apart.
    """
    try:
        cluster.tried_anew(want.document)
    except ClusterError:
        return False
    return True


def _replaced(want: ManifestSpec, live: Json, error: ClusterError) -> Trial:
    kind = str(want.document["kind"])
    if kind in IRREPLACEABLE:
        raise HostError(
            f"it cannot be changed in place: {error}",
            hint=f"a {kind} is never replaced: declare what it is, or delete it by hand",
        ) from error
    if (want.document["metadata"].get("annotations") or {}).get(REPLACE) != "enabled":
        raise HostError(
            f"it cannot be changed in place: {error}",
            hint=f'the annotation {REPLACE}: "enabled" has trued delete it and make it anew; or declare what it is',
        ) from error
    return Trial(why=f"made anew: {error}", seen=shown(live, want.document), replacing=True)
