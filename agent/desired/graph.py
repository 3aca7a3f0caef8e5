"""Decoded entries into resources: expanded, bound to each other, and known to be without a circle. Pure."""

from __future__ import annotations

import graphlib
import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from agent.desired.entries import PLAIN_META, Entry, Reference
from agent.documents.problems import MOST_SHOWN, Findings, near
from agent.errors import DocumentError
from agent.kinds import AnyKind, Kind
from agent.model import Drift, Resource, ResourceId, Sources
from agent.values import dataclass

MOST_RESOURCES: Final = 100_000
PASSES: Final = 3  # over all, before what is left is looked at thoroughly
_NOTHING: Final[frozenset[ResourceId]] = frozenset()


@dataclass(frozen=True, slots=True)
class _Part:
    """Something that an entry stands for."""

    entry: Entry
    kind: AnyKind
    spec: object
    weight: int  # 2 declared by itself, 1 expanded, 0 only follows from another


def make_resources(
    entries: Mapping[ResourceId, Entry],
    kinds: Mapping[str, AnyKind],
    sources: Sources,
    findings: Findings,
    groups: Mapping[ResourceId, tuple[ResourceId, ...]] = MappingProxyType({}),
) -> dict[ResourceId, Resource]:
    """
    Return all that the entries stand for; problems go to `findings`. Raises SourceError.

    `groups`: ids that others may name, and that stand for several entries.
    """
    parts, members = _expanded(entries, kinds, sources, findings)
    named = {**dict.fromkeys(entries), **dict.fromkeys(parts), **dict.fromkeys(groups)}
    for reference in _references(entries.values()):
        _check_reference(reference, named, findings)
    for group, ids in groups.items():
        members[group] = tuple(id_ for one in ids for id_ in members.get(one, ()))
    _check_rivals(parts, findings)
    if findings:
        return {}
    binder = _Binder(parts, members, said=any(_references(entries.values())))
    resources = {id_: binder.resource(id_, part) for id_, part in parts.items()}
    _check_circles(resources, parts, findings)
    return resources


def _expanded(
    entries: Mapping[ResourceId, Entry], kinds: Mapping[str, AnyKind], sources: Sources, findings: Findings
) -> tuple[dict[ResourceId, _Part], dict[ResourceId, tuple[ResourceId, ...]]]:
    """Return the parts by id, and for each entry the ids that it stands for."""
    parts: dict[ResourceId, _Part] = {}
    members: dict[ResourceId, tuple[ResourceId, ...]] = {}
    for entry in entries.values():
        own = {} if entry.spec is None else _parts_of(entry, kinds, sources, findings)
        members[entry.id] = tuple(id_ for id_, part in own.items() if part.weight)
        for id_, part in own.items():
            parts[id_] = _stronger(id_, parts.get(id_), part, findings)
        if len(parts) > MOST_RESOURCES:
            findings.add(entry.place, entry.path, f"expected at most {MOST_RESOURCES} resources on one host")
            break
    return parts, members


def _parts_of(
    entry: Entry, kinds: Mapping[str, AnyKind], sources: Sources, findings: Findings
) -> dict[ResourceId, _Part]:
    parts: dict[ResourceId, _Part] = {}
    try:
        for name, spec in entry.kind.expand(entry.id.name, entry.spec, sources):
            id_ = name if isinstance(name, ResourceId) else _own_id(entry, name)
            kind = kinds[id_.kind]
            weight = 0 if kind.implied(spec) else 2 if id_ == entry.id else 1
            parts[id_] = _Part(entry, kind, spec, weight)
    except ValueError as error:
        findings.add(entry.place, entry.path, str(error))
    except DocumentError as error:
        findings.lines.extend(f"{line} (for {entry.id}, {entry.origin})" for line in str(error).splitlines())
    return parts


def _references(entries: Iterable[Entry]) -> Iterable[Reference]:
    """Return what entries name, once where what one Compose file gives has it from one place."""
    every = (one for entry in entries for one in (*entry.needs, *entry.restarts, *entry.reloads))
    return {(one.id, one.place): one for one in every}.values()


def _own_id(entry: Entry, name: str) -> ResourceId:
    return entry.id if name == entry.id.name else ResourceId(entry.id.kind, sys.intern(name))


def _stronger(id_: ResourceId, there: _Part | None, new: _Part, findings: Findings) -> _Part:
    if there is None or new.weight > there.weight:
        return new
    if new.weight == there.weight == 1:
        message = f"{id_} would come from here and from {there.entry.place}; declare it by itself, or take one away"
        findings.add(new.entry.place, new.entry.path, message)
    return there


def _check_reference(reference: Reference, named: Mapping[ResourceId, object], findings: Findings) -> None:
    if reference.id not in named:
        few = len(findings.problems) < MOST_SHOWN  # looking for what was meant takes time
        hint = near(str(reference.id), [str(id_) for id_ in named]) if few else ""
        message = f"there is no {str(reference.id)[:100]} among what this host is declared to have{hint}"
        findings.add(reference.place, reference.path, message)


def _check_rivals(parts: Mapping[ResourceId, _Part], findings: Findings) -> None:
    for id_, part in parts.items():
        if part.weight == 0 or part.kind.absent(part.spec):
            continue
        for rival in part.kind.rivals(id_.name, part.spec, parts.keys()):
            message = (
                f"{id_} writes what {rival} (at {parts[rival].entry.place}) declares as well; take one away"
            )
            findings.add(part.entry.place, part.entry.path, message)


class _Binder:
    """Makes resources of parts. Of ten thousand files nearly all are alike: what can be said once is."""

    def __init__(
        self,
        parts: Mapping[ResourceId, _Part],
        members: Mapping[ResourceId, tuple[ResourceId, ...]],
        *,
        said: bool,
    ) -> None:
        """`said`: whether any entry names an id."""
        self._parts, self._members, self._said = parts, members, said
        self._shared: dict[
            frozenset[ResourceId], frozenset[ResourceId]
        ] = {}  # a thousand files have few folders
        self._origins: dict[ResourceId, str] = {}

    def resource(self, id_: ResourceId, part: _Part) -> Resource:
        entry, kind, implied = part.entry, part.kind, part.weight == 0
        restarts, reloads = self._heard(id_, part, _LISTENS), self._heard(id_, part, _RELOADS)
        return Resource(
            id=id_,
            spec=part.spec,
            digest=_digest(kind.fingerprint(part.spec)),
            origin=self._origin(part),
            needs=self._needs(id_, part),
            restart_on=restarts,
            reload_on=reloads,
            keep=not implied and (entry.meta.keep or kind.keeps(part.spec)),
            drift=PLAIN_META.drift if implied else _DRIFTS[entry.meta.drift],
            implied=implied,
        )

    def _needs(self, id_: ResourceId, part: _Part) -> frozenset[ResourceId]:
        parts = self._parts
        needs = frozenset(part.kind.edges(id_.name, part.spec, parts.keys()))
        if self._said:
            # What a person has ordered the other way round is no habit of ours to contradict.
            needs = frozenset(need for need in needs if not _waits_for(parts[need].entry, id_))
            # What follows from several entries takes nothing from the one that happened to come first.
            if part.weight and part.entry.needs:
                needs |= _targets(part.entry.needs, parts, self._members)
        return self._shared.setdefault(needs, needs)

    def _heard(
        self, id_: ResourceId, part: _Part, hearing: tuple[str, str, object]
    ) -> frozenset[ResourceId]:
        """Return what an entry listens to, because it says so and by its nature."""
        said, nature, usual = hearing
        references = getattr(part.entry, said) if part.weight else ()
        heard = _targets(references, self._parts, self._members) if references else _NOTHING
        if getattr(type(part.kind), nature) is not usual:  # most kinds hear of nothing
            heard |= frozenset(getattr(part.kind, nature)(id_.name, part.spec, self._parts.keys()))
        return self._shared.setdefault(heard, heard) if heard else _NOTHING

    def _origin(self, part: _Part) -> str:
        """Return where it is declared: one text for a whole folder."""
        if own := part.kind.origin(part.spec):
            return sys.intern(own)
        if (known := self._origins.get(part.entry.id)) is None:
            known = self._origins[part.entry.id] = sys.intern(part.entry.origin)
        return known


_LISTENS: Final = ("restarts", "listens", Kind.listens)
_RELOADS: Final = ("reloads", "reloads", Kind.reloads)
_DRIFTS: Final = {str(drift): drift for drift in Drift}


def _waits_for(entry: Entry, id_: ResourceId) -> bool:
    said = (*entry.needs, *entry.restarts, *entry.reloads)
    return any(reference.id == id_ for reference in said)


def _targets(
    references: Iterable[Reference],
    parts: Mapping[ResourceId, _Part],
    members: Mapping[ResourceId, tuple[ResourceId, ...]],
) -> frozenset[ResourceId]:
    """Return what ids stand for: an entry that was expanded stands for all of its parts."""
    return frozenset(
        id_
        for reference in references
        for id_ in (*members.get(reference.id, ()), *((reference.id,) if reference.id in parts else ()))
    )


def _digest(fingerprint: object) -> str:
    text = fingerprint if isinstance(fingerprint, str) else _FINGERPRINTS.encode(fingerprint)
    # The ledger has the same one.
    return sys.intern(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest())


def _plain(value: object) -> object:
    return sorted(map(str, value)) if isinstance(value, frozenset | set) else str(value)


_FINGERPRINTS: Final = json.JSONEncoder(sort_keys=True, default=_plain)


def _check_circles(
    resources: Mapping[ResourceId, Resource], parts: Mapping[ResourceId, _Part], findings: Findings
) -> None:
    graph = _in_doubt(resources)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        # Each comes after the one before it; told the other way round, it reads as documents say it.
        circle: list[ResourceId] = list(reversed(error.args[1][1:]))
        start = circle.index(min(circle))
        ring = [*circle[start:], *circle[: start + 1]]
        entry = parts[ring[0]].entry
        findings.add(entry.place, entry.path, f"waits for itself: {' needs '.join(map(str, ring))}")


def _in_doubt(resources: Mapping[ResourceId, Resource]) -> dict[ResourceId, frozenset[ResourceId]]:
    """Return what may wait for itself: all that does not soon come after what it waits for, as files do after folders."""
    before: set[ResourceId] = set()
    left = {id_: resource.after for id_, resource in resources.items()}
    for _ in range(PASSES):
        for id_, after in left.items():
            if after <= before:
                before.add(id_)
        left = {id_: after for id_, after in left.items() if id_ not in before}
        if not left:
            break
    return left
