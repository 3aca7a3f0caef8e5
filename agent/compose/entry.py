"""What an entry of `compose` may say, and what is known of it once it is read. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar, Final, Self

from agent.documents.nodes import Place
from agent.late import pattern
from agent.model import TreePath, quoted
from agent.values import dataclass

SECTION: Final = "compose"
HOME: Final = "/opt/compose"

_PROJECT: Final = pattern("[a-z0-9][a-z0-9_-]{0,63}")


class HostFolder(str):
    """The absolute path of a folder of the host."""

    __slots__ = ()
    PATTERN: ClassVar[str] = "^/.+$"

    @classmethod
    def parse(cls, text: str) -> Self:
        parts = text.split("/")
        if parts[0] or len(text) > 1024 or any(part in {"", ".", ".."} for part in parts[1:]):
            raise ValueError(
                f"expected the absolute path of a folder, without '.', '..' and '/' at its end, got {quoted(text)}"
            )
        return cls(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeSpec:
    """A Compose file, and what is its own on this host."""

    source: TreePath = field(metadata={"doc": "the Compose file, relative to the document"})
    directory: HostFolder | None = field(
        default=None,
        metadata={
            "doc": "the folder of the host that relative paths in the file are in; /opt/compose/<name> if not given"
        },
    )
    environment: Mapping[str, str] = field(
        default_factory=dict,
        repr=False,
        metadata={"doc": "what ${…} in the file may name, before the variables of the layers and .env"},
    )
    adopt: bool = field(
        default=False,
        metadata={"doc": "whether containers of these names that trued did not make are taken over"},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A Compose file that is to be taken, and all that is known of it but its content."""

    name: str
    place: Place  # of the entry
    source: TreePath
    directory: str
    values: Mapping[str, str] = field(repr=False)  # what ${…} may name
    adopt: bool = False


def project_name(written: str) -> str:
    """Return the name of a project; raises ValueError (Compose specification, 04-version-and-name.md)."""
    if not _PROJECT.fullmatch(written):
        raise ValueError(
            "expected a project's name: at most 64 small letters, digits, '_' and '-', that begins with a letter or"
            f" digit, got {quoted(written)}"
        )
    return written
