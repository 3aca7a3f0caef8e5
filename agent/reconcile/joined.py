"""Decides what of a plan is carried out together, and in which order its steps then go. Pure."""

from __future__ import annotations

import graphlib
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from agent.host import Job
from agent.kinds import AnyKind
from agent.model import Change, FileStep, Planned, ResourceId, Run, Step
from agent.reconcile.observe import patient

FILES = 256  # changes of files in one go: in between, somebody who asks to stop is heard


def mates(
    entries: Sequence[Planned],
    at: int,
    kinds: Mapping[str, AnyKind],
    broken: Collection[ResourceId],
    is_open: Callable[[ResourceId], bool] = lambda _: False,
) -> Sequence[Change]:
    """
    Return the changes from there on that go together: at least one, if that one is a change that can be made.

    What needs something of which it `is_open` what becomes is not made yet.
    """
    together: dict[ResourceId, Change] = {}
    ordered = _is_of_files(_sort(entries[at], kinds))  # the host keeps to it
    for change in _alike(entries, at, kinds):
        if any(need in broken or is_open(need) for need in change.needs) or any(
            map(is_open, change.outlives)
        ):
            break
        if not ordered and any(other in together for other in (*change.needs, *change.outlives)):
            break
        together[change.id] = change
    return tuple(together.values())


def of_files(entry: Planned) -> bool:
    """Return whether a change only puts files in place, so that the host can make many of them durable together."""
    if not isinstance(entry, Change) or not entry.steps:
        return False
    return all(isinstance(step, FileStep) for step in entry.steps)


def _is_of_files(sort: tuple[Hashable, ...] | None) -> bool:
    return sort is not None and sort[-1] is FileStep


def jobs(changes: Sequence[Change]) -> Sequence[Job]:
    """Return what the host has to do for changes in a row, with what of it waits for what."""
    places = {change.id: at for at, change in enumerate(changes)}
    return [
        Job(steps=change.steps, needs=tuple(places[need] for need in change.needs if need in places))
        for change in changes
    ]


def _alike(entries: Sequence[Planned], at: int, kinds: Mapping[str, AnyKind]) -> Iterator[Change]:
    """Yield changes in a row: of one kind that decides late, that are of files, or that run one command for each."""
    first = _sort(entries[at], kinds)
    end = min(len(entries), at + FILES) if _is_of_files(first) else len(entries)
    for place in range(at, end):  # islice would walk there from the start each time
        entry = entries[place]
        if not isinstance(entry, Change) or _sort(entry, kinds) != first:
            return
        yield entry
        if first is None:
            return


def _sort(entry: Planned, kinds: Mapping[str, AnyKind]) -> tuple[Hashable, ...] | None:
    if kinds[entry.id.kind].late if entry.id.kind in kinds else False:
        return (entry.id.kind,)
    match entry:
        case Change(steps=(Run(operands=(_, *_)) as run,)):
            return entry.id.kind, run.argv, run.stdin
    if of_files(entry) and not patient(kinds[entry.id.kind]):  # else what is there may not be well yet
        return entry.id.kind, FileStep
    return None


def in_one(changes: Sequence[Change]) -> tuple[Step, ...] | None:
    """
    Return the steps of all: each command that several run is run once, with the operands of all.

    Whatever comes first in one of them comes first here too; None where they don't agree on that.
    """
    runs: dict[Hashable, Step] = {}
    order: graphlib.TopologicalSorter[Hashable] = graphlib.TopologicalSorter()
    for change in changes:
        keys = [_key(change, at, step) for at, step in enumerate(change.steps)]
        for key, step in zip(keys, change.steps, strict=True):
            order.add(key)
            runs[key] = _with(runs.get(key), step)
        for before, after in pairwise(keys):
            order.add(after, before)
    try:
        return tuple(runs[key] for key in order.static_order())
    except graphlib.CycleError:
        return None


def _key(change: Change, at: int, step: Step) -> Hashable:
    return (step.argv, step.stdin) if isinstance(step, Run) else (change.id, at)


def _with(there: Step | None, step: Step) -> Step:
    if not (isinstance(there, Run) and isinstance(step, Run)):
        return step
    operands = tuple(dict.fromkeys((*there.operands, *step.operands)))
    return replace(
        there,
        operands=operands,
        timeout=max(there.timeout, step.timeout),
        unseen=max(there.unseen, step.unseen),
    )
