"""Reads all that a plan needs, each kind in one reading, before anything is decided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from agent.bugs import contained
from agent.errors import HostError
from agent.host import Probe
from agent.kinds import AnyKind, Kind, used
from agent.model import DesiredState, Observed, ResourceId
from agent.reconcile.ledger import Ledger, Owned
from agent.reconcile.recognize import recognize
from agent.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that a plan is made from: what is declared, what is seen, what is remembered."""

    desired: DesiredState
    observed: Observed
    ledger: Ledger
    kinds: Mapping[str, AnyKind]
    recognized: frozenset[ResourceId] = frozenset()  # of what is remembered, what is so by its marks only
    unrecognized: bool = False  # of some kind it could not be told what is so
    only: frozenset[ResourceId] | None = (
        None  # what may be otherwise than at the last look; None: everything
    )


def look_around(
    desired: DesiredState, ledger: Ledger, kinds: Mapping[str, AnyKind], probe: Probe
) -> Situation:
    """
    Return all that a plan is made from. What is recognized is remembered from now on, in what is returned.

    Where nothing can be recognized now, nothing of that kind can be read: had the ledger anything of it once, nobody
    would be asked to recognize the rest.
    """
    kinds = used(kinds, desired.resources, ledger.owned)
    found = recognize(desired, ledger, kinds, probe)
    if found.owned:  # or it stays the same value as before
        ledger = replace(ledger, owned={**ledger.owned, **found.owned})
    readable = {name: kind for name, kind in kinds.items() if name not in found.failed}
    observed = observe(desired, ledger.owned, readable, probe)
    if found.failed:
        observed = {rid: found.failed.get(rid.kind, state) for rid, state in observed.items()}
    return Situation(
        desired=desired,
        observed=observed,
        ledger=ledger,
        kinds=kinds,
        recognized=frozenset(found.owned),
        unrecognized=bool(found.failed),
    )


def look_again(before: Situation, ledger: Ledger, probe: Probe, ids: Collection[ResourceId]) -> Situation:
    """
    Return the same situation, these looked at anew, and strays in what they claim; of all else nothing is otherwise.

    What of a kind cannot be seen without the rest is looked at with it.
    """
    before = replace(before, ledger=ledger)
    mine = [rid for rid in ids if rid in before.desired.resources or rid in ledger.owned]
    # What is let go is asked for last, as in `observe`: where something claims it, it is a stray.
    last = [rid for rid in mine if rid not in before.desired.resources and not ledger.owned[rid].goes]
    seen = _seen_again(before, probe, [rid for rid in mine if rid not in last])
    left = [rid for rid in last if rid not in seen]
    every = _seen_again(before, probe, left)
    seen |= {rid: every[rid] for rid in left}
    only = frozenset(seen) | frozenset(ids)
    observed = (
        {**before.observed, **seen} if seen else before.observed
    )  # thousands, and most often none anew
    return replace(before, observed=observed, only=only)


def _seen_again(
    before: Situation, probe: Probe, ids: Collection[ResourceId]
) -> dict[ResourceId, object | HostError | None]:
    names: dict[str, list[str]] = {}
    for rid in ids:
        names.setdefault(rid.kind, []).append(rid.name)
    seen: dict[ResourceId, object | HostError | None] = {}
    for name, some in names.items():
        every = Wants(before, name, ids)
        alone = name in before.kinds and before.kinds[name].apart
        found = look(before.kinds, name, probe, every, some if alone else None)
        seen |= {ResourceId(name, one): state for one, state in found.items()}
    return seen


class Wants(Mapping[str, object | None]):
    """
    All of one kind that is declared, or goes. A view: ten thousand files are not copied for the sake of one.

    What goes is trued's own, and no longer declared; it was looked at before, or nobody has asked for it.
    """

    __slots__ = ("_before", "_going", "_kind")

    def __init__(self, before: Situation, kind: str, asked: Collection[ResourceId]) -> None:
        owned, declared = before.ledger.owned, before.desired.resources
        self._before, self._kind = before, kind
        self._going = {
            rid.name for rid in asked if rid.kind == kind and rid not in declared and rid in owned
        }

    def __getitem__(self, name: str) -> object | None:
        rid = ResourceId(self._kind, name)
        if resource := self._before.desired.resources.get(rid):
            return resource.spec
        owned = self._before.ledger.owned.get(rid)
        if name in self._going or (owned is not None and owned.goes):
            return None
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        yield from (rid.name for rid in self._before.desired.resources if rid.kind == self._kind)
        yield from self._going

    def __len__(self) -> int:
        return sum(1 for _ in self)


def there(kind: AnyKind, have: object | HostError | None) -> bool:
    """Return whether something is on the host, as far as it could be read."""
    return have is not None and not isinstance(have, HostError) and kind.exists(have)


def patient(kind: AnyKind) -> bool:
    """Return whether things of a kind may become well after they are as declared; with others, nobody waits for that."""
    return type(kind).patience is not Kind.patience


def observe(
    desired: DesiredState, owned: Mapping[ResourceId, Owned], kinds: Mapping[str, AnyKind], probe: Probe
) -> Observed:
    """Return the state of all that is declared or owned, and of strays; a failed read is a value."""
    undeclared = [rid for rid in owned if rid not in desired.resources]
    observed = _observed(desired, [rid for rid in undeclared if owned[rid].goes], kinds, probe)
    if left := [rid for rid in undeclared if rid not in observed]:
        # A kind that knew of these as well would clear them away, where they stand in the way of something.
        every = _observed(desired, undeclared, kinds, probe)
        observed |= {rid: every[rid] for rid in left}
    return observed


def _observed(
    desired: DesiredState, going: Iterable[ResourceId], kinds: Mapping[str, AnyKind], probe: Probe
) -> dict[ResourceId, object | HostError | None]:
    asked: defaultdict[str, dict[str, ResourceId]] = defaultdict(dict)
    wants: defaultdict[str, dict[str, object | None]] = defaultdict(dict)
    for rid, resource in desired.resources.items():
        kind, name = rid
        asked[kind][name] = rid
        wants[kind][name] = resource.spec
    for rid in going:
        asked[rid.kind][rid.name], wants[rid.kind][rid.name] = rid, None
    observed: dict[ResourceId, object | HostError | None] = {}
    for kind, ids in asked.items():
        states = look(kinds, kind, probe, wants[kind])
        observed |= {ids.get(name) or ResourceId(kind, name): state for name, state in states.items()}
    return observed


def look(
    kinds: Mapping[str, AnyKind],
    kind: str,
    probe: Probe,
    wants: Mapping[str, object | None],
    some: Collection[str] | None = None,
) -> Mapping[str, object | HostError | None]:
    """Return what one kind sees of its `wants`, or of some; trouble that strikes all of them is said of each."""
    if kind not in kinds:
        return dict.fromkeys(wants, HostError(f"this trued does not know the kind {kind!r}"))
    try:
        with contained:
            if some is not None:
                return kinds[kind].observe_some(probe, some, wants)
            return kinds[kind].observe(probe, wants)
    except HostError as error:
        return dict.fromkeys(wants if some is None else some, error)
