"""What a section of a document is, whether its entries are of one kind or stand for entries of several. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final, Protocol

from agent.compose.entry import SECTION, ComposeSpec, project_name
from agent.kinds import AnyKind, of_section


class Section(Protocol):
    """What `Kind` says of the section that its entries are in."""

    @property
    def section(self) -> str: ...
    @property
    def spec(self) -> type[Any]: ...
    @property
    def shorthand(self) -> str: ...
    @property
    def only(self) -> str: ...
    @property
    def triggers(self) -> tuple[str, ...]: ...
    @property
    def verbatim(self) -> bool: ...

    def name(self, written: str) -> str: ...


class _Compose:
    """Compose files: nothing of it is on the host by itself."""

    section: ClassVar[str] = SECTION
    spec: ClassVar[type[Any]] = ComposeSpec
    shorthand: ClassVar[str] = "source"
    only: ClassVar[str] = ""
    triggers: ClassVar[tuple[str, ...]] = ()
    verbatim: ClassVar[bool] = False

    def name(self, written: str) -> str:
        return project_name(written)


COMPOSE: Final[Section] = _Compose()


class Sections(Mapping[str, Section]):
    """Sections by their keys. A kind is loaded when its section is asked for; all of them to name what there is."""

    def __init__(self, kinds: Mapping[str, AnyKind]) -> None:
        self._kinds = kinds

    def __getitem__(self, section: str) -> Section:
        if section == COMPOSE.section:
            return COMPOSE
        if (found := of_section(self._kinds, section)) is None:
            raise KeyError(section)
        return found[1]

    def __iter__(self) -> Iterator[str]:
        yield from (kind.section for kind in self._kinds.values())
        yield COMPOSE.section

    def __len__(self) -> int:
        return len(self._kinds) + 1
