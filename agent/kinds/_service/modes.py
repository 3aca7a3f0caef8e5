"""What else has few spellings: restart policies, namespaces of others, files with variables. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import field
from typing import ClassVar, Literal, Self

from agent.kinds._engine.names import checked_name
from agent.kinds._service.values import HostPath
from agent.model import quoted
from agent.values import dataclass


class Restart(str):
    """A value of `restart`."""

    __slots__ = ()
    PATTERN: ClassVar[str] = "^(no|always|unless-stopped|on-failure(:[0-9]+)?)$"

    @classmethod
    def parse(cls, text: str) -> Self:
        if not re.fullmatch(cls.PATTERN, text):
            raise ValueError(f"expected no, always, unless-stopped or on-failure:3, got {quoted(text)}")
        return cls(text)

    @property
    def policy(self) -> dict[str, str | int]:
        """The policy as the engine has it."""
        name, _, times = self.partition(":")
        return {"Name": name, "MaximumRetryCount": int(times or 0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvFile:
    """One entry of `env_file`, in its long form."""

    path: HostPath = field(metadata={"doc": "an absolute path of the host"})
    required: bool = field(default=True, metadata={"doc": "whether it has to be there"})
    format: Literal["raw"] | None = field(
        default=None,
        metadata={"doc": "raw: each line is NAME=value as it stands; else quotes and comments are read"},
    )


def other(mode: str) -> str:
    """Return the container whose namespace a mode names, or nothing."""
    kind, _, name = mode.partition(":")
    return name if kind in {"container", "service"} else ""


def joined(mode: str) -> str:
    """Return a mode as the engine has it: a service is a container here."""
    return f"container:{other(mode)}" if other(mode) else mode


def checked_mode(key: str, mode: str, known: Collection[str]) -> None:
    """Raise ValueError for a mode that is none of the known ones, and names no container either."""
    if other(mode):
        checked_name(other(mode))
    elif mode not in known:
        ways = ", ".join((*known, "container:NAME"))
        more = "; networks by name go into networks" if key == "network_mode" else ""
        raise ValueError(f"expected {ways} for {key}, got {quoted(mode)}{more}")
