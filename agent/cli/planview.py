"""Turns a preview into what `trued plan` shows, for a person and for a program. Reads old content through a probe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agent.cli.diff import LIMIT, Side, differences
from agent.documents.emit import emit
from agent.errors import HostError, SourceError
from agent.host import Entry, Probe
from agent.model import (
    Blocked,
    Change,
    Content,
    DesiredState,
    Held,
    Mode,
    Plan,
    ResourceId,
    Seen,
    Step,
    Verb,
    WriteFile,
)
from agent.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One entry of a plan as it is shown. `diff` holds unified diff lines, or one line in brackets."""

    id: ResourceId
    mark: str  # + ~ - for what will be done, ! blocked or not well, = held, . released
    what: str  # the verb, or blocked, held, not well, released
    cause: str = ""
    why: str = ""
    origin: str = ""
    steps: tuple[Step, ...] = ()
    diff: tuple[str, ...] = ()


_MARKS = {Verb.CREATE: "+", Verb.UPDATE: "~", Verb.REMOVE: "-"}


def shown(plan: Plan, probe: Probe, origins: dict[ResourceId, str], *, private: bool) -> Iterator[Shown]:
    """Yield the entries of a plan in its order, then what is not well, then what is let go."""
    for entry in plan.entries:
        origin = origins.get(entry.id, "")
        match entry:
            case Change():
                yield _change(entry, probe, origin, private=private)
            case Blocked():
                yield Shown(id=entry.id, mark="!", what="blocked", why=entry.reason, origin=origin)
            case Held():
                what = f"{entry.change.verb} held"
                yield Shown(
                    id=entry.id,
                    mark="=",
                    what=what,
                    cause=entry.change.cause,
                    why=entry.reason,
                    origin=origin,
                )
    for rid, reason in plan.ailing.items():
        yield Shown(id=rid, mark="!", what="not well", why=reason, origin=origins.get(rid, ""))
    for rid, reason in plan.released.items():
        yield Shown(id=rid, mark=".", what="released", why=reason)


def _change(change: Change, probe: Probe, origin: str, *, private: bool) -> Shown:
    writes = (step for step in change.steps if isinstance(step, WriteFile))
    return Shown(
        id=change.id,
        mark=_MARKS[change.verb],
        what=change.verb,
        cause=change.cause,
        why=change.why,
        origin=origin,
        steps=change.steps,
        diff=(
            *(line for step in writes for line in _diff(step, probe, private=private)),
            *(line for step in change.steps for line in _object_diff(getattr(step, "seen", None))),
        ),
    )


def _object_diff(seen: Seen | None) -> Sequence[str]:
    """Return what `kubectl diff` would show of an object; what is secret is masked by now."""
    if seen is None:
        return ()
    old = None if seen.before is None else Side(_yaml(seen.before))
    return differences(old, Side(b"" if seen.after is None else _yaml(seen.after)))


def _yaml(value: Mapping[str, Any]) -> bytes:
    return emit(_in_order(value)).encode()


def _in_order(value: Any) -> Any:
    """Return plain data with its keys sorted, all the way down: the server's own order says nothing."""
    if isinstance(value, Mapping):
        return {key: _in_order(value[key]) for key in sorted(value)}
    return [_in_order(one) for one in value] if isinstance(value, list | tuple) else value


def _diff(step: WriteFile, probe: Probe, *, private: bool) -> Sequence[str]:
    there = probe.entries((str(step.path),)).get(str(step.path))
    modes = {step.mode} if step.mode is not None else set()
    if isinstance(there, Entry):
        modes.add(there.mode)
    secluded = [mode for mode in modes if not Mode(mode).is_public]
    if secluded and not private:
        return (f"(content not shown, its mode is {min(secluded):04o}; --private shows it)",)
    try:
        return differences(_old(step, probe), _new(step.content))
    except (HostError, SourceError) as error:
        return (f"(no diff: {error})",)


def _old(step: WriteFile, probe: Probe) -> Side | None:
    data = probe.content(step.path, limit=LIMIT + 1)
    return None if data is None else Side(data[:LIMIT], complete=len(data) <= LIMIT)


def _new(content: Content) -> Side:
    data = b""
    for chunk in content.chunks():
        data += chunk
        if len(data) > LIMIT:
            return Side(data[:LIMIT], complete=False)
    return Side(data)


def summary(plan: Plan, desired: DesiredState) -> str:
    """Return the last line: `3 to create, 1 to change, 2 to remove, 1 held, 997 as declared`."""
    numbers = totals(plan, desired)
    parts = [
        f"{numbers[key]} {words}"
        for key, words in (
            ("create", "to create"),
            ("update", "to change"),
            ("remove", "to remove"),
            ("blocked", "blocked"),
            ("held", "held"),
            ("ailing", "not well"),
            ("released", "released"),
        )
        if numbers[key]
    ]
    settled = [f"{numbers['settled']} as declared"] if numbers["settled"] or not parts else []
    return ", ".join([*(parts or ["nothing to do"]), *settled])


def totals(plan: Plan, desired: DesiredState) -> dict[str, int]:
    """Return how many entries of each sort a plan has; what follows from others counts only when touched."""
    verbs = [change.verb for change in plan.changes]
    return {
        **{verb.value: verbs.count(verb) for verb in Verb},
        "blocked": sum(isinstance(entry, Blocked) for entry in plan.entries),
        "held": sum(isinstance(entry, Held) for entry in plan.entries),
        "ailing": len(plan.ailing),
        "released": len(plan.released),
        "settled": sum(not desired.resources[rid].implied for rid in plan.settled - plan.ailing.keys()),
    }
