"""What trued is to cost at most, and whether a row of the suite shows that it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from results import Row, median


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """At most this much of the rival's, or, where that is `absolute`, of the unit of the row."""

    most: float
    absolute: bool = False

    def text(self, row: Row) -> str:
        return f"{self.most:g} {row.unit}".rstrip() if self.absolute else f"{self.most:g}"

    def met(self, row: Row) -> bool | None:
        """Say whether the median meets it; None where there was no rival to compare with."""
        values = row.trued if self.absolute else row.ratios
        return median(values) <= self.most if values else None


def _of(most: float) -> Goal:
    return Goal(most=most)


def _at_most(most: float) -> Goal:
    return Goal(most=most, absolute=True)


GOALS: Mapping[str, Goal] = {
    "files/1000/nothing/cycle/cf-agent": _of(0.04),
    "files/10000/nothing/cycle/cf-agent": _of(0.04),
    "files/1000/content/cycle/cf-agent": _of(0.10),
    "files/10000/content/cycle/cf-agent": _of(0.12),
    "files/1000/nothing/plan/cf-agent": _of(1.0),
    "files/10000/nothing/plan/cf-agent": _of(0.5),
    **{f"files/1000/nothing/plan/{rival}": _of(1.0) for rival in ("puppet", "ansible", "salt", "pyinfra")},
    "files/1000/first/apply/cf-agent": _of(0.5),
    "files/1000/drift/cycle/cf-agent": _of(0.12),
    "packages/50/changed/dpkg-query": _of(0.25),
    "packages/50/unchanged/dpkg-query": _of(0.01),
    "containers/100/cycle/docker-compose": _of(0.10),
    "manifests/300/cycle/kubectl": _of(0.20),
    "latency/all/p50": _at_most(10),
    "latency/all/p99": _at_most(100),
    "latency-units/all/p99": _at_most(250),
    "latency-containers/all/p99": _at_most(1000),
    "idle/1000/https/pss": _at_most(28),
    "idle/1000/https/cpu": _at_most(30),
    "idle/1000/https/wakes": _at_most(10),
    "idle/further": _at_most(1),
    "whole/pss": _at_most(28),
    "whole/cpu": _at_most(30),
    "whole/wakes": _at_most(10),
    "loaded/pss": _at_most(36),
    "containers/100/pss": _at_most(36),
    "manifests/300/pss": _at_most(36),
    "poll/1000/cpu": _at_most(3),
    "poll/1000/requests": _at_most(1),
}
