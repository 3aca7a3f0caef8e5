"""One real `trued apply` that waits only some seconds for what goes on without it: `hurried.py CONFIG SECONDS`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from agent.cli.assemble import assembled
from agent.cycle import run_cycle
from agent.host import Host, Probe
from agent.model import Run, Step


class Hurried:
    """The real host, with less time for each patient command; the others may be slow on a busy machine."""

    def __init__(self, host: Host, seconds: float) -> None:
        self._host, self._seconds = host, seconds

    def probe(self, beat: Callable[[], None] = lambda: None) -> Probe:
        return self._host.probe(beat)

    def perform(self, step: Step, beat: Callable[[], None] = lambda: None) -> None:
        patient = isinstance(step, Run) and step.patient
        self._host.perform(replace(step, timeout=self._seconds) if patient else step, beat)


def main(config: str, seconds: str) -> int:
    with assembled(Path(config)) as parts:
        return run_cycle(replace(parts.agent, host=Hurried(parts.agent.host, float(seconds)))).exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
