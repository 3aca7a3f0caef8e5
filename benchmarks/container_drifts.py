"""
Drifts of containers in a dockerd of its own (tests/engine), counted by dockerd's clock: from when the process of a container
has ended to when it is started again, by the same container's FinishedAt and StartedAt.

So what docker stop itself takes is not in it. Before each round the host gets a new commit, as in machine_drifts.py.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from drifts import Drift, schedule
from fleet import Fleet
from idle import daemon
from repairs import Repair, Seen, until, watch
from results import NotHereError

from tests.engine import images
from tests.engine.api import Client
from tests.engine.cell import Cell
from tests.engine.docker import Docker
from tests.engine.fixtures import missing
from tests.host.machine import slot

LOOK = 0.05  # seconds between two looks, which only see that it is over
CONTAINERS = 10
NAME = "lamp-{:02}"


class Containers:
    """Those of one engine."""

    def __init__(self, api: Client) -> None:
        self._api = api
        self._before: dict[int, str] = {}

    def all_run(self) -> bool:
        names = {name for one in self._api.containers() for name in one["Names"]}
        return {f"/{NAME.format(number)}" for number in range(CONTAINERS)} <= names

    def harm(self, drift: Drift) -> float:
        """End it; StopSignal of the image is SIGKILL, so that a stop is no wait for ten seconds."""
        name = NAME.format(drift.number)
        self._before[drift.number] = str(self._state(drift.number)["StartedAt"])
        since = time.monotonic()
        if drift.sort == "killed":
            self._api.kill(name)
        else:
            self._api.stop(name)
        return since

    def is_right(self, drift: Drift) -> bool:
        found = self._state(drift.number)
        return bool(found["Running"]) and found["StartedAt"] != self._before[drift.number]

    def repair(self, seen: Seen) -> Repair:
        drift, found = seen.drift, self._state(seen.drift.number)
        ended, begun = (_moment(str(found[name])) for name in ("FinishedAt", "StartedAt"))
        ms = None if seen.until is None else (begun - ended) * 1000
        return Repair(sort=drift.sort, alone=drift.alone, ms=ms)

    def _state(self, number: int) -> Mapping[str, object]:
        found: Mapping[str, object] = self._api.inspect_container(NAME.format(number))["State"]
        return found


def _moment(text: str) -> float:
    """Return the seconds of a time as the engine writes it, RFC 3339 with up to nine digits."""
    seconds, _, digits = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{seconds}+00:00").timestamp() + float(f"0.{digits or 0}")


def run(count: int, seed: int, scratch: Path) -> list[Repair]:
    """Measure stops and kills; raises NotHereError."""
    if reason := missing():
        raise NotHereError(f"no engine here: {reason}")
    with ExitStack() as stack:
        docker = Docker(stack.enter_context(Cell(stack.enter_context(slot.take()))))
        docker.start()
        docker.load(images.STOCK[0])
        rounds = schedule(count, seed, ("stopped", "killed"), things=CONTAINERS)
        return list(_rounds(docker, scratch / "containers", rounds, stack))


def _rounds(
    docker: Docker, top: Path, rounds: Iterator[Sequence[Drift]], stack: ExitStack
) -> Iterator[Repair]:
    more = {"engine": {"socket": str(docker.socket)}, "interval": "10m"}
    fleet = Fleet(top=top, remote=top / "fleet.git", more=more)
    fleet.start()
    host, pid = Containers(docker.api), 0
    one = {"image": images.STOCK[0].name, "command": ["sleep", "infinity"]}
    containers = {NAME.format(number): one for number in range(CONTAINERS)}
    for number, todo in enumerate(rounds):
        mark = top / f"round-{number}"
        fleet.declare({"containers": containers, "files": {str(mark): {"content": ""}}})
        fleet.push("The next round")
        if pid:
            os.kill(pid, signal.SIGHUP)
        else:
            pid = stack.enter_context(daemon(fleet))
        until(mark.exists, 120, "the host did not take up the next round")
        until(host.all_run, 120, "the containers were not made")
        yield from map(host.repair, watch(host, todo, LOOK))
