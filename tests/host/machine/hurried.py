"""One real `trued apply` that waits only some seconds for certain commands: `hurried.py CONFIG SECONDS WORD…`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from agent.cli.assemble import assembled
from agent.cycle import run_cycle
from agent.errors import HostError
from agent.host import Host, Job, Probe
from agent.host.turns import in_turn
from agent.model import Run, Step


class Hurried:
    """The real host, with less time for commands with one of these words; the others may be slow on a busy machine."""

    def __init__(self, host: Host, seconds: float, words: frozenset[str]) -> None:
        self._host, self._seconds, self._words = host, seconds, words

    def probe(self, beat: Callable[[], None] = lambda: None) -> Probe:
        return self._host.probe(beat)

    def perform_all(
        self, jobs: Sequence[Job], beat: Callable[[], None] = lambda: None
    ) -> Mapping[int, HostError | None]:
        return in_turn(self.perform, jobs)

    def perform(self, step: Step, beat: Callable[[], None] = lambda: None) -> None:
        hurried = isinstance(step, Run) and not self._words.isdisjoint(step.argv)
        self._host.perform(replace(step, timeout=self._seconds) if hurried else step, beat)


def main(config: str, seconds: str, *words: str) -> int:
    with assembled(Path(config)) as parts:
        hurried = Hurried(parts.agent.host, float(seconds), frozenset(words))
        report = run_cycle(replace(parts.agent, host=hurried))
    for rid, outcome in report.resources.items():
        print(f"{rid}: {outcome.result}: {outcome.reason}")
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
