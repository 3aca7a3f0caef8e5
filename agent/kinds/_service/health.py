"""How a container is asked whether it is well, and what it waits for before it starts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Final, Literal, TypeAlias

from agent.kinds._service.values import Listed, Span, Whole
from agent.model import quoted
from agent.values import dataclass

MILLISECOND: Final = 10**6
DEFAULT_INTERVAL: Final = 30.0  # seconds, as the engine has them
DEFAULT_TIMEOUT: Final = 30.0
DEFAULT_RETRIES: Final = 3
SECONDS_WITHOUT: Final = 60.0
MARGIN: Final = 30.0

Condition: TypeAlias = Literal["service_started", "service_healthy", "service_completed_successfully"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthcheck:
    """What is asked to know whether a container is well, and how often; what is not given is as its image says."""

    test: Listed | None = field(
        default=None,
        metadata={"doc": "a command for the container's shell, or [CMD, …], [CMD-SHELL, …], [NONE]"},
    )
    disable: bool = field(default=False, metadata={"doc": "whether the check of the image is switched off"})
    interval: Span | None = field(
        default=None, metadata={"doc": "from one check to the next; 30s if not given"}
    )
    timeout: Span | None = field(default=None, metadata={"doc": "how long one may take; 30s if not given"})
    retries: Whole | None = field(
        default=None, metadata={"doc": "how many have to fail in a row; 3 if not given"}
    )
    start_period: Span | None = field(
        default=None, metadata={"doc": "how long after a start failures do not count; 0s if not given"}
    )
    start_interval: Span | None = field(
        default=None, metadata={"doc": "from one check to the next in that time; takes API 1.44 (Docker 25)"}
    )

    def __post_init__(self) -> None:
        """Raise ValueError with the first thing that makes no sense."""
        if self.disable and self.test is not None:
            raise ValueError("expected one of test and disable, got both")
        if isinstance(self.test, tuple):
            _checked(self.test)
        if self.retries is not None and self.retries < 0:
            raise ValueError(f"expected 0 or more retries, got {self.retries}")
        for key in ("interval", "timeout", "start_period", "start_interval"):
            if 0 < (getattr(self, key) or 0) < MILLISECOND:
                raise ValueError(f"expected 1ms at least for {key}")
        if self.start_interval is not None and self.start_period is None:
            raise ValueError("start_interval needs a start_period")

    @property
    def command(self) -> tuple[str, ...]:
        """The test as the engine takes it; nothing: as the image says."""
        if self.disable:
            return ("NONE",)
        return ("CMD-SHELL", self.test) if isinstance(self.test, str) else self.test or ()

    @property
    def patience(self) -> float:
        """Seconds that a container may take until it is well."""
        if self.command[:1] == ("NONE",):
            return SECONDS_WITHOUT
        each = _seconds(self.interval, DEFAULT_INTERVAL) + _seconds(self.timeout, DEFAULT_TIMEOUT)
        return _seconds(self.start_period, 0.0) + (self.retries or DEFAULT_RETRIES) * each + MARGIN


def _seconds(span: Span | None, default: float) -> float:
    return span.seconds if span else default


def _checked(test: tuple[str, ...]) -> None:
    if not test or test[0] not in {"NONE", "CMD", "CMD-SHELL"}:
        raise ValueError(
            "expected NONE, CMD or CMD-SHELL first in the list of a test"
            + (f", got {quoted(test[0])}" if test else "")
        )
    if (test[0] == "NONE") != (len(test) == 1) or (test[0] == "CMD-SHELL" and len(test) != 2):
        raise ValueError(
            f"expected {'nothing' if test[0] == 'NONE' else 'a command'} after {test[0]} in a test"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """How far another container has to be before this one starts."""

    condition: Condition = field(
        default="service_started",
        metadata={"doc": "service_started, service_healthy or service_completed_successfully"},
    )
    restart: bool = field(
        default=False, metadata={"doc": "whether this one restarts when the other one changed"}
    )
    required: bool = field(default=True, metadata={"doc": "false: it may be missing, and may fail"})


def dependencies(written: tuple[str, ...] | Mapping[str, Dependency | None]) -> dict[str, Dependency]:
    """Return what a list or a mapping of `depends_on` says, by the other's name."""
    if isinstance(written, tuple):
        return {name: Dependency() for name in written}
    return {name: one or Dependency() for name, one in written.items()}
