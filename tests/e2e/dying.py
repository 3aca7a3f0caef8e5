"""One real `trued apply` whose process is killed (kill -9) when its n-th step is done: `dying.py CONFIG N`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from agent.cli.assemble import assembled
from agent.cycle import run_cycle
from agent.errors import HostError
from agent.host import Host, Job, Probe
from agent.host.turns import in_turn
from agent.model import Step


class Dying:
    """The real host, whose machine has so many steps to live."""

    def __init__(self, host: Host, left: int) -> None:
        self._host, self._left = host, left

    def probe(self, beat: Callable[[], None] = lambda: None) -> Probe:
        return self._host.probe(beat)

    def perform_all(
        self, jobs: Sequence[Job], beat: Callable[[], None] = lambda: None
    ) -> Mapping[int, HostError | None]:
        return in_turn(self.perform, jobs)

    def perform(self, step: Step, beat: Callable[[], None] = lambda: None) -> None:
        self._host.perform(step, beat)
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def main(config: str, left: str) -> int:
    with assembled(Path(config)) as parts:
        return run_cycle(replace(parts.agent, host=Dying(parts.agent.host, int(left)))).exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
