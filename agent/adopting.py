"""What is on this host, as a layer that declares it. Reads through a `Probe`; writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from agent.documents.emit import emit
from agent.errors import HostError
from agent.host import Probe, shown
from agent.kinds import AnyKind, Found
from agent.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Surveyed:
    """What one kind found, and what it could not."""

    kind: str
    found: tuple[Found, ...] = ()
    skipped: tuple[Found, ...] = ()
    error: str = ""  # why nothing at all could be told


def survey(kinds: Mapping[str, AnyKind], probe: Probe) -> Iterator[Surveyed]:
    """Yield what each kind finds, the kinds in the order in which they are brought about."""
    for name, kind in sorted(kinds.items(), key=lambda item: item[1].rank):
        try:
            every = tuple(kind.survey(probe))
        except HostError as error:
            yield Surveyed(kind=name, error=error.reason)
            continue
        yield Surveyed(
            kind=name,
            found=tuple(one for one in every if not one.skipped),
            skipped=tuple(one for one in every if one.skipped),
        )


def documents(surveyed: Surveyed, kind: AnyKind) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of all files of a layer that one kind asks for."""
    if not surveyed.found and not surveyed.skipped:
        return
    entries = {_escaped(one.name): _escaped(one.entry) for one in surveyed.found}
    section = entries.get(kind.only) if kind.only else entries
    text = emit({kind.section: section}) if entries else ""
    notes = "".join(
        f"# not taken over: {shown(one.name)}: {shown(one.skipped)}\n" for one in surveyed.skipped
    )
    yield f"{kind.section}.yaml", "\n".join(filter(None, (text, notes))).encode("utf-8", "surrogateescape")
    for one in surveyed.found:
        yield from one.files.items()


def _escaped(value: object) -> object:
    """Return data in which a dollar stands for itself."""
    match value:
        case str():
            return value.replace("$", "$$")
        case Mapping():
            return {_escaped(key): _escaped(one) for key, one in value.items()}
        case list() | tuple():
            return [_escaped(one) for one in value]
    return value
