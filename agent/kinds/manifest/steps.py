"""The steps that bring an object to what is declared of it, or take it away; and what speaks against that. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from agent.kinds.manifest.masks import shown
from agent.kinds.manifest.spec import DISABLED, PRUNE, ManifestSpec
from agent.kinds.manifest.state import Have, ObjectState, Silent
from agent.model import ApplyObject, DeleteObject, Named, ReplaceObject, Step, few

# What every cluster has, and cannot do without.
LASTING: Final = frozenset(
    {
        *(f"Namespace/{name}" for name in ("default", "kube-system", "kube-public", "kube-node-lease")),
        "Service/default/kubernetes",
    }
)
START: Final = 120.0  # seconds that k3s needs at most to be ready, also on a small board
REMOVAL: Final = 60.0  # seconds that finalizers usually need at most; a namespace takes six by itself


def bring_about(name: str, want: ManifestSpec, have: Have | None) -> Iterator[Step]:
    """Yield what makes an object as declared; raises HostError."""
    if have is None:
        yield ApplyObject(
            name=name, object=want.document, seen=shown(None, want.document), why="object is missing"
        )
        return
    if isinstance(have, Silent):
        raise have.error
    trial = have.trial
    if not have.there:
        yield ApplyObject(name=name, object=want.document, seen=trial.seen, why="object is missing")
    elif trial.replacing:
        yield ReplaceObject(
            name=name,
            object=want.document,
            uid=have.uid,
            adopted=have.adopted,
            seen=trial.seen,
            why=trial.why,
        )
    elif trial.why:
        yield ApplyObject(
            name=name,
            object=want.document,
            adopted=have.adopted,
            taking=trial.taking,
            seen=trial.seen,
            why=trial.why,
        )


def take_away(name: str, have: Have | None) -> Iterator[Step]:
    """Yield what removes an object; raises HostError."""
    if isinstance(have, Silent):
        raise have.error
    if have is None or not have.there:
        return
    why = "no longer declared"
    if have.deleting:
        held = f", waits for its finalizers: {few(have.finalizers)}" if have.finalizers else ""
        why = f"is being deleted{held}"
    yield DeleteObject(name=name, uid=have.uid, seen=have.trial.seen, why=why)


def why_it_stays(name: str, have: ObjectState) -> str:
    """Return why something of ours that is no longer declared is left in place, or nothing."""
    if name in LASTING:
        return "no cluster can do without it"
    if have.stays:
        return f"it says {PRUNE}: {DISABLED}"
    if not have.ours:
        return "it does not bear this host's label any more: it is somebody else's now"
    return "it was there before trued" if have.adopted else ""


def strangers(name: str, have: ObjectState, going: Collection[str]) -> str:
    """Return what else would go with a namespace or a kind of objects, as an objection; or nothing."""
    others = [one for one in have.inhabitants if one not in going]
    if not others:
        return ""
    what = "the namespace" if Named.parse(name).kind == "Namespace" else "the definition"
    return f"with {what} would go what is not to go: {few(others)}"


def patience(want: ManifestSpec | None, have: ObjectState) -> float:
    """Return the seconds in which an object may become well, or go, by itself."""
    if want is None:
        return max(0.0, REMOVAL - have.age) if have.deleting else 0.0
    return max(0.0, want.wait - have.age) if have.health.state == "progressing" else 0.0
